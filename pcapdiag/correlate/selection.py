"""Which connections a user wants to see (``--host --port --net --stream --from --to``)."""

from __future__ import annotations

import msgspec

from pcapdiag.model.ends import HostPort
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.model.report import Connection
from pcapdiag.model.units import parse_seconds


class Selection(msgspec.Struct, frozen=True):
    """The filters of one analysis: values of one option are alternatives, options add up."""

    hosts: tuple[EndPattern, ...] = ()
    ports: tuple[int, ...] = ()
    nets: tuple[EndPattern, ...] = ()
    streams: tuple[int, ...] = ()
    earliest: int | None = None
    latest: int | None = None

    @classmethod
    def from_options(cls, options: AnalyzeOptions, capture_start: int) -> Selection:
        """Return the selection, given the time of the capture's first packet in nanoseconds."""
        first, last = options.time_from, options.time_to
        return cls(
            options.hosts,
            options.ports,
            options.nets,
            options.streams,
            first.absolute(capture_start) if first else None,
            last.absolute(capture_start) if last else None,
        )

    def matches(self, connection: Connection) -> bool:
        """Return whether a connection is to be reported."""
        initiator, responder = connection.initiator, connection.responder
        return self.admits(
            connection.stream,
            (initiator.ip, initiator.port),
            (responder.ip, responder.port),
            parse_seconds(connection.start),
            parse_seconds(connection.end),
        )

    def admits(
        self, stream: int, initiator: HostPort, responder: HostPort, start: int, end: int
    ) -> bool:
        """Do the same for a connection before it is in a report; times in nanoseconds."""
        ports = initiator[1], responder[1]
        return self.admits_what(stream, ports, start, end) and self.admits_who(initiator, responder)

    def admits_what(self, stream: int, ports: tuple[int, int], start: int, end: int) -> bool:
        """Return whether all but the addresses of a connection fits."""
        if self.streams and stream not in self.streams:
            return False
        if self.ports and not any(port in self.ports for port in ports):
            return False
        if self.earliest is not None and end < self.earliest:
            return False
        return self.latest is None or start <= self.latest

    @property
    def asks_who(self) -> bool:
        """Whether addresses choose, too."""
        return bool(self.hosts or self.nets)

    def admits_who(self, one: HostPort, other: HostPort) -> bool:
        """Return whether the ends of a connection fit."""
        ends = (one, other)
        return _any_end(self.hosts, ends) and _any_end(self.nets, ends)


def _any_end(patterns: tuple[EndPattern, ...], ends: tuple[HostPort, HostPort]) -> bool:
    return not patterns or any(p.matches(ip, port) for p in patterns for ip, port in ends)
