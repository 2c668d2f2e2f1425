"""The states of hosts that go with a capture, as they were taken, or renamed as the packets are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

import msgspec

from pcapdiag.bundle.networks import network_in, renamed_network
from pcapdiag.host.load import load_snapshot
from pcapdiag.model.report import Report
from pcapdiag.sanitize.renamer import Renamer

FOLDER = "snapshots"
_SETTING = re.compile(r"(?:fs|kernel|net|vm)(?:\.[a-z0-9_]+)+", re.ASCII)
"""Names of settings are the kernel's."""
_CONF = re.compile(r"\.(?:conf|neigh)\.")
"""But for those that name an interface."""

Rename = Callable[[str], str]


class State(msgspec.Struct):
    """A snapshot, and the name of its member."""

    name: str
    document: object

    @property
    def content(self) -> bytes:
        """Its bytes: JSON, indented."""
        return msgspec.json.format(msgspec.json.encode(self.document), indent=1) + b"\n"


def states(paths: Sequence[str], report: Report) -> list[State]:
    """Return the snapshots of hosts that the capture shows."""
    left_aside = {one.path for one in report.snapshots if not one.used}
    return [
        State(f"{FOLDER}/host-{number}.json", msgspec.to_builtins(load_snapshot(path)))
        for number, path in enumerate(paths, 1)
        if path not in left_aside
    ]


def renamed(found: Sequence[State], text: Rename, renamer: Renamer) -> list[State]:
    """Return them with every word replaced that says whose they are."""

    def rename(value: str) -> str:
        network = network_in(value)
        return text(value) if network is None else str(renamed_network(network, renamer))

    return [State(one.name, _renamed(one.document, rename)) for one in found]


def write(found: Sequence[State], folder: str) -> tuple[str, ...]:
    """Write them into a folder; return where they are."""
    paths = []
    for one in found:
        path = os.path.join(folder, one.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(one.content)
        paths.append(path)
    return tuple(paths)


def _renamed(value: object, text: Rename) -> object:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [_renamed(one, text) for one in value]
    if isinstance(value, dict):
        return {_key(name, text): _renamed(one, text) for name, one in value.items()}
    return value


def _key(name: str, text: Rename) -> str:
    return name if _SETTING.fullmatch(name) and not _CONF.search(name) else text(name)
