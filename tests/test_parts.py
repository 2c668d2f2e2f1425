"""Files of a rotated set, one after the other, say what the whole capture says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pcapdiag import pipeline
from pcapdiag.incident.carrying import Carry
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection, Report
from tests.captures import FIXTURES
from tests.parts import later, records_of, split, write

ALL = AnalyzeOptions(all_connections=True)
PCAPS = FIXTURES / "pcaps"
CAPTURES = [
    "tcp.connection_refused-service-tries-again/proxy.pcap",
    "http.local_reply-envoy-retries/proxy.pcap",
    "healthy-pod-outbound/pod.pcap",
]


def verdicts(report: Report) -> Counter[tuple[str, int, str, str]]:
    return Counter(
        (one.start, one.initiator.port, one.verdict.code, one.verdict.attribution.party)
        for one in report.connections
        if isinstance(one, Connection)
    )


def in_parts(files: list[Path]) -> list[Report]:
    reports = []
    carried: Carry | None = None
    for number, path in enumerate(files, 1):
        last = number == len(files)
        report, carried = pipeline.analyze_part(str(path), ALL, carried, last=last)
        reports.append(report)
    assert carried is None
    return reports


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("count", [2, 7])
def test_parts_are_the_whole(tmp_path: Path, name: str, count: int) -> None:
    whole = pipeline.analyze([str(PCAPS / name)], ALL)
    reports = in_parts(split(PCAPS / name, tmp_path, count))
    found: Counter[tuple[str, int, str, str]] = Counter()
    for report in reports:
        found += verdicts(report)
    assert found == verdicts(whole)
    for member in ("connections", "failed", "failed_requests"):
        wanted = getattr(whole.summary, member)
        assert sum(getattr(report.summary, member) for report in reports) == wanted
    for member in ("packets", "bytes"):
        wanted = getattr(whole.capture, member)
        assert sum(getattr(report.capture, member) for report in reports) == wanted
    assert [len(report.capture.files) for report in reports] == [1] * count


def test_late_packets_find_the_graves_of_an_earlier_part(tmp_path: Path) -> None:
    source = PCAPS / CAPTURES[0]
    records = records_of(source)
    parts = [records, [later(records[-1], 60)], [later(records[3], 65)], [later(records[-1], 70)]]
    reports = in_parts(write(source, tmp_path, parts))
    whole = pipeline.analyze([str(source)], ALL)
    assert sum(report.summary.connections for report in reports) == whole.summary.connections
