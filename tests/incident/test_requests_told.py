"""Requests of stored captures, all the way from packets to the report."""

from __future__ import annotations

import pytest

from pcapdiag.incident.describe import shorten
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection, Report
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES


def told(scenario: str, capture: str, all_connections: bool = False) -> Report:
    (path,) = (FIXTURES / "pcaps" / scenario).glob(f"{capture}.pcap*")
    return analyze([path], AnalyzeOptions(all_connections=all_connections))


def failed(report: Report, code: str) -> Connection:
    return next(c for c in report.connections if c.verdict.code == code)


def test_streams_that_were_refused_stand_beside_the_first() -> None:
    report = told("http2.refused_stream-nghttpd-limit", "client")
    connection = failed(report, "http2.refused_stream")
    assert connection.verdict.exchange == 1
    assert [(other.exchange, other.count) for other in connection.other_failures] == [(2, 1)]
    assert connection.http
    assert [one.index for one in connection.http.exchanges] == [0, 1, 2]
    assert report.summary.failed_requests == 2
    assert [group.requests for group in report.groups] == [2]


def test_a_row_keeps_the_failed_requests_alone_and_no_advice() -> None:
    connection = failed(
        told("http2.refused_stream-nghttpd-limit", "client"), "http2.refused_stream"
    )
    shorten(connection)
    assert connection.http
    assert [one.index for one in connection.http.exchanges] == [1, 2]
    (other,) = connection.other_failures
    assert (other.explanation, other.fixes, other.commands) == ("", [], [])
    assert other.attribution.evidence == []


def test_envoy_s_reply_is_told_with_what_it_said() -> None:
    report = told("http.local_reply-envoy-refused", "proxy")
    connection = failed(report, "http.local_reply")
    envoy = connection.verdict.envoy
    assert envoy
    assert envoy.observed
    assert (envoy.observed.flag, envoy.observed.agrees) == ("UF", True)
    assert connection.http
    (exchange,) = connection.http.exchanges
    assert exchange.made_by == connection.responder.ip
    assert exchange.local_reply
    assert exchange.local_reply.product == "envoy"
    events = [entry.event for entry in connection.timeline]
    assert "503 (Envoy's own)" in events
    assert any(event.startswith("GET /") for event in events)


def test_what_it_said_is_not_compared_where_the_other_leg_is_not_in_the_capture() -> None:
    connection = failed(
        told("http.local_reply-envoy-refused", "proxy-downstream"), "http.local_reply"
    )
    assert connection.verdict.envoy
    assert connection.verdict.envoy.observed
    assert connection.verdict.envoy.observed.agrees is None


@pytest.mark.parametrize("every", [True, False])
def test_with_all_the_requests_of_healthy_connections_are_listed(every: bool) -> None:
    report = told("healthy-origin-own-errors", "client", all_connections=every)
    listed = [c.http for c in report.connections]
    assert report.summary.failed == 0
    assert bool(listed) is every
    assert all(http and [one.status for one in http.exchanges] for http in listed)
