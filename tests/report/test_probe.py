"""A probe's report as text: the conclusion first, equal verdicts once, a line for each check."""

from __future__ import annotations

import pytest

from pcapdiag.model.probe import (
    CheckName,
    ProbeCheck,
    ProbeFacts,
    ProbeReport,
    ProbeStep,
    ProbeTarget,
    ProbeVerdict,
    ProbeWho,
    Status,
)
from pcapdiag.model.report import Generator
from pcapdiag.report.layout import Page
from pcapdiag.report.probe import MAX_TOLD, render_probe_json, render_probe_text

pytestmark = pytest.mark.once

START = "1795000000.000000000"


def verdict(code: str) -> ProbeVerdict:
    return ProbeVerdict(
        code=code,
        title=f"what {code} means",
        explanation="why",
        confidence=0.9,
        who=ProbeWho(side="unknown", says="one of two"),
        fixes=["try this"],
        commands=["nc -vz a 1  # from b"],
    )


def check(status: Status, code: str = "", name: CheckName = "tcp") -> ProbeCheck:
    return ProbeCheck(
        name=name,
        what="10.0.0.1:443",
        status=status,
        says="says this",
        start=START,
        duration=0.1,
        facts=ProbeFacts(connect=0.002),
        verdict=verdict(code) if code else None,
        steps=[
            ProbeStep(number=1, time=START, by="here", what="SYN"),
            ProbeStep(number=2, time="1795000000.002000000", by="server", what="RST"),
        ],
    )


def report(*checks: ProbeCheck, interrupted: bool = False) -> ProbeReport:
    failed = any(one.status == "failed" for one in checks)
    return ProbeReport(
        generator=Generator(name="pcapdiag", version="0"),
        target=ProbeTarget(host="2001:db8::1", port=443),
        start=START,
        duration=0.5,
        status="failed" if failed else "ok",
        interrupted=interrupted,
        connections=2,
        max_connections=16,
        openssl="OpenSSL 3",
        checks=list(checks),
        notes=["a note"],
    )


def lines(made: ProbeReport) -> list[str]:
    return list(render_probe_text(made, Page(100)))


def test_the_first_line_is_the_conclusion() -> None:
    where = "[2001:db8::1]:443"
    assert lines(report(check("ok"), check("info", "tls.alert")))[0].startswith(
        f"OK      {where} answers as asked: 2 checks from here at 2026-11-18T"
    )
    assert lines(report(check("failed", "tls.alert"), check("skipped")))[0].startswith(
        f"FAILED  1 of 1 check of {where} from here at"
    )
    assert lines(report(check("ok"), interrupted=True))[0].startswith(
        f"STOPPED interrupted after 1 check of {where}"
    )


def test_equal_verdicts_are_told_once() -> None:
    text = lines(report(check("failed", "tls.alert"), check("failed", "tls.alert")))
    told = [line for line in text if line.startswith("WHAT")]
    assert len(told) == 1
    assert "(and so 1 more check)" in told[0]
    assert sum(line.startswith("FAILED  TCP") for line in text) == 2


def test_no_more_verdicts_than_a_reader_can_take() -> None:
    codes = ["tls.alert", "tcp.port_reuse", "dns.failure", "icmp.prohibited", "http.overflow"]
    text = lines(report(*(check("failed", code) for code in codes)))
    assert sum(line.startswith("WHAT") for line in text) == MAX_TOLD
    assert any(line.startswith("MORE") for line in text)


def test_a_verdict_says_what_who_steps_fix_next() -> None:
    text = lines(report(check("failed", "tls.alert")))
    labels = [line.split(" ")[0] for line in text[:9]]
    assert labels == ["FAILED", "WHAT", "", "WHO", "STEPS", "FIX", "NEXT", "SEE", ""]
    assert "STEPS   #1 > SYN  #2 < RST +2 ms" in text
    assert any(line.startswith(("ok ", "FAILED  TCP")) for line in text)


def test_json_ends_with_a_line_feed_and_leaves_out_what_was_not_seen() -> None:
    text = render_probe_json(report(check("ok")))
    assert text.endswith("}\n")
    assert '"facts": {\n        "connect": 0.002\n      }' in text
