from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.capture import capture_findings
from pcapdiag.model.report import CaptureCounts, CaptureFile, CaptureSummary, Finding

pytestmark = pytest.mark.once


def found(summary: CaptureSummary, connections: int = 10, **more: int) -> dict[str, Finding]:
    return {f.code: f for f in capture_findings(summary, connections, **more)}


def test_a_good_capture_has_nothing_to_say() -> None:
    assert found(CaptureSummary(packets=1000)) == {}


def test_each_count_has_its_finding() -> None:
    counts = CaptureCounts(lost_by_capture=3, clock_steps=1, one_direction=9, disordered=50)
    summary = CaptureSummary(
        packets=1000, truncated_packets=100, duplicate_packets=20, counts=counts
    )
    findings = found(summary)
    assert sorted(findings) == [
        "capture.clock",
        "capture.dropped",
        "capture.duplicates",
        "capture.one_direction",
        "capture.truncated",
    ]
    assert findings["capture.duplicates"].count == 20
    assert findings["capture.dropped"].severity == "warning"
    assert findings["capture.one_direction"].numbers == {"one_direction": 9, "connections": 10}


def test_drops_that_the_kernel_counted() -> None:
    summary = CaptureSummary(counts=CaptureCounts(dropped_by_kernel=1200))
    assert "1,200 dropped packets" in found(summary)["capture.dropped"].detail


def test_a_few_one_sided_connections_are_no_warning() -> None:
    summary = CaptureSummary(counts=CaptureCounts(one_direction=1))
    assert found(summary)["capture.one_direction"].severity == "info"


def test_two_points_name_the_command() -> None:
    files = [CaptureFile(path=path, format="pcap") for path in ("a.pcap", "my file.pcap")]
    finding = found(CaptureSummary(files=files), mixed=40, mixed_frame=7)["capture.mixed_points"]
    assert finding.commands == ["pcapdiag correlate point1=a.pcap point2='my file.pcap'"]
    assert finding.frames == [7]


def test_a_clock_that_goes_back_a_little_is_told_without_a_warning() -> None:
    slight = CaptureSummary(counts=CaptureCounts(clock_steps=108, slight_clock_steps=108))
    told = found(slight)["capture.clock"]
    assert (told.severity, told.count) == ("info", 108)
    assert "by 1 to 100 ms 108 times" in told.detail.lower()
    slight.counts.clock_steps += 1
    assert found(slight)["capture.clock"].severity == "warning"


def test_disorder_alone_is_no_clock_fault() -> None:
    assert found(CaptureSummary(counts=CaptureCounts(disordered=500))) == {}


def test_many_bytes_missing_look_like_a_capture_filter() -> None:
    few = CaptureSummary(packets=1000, counts=CaptureCounts(lost_by_capture=3))
    many = CaptureSummary(packets=20, counts=CaptureCounts(lost_by_capture=9))
    assert "filter" not in found(few)["capture.dropped"].title
    assert "filter" in found(many)["capture.dropped"].title
    assert "flags" in found(many)["capture.dropped"].fixes[0]
