"""A bundle's capture, analysed as whoever gets it would do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import overload

import msgspec

from pcapdiag import pipeline
from pcapdiag.incident.conclusion import report_of
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.model.report import Connection, LogLine, Report

CAPTURE = "capture.pcapng"
"""The capture's name in a bundle."""


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
    return f"[{address}]:{pattern.port}" if network.version == 6 else f"{address}:{pattern.port}"


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


def analyse(
    path: str,
    options: AnalyzeOptions,
    roles: Roles,
    names: Mapping[str, str] | None = None,
    *,
    pictures: bool = False,
) -> Report:
    """Return the report of a bundle's capture; ``names`` says how it calls the files read.

    ``options`` are those of the bundle's own analysis. Raises as ``pipeline.analyze``.
    """
    names = names or {}
    options = replace(
        options,
        proxies=roles.proxies,
        clients=roles.clients,
        upstreams=roles.upstreams,
        pictures=pictures,
    )
    analysis = pipeline.read([path], options)
    for facts in analysis.capture.files:
        facts.path = names.get(facts.path, facts.path)
    report = report_of(analysis)
    for log in report.logs.files if report.logs is not None else ():
        log.path = names.get(log.path, log.path)
        for line in log.examples:
            line.file = names.get(line.file, line.file)
    return msgspec.structs.replace(report, connections=_Named(report.connections, names))
