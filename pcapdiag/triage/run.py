"""Triage: captures in, tables out."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator

from pcapdiag import __version__
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.closed import Closed
from pcapdiag.triage.files import make_folder
from pcapdiag.triage.fingerprint import fingerprint
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.local import Engine
from pcapdiag.triage.manifest import Entry
from pcapdiag.triage.outcome import Outcome
from pcapdiag.triage.rows import Told
from pcapdiag.triage.store import Store
from pcapdiag.triage.summary import Counting, Summary
from pcapdiag.triage.summary_files import write_summary
from pcapdiag.triage.tables import Form, Tables, told_of
from pcapdiag.triage.task import Part, Task, always
from pcapdiag.triage.totals import Ledger

CHAINS = "sets"
"""The store's folder of what rotated sets leave open."""


class Triage(Closed):
    """One run into a folder, which is ours until :meth:`close`.

    Captures may be taken several times, and the tables written between. Raises UsageError and
    OutputError.
    """

    def __init__(self, out: str, options: AnalyzeOptions, engine: Engine, form: Form) -> None:
        self._out = out
        self._options = options
        self._fingerprint = fingerprint(options)
        self._engine = engine
        self._store = Store(out, self._fingerprint)
        self._tables = Tables(out, self._store, form)

    def outdated(self, captures: Iterable[Capture]) -> Counter[str]:
        """Count the captures that are known, but by another version or from other options."""
        why: Counter[str] = Counter()
        for capture in captures:
            entry = self._store.manifest.entries.get(capture.name)
            if entry is not None and entry.version != __version__:
                why[f"pcapdiag {entry.version}"] += 1
            elif entry is not None and entry.options != self._fingerprint:
                why["other options"] += 1
        return why

    def ledger(self) -> Ledger:
        """Return the totals of all that is in the folder; they follow when asked to."""
        return Ledger(self._store)

    def take(self, captures: Iterable[Capture]) -> Generator[Entry, None, None]:
        """Examine captures and keep what became of them; yield each as soon as it is kept.

        What is known already is yielded first, and not examined again.
        """
        unknown = []
        for capture in captures:
            known = self._store.known(capture)
            if known is None:
                unknown.append(Task(capture, self._options, self._fingerprint))
            else:
                yield known
        for reply in self._engine(unknown, self._store.claim):
            yield from self._store.put(reply)

    def entry_of(self, name: str) -> Entry | None:
        """Return what is known of a capture's name."""
        return self._store.manifest.entries.get(name)

    def outcome_of(self, entry: Entry) -> Outcome:
        """Return what became of a capture; raises OutputError."""
        return self._store.read(entry)

    def chain_path(self, name: str) -> str:
        """Return where is kept what the set of this name leaves open; the folder is there."""
        folder = os.path.join(self._store.folder, CHAINS)
        make_folder(folder)
        return os.path.join(folder, hashlib.sha256(os.fsencode(name)).hexdigest()[:32])

    def replies(self, parts: Iterable[tuple[Capture, Part]]) -> Generator[Reply, None, None]:
        """Examine files of rotated sets, whether their content is known or not."""
        options, asked = self._options, self._fingerprint
        tasks = (Task(capture, options, asked, part) for capture, part in parts)
        yield from self._engine(tasks, always)

    def keep(self, reply: Reply) -> list[Entry]:
        """Keep an answer; return what is complete by it. Raises OutputError."""
        return list(self._store.put(reply))

    def told(self, names: Iterable[str] | None = None) -> Iterator[Told]:
        """Yield what became of captures of these names (None: of all), each content once.

        They come in the order of their first names.
        """
        manifest = self._store.manifest
        if names is None:
            keys = {entry.key for entry in manifest.contents()}
        else:
            keys = {manifest.entries[name].key for name in names if name in manifest.entries}
        found = [entry for key in keys if (entry := manifest.of_key(key or ""))]
        for entry in sorted(found, key=lambda one: manifest.names_of(one.key or "")):
            yield told_of(self._store, entry)

    def summary(
        self, names: Iterable[str] | None = None, unreadable: Iterable[str] = ()
    ) -> Summary:
        """Return the numbers of captures of these names (None: of all)."""
        return self.count(names).result(unreadable)

    def count(self, names: Iterable[str] | None = None) -> Counting:
        """Add up what became of captures of these names (None: of all)."""
        counting = Counting()
        for told in self.told(names):
            counting.add(told.result())
        return counting

    def write(self, unreadable: Iterable[str] = ()) -> None:
        """Bring the tables and the summary of all captures up to date with what was taken."""
        self._tables.write()
        summary = self.summary(unreadable=unreadable)
        write_summary(self._out, summary)
        self._store.tidy()

    def close(self) -> None:
        """Let other runs use the folder."""
        self._store.close()
