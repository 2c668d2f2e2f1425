"""What a proxy had open when its circuit breaker refused a request."""

from __future__ import annotations

from pcapdiag.incident.upstream_load import UpstreamLoad
from pcapdiag.model.report import Connection
from pcapdiag.model.units import format_seconds
from tests.flow.wire import MS, START, End, Link, Wire, tell
from tests.report.fabricate import refused

ASK, OK = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"


def used(connections: int, seconds: float) -> UpstreamLoad:
    """A proxy's connections to one upstream, begun at once, that are open for so long."""
    wire = Wire()
    links = [
        Link(wire, End("10.0.2.5", 40_000 + n, 0x1000 * n + 1, b"\2\0\0\0\0\1"))
        for n in range(connections)
    ]
    for number, one in enumerate(links):
        at = 300.0 + number
        one.handshake(at, rtt=0.2)
        one.c(at + 0.4, "PA", 1, 1, ASK)
        one.s(at + 0.6, "PA", 1, 1 + len(ASK), OK)
    for number, one in enumerate(links):
        at = 300 + number + seconds * 1_000
        one.c(at, "FA", 1 + len(ASK), 1 + len(OK))
        one.s(at + 0.2, "FA", 1 + len(OK), 2 + len(ASK))
        one.c(at + 0.4, "A", 2 + len(ASK), 2 + len(OK))
    return UpstreamLoad(tell(wire).tracker)


def overflow(at: float) -> Connection:
    connection = refused()
    connection.responder.ip = "10.0.1.5"
    connection.verdict.code = "http.overflow"
    connection.end = format_seconds(START + round(at * 1_000 * MS))
    return connection


def test_the_connections_open_at_that_second_are_counted() -> None:
    load, own = used(12, 5), frozenset({"10.0.1.5", "10.0.2.5"})
    connection = overflow(3)
    load.add(connection, own)
    assert connection.verdict.notes == [
        "the proxy had 12 connections to 10.0.0.2:443 open at that second; 12 at once at most, 12 "
        "in all"
    ]
    later = overflow(9)
    load.add(later, own)
    assert later.verdict.notes[0].startswith("the proxy had 0 connections to 10.0.0.2:443 open")


def test_other_failures_and_other_hosts_get_no_note() -> None:
    load = used(2, 5)
    stranger, other = overflow(3), overflow(3)
    other.verdict.code = "http.local_reply"
    load.add(stranger, frozenset())
    load.add(other, frozenset({"10.0.1.5", "10.0.2.5"}))
    assert stranger.verdict.notes == other.verdict.notes == []
