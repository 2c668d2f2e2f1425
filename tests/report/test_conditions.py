"""What a pipeline calls a failure, for one report and for many."""

from __future__ import annotations

from collections import Counter

import pytest

from pcapdiag.model.report import CaptureOutcome
from pcapdiag.report.conditions import DEFAULT, Condition, Tally, fails
from tests.report.fabricate import finding, healthy, refused, report

pytestmark = pytest.mark.once

REFUSED = Tally.of(report([refused(), healthy()]))
WARNED = Tally(
    findings=Counter({"dns.slow": 1, "capture.drops": 1}),
    severities=Counter({"warning": 1, "info": 1}),
)
PARTIAL = Tally(codes=Counter({"capture.partial": 3}))


@pytest.mark.parametrize(
    ("text", "tally", "holds"),
    [
        ("code=tcp.connection_refused", REFUSED, True),
        ("code=tcp.*", REFUSED, True),
        ("code=*", REFUSED, True),
        ("code=tls.*", REFUSED, False),
        ("code=*", Tally.of(report([healthy()])), False),
        ("code=*", PARTIAL, False),
        ("code=capture.partial", PARTIAL, True),
        ("party=upstream", REFUSED, True),
        ("party=proxy", REFUSED, False),
        ("failed>0", REFUSED, True),
        ("failed>1", REFUSED, False),
        ("severity=failure", REFUSED, True),
        ("severity=failure", WARNED, False),
        ("severity=warning", WARNED, True),
        ("severity=info", WARNED, True),
        ("severity=info", Tally(), False),
        ("finding=dns.*", WARNED, True),
        ("finding=path.*", WARNED, False),
    ],
)
def test_a_condition_holds(text: str, tally: Tally, holds: bool) -> None:
    assert Condition.parse(text).holds(tally) is holds


@pytest.mark.parametrize(
    "text",
    [
        "", "code", "code=", "=tls.*", "failed=3", "failed>", "failed>-1", "failed>x", "party=nobody",
        "severity=bad", "level=warning", "side=upstream", "code>3", "code=tsl.*", "finding=tcp.connection_refused", "code=TLS.*", "cöde=x",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted is|no such"):
        Condition.parse(text)


def test_any_condition_is_enough_and_none_never_fails() -> None:
    either = (Condition.parse("code=tls.*"), Condition.parse("failed>0"))
    assert fails(REFUSED, either)
    assert not fails(REFUSED, ())


def test_unasked_a_failed_connection_or_a_finding_of_severity_failure_fails() -> None:
    assert fails(REFUSED, DEFAULT)
    assert not fails(WARNED, DEFAULT)
    assert not fails(Tally.of(report([healthy()])), DEFAULT)
    bad = report([healthy()])
    bad.findings.append(finding())
    assert fails(Tally.of(bad), DEFAULT)


def test_tallies_add_up() -> None:
    both = Tally()
    refused_twice = CaptureOutcome(
        failed=2, by_verdict={"ok": 7, "tcp.connection_refused": 2}, by_party={"upstream": 2}
    )
    slow = CaptureOutcome(findings={"dns.slow": 1}, severities={"warning": 1})
    for one in (refused_twice, refused_twice, slow):
        both.add(one)
    assert both == Tally(
        4,
        Counter({"tcp.connection_refused": 4}),
        Counter({"upstream": 4}),
        Counter({"dns.slow": 1}),
        Counter({"warning": 1}),
    )
