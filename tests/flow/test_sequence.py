"""The marks of single packets, at every place of the sequence space, and as tshark gives them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pcapdiag.model import packet as marks
from pcapdiag.model.numbers import distance
from tests.flow.scenes import SCENES, Scene
from tests.flow.wire import End, Link, Wire, tell

ANALYSIS = {
    "retransmission": marks.RETRANSMISSION,
    "fast_retransmission": marks.FAST_RETRANSMISSION,
    "spurious_retransmission": marks.SPURIOUS_RETRANSMISSION,
    "out_of_order": marks.OUT_OF_ORDER,
    "keep_alive": marks.KEEP_ALIVE,
    "keep_alive_ack": marks.KEEP_ALIVE_ACK,
    "duplicate_ack": marks.DUPLICATE_ACK,
    "zero_window": marks.ZERO_WINDOW,
    "zero_window_probe": marks.WINDOW_PROBE,
    "zero_window_probe_ack": marks.WINDOW_PROBE_ACK,
    "window_update": marks.WINDOW_UPDATE,
    "lost_segment": marks.GAP_BEFORE,
    "ack_lost_segment": marks.ACKED_UNSEEN,
}
"""Fields of tshark's tcp.analysis, and the marks that mean the same."""
ALL = sum(ANALYSIS.values())

PLACES = {
    "plain": (0x1000, 0x9000),
    "wraps-early": (0xFFFFFFFD, 0xFFFFFFFE),
    "wraps-in-the-data": (0xFFFFFFFF - 99, 0xFFFFFFFF - 150),
    "sign-bit": (0x7FFFFFFF - 50, 0x7FFFFFFF - 250),
    "zero": (0, 0),
}


def link_at(place: tuple[int, int], wire: Wire, port: int = 40000) -> Link:
    client = End("10.0.0.1", port, place[0], b"\2\0\0\0\0\1")
    return Link(wire, client, End("10.0.0.2", 443, place[1], b"\2\0\0\0\0\2"))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_marks(scene: Scene, place: tuple[int, int]) -> None:
    wire = Wire()
    expected = scene(link_at(place, wire))
    told = tell(wire)
    found = {p.frame: p.marks & ALL for p in told.only.packets}
    assert {frame: mark for frame, mark in found.items() if mark} == expected
    assert len(found) == len(wire.rows)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_counters_are_the_marks_by_side(scene: Scene, place: tuple[int, int]) -> None:
    wire = Wire()
    scene(link_at(place, wire))
    story = tell(wire).only
    for half, mine in ((story.initiator, True), (story.responder, False)):
        own = [p for p in story.packets if p.from_initiator == mine]
        counts = {
            name: sum(bool(p.marks & mark) for p in own)
            for name, mark in {
                "retransmissions": marks.ANY_RETRANSMISSION,
                "fast_retransmissions": marks.FAST_RETRANSMISSION,
                "spurious_retransmissions": marks.SPURIOUS_RETRANSMISSION,
                "out_of_order": marks.OUT_OF_ORDER,
                "duplicate_acks": marks.DUPLICATE_ACK,
                "zero_windows": marks.ZERO_WINDOW,
                "window_probes": marks.WINDOW_PROBE,
                "keep_alives": marks.KEEP_ALIVE,
                "keep_alive_acks": marks.KEEP_ALIVE_ACK,
                "acked_unseen": marks.ACKED_UNSEEN,
                "gaps": marks.GAP_BEFORE,
            }.items()
        }
        assert {name: getattr(half, name) for name in counts} == counts


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_capture_that_begins_with_a_keep_alive_lacks_no_byte(place: tuple[int, int]) -> None:
    wire = Wire()
    link = link_at(place, wire)
    for minute in range(3):
        link.c(minute * 60_000, "A", 100, 301)
        link.s(minute * 60_000 + 30, "A", 301, 101)
    link.c(200_000, "PA", 101, 301, b"hello")
    link.s(200_030, "A", 301, 106)
    told = tell(wire)
    assert told.tracker.lost_by_capture() == 0
    assert (told.only.initiator.keep_alives, told.only.responder.acked_unseen) == (2, 0)
    assert told.only.turn.request_bytes == 5


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_bytes_before_the_capture_are_missing_all_the_same(place: tuple[int, int]) -> None:
    wire = Wire()
    link = link_at(place, wire)
    link.c(0, "A", 100, 301)
    link.s(30, "A", 301, 108)
    assert tell(wire).tracker.lost_by_capture() == 1


@pytest.mark.once
@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_tshark_marks_the_same_packets(place: tuple[int, int], tmp_path: Path) -> None:
    wire = Wire()
    expected: dict[int, int] = {}
    for number, scene in enumerate(SCENES.values()):
        expected |= scene(link_at(place, wire, 40000 + number))
    fields = [word for name in ANALYSIS for word in ("-e", f"tcp.analysis.{name}")]
    done = subprocess.run(
        ["tshark", "-n", "-r", wire.save(tmp_path / "scenes.pcap"), "-T", "fields",
         "-e", "frame.number", *fields],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    theirs: dict[int, int] = {}
    for line in done.stdout.splitlines():
        frame, *values = line.split("\t")
        bits = [bit for value, bit in zip(values, ANALYSIS.values(), strict=True) if value]
        mark = sum(bits)
        if mark & (marks.FAST_RETRANSMISSION | marks.SPURIOUS_RETRANSMISSION):
            # tshark gives the general name besides the narrow one.
            mark &= ~marks.RETRANSMISSION
        if mark:
            theirs[int(frame)] = mark
    assert theirs == expected


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [(5, 3, 2), (3, 5, -2), (2, 0xFFFFFFFE, 4), (0xFFFFFFFE, 2, -4), (0x80000000, 1, 0x7FFFFFFF)],
)
@pytest.mark.once
def test_distance_in_sequence_space(a: int, b: int, apart: int) -> None:
    assert distance(a, b) == apart
