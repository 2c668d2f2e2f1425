"""A device that forgets idle connections, over a whole capture: evidence with counts, and one group."""

from __future__ import annotations

import pytest

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Report
from pcapdiag.pipeline import analyze
from tests.flow.wire import End, Link, Wire

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FORGOTTEN, EXPIRY = 212, 350_000.0
"""Connections, and milliseconds of quiet."""


def connection(wire: Wire, number: int, quiet: float, *, forgotten: bool) -> None:
    """Two requests with a pause between them; a device three hops away resets the second one."""
    client = End("10.0.1.5", 20_000 + number, 1000 * number, b"\2\0\0\0\0\1")
    server = End("10.0.2.7", 8080, 7000 * number, b"\2\0\0\0\0\2", ttl=57)
    link, at = Link(wire, client, server), number * 100.0
    link.handshake(at)
    link.c(at + 20, "PA", 1, 1, GET)
    link.s(at + 30, "PA", 1, 31, OK)
    link.c(at + 31, "A", 31, 39)
    late = at + 31 + quiet
    link.c(late, "PA", 31, 39, GET)
    if forgotten:
        link.s(late + 4, "R", 39, 0, window=0, ip_id=0, ttl=61)
        return
    link.s(late + 10, "PA", 39, 61, OK)
    link.c(late + 11, "FA", 61, 77)
    link.s(late + 21, "FA", 77, 62)
    link.c(late + 22, "A", 62, 78)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    wire = Wire()
    for number in range(FORGOTTEN):
        connection(wire, number + 1, EXPIRY + number, forgotten=True)
    for number in range(40):
        connection(wire, 1000 + number, 5000.0 * (number + 1), forgotten=False)
    wire.rows.sort(key=lambda row: row.time)
    path = wire.save(tmp_path_factory.mktemp("expiry") / "idle.pcap")
    return analyze([path], AnalyzeOptions())


def test_every_reset_connection_has_the_count_as_evidence(report: Report) -> None:
    told = [c for c in report.connections if c.verdict.attribution.evidence]
    assert len(told) == 20
    for one in told:
        by_name = {e.signal: e for e in one.verdict.attribution.evidence}
        assert by_name["idle_expiry"].detail.startswith(
            "212 of 212 connections idle for 350.0 s or more were reset at the next packet; 40 idle "
            "for less (up to 200.0 s) were not"
        )
        assert "ttl_shared" in by_name
        assert one.verdict.attribution.side == "path"


def test_they_are_one_group_by_one_device(report: Report) -> None:
    (group,) = report.groups
    assert (group.code, group.side, group.party) == ("tcp.stale_connection", "path", "middlebox")
    assert (group.connections, group.signs and group.signs.resets) == (FORGOTTEN, FORGOTTEN)
    assert group.signs is not None
    assert (group.signs.ttl, group.signs.hops, group.signs.idle) == (61, 3, FORGOTTEN)
    assert group.signs.idle_shortest == pytest.approx(350.0, abs=0.1)
    assert group.signs.idle_longest == pytest.approx(350.2, abs=0.1)
