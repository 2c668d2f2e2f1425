"""Several captures joined into one report: counted once, told once, causes found across them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions, CapturePoint, EndPattern, TimeBound
from pcapdiag.model.report import Connection, Report
from tests.captures import FIXTURES

PCAPS = FIXTURES / "pcaps"
REFUSED = PCAPS / "http.local_reply-points-envoy-refused"
FORGED = PCAPS / "tcp.injected_reset-matched-ttl-both-ends"


def correlated(folder: Path, *labels: str, **chosen: object) -> Report:
    points = [CapturePoint(label, (str(folder / f"{label}.pcap"),)) for label in labels]
    return pipeline.correlate(points, AnalyzeOptions(**chosen))  # type: ignore[arg-type]


def failed(report: Report) -> Iterator[Connection]:
    return (one for one in report.connections if one.verdict.failed)


@pytest.fixture(scope="module")
def refused() -> Report:
    return correlated(REFUSED, "client", "proxy", "upstream", all_connections=True)


def test_every_connection_is_counted_and_listed_once(refused: Report) -> None:
    assert refused.summary.connections == len(refused.connections) == 4
    assert sum(refused.summary.by_verdict.values()) == 4
    assert [len(one.seen_at) for one in refused.connections] == [2, 2, 2, 2]
    assert refused.summary.failed == sum(group.connections for group in refused.groups) == 2


def test_the_points_and_their_clocks(refused: Report) -> None:
    first, proxy, upstream = refused.points
    assert (first.clock_offset, first.clock_error, first.shared) == (0.0, 0.0, 2)
    assert proxy.clock_offset == pytest.approx(-37.251, abs=0.002)
    assert upstream.clock_offset == pytest.approx(1.25, abs=0.002)
    assert refused.capture.packets == sum(point.packets for point in refused.points)


def test_the_cause_of_the_client_s_503_is_in_other_captures(refused: Report) -> None:
    reply, call = failed(refused)
    assert (reply.verdict.code, reply.point) == ("http.local_reply", msgspec.UNSET)
    assert (call.verdict.code, call.point) == ("tcp.connection_refused", "proxy")
    (cause,) = reply.causes
    assert (cause.stream, cause.point, cause.frame) == (call.stream, "proxy", 31)
    assert reply.caused_by == call.stream
    assert "(stream 3 at proxy, frame 31)" in reply.verdict.notes[0]
    assert refused.summary.by_party == {"upstream": 1}


def test_what_a_later_point_tells_is_marked_and_on_the_first_clock(refused: Report) -> None:
    _, call = failed(refused)
    assert {seen.point: seen.stream for seen in call.seen_at} == {"proxy": 3, "upstream": 1}
    first, last = (float(one.start) for one in (refused.connections[0], call))
    assert 0 < last - first < 1
    assert {entry.point for entry in call.timeline} == {"proxy", "upstream"}
    assert [reset.point for reset in call.resets] == ["proxy"]
    assert call.verdict.point == "proxy"


def test_labels_say_who_is_who_where_nothing_else_does() -> None:
    report = correlated(FORGED, "client", "upstream")
    assert not report.topology.assumed
    assert report.topology.clients == ["10.176.30.124"]
    assert report.topology.upstreams == ["100.90.63.197"]
    (connection,) = report.connections
    assert (connection.initiator.role, connection.responder.role) == ("client", "upstream")


def test_two_points_without_a_common_connection_have_no_common_clock() -> None:
    report = correlated(REFUSED, "client", "upstream")
    assert report.points[1].clock_offset is None
    assert report.summary.connections == 4
    assert [point.shared for point in report.points] == [0, 0]
    reply = next(one for one in failed(report) if one.verdict.code == "http.local_reply")
    assert reply.causes == []


@pytest.mark.parametrize(
    ("chosen", "connections"),
    [
        ({"streams": (1,)}, 1),
        ({"hosts": (EndPattern.parse("172.25.153.180"),)}, 2),
        ({"ports": (8080,)}, 2),
        ({"time_from": TimeBound(0, from_start=True)}, 4),
        ({"time_to": TimeBound(100_000_000, from_start=True)}, 2),
    ],
)
def test_filters_choose_by_what_any_point_shows(
    chosen: dict[str, object], connections: int
) -> None:
    report = correlated(REFUSED, "client", "proxy", "upstream", **chosen)
    assert report.summary.connections == connections


def test_a_reset_seen_at_both_points_is_one() -> None:
    report = correlated(
        PCAPS / "tcp.reset_before_response-points-host-rejects", "client", "upstream"
    )
    alone = pipeline.analyze(
        [str(PCAPS / "tcp.reset_before_response-points-host-rejects" / "client.pcap")],
        AnalyzeOptions(),
    )
    assert sum(report.summary.resets.values()) == sum(alone.summary.resets.values())


def test_a_packet_is_named_by_the_capture_whose_frame_it_is() -> None:
    (one,) = correlated(
        PCAPS / "mtu.black_hole-points-request-v6", "client", "upstream"
    ).connections
    named = {passage.frames[0]: passage.event for passage in one.passages}
    assert (named[10], named[11], named[17]) == ("SYN", "SYN,ACK", "POST /upload")
    assert one.passages[-1].frames == [26, 17]


def test_the_order_of_the_points_changes_no_verdict() -> None:
    one = correlated(FORGED, "client", "upstream")
    other = correlated(FORGED, "upstream", "client")
    for report in (one, other):
        (connection,) = report.connections
        assert connection.verdict.code == "tcp.injected_reset"
        assert connection.verdict.attribution.side == "path"
        assert connection.path_order == ["client", "upstream"]


def test_what_came_past_a_nat_belongs_to_the_connection_that_it_forgot() -> None:
    report = correlated(PCAPS / "tcp.stale_connection-points-nat-forgot", "client", "upstream")
    (one,) = failed(report)
    assert report.summary.connections == 2
    assert (one.verdict.code, one.verdict.attribution.side) == ("tcp.stale_connection", "path")
    evidence = {each.signal: each.detail for each in one.verdict.attribution.evidence}
    assert "arrived untranslated at upstream" in evidence["untranslated"]
    assert "born_between" not in evidence
    assert {found.code for found in report.findings} == {"path.nat_leak"}


def test_only_what_a_second_reading_kept_stays_in_memory() -> None:
    """Its tables may be as large as those of the first one."""
    points = [
        CapturePoint(label, (str(FORGED / f"{label}.pcap"),)) for label in ("client", "upstream")
    ]
    for study in pipeline.compare(points, AnalyzeOptions()).studies:
        assert study.second is not None
        assert study.second.traces.get(0)
        assert not hasattr(study.second, "tracker")
        assert not hasattr(study.second, "readers")


def test_connections_that_are_not_compared_by_packets_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = (
        "of 2 connections that failed, or may have, only the first 1 were compared packet by packet"
    )
    assert said not in correlated(REFUSED, "client", "proxy", "upstream").capture.notes
    monkeypatch.setattr("pcapdiag.incident.correlation.MAX_WATCHED", 1)
    assert said in correlated(REFUSED, "client", "proxy", "upstream").capture.notes


def test_limits_of_a_comparison_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapdiag.incident.archive.MAX_FAILED", 0)
    monkeypatch.setattr("pcapdiag.flow.prints.MAX_PRINTS", 1)
    capture = correlated(REFUSED, "client", "proxy", "upstream").capture
    assert capture.counts.limits["prints"] == 8 - 3  # Of each point one stays.
    assert capture.counts.limits["second_judgements"] == 4  # Two failures, each at two points.
