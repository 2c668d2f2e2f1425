"""A connection told by a later point, put on the first point's clock and marked with its label."""

from __future__ import annotations

import msgspec

from pcapdiag.model.points import PointClock
from pcapdiag.model.report import Connection, Scope, Verdict
from pcapdiag.model.units import format_seconds, parse_seconds


class Stamp(msgspec.Struct, frozen=True):
    """What marks the numbers and times of one point."""

    label: str
    clock: PointClock

    def time(self, text: str) -> str:
        """Return a report time on the first point's clock; as it is where that is not known."""
        if not self.clock.known or not text:
            return text
        return format_seconds(self.clock.to_first(parse_seconds(text)))

    def connection(self, connection: Connection) -> None:
        """Mark a connection whose own numbers are of this point."""
        connection.point = self.label
        connection.start, connection.end = self.time(connection.start), self.time(connection.end)
        for verdict in (connection.verdict, *connection.other_failures):
            self.verdict(verdict)
        for reset in connection.resets:
            reset.point, reset.time = self.label, self.time(reset.time)
            for evidence in reset.attribution.evidence:
                evidence.point = self.label
        for entry in connection.timeline:
            entry.point, entry.time = self.label, self.time(entry.time)
        for alert in connection.tls.alerts if connection.tls else []:
            alert.time = self.time(alert.time)
        if connection.http2 is not None:
            for stream_reset in connection.http2.rst_stream:
                stream_reset.time = self.time(stream_reset.time)
            for goodbye in connection.http2.goaway:
                goodbye.time = self.time(goodbye.time)
        for exchange in connection.http.exchanges if connection.http else []:
            if exchange.request_time is not None:
                exchange.request_time = self.time(exchange.request_time)

    def verdict(self, verdict: Verdict) -> None:
        """Mark a verdict and the evidence for it."""
        verdict.point, verdict.time = self.label, self.time(verdict.time)
        for evidence in verdict.attribution.evidence:
            if evidence.point is msgspec.UNSET:
                evidence.point = self.label

    def scope(self, scope: Scope) -> None:
        """Put the times of a scope on the first point's clock."""
        for name in ("first_established", "last_established", "first_failed", "last_failed"):
            value = getattr(scope, name)
            if value is not None:
                setattr(scope, name, self.time(value))
