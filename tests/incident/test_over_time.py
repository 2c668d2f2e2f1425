"""The report's activity: every bin as tshark counts it, and sums that are the summary's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions, CapturePoint, EndPattern
from pcapdiag.model.report import Activity, Report
from pcapdiag.model.units import SECOND, parse_seconds
from tests.captures import CAPTURES, FIXTURES, name_of

PCAPS = FIXTURES / "pcaps"
SOME = [capture for number, capture in enumerate(CAPTURES) if number % 72 == 7]


def analyzed(capture: Path, **chosen: object) -> Report:
    return pipeline.analyze([capture], AnalyzeOptions(**chosen))  # type: ignore[arg-type]


def activity(report: Report) -> Activity:
    assert report.activity is not None
    return report.activity


def by_tshark(capture: Path, like: Activity) -> list[list[int]]:
    """Packets, bytes and resets in the same bins."""
    names = ("frame.time_epoch", "tcp.len", "tcp.flags.reset")
    fields = [word for name in names for word in ("-e", name)]
    show = ["-T", "fields", "-E", "occurrence=l", *fields]
    command = ["tshark", "-n", "-r", str(capture), "-Y", "tcp && !icmp && !icmpv6", *show]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode in (0, 2), done.stderr  # 2: the file was cut
    bins = [[0] * len(like.packets) for _ in range(3)]
    start, width = parse_seconds(like.start), round(like.bin * SECOND)
    for line in done.stdout.splitlines():
        time, length, reset = line.split("\t")
        place = max(0, (parse_seconds(time) - start) // width)
        for row, count in zip(bins, (1, int(length), reset in ("1", "True")), strict=True):
            row[place] += count
    return bins


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("capture", SOME, ids=name_of)
def test_every_bin_is_what_tshark_counts(capture: Path) -> None:
    report = analyzed(capture)
    if report.activity is None or report.capture.duplicate_packets:
        return  # tshark counts duplicates
    found = report.activity
    assert [found.packets, found.bytes, found.resets] == by_tshark(capture, found)


@pytest.mark.parametrize("capture", SOME, ids=name_of)
def test_the_sums_are_the_summary_s(capture: Path) -> None:
    report = analyzed(capture, all_connections=True)
    if report.activity is None:
        assert report.summary.connections == 0
        return
    found, listed = report.activity, list(report.connections)
    again = [one.retransmissions.initiator + one.retransmissions.responder for one in listed]
    assert sum(found.opened) == report.summary.connections
    assert sum(found.retransmissions) == sum(again)
    assert {party: sum(row) for party, row in found.failed.items()} == report.summary.by_party
    lists = (found.bytes, found.opened, found.open, found.retransmissions, found.resets)
    assert {len(row) for row in (*lists, found.goaways)} == {len(found.packets)}
    assert min(found.open) >= 0


def test_a_failure_counts_when_it_became_one() -> None:
    report = analyzed(PCAPS / "tcp.injected_reset-sprayed" / "client.pcap")
    (connection,) = report.connections
    reset = next(one for one in connection.resets if one.frame == connection.verdict.frames[-1])
    assert connection.verdict.time == reset.time
    found = activity(report)
    place = (parse_seconds(reset.time) - parse_seconds(found.start)) // round(found.bin * 1e9)
    assert [n for n, count in enumerate(found.failed["middlebox"]) if count] == [place]
    assert found.resets[place]


def test_filters_leave_the_capture_over_time_as_it_is() -> None:
    capture = PCAPS / "healthy-refused-once-among-many" / "client.pcap"
    whole = activity(analyzed(capture))
    chosen = activity(analyzed(capture, hosts=(EndPattern.parse("192.0.2.1"),)))
    assert (chosen.packets, chosen.opened, chosen.open) == (whole.packets, whole.opened, whole.open)
    assert chosen.failed == {}


def test_goaways_of_healthy_connections_are_counted() -> None:
    (capture,) = (PCAPS / "healthy-http2-goaway-nginx").glob("*.pcap*")
    report = analyzed(capture, all_connections=True)
    told = [
        one
        for connection in report.connections
        if connection.http2
        for one in connection.http2.goaway
    ]
    assert sum(activity(report).goaways) == len(told) > 0


def test_every_point_has_its_own_and_failures_stand_with_the_first() -> None:
    folder = PCAPS / "http.local_reply-points-envoy-refused"
    labels = ("client", "proxy", "upstream")
    points = [CapturePoint(label, (str(folder / f"{label}.pcap"),)) for label in labels]
    report = pipeline.correlate(points, AnalyzeOptions())
    first, *others = report.points
    assert first.activity is None
    assert activity(report).packets == activity(analyzed(folder / "client.pcap")).packets
    for point in others:
        alone = activity(analyzed(folder / f"{point.label}.pcap"))
        assert point.activity is not None
        assert (point.activity.packets, point.activity.failed) == (alone.packets, {})
    failed = {party: sum(row) for party, row in activity(report).failed.items()}
    assert failed == report.summary.by_party == {"upstream": 1}


def test_without_tcp_there_is_none(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(
        bytes.fromhex("d4c3b2a1020004000000000000000000000004000100000000000000")[:24]
    )
    assert analyzed(empty).activity is None
