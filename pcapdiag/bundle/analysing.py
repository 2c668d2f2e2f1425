"""A bundle's capture, analysed as whoever gets it would do it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import overload

import msgspec

from pcapdiag import pipeline
from pcapdiag.incident.conclusion import report_of
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.model.report import Connection, Report

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

    def __init__(self, connections: Sequence[Connection], name: str) -> None:
        self._connections = connections
        self._name = name

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
        connection.file = self._name
        return connection


def analyse(
    path: str, options: AnalyzeOptions, roles: Roles, *, pictures: bool = False, name: str = CAPTURE
) -> Report:
    """Return the report of a bundle's capture; ``name`` is what it calls the file.

    ``options`` are those of the bundle's own analysis. Raises as ``pipeline.analyze``.
    """
    options = replace(
        options,
        proxies=roles.proxies,
        clients=roles.clients,
        upstreams=roles.upstreams,
        pictures=pictures,
    )
    analysis = pipeline.read([path], options)
    for facts in analysis.capture.files:
        facts.path = name
    report = report_of(analysis)
    return msgspec.structs.replace(report, connections=_Named(report.connections, name))
