"""Streams lost around a graceful GOAWAY, as a finding about the endpoint."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.findings.draining import Draining
from pcapdiag.model.ends import End
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Attribution, Connection, Finding, Verdict
from pcapdiag.model.report_http2 import Http2, Http2GoAway
from tests.report.fabricate import healthy, seconds

pytestmark = pytest.mark.once


def failed(code: str, frame: int = 60, count: int = 1) -> Verdict:
    return Verdict(
        code=code,
        failed=code != "ok",
        phase=None,
        title="",
        explanation="",
        attribution=Attribution(),
        frames=[frame],
        count=count,
    )


def goaway(code: int = 0, by: End = "responder", frame: int = 50) -> Http2GoAway:
    return Http2GoAway(
        frame=frame,
        time=seconds(frame),
        from_=by,
        last_stream_id=1,
        error_code=code,
        error_name="",
        debug="",
    )


def drained(verdict: Verdict, *said: Http2GoAway, stream: int = 1, port: int = 9090) -> Connection:
    connection = healthy(stream)
    connection.responder.port = port
    connection.verdict = verdict
    connection.http2 = Http2(goaway=list(said))
    return connection


def found(*connections: Connection) -> list[Finding]:
    draining = Draining()
    for connection in connections:
        draining.look(connection)
    return draining.findings(Fleet())


def test_streams_lost_after_the_goaway() -> None:
    one = drained(failed("http2.stream_lost"), goaway())
    one.other_failures = [failed("http2.stream_lost", count=3), failed("http.local_reply")]
    other = drained(failed("grpc.error"), goaway(frame=55), stream=2)
    (finding,) = found(one, other)
    assert (finding.code, finding.endpoint) == ("http2.draining", "10.0.2.7:9090")
    assert (finding.count, finding.streams, finding.frames) == (5, [1, 2], [50, 55])
    assert (finding.first, finding.last) == (seconds(50), seconds(55))
    assert "2 connections" in finding.detail


@pytest.mark.parametrize(
    "connection",
    [
        drained(failed("ok"), goaway()),
        drained(failed("http2.stream_lost")),
        drained(failed("http2.rst_stream", frame=40), goaway()),
        drained(failed("http2.goaway"), goaway(code=2)),
        drained(failed("http2.rst_stream"), goaway(), goaway(code=2)),
        drained(failed("http2.rst_stream"), goaway(by="initiator")),
        drained(failed("http.no_healthy_upstream"), goaway()),
        healthy(),
    ],
    ids=["all done", "no goaway", "before it", "error", "then error", "client's", "other", "h1"],
)
def test_no_finding(connection: Connection) -> None:
    assert found(connection) == []


def test_endpoints_are_told_apart_the_worst_first_within_bounds() -> None:
    lost = failed("http2.stream_lost")
    many = [drained(lost, goaway(), stream=n, port=9) for n in range(MAX_STREAMS + 5)]
    ports = [drained(lost, goaway(), port=n) for n in range(1000, 1000 + MAX_ENDPOINTS + 5)]
    findings = found(*ports[:3], *many, *ports[3:])
    assert len(findings) == MAX_ENDPOINTS
    assert (findings[0].endpoint, findings[0].count) == ("10.0.2.7:9", MAX_STREAMS + 5)
    assert len(findings[0].streams) == MAX_STREAMS
