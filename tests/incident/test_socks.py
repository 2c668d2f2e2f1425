"""Captures of Dante: whose no it was, what caused it, and that nothing of a login is told."""

from __future__ import annotations

import pytest

from pcapdiag.incident.groups import group
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection, Report
from pcapdiag.pipeline import analyze
from pcapdiag.report.json import render_json
from tests.captures import FIXTURES

pytestmark = pytest.mark.once


def report_of(name: str, point: str = "client") -> Report:
    return analyze([FIXTURES / "pcaps" / name / f"{point}.pcap"], AnalyzeOptions())


def refused(name: str, point: str = "client") -> Connection:
    failed = report_of(name, point).connections
    return next(one for one in failed if one.verdict.code == "socks.refused")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("socks.refused-dante-no-method", 0xFF),
        ("socks.refused-dante-login", 1),
        ("socks.refused-dante-rule", 2),
        ("socks.refused-dante-target-refused", 5),
        ("socks.refused-dante-silent-target", 6),
        ("socks.refused-dante-version-4", 0x5B),
    ],
)
def test_the_proxy_is_the_one_that_said_no(name: str, code: int) -> None:
    one = refused(name)
    assert one.verdict.numbers["socks_reply"] == code
    assert (one.verdict.attribution.side, one.verdict.attribution.party) == ("responder", "proxy")


@pytest.mark.parametrize(
    "name",
    [
        "socks.refused-dante-target-refused",
        "socks.refused-dante-silent-target",
        "socks.refused-dante-version-4",
    ],
)
def test_the_leg_behind_it_is_the_cause(name: str) -> None:
    report = report_of(name, "proxy")
    front, behind = report.connections
    assert front.caused_by == behind.stream


def test_nothing_of_a_login_is_told() -> None:
    told = "".join(render_json(report_of("socks.refused-dante-login")))
    assert "nosuch" not in told
    assert told.count("wrong") == told.count("name or password is wrong")


def test_a_no_of_its_own_and_one_passed_on_are_not_told_as_one() -> None:
    one, other = refused("socks.refused-dante-rule"), refused("socks.refused-dante-target-refused")
    other.responder = one.responder
    other.verdict.attribution = one.verdict.attribution
    assert [each.connections for each in group([one, one, other])] == [2, 1]
