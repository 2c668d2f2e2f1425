"""Series: what a connection's charts draw, in Wireshark's relative numbers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from pcapdiag import pipeline
from pcapdiag.cli.main import cli
from pcapdiag.incident.series import Zero, series
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.packet import ACK, RST
from pcapdiag.model.points import PointClock
from pcapdiag.model.report import Connection, SegmentSeries
from pcapdiag.model.story import Story
from tests.captures import FIXTURES
from tests.incident.test_timeline import HANDSHAKE, MS, fact, story

PCAPS = FIXTURES / "pcaps"
GIB = 1 << 30


def told(capture: Path, **chosen: object) -> list[Connection]:
    chosen = {"pictures": True, "all_connections": True, **chosen}
    return list(pipeline.analyze([capture], AnalyzeOptions(**chosen)).connections)  # type: ignore[arg-type]


def drawn(connection: Connection) -> SegmentSeries:
    assert isinstance(connection.series, SegmentSeries)
    return connection.series


def by_tshark(capture: Path) -> dict[int, list[int]]:
    names = ("frame.number", "tcp.seq", "tcp.ack", "tcp.window_size", "tcp.len", "tcp.flags")
    fields = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(capture), "-Y", "tcp && !icmp", "-T", "fields", *fields]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    rows = ([int(word or "0", 0) for word in line.split("\t")] for line in lines)
    return {row[0]: row[1:] for row in rows}


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize(
    "name",
    [
        "capture-one-direction-reset/client-in.pcap",
        "tcp.injected_reset-sprayed/client.pcap",
        "tcp.data_timeout-points-acks-lost/client.pcap",
        "tcp.idle_reset-points-clock-drift/upstream.pcap",
    ],
)
def test_every_number_is_what_wireshark_shows(name: str) -> None:
    theirs = by_tshark(PCAPS / name)
    listed = [connection for connection in told(PCAPS / name) if connection.timeline]
    ours = [one for connection in listed for one in drawn(connection).segments]
    assert ours
    for one in ours:
        shown = [one.seq & 0xFFFFFFFF, (one.ack or 0) & 0xFFFFFFFF, one.window, one.length]
        assert [*shown, one.flags] == theirs[one.frame], f"frame {one.frame}"


def test_windows_are_scaled_except_on_a_syn_and_times_count_from_the_start() -> None:
    one = story([*HANDSHAKE, fact(4, 250, ACK, client=False, seq=5001, ack=1001)])
    one.initiator.window_scale, one.responder.window_scale = 7, 3
    found = series(one, 16).segments
    assert [segment.window for segment in found] == [502, 502, 502 << 7, 502 << 3]
    assert [segment.time for segment in found] == [0.0, 0.001, 0.002, 0.25]
    assert [(segment.seq, segment.ack) for segment in found] == [(0, None), (0, 1), (1, 1), (1, 1)]


def test_a_scale_that_the_other_end_did_not_offer_is_none() -> None:
    one = story([fact(4, 3, ACK), fact(5, 4, ACK, client=False)])
    one.initiator.window_scale = 7
    assert [segment.window for segment in series(one, 16).segments] == [502, 502]


def test_numbers_go_on_past_four_gigabytes() -> None:
    step = GIB
    packets = [
        fact(4 + n, n, ACK, seq=(1001 + n * step) & 0xFFFFFFFF, length=1000) for n in range(10)
    ]
    found = series(story([*HANDSHAKE, *packets]), 16).segments[3:]
    assert [segment.seq for segment in found] == [1 + n * step for n in range(10)]


def test_after_packets_that_were_not_kept_numbers_go_on_by_the_bytes_sent() -> None:
    sent = 9 * GIB + 500
    last = fact(9_000_000, 90, ACK, seq=(1001 + sent - 1000) & 0xFFFFFFFF, length=1000)
    one = story([*HANDSHAKE, last], left_out=7_000_000)
    one.initiator.payload_bytes = sent + 30_000_000
    one.initiator.next_seq = (1001 + sent) & 0xFFFFFFFF
    found = series(one, 3)
    assert (found.left_out, found.left_out_after) == (7_000_000, 3)
    assert found.segments[-1].seq == 1 + sent - 1000


def test_a_reset_with_a_wild_number_does_not_move_those_after_it() -> None:
    wild = [fact(4 + n, 4, RST, seq=(1001 + (n + 1) * (2 * GIB - 1)) % 2**32) for n in range(3)]
    found = series(story([*HANDSHAKE, *wild, fact(9, 9, ACK, length=10)]), 16).segments
    assert (found[-1].seq, found[-1].ack) == (1, 1)


def test_sack_blocks_are_relative_to_the_end_that_sent_the_bytes() -> None:
    block = msgspec.structs.replace(fact(4, 3, ACK, client=False), sack=(2001, 3001))
    (segment,) = series(story([block]), 16).segments
    assert segment.sack == (1001, 2001)


def test_another_point_s_packets_lie_on_those_of_the_first() -> None:
    there = story([fact(4, 5000, ACK, client=False, seq=7001, ack=9001, length=10)])
    clock = PointClock(offset=-1000 * MS, known=True)
    zero = Zero(2000 * MS, clock, initiator_base=9000, responder_base=7000, swapped=True)
    (segment,) = series(there, 16, zero).segments
    assert (segment.time, segment.initiator, segment.seq, segment.ack) == (2.0, True, 1, 1)


def test_rows_and_reports_without_pictures_have_none() -> None:
    folder = PCAPS / "tcp.injected_reset-sprayed"
    for connection in told(folder / "client.pcap", pictures=False):
        assert connection.series is msgspec.UNSET
    text = CliRunner().invoke(cli, ["analyze", "--format", "json", str(folder / "client.pcap")])
    assert all("series" not in one for one in json.loads(text.stdout)["connections"])


def test_those_that_have_a_timeline_have_a_series_and_no_others() -> None:
    listed = told(PCAPS / "healthy-refused-once-among-many" / "client.pcap")
    assert listed
    for connection in listed:
        assert bool(connection.timeline) == (connection.series is not msgspec.UNSET)


@pytest.mark.parametrize(
    ("folder", "near"),
    [
        ("tcp.reset_before_response-points-masqueraded", 1e-4),
        ("tcp.reset_before_response-points-clock-step-back", 1e-4),
        ("tcp.reset_before_response-points-renumbered", 3e-3),
    ],
)
def test_points_draw_the_same_packets_at_the_same_place(folder: str, near: float) -> None:
    points = [
        CapturePoint(label, (str(PCAPS / folder / f"{label}.pcap"),))
        for label in ("client", "upstream")
    ]
    report = pipeline.correlate(points, AnalyzeOptions(pictures=True))
    connection = next(one for one in report.connections if len(one.seen_at) == 2)
    first, other = connection.seen_at
    assert first.series is msgspec.UNSET
    assert isinstance(other.series, SegmentSeries)
    ours = {key(one): one.time for one in drawn(connection).segments}
    theirs = {key(one): one.time for one in other.series.segments}
    assert ours.keys() & theirs.keys()
    assert len(ours.keys() & theirs.keys()) == min(len(ours), len(theirs))
    for packet in ours.keys() & theirs.keys():
        assert ours[packet] == pytest.approx(theirs[packet], abs=near)


def key(one: object) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in ("initiator", "flags", "seq", "ack", "length"))


def test_a_story_without_packets_has_an_empty_series() -> None:
    empty: Story = story([])
    assert series(empty, 16) == SegmentSeries()
