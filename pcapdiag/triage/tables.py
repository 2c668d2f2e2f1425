"""OUT's tables, made from the outcomes alone: the same outcomes and names, the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Literal

import msgspec

from pcapdiag import __version__
from pcapdiag.triage import parquet
from pcapdiag.triage.columns import TABLES
from pcapdiag.triage.day import NO_DAY
from pcapdiag.triage.files import make_folder, remove_folder, told, written_aside
from pcapdiag.triage.manifest import Entry
from pcapdiag.triage.rows import Told
from pcapdiag.triage.store import Store

Form = Literal["parquet", "jsonl"]
"""``parquet``: tables and JSON lines; ``jsonl``: JSON lines alone."""

LINES = "lines"
"""OUT's folder of JSON lines; the tables' folders have their names."""
_STATE = "tables.json"


class Tables:
    """Writes the days of a store's contents that changed since they were written last."""

    def __init__(self, out: str, store: Store, form: Form) -> None:
        self._out = out
        self._store = store
        self._form = form
        self._state = os.path.join(store.folder, _STATE)

    def write(self) -> None:
        """Bring the tables up to date; raises OutputError.

        What a day is made of is noted after it was written, and forgotten before: a run killed
        between leaves a day that the next one writes again.
        """
        days = self._days()
        wanted = {day: self._digest(entries) for day, entries in days.items()}
        done = {day: digest for day, digest in self._done().items() if wanted.get(day) == digest}
        done = {day: digest for day, digest in done.items() if self._are_there(day)}
        self._note(done)
        for day, entries in sorted(days.items()):
            if day not in done:
                self._write_day(day, entries)
        self._remove_others(days)
        self._note(wanted)

    def _days(self) -> dict[str, list[Entry]]:
        """Return the newest entry of each content by day, in the order of first names."""
        manifest = self._store.manifest
        days: defaultdict[str, list[tuple[list[str], Entry]]] = defaultdict(list)
        for entry in manifest.contents():
            days[entry.day or NO_DAY].append((manifest.names_of(entry.key or ""), entry))
        return {
            day: [entry for _, entry in sorted(found, key=lambda one: one[0])]
            for day, found in days.items()
        }

    def _digest(self, entries: Iterable[Entry]) -> str:
        digest = hashlib.sha256(f"{__version__}\n{self._form}\n{TABLES!r}\n".encode())
        for entry in entries:
            names = self._store.manifest.names_of(entry.key or "")
            digest.update(msgspec.json.encode([names, entry.outcome]))
        return digest.hexdigest()

    def _done(self) -> dict[str, str]:
        try:
            with open(self._state, "rb") as file:
                return msgspec.json.decode(file.read(), type=dict[str, str])
        except (OSError, msgspec.DecodeError):
            return {}

    def _note(self, done: dict[str, str]) -> None:
        with written_aside(self._state, sync=True) as file, told(self._state):
            file.write(msgspec.json.encode(done, order="deterministic"))

    def _are_there(self, day: str) -> bool:
        return all(os.path.isfile(self._path(table, day)) for table in self._kinds())

    def _kinds(self) -> list[str]:
        return [LINES, *TABLES] if self._form == "parquet" else [LINES]

    def _path(self, table: str, day: str) -> str:
        suffix = "jsonl" if table == LINES else "parquet"
        return os.path.join(self._out, table, f"day={day}", f"part-0.{suffix}")

    def _write_day(self, day: str, entries: list[Entry]) -> None:
        with ExitStack() as stack:
            files = {}
            for kind in self._kinds():
                path = self._path(kind, day)
                make_folder(os.path.dirname(path))
                files[kind] = stack.enter_context(written_aside(path, sync=True))
                stack.enter_context(told(path))
            tables = {
                kind: stack.enter_context(parquet.ParquetFile(files[kind], TABLES[kind]))
                for kind in self._kinds()[1:]
            }
            for entry in entries:
                content = told_of(self._store, entry)
                for line in content.lines():
                    files[LINES].write(line)
                if tables:
                    for kind, row in content.rows(content.lines()):
                        tables[kind].add(row)

    def _remove_others(self, days: Iterable[str]) -> None:
        """Remove days that no content has any more, and tables that are not written any more."""
        kept = {f"day={day}" for day in days}
        for table in (LINES, *TABLES):
            folder = os.path.join(self._out, table)
            if table not in self._kinds():
                remove_folder(folder)
                continue
            with suppress(FileNotFoundError):
                for name in os.listdir(folder):
                    if name not in kept and name.startswith("day="):
                        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def told_of(store: Store, entry: Entry) -> Told:
    """Return a content with all that is known of it; raises OutputError."""
    names = store.manifest.names_of(entry.key or "")
    first = store.manifest.entries[names[0]]
    return Told(first, names, store.read(entry))
