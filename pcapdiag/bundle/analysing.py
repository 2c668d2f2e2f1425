"""A bundle's capture, analysed as whoever gets it would do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import msgspec
from msgspec.structs import replace

from pcapdiag import pipeline
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.conclusion import joint_report, report_of
from pcapdiag.model.ends import join_port
from pcapdiag.model.options import AnalyzeOptions, CapturePoint, EndPattern
from pcapdiag.model.report import Connection, LogLine, Report


class Roles(msgspec.Struct, frozen=True):
    """Who is who, as the options of an analysis say it."""

    proxies: tuple[EndPattern, ...] = ()
    clients: tuple[EndPattern, ...] = ()
    upstreams: tuple[EndPattern, ...] = ()

    def told(self) -> list[str]:
        """Return the words of a command line."""
        said = (
            ("--proxy", self.proxies),
            ("--client", self.clients),
            ("--upstream", self.upstreams),
        )
        return [word for name, ends in said for one in ends for word in (name, end_text(one))]


def end_text(pattern: EndPattern) -> str:
    """Return an address or network, with its port where it has one, as options take it."""
    network = pattern.network
    whole = network.prefixlen == network.max_prefixlen
    address = str(network.network_address) if whole else str(network)
    if pattern.port is None:
        return address
    return join_port(address, pattern.port)


class _Named(Sequence[Connection]):
    """Connections as they are in a report, in a capture of another name."""

    def __init__(self, connections: Sequence[Connection], names: Mapping[str, str]) -> None:
        self._connections = connections
        self._names = names

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return map(self._renamed, self._connections)

    @overload
    def __getitem__(self, index: int) -> Connection: ...
    @overload
    def __getitem__(self, index: slice) -> list[Connection]: ...
    def __getitem__(self, index: int | slice) -> Connection | list[Connection]:
        if isinstance(index, slice):
            return [self._renamed(one) for one in self._connections[index]]
        return self._renamed(self._connections[index])

    def _renamed(self, connection: Connection) -> Connection:
        connection.file = self._names.get(connection.file, connection.file)
        for line in log_lines(connection):
            line.file = self._names.get(line.file, line.file)
        return connection


def log_lines(connection: Connection) -> list[LogLine]:
    """Return the lines of logs that were tied to a connection."""
    return connection.log_lines if isinstance(connection.log_lines, list) else []


class Source(msgspec.Struct, frozen=True):
    """A capture of a bundle: its point's label (empty where there is one), where it is, its name.

    ``name`` is what the report calls it; empty: as it is.
    """

    label: str
    path: str
    name: str = ""


def analyse(
    sources: Sequence[Source],
    options: AnalyzeOptions,
    roles: Roles,
    names: Mapping[str, str] | None = None,
    *,
    pictures: bool = False,
) -> Report:
    """Return the report of a bundle's captures.

    ``options`` are those of the bundle's own analysis; ``names`` says how other files are called.
    Raises as ``pipeline.analyze``.
    """
    names = {one.path: one.name for one in sources if one.name} | dict(names or {})
    options = replace(
        options,
        proxies=roles.proxies,
        clients=roles.clients,
        upstreams=roles.upstreams,
        pictures=pictures,
    )
    report = _renamed(_read(sources, options, names), names)
    return replace(report, connections=_Named(report.connections, names))


def _read(sources: Sequence[Source], options: AnalyzeOptions, names: Mapping[str, str]) -> Report:
    if len(sources) == 1:
        analysis = pipeline.read([sources[0].path], options)
        _rename_files(analysis, names)
        return report_of(analysis)
    joined = pipeline.compare([CapturePoint(one.label, (one.path,)) for one in sources], options)
    for study in joined.studies:
        _rename_files(study.analysis, names)
    return joint_report(joined)


def _rename_files(analysis: Analysis, names: Mapping[str, str]) -> None:
    for facts in analysis.capture.files:
        facts.path = names.get(facts.path, facts.path)


def _renamed(report: Report, names: Mapping[str, str]) -> Report:
    for log in report.logs.files if report.logs is not None else ():
        log.path = names.get(log.path, log.path)
        for line in log.examples:
            line.file = names.get(line.file, line.file)
    for snapshot in report.snapshots:
        snapshot.path = names.get(snapshot.path, snapshot.path)
    for finding in report.findings:
        finding.detail = _said(finding.detail, names)
    report.capture.notes = [_said(note, names) for note in report.capture.notes]
    return report


def _said(text: str, names: Mapping[str, str]) -> str:
    for path, name in names.items():
        text = text.replace(path, name)
    return text
