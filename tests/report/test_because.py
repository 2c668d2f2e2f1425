"""Findings under the failures that they explain, and each in full once."""

from __future__ import annotations

import pytest

from pcapdiag.model.report import Finding, Report
from pcapdiag.report.layout import Page
from pcapdiag.report.text import render_text
from tests.report.fabricate import finding, healthy, refused, report, seconds

pytestmark = pytest.mark.once


def told(shown: Report) -> list[str]:
    return list(render_text(shown, Page(100)))


def hole(failed: int) -> Finding:
    return Finding(
        code="path.mtu",
        severity="failure",
        title="a path that carries packets of 1400 bytes at most",
        detail="from 10.0.1.5 to 10.0.2.7",
        streams=[17],
        count=failed,
        numbers={"failed": failed},
    )


def test_a_failure_names_what_explains_it_before_what_to_do() -> None:
    lines = told(report([refused(), refused(18, 2.0)], findings=[finding()]))
    labels = [line[:8].strip() for line in lines if line[:8].strip()]
    assert labels.index("BECAUSE") == labels.index("FIX") - 1
    (because,) = (line for line in lines if line.startswith("BECAUSE"))
    assert because.startswith("BECAUSE 10.0.2.7:8443 stopped serving  ")
    assert because.endswith("  endpoint.down")
    assert sum("were refused, 14 worked" in line for line in lines) == 1


def test_a_failure_that_no_finding_names_has_no_such_line() -> None:
    elsewhere = finding()
    elsewhere.streams = [99]
    lines = told(report([refused()], findings=[elsewhere]))
    assert not any(line.startswith("BECAUSE") for line in lines)


def test_a_finding_is_told_with_its_time_also_where_nothing_failed() -> None:
    text = " ".join(" ".join(told(report([healthy()], findings=[finding()]))).split())
    assert "14 worked before; 22:13:20.000Z to 22:13:29.000Z" in text
    brief = finding()
    brief.severity, brief.last = "info", seconds(0)
    text = " ".join(" ".join(told(report([healthy()], findings=[brief]))).split())
    assert "14 worked before; at 22:13:20.000Z" in text


def test_a_finding_that_repeats_its_one_verdict_is_one_line_under_it() -> None:
    lines = told(report([refused()], findings=[hole(1)]))
    assert sum("packets of 1400 bytes" in line for line in lines) == 1
    assert not any(line.startswith("FINDING") for line in lines)
    assert any("from 10.0.1.5 to 10.0.2.7" in line for line in lines)


def test_one_about_several_connections_or_about_none_that_is_told_is_in_full() -> None:
    assert any(x.startswith("FINDING") for x in told(report([refused()], findings=[hole(2)])))
    assert any(x.startswith("FINDING") for x in told(report([refused(5)], findings=[hole(1)])))


def test_many_findings_of_one_failure_are_counted() -> None:
    lines = told(report([refused()], findings=[finding() for _ in range(5)]))
    assert sum(line.startswith("BECAUSE") for line in lines) == 3
    assert any("and 2 more findings below" in line for line in lines)


def test_what_merely_names_a_failure_does_not_explain_it() -> None:
    seen, brief = finding(), finding()
    seen.code, seen.severity = "tls.certificate_expiring", "warning"
    brief.severity = "info"
    lines = told(report([refused()], findings=[seen, brief]))
    assert not any(line.startswith("BECAUSE") for line in lines)
    assert sum("stopped serving" in line for line in lines) == 2
