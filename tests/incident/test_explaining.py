"""The order of findings, and which connections they name."""

from __future__ import annotations

import pytest

from pcapdiag.incident.archive import Connections
from pcapdiag.incident.explaining import by_stream, in_order
from pcapdiag.model.report import Finding, Group, Severity
from tests.report.fabricate import refused

pytestmark = pytest.mark.once


def finding(severity: Severity, streams: list[int], title: str = "") -> Finding:
    return Finding(code="x.y", severity=severity, title=title, detail="", streams=streams)


def test_what_explains_failures_comes_first_then_warnings() -> None:
    group = Group(code="a.b", side="path", party="middlebox", connections=1, title="", streams=[7])
    given = [
        finding("info", [], "note"),
        finding("warning", [3], "warning"),
        finding("info", [7], "merely names it"),
        finding("failure", [], "failure"),
        finding("warning", [7], "explains"),
    ]
    assert [one.title for one in in_order(given, [group])] == [
        "failure", "explains", "warning", "note", "merely names it",
    ]  # fmt: skip


def test_connections_name_their_findings_from_then_on() -> None:
    kept = Connections(lambda _connection: None)
    kept.add(refused(17))
    kept.add(refused(18))
    assert kept[0].findings == []
    kept.name_findings([finding("info", []), finding("failure", [17, 18]), finding("info", [18])])
    assert [one.findings for one in kept] == [[1], [1, 2]]


def test_streams_are_those_of_a_point() -> None:
    first, second = finding("info", [1]), finding("info", [1])
    first.point, second.point = "client", "server"
    assert by_stream([first, second], "client") == {("client", 1): [0], ("server", 1): [1]}
    kept = Connections(lambda _connection: None)
    kept.add(refused(1))
    kept.name_findings([second, first], "client")
    assert kept[0].findings == [1]
