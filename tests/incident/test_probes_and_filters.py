"""Captures in which nothing failed, and that look as if it had: probes, filters for flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests import parts
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


@pytest.mark.parametrize(("repeated", "sure"), [(False, 0.6), (True, 0.9)])
def test_one_syn_of_each_connection_to_one_server_may_be_a_filter(
    tmp_path: Path, repeated: bool, sure: float
) -> None:
    source = FIXTURES / "pcaps" / "capture-filter-syn" / "client.pcap"
    records = [
        r for r in parts.records_of(source) if r[46:50] == parts.records_of(source)[0][46:50]
    ]
    again = [parts.later(records[-1], 1), parts.later(records[-1], 9)] if repeated else []
    (file,) = parts.write(source, tmp_path / "one", [[*records, *again]])
    first, *_ = analyze([file], ALL).connections
    assert first.verdict.code == "tcp.connection_timeout"
    assert first.verdict.confidence == sure
    assert [o.code for o in first.verdict.alternatives] == ["capture.partial"][repeated:]
