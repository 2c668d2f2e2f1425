"""Reads a log: its files in order of time, each line by the format that fits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from pcapdiag.errors import UsageError
from pcapdiag.logs.files import files_of
from pcapdiag.logs.formats import PARTIAL, is_loose, product_of, readers_of
from pcapdiag.logs.json_lines import JsonLines
from pcapdiag.logs.lines import MAX_LINE, LogLines, written
from pcapdiag.logs.nginx_error import append, goes_on
from pcapdiag.logs.source import CUSTOM, NAMES
from pcapdiag.logs.template import Stamp, Template
from pcapdiag.logs.wrappers import Wrapper, is_own_log, wrappers
from pcapdiag.model.logs import LogEntry, LogSource
from pcapdiag.model.units import SECOND, counted

LOOK_LINES = 2_000
"""Lines after which a file of which none could be read is taken for something else."""
EXAMPLES = 20
"""Unread lines that are looked at to say whose they are."""
QUARTER = 15 * 60 * SECOND
"""Zones differ by quarters of an hour."""
LATE = 60 * SECOND
"""A line is carried that soon, or nothing is learned from when it was."""
MAX_WRAPPERS = 3
"""What carries a line may be carried itself: stern with Kubernetes' times."""

Kind = Literal["access", "error", "mixed"]


