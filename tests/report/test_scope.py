"""The SCOPE line: what became of the other connections to the same address and port."""

from __future__ import annotations

import pytest

from pcapdiag.model.report import Connection, Scope
from pcapdiag.report.clock import Clock
from pcapdiag.report.scope import scope_text
from tests.report.fabricate import refused, seconds

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
