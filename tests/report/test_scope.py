"""The SCOPE line: what became of the other connections to the same address and port."""

from __future__ import annotations

import pytest

from pcapdiag.model.report import Connection, Report, Scope
from pcapdiag.report.clock import Clock
from pcapdiag.report.layout import Page
from pcapdiag.report.scope import scope_text
from pcapdiag.report.text import render_text
from tests.report.fabricate import refused, report, seconds

CLOCK = Clock(start=seconds(0))


def told(scope: Scope | None) -> str:
    connection: Connection = refused()
    connection.scope = scope
    return scope_text(connection, CLOCK)


def outcome(failed: int, worked: int, up: tuple[float, float] | None = None) -> Scope:
    scope = Scope(connections=failed + worked, failed=failed, worked=worked)
    scope.first_failed, scope.last_failed = seconds(10), seconds(20)
    if up:
        scope.first_established, scope.last_established = seconds(up[0]), seconds(up[1])
    return scope


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (None, ""),
        (Scope(connections=1, failed=1, worked=0), "the only connection to :8443 in this capture"),
        (outcome(2, 0), "both connections to :8443 failed, opened 22:13:30.000Z to 22:13:40.000Z"),
        (outcome(9, 0), "all 9 connections to :8443 failed, opened 22:13:30.000Z to 22:13:40.000Z"),
        (outcome(1, 14, (1, 9)), "1 of 15 connections to :8443 failed, 14 worked before"),
        (outcome(1, 14, (21, 30)), "1 of 15 connections to :8443 failed, 14 worked afterwards"),
        (outcome(1, 1234, (1, 30)), "1 of 1,235 connections to :8443 failed, 1,234 worked"),
    ],
)  # fmt: skip
def test_others_to_the_same_place(scope: Scope | None, text: str) -> None:
    assert told(scope) == text


def test_other_ports_of_the_address() -> None:
    scope = outcome(1, 1)
    scope.ports_working, scope.ports_failing = [80, 443, 9090, 9091, 9092], [22]
    assert told(scope).endswith(
        "; :22 failed too; :80, :443, :9090 and 2 more ports fine throughout"
    )


def test_with_filters_only_the_handshakes_are_known() -> None:
    scope = Scope(connections=12, established=3, refused=9)
    assert told(scope) == "12 connections to :8443 in this capture: 3 came up, 9 refused"


def test_where_what_did_not_fail_did_not_work_either_it_says_so() -> None:
    scope = outcome(1, 0)
    scope.connections = 9
    assert told(scope) == "1 of 9 connections to :8443 failed, none worked"


def test_one_address_that_tries_very_many_ports_looks_like_a_scan() -> None:
    shown = report([refused(n) for n in range(3)])
    (group,) = shown.groups
    group.responder, group.initiator, group.endpoints = "10.0.2.7", "10.0.1.5", 50
    assert "many ports of 10.0.2.7, all tried by 10.0.1.5, as a scan does;" in flat(shown)
    group.endpoints = 49
    assert "many ports of 10.0.2.7, all tried by 10.0.1.5;" in flat(shown)
    group.endpoints, group.initiator = 50, None
    assert "many ports of 10.0.2.7;" in flat(shown)


def test_monitoring_calls_many_addresses_and_is_no_scan() -> None:
    shown = report([refused(n) for n in range(3)])
    (group,) = shown.groups
    group.responder, group.initiator, group.endpoints = None, "10.0.1.5", 50
    assert "many endpoints, all tried by 10.0.1.5;" in flat(shown)


def flat(shown: Report) -> str:
    return " ".join(" ".join(render_text(shown, Page(100))).split())
