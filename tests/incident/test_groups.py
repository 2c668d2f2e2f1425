"""Groups and totals: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.incident import groups
from pcapdiag.incident.groups import GROUP_STREAMS, group, summarize
from pcapdiag.model.report import Cause, Connection
from tests.report.fabricate import healthy, refused, seconds


def test_the_same_failure_by_the_same_culprit_is_one_group() -> None:
    result = group([refused(n, offset=n) for n in range(1, 4)] + [refused(9, port=9999)])
    assert [(g.connections, g.responder, g.streams) for g in result] == [
        (3, "10.0.2.7:8443", [1, 2, 3]),
        (1, "10.0.2.7:9999", [9]),
    ]
    assert (result[0].first, result[0].last) == (seconds(1.00031), seconds(3.00031))


def test_a_group_lasts_from_its_first_failure_to_its_last_however_old_its_connections() -> None:
    old, new = refused(1, offset=0), refused(2, offset=50)
    old.verdict.time = seconds(60)
    (only,) = group([old, new])
    assert (only.first, only.last) == (seconds(50.00031), seconds(60))


def test_of_failures_that_one_verdict_stands_for_the_end_is_known() -> None:
    several = refused(1)
    several.verdict.time, several.end = seconds(1), seconds(9)
    several.other_failures = [replace(several.verdict, count=3)]
    (only,) = group([several])
    assert (only.first, only.last) == (seconds(1), seconds(9))


def test_another_culprit_is_another_group() -> None:
    other = refused(2)
    other.verdict.attribution.side = "path"
    assert len(group([refused(1), other])) == 2


def test_another_cause_on_the_other_leg_is_another_group() -> None:
    def caused(stream: int, code: str) -> Connection:
        made = refused(stream)
        made.causes = [Cause(stream=9, frame=1, code=code, time=seconds(1), endpoint="10.0.2.7:80")]
        return made

    codes = ("tcp.connection_refused", "tcp.connection_refused", "tcp.response_timeout")
    several = [caused(n, code) for n, code in enumerate(codes)]
    assert [g.connections for g in group([*several, refused(5)])] == [2, 1, 1]


def test_every_failed_request_of_a_connection_counts() -> None:
    failed, alike = refused(1), replace(refused(2).verdict, exchange=3, count=4)
    failed.verdict = replace(failed.verdict, exchange=0)
    other = replace(alike, code="grpc.error", count=2)
    failed.other_failures = [alike, other]
    summary, (only,) = summarize([failed])
    assert summary.failed_requests == 7
    assert only.requests == 5


def test_a_failure_without_a_request_counts_none() -> None:
    summary, (only,) = summarize([refused(1)])
    assert (summary.failed_requests, only.requests) == (0, 0)


def test_healthy_connections_are_in_no_group() -> None:
    assert group([healthy()]) == []


def test_streams_of_a_large_group_are_bounded_and_all_are_counted() -> None:
    (only,) = group(refused(n) for n in range(GROUP_STREAMS + 50))
    assert only.connections == GROUP_STREAMS + 50
    assert len(only.streams) == GROUP_STREAMS


def test_groups_without_room_share_one_of_the_same_culprit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 3)
    result = group(refused(n, port=1000 + n) for n in range(10))
    assert sum(g.connections for g in result) == 10
    assert len(result) == 4
    assert (result[0].connections, result[0].responder) == (7, "10.0.2.7")


def test_a_sweep_over_more_addresses_than_there_is_room_for_is_one_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 20)
    sweep = [refused(n) for n in range(100)]
    for number, connection in enumerate(sweep):
        connection.responder.ip = f"10.9.0.{number}"
        connection.verdict.attribution.address = connection.responder.ip
    (only,) = group(sweep)
    assert (only.connections, only.responder, only.address) == (100, None, None)


def test_a_scan_beyond_the_room_for_groups_is_still_one_of_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 20)
    scan = [refused(n, port=1000 + n) for n in range(300)]
    for connection in scan:
        connection.responder.ip = "2001:db8::7"
    (only,) = group(scan)
    assert (only.connections, only.responder) == (300, "[2001:db8::7]")


def test_a_port_scan_is_one_group_of_the_address() -> None:
    scan = [refused(n, offset=n, port=1000 + n) for n in range(200)]
    for connection in scan:
        connection.verdict.title = f"refused: {connection.responder.port} answered by RST"
    (only,) = group(scan)
    assert (only.connections, only.responder, only.title) == (200, "10.0.2.7", "refused")
    assert only.streams == list(range(GROUP_STREAMS))
    assert (only.first, only.last) == (seconds(0.00031), seconds(199.00031))


def test_a_service_that_fails_much_stands_apart_from_a_scan() -> None:
    scan = [refused(n, port=1000 + n) for n in range(200)]
    service = [refused(1000 + n, port=8443) for n in range(300)]
    result = group(scan + service)
    assert [(g.connections, g.responder) for g in result] == [
        (300, "10.0.2.7:8443"),
        (200, "10.0.2.7"),
    ]


def test_verdicts_add_up_and_a_consequence_is_not_counted_for_a_party() -> None:
    consequence = refused(3)
    consequence.caused_by = 17
    summary, found = summarize([refused(), consequence, healthy()], {"ok": 40}, {"client": 5})
    assert summary.connections == 43
    assert summary.failed == 2
    assert summary.by_verdict == {"ok": 41, "tcp.connection_refused": 2}
    assert summary.by_party == {"upstream": 1}
    assert summary.resets == {"client": 5, "upstream": 2}
    assert [g.connections for g in found] == [2]


def test_rows_are_counted_as_not_detailed_and_healthy_ones_are_not() -> None:
    row = refused(3)
    row.timeline = []
    summary, _ = summarize([refused(), row, healthy()])
    assert summary.not_detailed == 1


def test_a_failed_request_is_one_that_was_sent() -> None:
    cut = refused(4)
    cut.verdict.phase = "in_response"
    summary, found = summarize([refused(), cut])
    assert summary.failed_requests == 1
    assert sum(g.requests for g in found) == 1


def test_who_opened_them_all_is_told_and_how_many_endpoints_they_were_for() -> None:
    scan = [refused(n, port=1000 + n % 100) for n in range(200)]
    (only,) = group(scan)
    assert (only.initiator, only.endpoints) == (scan[0].initiator.ip, 100)
    scan[7].initiator.ip = "10.0.9.9"
    (only,) = group(scan)
    assert only.initiator is None
    same = [refused(n) for n in range(2)]
    (only,) = group(same)
    assert (only.initiator, only.endpoints) == (same[0].initiator.ip, 1)
    same[1].initiator.ip = "10.0.9.9"
    assert group(same)[0].initiator is None
