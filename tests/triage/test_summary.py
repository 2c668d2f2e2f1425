"""The numbers of many captures, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapdiag.model.report_outcome import CaptureOutcome, UpstreamCount
from pcapdiag.report.layout import Page
from pcapdiag.triage import kinds, summary
from pcapdiag.triage.kinds import OTHERS, Kind, most_frequent
from pcapdiag.triage.overview import render_overview
from pcapdiag.triage.page import render_summary
from pcapdiag.triage.summary import Counting, Summary
from tests.triage.several import DOZEN, run

pytestmark = pytest.mark.once

HOSTILE = "/in/<img src=x onerror=alert(1)>.pcap"


def capture(name: str, failed: int = 1, upstream: str = "10.0.0.1:443") -> CaptureOutcome:
    return CaptureOutcome(
        names=[name],
        sha256=name,
        connections=10,
        packets=100,
        bytes=1000,
        failed=failed,
        failures={"tcp.connection_refused": failed} if failed else {},
        upstreams=[
            UpstreamCount(
                code="tcp.connection_refused",
                party="upstream",
                upstream=upstream,
                connections=failed,
            )
        ]
        if failed
        else [],
        findings={"endpoint.down": 1},
        severities={"failure": 1},
    )


def total(*captures: CaptureOutcome) -> Summary:
    counting = Counting()
    for one in captures:
        counting.add(one)
    return counting.result()


@pytest.fixture
def mixed() -> Summary:
    late = CaptureOutcome(names=["/in/late.pcap"], status="timeout", reason="it takes longer")
    copy = capture("/in/b.pcap", 3, "10.0.0.2:443")
    copy.names.append("/in/c.pcap")
    return total(capture("/in/a.pcap"), copy, late, capture(HOSTILE, 2))


def test_captures_add_up(mixed: Summary) -> None:
    assert (mixed.captures, mixed.examined, mixed.duplicates) == (4, 3, 1)
    assert mixed.not_examined == {"timeout": 1}
    assert (mixed.connections, mixed.failed, mixed.packets, mixed.bytes) == (30, 6, 300, 3000)
    (verdict,) = mixed.verdicts
    assert (verdict.name, verdict.failed, verdict.captures) == ("tcp.connection_refused", 6, 3)
    (party,) = mixed.parties
    assert (party.name, party.failed, party.captures) == ("upstream", 6, 3)
    assert [(row.name, row.failed, row.captures) for row in mixed.upstreams] == [
        ("10.0.0.1:443", 3, 2),
        ("10.0.0.2:443", 3, 1),
    ]
    assert [row.names[0] for row in mixed.worst] == ["/in/b.pcap", HOSTILE, "/in/a.pcap"]
    assert mixed.findings[0].captures == 3


def test_lists_are_cut_and_what_is_cut_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MAX_ROWS", 2)
    monkeypatch.setattr(summary, "MAX_NAMES", 4)
    many = total(*(capture(f"/in/{n}", n, f"10.0.0.{n}:443") for n in range(1, 10)))
    assert [row.failed for row in many.worst] == [9, 8]
    assert many.left_out == {"upstreams": 3, "worst": 7}
    monkeypatch.setattr(summary, "MAX_ROWS", 9)
    many = total(*(capture(f"/in/{n}", n, f"10.0.0.{n}:443") for n in range(1, 10)))
    assert [(row.name, row.failed) for row in many.upstreams][-1] == (OTHERS, 35)


def test_a_capture_names_its_most_frequent_upstreams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "MAX_UPSTREAMS", 1)
    from collections import Counter

    counted = Counter(
        {Kind("a", "proxy", "x"): 5, Kind("a", "proxy", "y"): 2, Kind("a", "proxy", None): 1}
    )
    told = [(one.upstream, one.connections) for one in most_frequent(counted)]
    assert told == [("x", 5), (OTHERS, 3)]


def test_the_text_is_for_people(mixed: Summary) -> None:
    lines = list(render_overview(mixed, Page(100), "out"))
    assert lines[0] == (
        "TRIAGE  4 captures: 3 examined, 1 timeout, 1 copy found elsewhere, not counted again"
    )
    text = "\n".join(lines)
    assert "      6         3  tcp.connection_refused" in text
    assert "      3         2  10.0.0.1:443  mostly tcp.connection_refused" in text
    assert "in /in/" in text
    assert "      3  10        tcp.connection_refused  b.pcap (+1)" in text
    assert "TIMEOUT /in/late.pcap: it takes longer" in text
    assert max(map(len, lines)) <= 100


def test_a_long_name_shows_its_end() -> None:
    deep = capture(f"/in/{'deep/' * 40}last.pcap", 2)
    lines = list(render_overview(total(deep, capture("/in/a.pcap")), Page(80), "out"))
    (line,) = [line for line in lines if line.endswith("deep/last.pcap")]
    assert "tcp.connection_refused  ..." in line
    assert len(line) == 80


def test_the_page_holds_what_strangers_wrote_as_text(mixed: Summary) -> None:
    page = render_summary(mixed)
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.pcap" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "6 of 30 connections failed, in 3 captures" in page
    assert render_summary(mixed) == page


@pytest.mark.parametrize(
    ("captures", "headline"),
    [
        ([capture("/in/a", 0)], "Nothing failed in 1 capture"),
        (
            [CaptureOutcome(names=["/in/a"], status="error", reason="x")],
            "Nothing could be examined",
        ),
    ],
)
def test_the_headline_says_no_more_than_is_known(
    captures: list[CaptureOutcome], headline: str
) -> None:
    assert f">{headline}</h1>" in render_summary(total(*captures))


def test_a_run_writes_both(tmp_path: Path) -> None:
    run(tmp_path / "out", DOZEN[:2], form="jsonl")
    told = json.loads((tmp_path / "out/summary.json").read_text(encoding="utf-8"))
    assert (told["schema"], told["captures"]) == ("pcapdiag-triage/1", 2)
    assert "<h1" in (tmp_path / "out/summary.html").read_text(encoding="utf-8")


def test_paths_are_told_as_seen_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = total(capture(str(tmp_path / "a.pcap")), capture(str(tmp_path / "b.pcap")))
    monkeypatch.chdir(tmp_path)
    assert any(line.endswith("  in .") for line in render_overview(many, Page(100), "out"))
    monkeypatch.chdir(tmp_path.parent)
    lines = render_overview(many, Page(100), "out")
    assert any(line.endswith(f"  in {tmp_path.name}/") for line in lines)