class LogReading:
    """Iterates the entries of a log once; the counts are complete when that has ended.

    Raises UsageError for files that cannot be read, or that are no log of the product.
    """

    def __init__(self, source: LogSource, *, brief: bool = False) -> None:
        self.source = source
        self.lines = 0
        self.unread = 0
        self.failed = 0
        self.first_time: int | None = None
        """The earliest time (ns, by the log's clock), and ``last_time`` the latest."""
        self.last_time: int | None = None
        self.notes: list[str] = []
        self._readers = readers_of(source)
        for reader in self._readers:
            if isinstance(reader, Template | JsonLines):
                reader.brief = brief
        self._set_aside = 0
        self._examples: list[str] = []
        self._forms: dict[str, int] = {}
        self._kinds: set[str] = set()
        self._chain: tuple[Wrapper, ...] = ()
        self._wrappers: list[Wrapper] = []

    @property
    def form(self) -> str:
        """Which formats were read, the most frequent first."""
        return ", ".join(sorted(self._forms, key=lambda name: -self._forms[name]))

    @property
    def kind(self) -> Kind:
        """Whether it is an access log, an error log, or both in one."""
        if len(self._kinds) == 1:
            return "error" if "error" in self._kinds else "access"
        return "mixed" if self._kinds else "access"

    def __iter__(self) -> Iterator[LogEntry]:
        paths = files_of(self.source.path)
        if len(paths) > 1:
            first, last = (os.path.basename(path) for path in (paths[0], paths[-1]))
            self.notes.append(f"{len(paths):,} files, from {first} to {last}")
        for path in paths:
            yield from self._file(path)
        if self.unread and not self._forms:
            raise self._foreign()
        self._remark()

    def _remark(self) -> None:
        if not self.lines:
            self.notes.append("the log is empty")
        if self._set_aside:
            self.notes.append(f"{_lines(self._set_aside)} of the proxy's log about itself")
        if PARTIAL.intersection(self._forms):
            self.notes.append(f"only the beginning of its lines is understood: {CUSTOM}")

    def _file(self, path: str) -> Iterator[LogEntry]:
        self._wrappers = wrappers(written(path))
        self._chain = ()
        lines = LogLines(path)
        held: LogEntry | None = None
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            self.lines += 1
            entry = self._entry(line)
            if entry is None:
                if held is not None and goes_on(held, line):
                    append(held, line)
                    continue
                if is_own_log(line):
                    self._set_aside += 1
                    continue
                self.unread += 1
                if len(self._examples) < EXAMPLES and not self._forms:
                    self._examples.append(line)
                if self.unread == LOOK_LINES and not self._forms:
                    raise self._foreign()
                continue
            if held is not None:
                yield self._counted(held)
            entry.file = path
            entry.line = number
            held = entry
        if held is not None:
            yield self._counted(held)
        self._note(lines)

    def _note(self, lines: LogLines) -> None:
        if lines.cut:
            self.notes.append(f"{lines.path}: {_lines(lines.cut)} cut after {MAX_LINE:,} bytes")
        if lines.broken:
            self.notes.append(f"{lines.path}: {lines.broken}; what came before it was read")

    def _counted(self, entry: LogEntry) -> LogEntry:
        self.failed += entry.failed
        self._kinds.add(entry.kind)
        if self.first_time is None or entry.time < self.first_time:
            self.first_time = entry.time
        if self.last_time is None or entry.time > self.last_time:
            self.last_time = entry.time
        return entry

    def _entry(self, line: str) -> LogEntry | None:
        """Read a line by the format of the one before; otherwise try the others."""
        inner, stamp = line, None
        for wrapper in self._chain:
            unwrapped = wrapper(inner)
            if unwrapped is None:
                break
            inner, stamp = unwrapped[0], unwrapped[1] or stamp
        entry = self._read(inner, stamp)
        return entry if entry is not None else self._unwrap(line)

    def _read(self, line: str, stamp: Stamp | None) -> LogEntry | None:
        for at, reader in enumerate(self._readers):
            entry = reader.read(line, stamp)
            if entry is not None:
                if at and not is_loose(reader):
                    self._readers.insert(0, self._readers.pop(at))
                if stamp is not None and stamp.zoned and not entry.zoned:
                    _learn_zone(entry, stamp)
                self._forms[reader.name] = self._forms.get(reader.name, 0) + 1
                return entry
        return None

    def _unwrap(self, line: str) -> LogEntry | None:
        """Look for what carries the line, one thing within another."""
        waiting: list[tuple[str, Stamp | None, tuple[Wrapper, ...]]] = [(line, None, ())]
        while waiting:
            text, stamp, chain = waiting.pop(0)
            # The bare line was just tried where nothing carried the one before.
            entry = self._read(text, stamp) if chain or self._chain else None
            if entry is not None:
                self._chain = chain
                return entry
            if len(chain) < MAX_WRAPPERS:
                for wrapper in self._wrappers:
                    found = None if wrapper in chain else wrapper(text)
                    if found is not None:
                        waiting.append((found[0], found[1] or stamp, (*chain, wrapper)))
        return None

    def _foreign(self) -> UsageError:
        name = NAMES[self.source.product]
        if any(isinstance(one, Template) and not one.has_time for one in self._readers):
            return UsageError(f"{self.source.path}: the format has no time", "give one that has")
        if self.source.form:
            what = f"{counted(self.lines, 'line')}, none in the format that was given"
            return UsageError(f"{self.source.path}: {what}", "compare a line with the format")
        what = f"{counted(self.lines, 'line')}, none in a format of {name} that is known"
        other = product_of(self._examples)
        if other is not None:
            advice = f"they are {NAMES[other]}'s: --log {other}={self.source.path}"
            return UsageError(f"{self.source.path}: {what}", advice)
        if any("\0" in line for line in self._examples):
            return UsageError(f"{self.source.path}: is no text, so no log", "name the proxy's log")
        return UsageError(f"{self.source.path}: {what}", CUSTOM)


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number:,} lines"


def _learn_zone(entry: LogEntry, stamp: Stamp) -> None:
    """Take the zone of a local time from the time, with a zone, of what carried the line."""
    behind = stamp.time - entry.time - (entry.duration or 0)
    shift = round(behind / QUARTER) * QUARTER
    if abs(behind - shift) <= LATE:
        entry.time += shift
        entry.zoned = True


def read_log(source: LogSource, *, brief: bool = False) -> LogReading:
    """Return the reading of a log; nothing is opened before it is iterated.

    With ``brief``, entries of lines that tell of no failure may have no more than their time: twice
    as fast. Raises UsageError for a format that cannot be read.
    """
    return LogReading(source, brief=brief)
