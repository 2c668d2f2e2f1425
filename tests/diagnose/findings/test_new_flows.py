"""Finding path.new_flows_dropped: SYNs lost far above data."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.findings.new_flows import NewFlowsDropped
from pcapdiag.model.fleet import (
    CAME_UP,
    SILENT,
    CallerFacts,
    Fleet,
    LossFacts,
    Served,
    SpanFacts,
)
from pcapdiag.model.report import Connection, Finding
from tests.report.fabricate import PROXY, UPSTREAM, refused

pytestmark = pytest.mark.once

CALLER = CallerFacts(
    caller=PROXY,
    endpoint=f"{UPSTREAM}:8443",
    connections=40,
    lowest_port=40_000,
    highest_port=40_100,
    address=UPSTREAM,
    came_up=28,
    dropped=12,
    first_dropped=10**18,
    last_dropped=10**18 + 5 * 10**9,
    drop_episodes=6,
)
DATA = LossFacts(UPSTREAM, sent=200, sent_lost=1, taken=100)


def find(
    caller: CallerFacts = CALLER, data: LossFacts = DATA, *seen: Connection, **more: object
) -> list[Finding]:
    finder = NewFlowsDropped()
    for connection in seen:
        finder.look(connection)
    fleet = Fleet(callers=[caller], losses=[data])
    for name, value in more.items():
        setattr(fleet, name, value)
    return finder.findings(fleet)


def with_code(code: str) -> Connection:
    connection = refused(stream=4)
    connection.verdict.code = code
    return connection


def test_syns_are_dropped_and_data_is_not() -> None:
    (finding,) = find(CALLER, DATA, with_code("tcp.connection_timeout"))
    assert (finding.code, finding.severity) == ("path.new_flows_dropped", "failure")
    assert finding.title.startswith("30% of new connections to 10.0.2.7:8443 are dropped")
    assert "the first SYN of 12 of 40 connections" in finding.detail
    assert "of 300 data segments to and from the same hosts 1 were lost" in finding.detail
    assert "its own SYN queue" in finding.detail
    assert finding.streams == [4]
    assert (finding.count, finding.numbers["share"]) == (12, 0.3)


def test_it_is_a_warning_where_repeats_saved_all() -> None:
    (finding,) = find()
    assert finding.severity == "warning"


def test_several_endpoints_of_a_network_are_one_finding() -> None:
    other = replace(CALLER, endpoint="10.0.2.8:8443", address="10.0.2.8")
    (finding,) = NewFlowsDropped().findings(Fleet(callers=[CALLER, other], losses=[DATA]))
    assert "to 10.0.2.0/24 are dropped" in finding.title
    assert "SYN queue" not in finding.detail
    assert finding.count == 24


@pytest.mark.parametrize(
    "caller",
    [
        replace(CALLER, dropped=4),
        replace(CALLER, came_up=400),
        replace(CALLER, drop_episodes=2),
    ],
    ids=["few", "a small share", "an outage"],
)
def test_no_finding(caller: CallerFacts) -> None:
    assert find(caller) == []


def test_where_data_is_lost_as_well_it_is_loss() -> None:
    assert find(CALLER, replace(DATA, sent_lost=30)) == []


def test_without_data_there_is_nothing_to_compare_with() -> None:
    assert find(CALLER, LossFacts(UPSTREAM, sent=20)) == []


def test_the_capturing_host_itself_dropped_them() -> None:
    assert find(capture_hosts=frozenset({UPSTREAM})) == []


def test_a_full_accept_queue_explains_them() -> None:
    assert find(CALLER, DATA, with_code("tcp.accept_queue_overflow")) == []


@pytest.mark.parametrize(("served", "found"), [(9, 1), (2, 0)])
def test_one_outage_of_new_connections_alone(served: int, found: int) -> None:
    second, begin = 10**9, 10**18
    before = SpanFacts(CAME_UP, begin, begin + second, 9)
    before.served = Served(served, begin + 2 * second, begin + 6 * second, second)
    silent = SpanFacts(SILENT, begin + 2 * second, begin + 6 * second, 12)
    spans = {CALLER.endpoint: [before, silent]}
    caller, end = replace(CALLER, drop_episodes=1), begin + 6 * second
    findings = find(caller, DATA, spans=spans, last_time=end)
    assert len(findings) == found
    assert all("while those from before were served" in one.detail for one in findings)


def test_three_times_are_no_outage_any_more() -> None:
    assert find(replace(CALLER, drop_episodes=3))
