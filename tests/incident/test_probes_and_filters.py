"""Captures in which nothing failed, and that look as if it had: probes, filters for flags."""

from __future__ import annotations

import pytest

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES

ALL = AnalyzeOptions(all_connections=True)


@pytest.mark.parametrize(
    ("scenario", "capture", "codes"),
    [
        ("healthy-probe-half-close", "client", {"ok"}),
        ("healthy-probe-quit", "client", {"ok"}),
        ("healthy-one-word-services", "client", {"ok"}),
        ("healthy-late-bytes-after-answer", "client", {"ok"}),
        ("healthy-unused-408", "client", {"ok"}),
        ("healthy-stream-to-silent-server", "client", {"ok"}),
        ("capture-filter-syn", "client", {"capture.partial"}),
        ("capture-filter-syn", "both", {"capture.partial"}),
        ("capture-filter-syn-fin-rst", "client", {"ok", "capture.partial"}),
    ],
)
def test_nothing_failed(scenario: str, capture: str, codes: set[str]) -> None:
    report = analyze([FIXTURES / "pcaps" / scenario / f"{capture}.pcap"], ALL)
    assert {one.verdict.code for one in report.connections} == codes
