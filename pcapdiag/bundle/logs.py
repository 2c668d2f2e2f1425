"""The lines of proxies' logs that matter: as they were written, or renamed as the packets are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import msgspec

from pcapdiag.bundle.analysing import log_lines
from pcapdiag.bundle.log_format import format_of, renamed_format
from pcapdiag.bundle.manifest import KeptLog
from pcapdiag.bundle.original import Original
from pcapdiag.bundle.parts import Frames, begin_of
from pcapdiag.logs.files import files_of
from pcapdiag.logs.lines import LogLines
from pcapdiag.model.logs import LogEntry, LogSource
from pcapdiag.model.report import CaptureSummary, Connection, Report
from pcapdiag.model.units import SECOND, parse_seconds

MAX_LINES = 2_000
"""Lines of one log that are kept."""
SLACK = SECOND
"""A line so close to the capture's ends is within them."""
FOLDER = "logs"

_Places = dict[str, set[int]]
"""Lines by file."""


class LogExtract(msgspec.Struct):
    """What is kept of one log."""

    name: str
    """Its member."""
    source: LogSource
    lines: list[str]
    of: int
    """Lines of the original."""
    form: str = ""
    """Its own format."""

    @property
    def content(self) -> bytes:
        """Its bytes, a line each."""
        return "".join(f"{line}\n" for line in self.lines).encode("utf-8", "surrogateescape")

    def read_as(self, path: str) -> LogSource:
        """Return how it is read again, in the same format."""
        return LogSource(product=self.source.product, path=path, form=self.form)

    @property
    def form_name(self) -> str:
        """The member that has its format; empty without one, and for one of several lines."""
        return f"{self.name}.format" if self.form and "\n" not in self.form else ""

    def argument(self) -> str:
        """Return the value of ``--log`` for it."""
        form = self.form_name or self.form
        return f"{self.source.product}{':' + form if form else ''}={self.name}"


def extract(original: Original, frames: Frames) -> list[LogExtract]:
    """Return the lines tied to connections of a bundle, and failed ones that no connection fits.

    ``frames`` says which connections are in it.
    """
    report = original.report
    if report.logs is None:
        return []
    wanted, others = _places(report.connections, frames, original.first)
    found = []
    entries = list(original.logged.failed_entries())
    for number, (source, failed) in enumerate(entries, 1):
        offset = report.logs.files[number - 1].clock_offset or 0.0
        for entry in _within(failed, report.capture, round(offset * SECOND)):
            if entry.line not in others.get(entry.file, ()):
                wanted.setdefault(entry.file, set()).add(entry.line)
        lines = list(_lines(source, wanted))
        if lines:
            name = f"{FOLDER}/{source.product}-{number}.log"
            told = report.logs.files[number - 1]
            form = format_of(source, told.form)
            found.append(LogExtract(name, source, lines[:MAX_LINES], told.lines, form))
    return found


def write(extracts: Iterable[LogExtract], folder: str) -> tuple[LogSource, ...]:
    """Write them into a folder; return how they are read from there."""
    sources = []
    for one in extracts:
        path = os.path.join(folder, one.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(one.content)
        sources.append(one.read_as(path))
    return tuple(sources)


def kept(extracts: Iterable[LogExtract], original: Report, bundle: Report) -> list[KeptLog]:
    """Return what a manifest says of them."""
    return [
        KeptLog(
            name=one.name,
            product=one.source.product,
            lines=len(one.lines),
            lines_of_original=one.of,
            tied=_tied(original, set(files_of(one.source.path))),
            tied_here=_tied(bundle, {one.name}),
        )
        for one in extracts
    ]


def _tied(report: Report, files: set[str]) -> int:
    return sum(any(line.file in files for line in log_lines(one)) for one in report.connections)


def _places(
    connections: Iterable[Connection], frames: Frames, first: str
) -> tuple[_Places, _Places]:
    """Return the lines of connections in the bundle, and those of others."""
    wanted: _Places = {}
    others: _Places = {}
    for connection in connections:
        places = wanted if frames.has(begin_of(connection, first)) else others
        for line in log_lines(connection):
            places.setdefault(line.file, set()).add(line.line)
    return wanted, others


def _within(
    entries: Iterable[LogEntry], capture: CaptureSummary, offset: int
) -> Iterator[LogEntry]:
    if capture.first_time is None or capture.last_time is None:
        return
    first, last = parse_seconds(capture.first_time), parse_seconds(capture.last_time)
    for entry in entries:
        begun = entry.time + offset
        ended = begun + (entry.duration or 0)
        if ended >= first - SLACK and begun <= last + SLACK:
            yield entry


def _lines(source: LogSource, wanted: _Places) -> Iterator[str]:
    for path in files_of(source.path):
        numbers = wanted.get(path)
        if not numbers:
            continue
        for number, line in enumerate(LogLines(path), 1):
            if number in numbers:
                yield line


def renamed(extracts: Iterable[LogExtract], text: Callable[[str], str]) -> list[LogExtract]:
    """Return the extracts with every line renamed, and the words of their formats with them."""
    return [
        msgspec.structs.replace(
            one,
            lines=[text(line) for line in one.lines],
            form=renamed_format(one.source.product, one.form, text),
        )
        for one in extracts
    ]
