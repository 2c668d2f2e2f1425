"""Outages: from when until when, in part, and when it is no outage of the endpoint."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.endpoint_down import EndpointDown
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.fleet import CAME_UP, REFUSED, SILENT, Fleet, Served, SpanFacts
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds
from tests.diagnose.findings.test_fleet_findings import SECOND, START, failed_at

pytestmark = pytest.mark.once


def spans(*rows: tuple[int, float, float, int]) -> Fleet:
    facts = [
        SpanFacts(o, START + int(a * SECOND), START + int(b * SECOND), n) for o, a, b, n in rows
    ]
    return Fleet(spans={"10.0.2.7:9000": facts}, last_time=max(one.last for one in facts))


def down(fleet: Fleet, *connections: Connection) -> list[Finding]:
    finder = EndpointDown()
    for connection in connections:
        finder.look(connection)
    return finder.findings(fleet)


def test_down_from_when_until_when_and_what_it_explains() -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (REFUSED, 6, 8, 3), (CAME_UP, 9, 20, 4))
    (finding,) = down(fleet, failed_at(5.2), failed_at(7), failed_at(15))
    assert (finding.code, finding.severity, finding.count) == ("endpoint.down", "failure", 3)
    assert (finding.first, finding.last) == (
        format_seconds(START + 6 * SECOND),
        format_seconds(START + 9 * SECOND),
    )
    assert finding.streams == [52, 70]
    assert finding.numbers["back"] == 1
    assert "back, 4 s after" in finding.detail


@pytest.mark.parametrize(
    "rows",
    [
        [(REFUSED, 0, 9, 30)],
        [(CAME_UP, 0, 5, 9), (REFUSED, 6, 6, 1), (CAME_UP, 7, 9, 2)],
        [(CAME_UP, 0, 9, 9), (SILENT, 2, 5, 4)],
    ],
    ids=["never worked", "once", "others came up meanwhile"],
)
def test_no_outage(rows: list[tuple[int, float, float, int]]) -> None:
    assert down(spans(*rows)) == []


def test_what_the_files_end_cut_off_is_no_outage() -> None:
    """Calls of the last moment may be answered yet."""
    fleet = spans((CAME_UP, 0, 5, 9), (SILENT, 6, 6.2, 4))
    assert down(fleet) == []
    fleet.last_time = START + 9 * SECOND
    assert [one.count for one in down(fleet)] == [4]


def test_a_router_that_cannot_reach_the_host() -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (SILENT, 6, 9, 3))
    gone = failed_at(6, "icmp.unreachable", "path")
    gone.verdict.numbers = {"icmp_type": 3, "icmp_code": 1}
    (finding,) = down(fleet, gone)
    assert "a router said that it cannot reach the host" in finding.detail
    gone.verdict.numbers = {"icmp_type": 3, "icmp_code": 0}
    assert down(fleet, gone) == []


def test_the_last_refused_connection_belongs_to_the_outage() -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (REFUSED, 6, 7, 2))
    fleet.spans["10.0.2.7:9000"][1].last = time = 1_700_000_007_819_778_417
    last = failed_at(7)
    last.start = last.end = format_seconds(time)
    (finding,) = down(fleet, last)
    assert finding.streams == [70]


def test_nobody_tried_meanwhile() -> None:
    (finding,) = down(spans((CAME_UP, 0, 5, 9), (REFUSED, 6, 7, 3), (CAME_UP, 15, 20, 9)))
    assert finding.detail.endswith(
        "down for 1 s at least and 10 s at most, for nobody asked for a connection in the 8 s after"
    )


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (9, "it did not come back in this capture"),
        (30, "then nobody asked for one in the 22 s that the capture went on"),
    ],
)
def test_not_back_or_nobody_asked(end: int, said: str) -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (REFUSED, 6, 8, 3))
    fleet.last_time = START + end * SECOND
    (finding,) = down(fleet)
    assert finding.detail.endswith(said)


def test_what_does_not_answer_may_have_a_full_queue() -> None:
    (finding,) = down(spans((CAME_UP, 0, 5, 9), (SILENT, 6, 9, 3), (CAME_UP, 10, 11, 3)))
    assert "accept queue is full" in finding.fixes[1]
    assert finding.commands[0].startswith("ss -ltn 'sport = :9000'; nstat -az TcpExtListenDrops")


@pytest.mark.parametrize(
    ("unanswered", "severity", "said"),
    [
        (0, "warning", "answered only when their SYNs were repeated"),
        (1, "failure", "never answered"),
    ],
)
def test_connections_that_came_up_late_are_not_called_unanswered(
    unanswered: int, severity: str, said: str
) -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (SILENT, 6, 9, 3), (CAME_UP, 10, 11, 3))
    fleet.endpoints = [EndpointFacts("10.0.2.7", 9000, unanswered=unanswered)]
    (finding,) = down(fleet)
    assert finding.severity == severity
    assert said in finding.detail


@pytest.mark.parametrize(
    ("served", "goes_on"),
    [
        ((5, 5.5, 9.5, 1.5), True),
        ((4, 5.5, 9.5, 1.5), False),
        ((9, 5.5, 7.9, 1), False),
        ((9, 7.1, 9.5, 1), False),
        ((9, 5.5, 9.5, 1.6), False),
    ],
    ids=["all the time", "few", "before only", "when it woke up", "with a long gap"],
)
def test_no_new_connections_while_older_ones_are_served(
    served: tuple[int, float, float, float], goes_on: bool
) -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (SILENT, 6, 9, 3), (CAME_UP, 10, 11, 3))
    count, first, last, gap = served
    fleet.spans["10.0.2.7:9000"][0].served = Served(
        count, START + int(first * SECOND), START + int(last * SECOND), int(gap * SECOND)
    )
    assert (down(fleet) == []) is goes_on
    fleet.capture_hosts = frozenset({"10.0.2.7"})
    (finding,) = down(fleet)
    assert finding.detail.endswith("went on to answer on those from before") is goes_on


def by_turns(refusals: int, ups: int, turns: int) -> Fleet:
    """So many of each, one turn after the other."""
    rows = [(CAME_UP, 0.0, 1.0, 9)]
    for turn in range(2, turns + 2):
        rows += [(REFUSED, turn, turn + 0.2, refusals), (CAME_UP, turn + 0.3, turn + 0.9, ups)]
    return spans(*rows)


def test_one_of_several_servers_behind_an_address() -> None:
    fleet = by_turns(2, 4, 10)
    fleet.endpoints = [EndpointFacts("10.0.2.7", 9000, refused=90)]
    fleet.endpoints[0].last_refused = START + 20 * SECOND
    (finding,) = down(fleet, failed_at(3))
    assert (
        finding.title == "10.0.2.7:9000 refused some connections and took others at the same time"
    )
    assert finding.detail.startswith("90 connections refused in 18 s, by turns with others")
    assert (finding.count, finding.streams) == (90, [30])
    assert "ipvsadm -Ln" in finding.fixes[0]


def test_refused_and_unanswered_by_turns_is_one_outage() -> None:
    fleet = spans(
        (CAME_UP, 0, 5, 9), (REFUSED, 6, 8, 30), (SILENT, 8.1, 8.2, 2), (REFUSED, 8.3, 9, 9),
        (SILENT, 9.1, 9.1, 1), (REFUSED, 9.2, 10, 9), (CAME_UP, 11, 12, 9),
    )  # fmt: skip
    (finding,) = down(fleet)
    assert "stopped taking connections for a while" in finding.title
    assert finding.count == 51


def test_one_that_restarts_again_and_again_is_down_each_time() -> None:
    found = down(by_turns(30, 30, 4))
    assert [one.count for one in found] == [30] * 4
    assert all("stopped taking connections for a while" in one.title for one in found)


@pytest.mark.parametrize(
    ("then", "at_other_times", "shared"), [(2, 0, False), (3, 0, True), (3, 8, False)]
)
def test_many_hosts_silent_at_once_share_what_failed(
    then: int, at_other_times: int, shared: bool
) -> None:
    """A mobile caller without its uplink hears from nobody; some peers are never there."""
    fleet = spans((CAME_UP, 0, 9, 20), (SILENT, 10, 15, 4), (CAME_UP, 20, 30, 5))
    fleet.first_time, fleet.last_time = START, START + 100 * SECOND
    for number in range(then + at_other_times):
        at = 11 if number < then else 30 + number
        fleet.spans[f"10.0.3.{number}:80"] = spans((SILENT, at, at, 1)).spans["10.0.2.7:9000"]
    (finding,) = down(fleet)
    assert ("other hosts did not answer" in finding.detail) is shared
    assert ("uplink" in finding.fixes[0]) is shared


def test_a_device_between_says_nothing_of_the_endpoint() -> None:
    fleet = spans((CAME_UP, 0, 5, 9), (REFUSED, 6, 8, 3))
    assert down(fleet, failed_at(7, side="path")) == []
