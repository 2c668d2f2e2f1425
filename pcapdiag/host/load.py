"""Snapshots from files: whoever wrote them, they are checked and bounded before they are used."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.errors import UsageError
from pcapdiag.model.harmless import harmless
from pcapdiag.model.snapshot import SCHEMA, Counters, Snapshot
from pcapdiag.model.units import parse_seconds

MAX_FILE = 64 * 1024 * 1024
"""Bytes of a snapshot's file."""
MAX_FILES = 64
MAX_TEXT = 600
"""Characters of one text."""
MOST = 1 << 64
"""Of counters, and of times in nanoseconds."""
_HOW = "name a file that 'pcapdiag snapshot -o' wrote"
_SHORTEST = 1_000_000
"""Nanoseconds between two readings that are two."""


class _Schema(msgspec.Struct):
    schema: str = ""


class Loaded(msgspec.Struct):
    """A snapshot, where it is from, and the earlier one of the same host that goes with it."""

    path: str
    snapshot: Snapshot
    earlier_path: str = ""


def encode_snapshot(snapshot: Snapshot) -> str:
    """Return a snapshot as the text of its file."""
    # In ASCII: names of processes and interfaces are anybody's text, and this may be printed.
    import json  # Only here: whoever analyses writes none.

    return json.dumps(msgspec.to_builtins(snapshot), indent=1) + "\n"


def load_snapshot(path: str) -> Snapshot:
    """Return a file's snapshot; raises UsageError for one that is none, or of another version."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or 'cannot be read'}", _HOW) from error
    if len(data) > MAX_FILE:
        raise UsageError(f"{path}: larger than {MAX_FILE >> 20} MB", _HOW)
    try:
        version = msgspec.json.decode(data, type=_Schema).schema
        if version == SCHEMA:
            return _checked(msgspec.convert(_cleaned(msgspec.json.decode(data)), Snapshot))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a snapshot ({harmless(str(error), 200)})", _HOW) from error
    if version.startswith("pcapdiag-snapshot/"):
        raise UsageError(
            f"{path}: {harmless(version, 60)} is not the {SCHEMA} that this version reads",
            "take it with this version, or analyse with the one that took it",
        )
    raise UsageError(f"{path}: not a snapshot", _HOW)


def _cleaned(value: object) -> object:
    """Return a document whose texts do no harm; raises ValueError for numbers of no counter."""
    if isinstance(value, str):
        return harmless(value, MAX_TEXT)
    if isinstance(value, dict):
        return {harmless(name, MAX_TEXT): _cleaned(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_cleaned(member) for member in value]
    if isinstance(value, int | float) and not -MOST <= value <= MOST:
        raise ValueError("a number is out of range")
    return value


def _checked(snapshot: Snapshot) -> Snapshot:
    """Raise ValueError where a time is none."""
    earlier = [snapshot.earlier.time] if snapshot.earlier is not None else []
    for text in (snapshot.time, snapshot.counters.time, *earlier):
        if text and not 0 <= parse_seconds(text) <= MOST:
            raise ValueError("a time is out of range")
    if not snapshot.time:
        raise ValueError("it has no time")
    return snapshot


def load_snapshots(paths: Sequence[str]) -> list[Loaded]:
    """Return the snapshots; two of one host and boot become one with the earlier's counters.

    Raises UsageError for a file that cannot be used.
    """
    if len(paths) > MAX_FILES:
        raise UsageError(f"{len(paths)} snapshots are too many", f"name {MAX_FILES} at most")
    read = [Loaded(path, load_snapshot(path)) for path in dict.fromkeys(paths)]
    read.sort(key=lambda one: parse_seconds(one.snapshot.time))
    kept: dict[tuple[str, int], Loaded] = {}
    others: list[Loaded] = []
    for one in read:
        host = one.snapshot.host
        key = host.boot_id, host.network_namespace
        if not host.boot_id:
            others.append(one)
            continue
        before = kept.get(key)
        if before is not None:
            _join(before, one)
        kept[key] = one
    return [*kept.values(), *others]


def _join(before: Loaded, after: Loaded) -> None:
    """Take the earliest reading of the earlier snapshot for the later one's."""
    first = before.snapshot.earlier or before.snapshot.counters
    if _time(after.snapshot.counters) - _time(first) >= _SHORTEST:
        after.snapshot.earlier = first
        after.earlier_path = before.earlier_path or before.path


def _time(counters: Counters) -> int:
    return parse_seconds(counters.time) if counters.time else 0
