"""The summary of many captures as Markdown and as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from pcapdiag.model.report_outcome import CaptureOutcome, UpstreamCount
from pcapdiag.triage.junit import render_junit
from pcapdiag.triage.markdown import ROWS, render_markdown
from pcapdiag.triage.summary import Counting, Summary

pytestmark = pytest.mark.once

HOSTILE = "/in/|`@alice` <img src=x> ]]>\x00\u202e\n#1.pcap"
CODE = "tcp.connection_refused"


def refused(name: str, failed: int = 3) -> CaptureOutcome:
    kind = UpstreamCount(code=CODE, party="upstream", upstream="10.0.0.1:443", connections=failed)
    return CaptureOutcome(
        names=[name, name + ".copy"], connections=10, failed=failed, upstreams=[kind],
        failures={CODE: failed}, by_verdict={"ok": 7, CODE: failed},
    )  # fmt: skip


OUTCOMES = [
    refused(HOSTILE),
    CaptureOutcome(names=["/in/down.pcap"], findings={"x.y": 1}, severities={"failure": 1}),
    CaptureOutcome(names=["/in/fine.pcap"], connections=2),
    CaptureOutcome(names=["/in/late.pcap"], status="timeout", reason=HOSTILE),
]


def summary_of(outcomes: list[CaptureOutcome]) -> Summary:
    counting = Counting()
    for outcome in outcomes:
        counting.add(outcome)
    return counting.result(["/in/locked: permission denied"])


def test_a_capture_is_a_case() -> None:
    unreadable = ["/in/locked: permission denied"]
    text = "".join(render_junit(summary_of(OUTCOMES), OUTCOMES, unreadable))
    (suite,) = ElementTree.fromstring(text.encode())
    cases = suite.findall("testcase")
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors")}
    assert counts == {"tests": "5", "failures": "2", "errors": "2"}
    assert [one[0].tag if len(one) else "passed" for one in cases] == [
        "failure", "failure", "passed", "error", "error",
    ]  # fmt: skip
    assert cases[0].attrib["name"] == "/in/|`@alice` <img src=x> ]]>\\x00\\u202e\\x0a#1.pcap"
    assert cases[0][0].attrib == {
        "type": CODE,
        "message": f"3 of 10 connections failed: {CODE}",
    }
    assert f"3  {CODE} by upstream at 10.0.0.1:443" in (cases[0][0].text or "")
    assert cases[3][0].attrib["type"] == "timeout"


def test_markdown_has_the_tables_and_nobody_breaks_out() -> None:
    text = "".join(render_markdown(summary_of(OUTCOMES)))
    assert text.startswith("## 3 of 12 connections failed, in 1 capture\n")
    page = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert page.count("<table>") == 6
    assert "<code>10.0.0.1:443</code>" in text
    assert "<img" not in page
    assert "@alice" not in text
    assert "/in/locked: permission denied" in page.replace("<code>", "").replace("</code>", "")


def test_what_markdown_leaves_out_is_counted() -> None:
    many = [refused(f"/in/{n}.pcap", n) for n in range(1, 40)]
    text = "".join(render_markdown(summary_of(many)))
    assert f"and {39 - ROWS} more" in text
