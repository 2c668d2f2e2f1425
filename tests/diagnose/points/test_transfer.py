"""Data that stayed without an answer: lost, ignored, or its answer lost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution.signal import signal
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.points import judge_points
from pcapdiag.diagnose.points.signals import PointSignal
from pcapdiag.diagnose.points.view import with_code
from pcapdiag.model.packet import BAD_CHECKSUM, KEEP_ALIVE
from pcapdiag.model.report import Attribution
from tests.correlate.road import Road
from tests.diagnose.playbook import EXCHANGE, HANDSHAKE, C, around, play
from tests.diagnose.points.scene import evidence, opinions, outcome

pytestmark = pytest.mark.once

REPEATS = (100, 300, 700, 1500, 3100, 6300, 12700)


def in_use() -> Road:
    road = Road()
    road.handshake()
    road.c(40, "PA", 1, 1, 100)
    road.s(50, "PA", 1, 101, 200)
    road.c(60, "A", 101, 201)
    return road


def test_data_that_never_reached_the_next_point() -> None:
    road = in_use()
    for at in REPEATS:
        road.c(at, "PA", 101, 201, 100, seen=(0,))
    road.c(20000, "RA", 201, 201, seen=(0,))
    found = outcome(road)
    assert (found.judgement.code, found.attribution.side) == ("tcp.data_timeout", "path")
    one = evidence(found, "lost_between")
    assert one.detail.startswith("7 segments of 10.0.0.1 (100 bytes) passed client")
    assert "size_hole" not in {e.signal for e in found.attribution.evidence}


def test_data_that_arrived_and_was_not_acknowledged() -> None:
    road = in_use()
    for at in REPEATS:
        road.c(at, "PA", 101, 201, 100)
    road.c(20000, "RA", 201, 201)
    found = outcome(road)
    assert found.attribution.side == "responder"
    assert evidence(found, "arrived_unanswered").point == "proxy"


def test_acknowledgments_that_got_lost() -> None:
    road = in_use()
    for at in REPEATS:
        road.c(at, "PA", 101, 201, 100)
        road.s(at + 5, "A", 201, 201, seen=(1,))
    road.c(20000, "RA", 201, 201)
    found = outcome(road)
    assert found.attribution.side == "path"
    assert "7 acknowledgments of 10.0.0.2 passed proxy" in evidence(found, "lost_between").detail


def test_only_large_segments_get_lost() -> None:
    road = in_use()
    road.c(100, "PA", 101, 201, 100)
    for at in (110, 310, 710, 1510, 3110, 6310):
        road.s(at, "A", 201, 201, 1400, seen=(1,))
        road.s(at + 1, "PA", 1601, 201, 90)
        road.c(at + 10, "A", 201, 201)
    road.c(30000, "FA", 201, 201)
    found = outcome(road)
    assert found.attribution.side == "path"
    one = evidence(found, "size_hole")
    assert "all 6 segments of 1,400 bytes and more got lost, and those of up to 90" in one.detail


def test_a_request_that_arrived_and_got_no_answer() -> None:
    road = in_use()
    road.c(100, "PA", 101, 201, 100)
    road.s(110, "A", 201, 201)
    road.c(15100, "FA", 201, 201)
    road.s(15110, "A", 201, 202)
    found = outcome(road)
    assert (found.judgement.code, found.attribution.side) == ("tcp.response_timeout", "responder")
    assert "no answer of 10.0.0.2 passed it" in evidence(found, "arrived_unanswered").detail


@pytest.mark.parametrize("refused", [True, False])
def test_a_farewell_that_came_when_its_receiver_had_left_was_not_ignored(refused: bool) -> None:
    road = in_use()
    road.c(100, "PA", 101, 201, 100)
    road.s(110, "A", 201, 201)
    road.c(15100, "FA", 201, 201)
    road.s(15110, "PA", 201, 202, 31)
    if refused:
        road.c(15120, "R", 202)
    found = outcome(road)
    assert found.judgement.code == "tcp.response_timeout"
    said = [one.says for one in found.attribution.evidence if one.signal == "arrived_unanswered"]
    assert said == ([] if refused else ["initiator"])
    assert (found.attribution.side == "initiator") is not refused


def test_an_answer_that_left_and_never_came() -> None:
    road = in_use()
    road.c(100, "PA", 101, 201, 100)
    road.s(110, "A", 201, 201)
    for at in (150, 350, 750, 1550, 3150):
        road.s(at, "PA", 201, 201, 80, seen=(1,))
    road.c(15100, "FA", 201, 201)
    road.s(15110, "A", 281, 202)
    found = outcome(road)
    assert found.attribution.side == "path"
    assert "of 10.0.0.2" in evidence(found, "lost_between").detail


@pytest.mark.parametrize("arrives", [True, False])
def test_data_still_repeated_at_the_end_failed_where_nothing_of_it_arrived(arrives: bool) -> None:
    road = in_use()
    for at in REPEATS[:5]:
        road.c(at, "PA", 101, 201, 100, seen=(0, 1) if arrives else (0,))
    given = opinions(road, left=0.1)
    assert given[0] is not None
    assert given[0].judgement.code == "capture.partial"
    found = judge_points(road.journey(), given, ("client", "proxy"))
    told = (found.judgement.code, found.attribution.side) if found else None
    assert told == (None if arrives else ("tcp.data_timeout", "path"))


def test_a_point_at_another_leg_of_the_proxy_is_not_asked() -> None:
    """The first of three points captured the proxy's client, and has nothing of this connection."""
    road = Road(points=3, reach=("none", "seen", "seen"), known_order=(0, 1, 2))
    for at in (0, 1000, 2000, 3000):
        road.c(at, "S", 0, seen=(1, 2))
        road.s(at + 5, "SA", 0, 1, seen=(2,))
    found = outcome(road)
    assert found.attribution.side == "path"
    assert "passed upstream" in evidence(found, "lost_between").detail
    assert "never reached proxy" in evidence(found, "lost_between").detail


def test_an_answer_that_got_lost_behind_a_half_close_is_no_abort() -> None:
    road = in_use()
    road.c(100, "PA", 101, 201, 100)
    road.c(100.5, "FA", 201, 201)
    road.s(110, "A", 201, 202)
    for at in (2000, 2300, 2900, 4100):
        road.s(at, "PA", 201, 202, 300, seen=(1,))
    client, proxy = opinions(road, left=0.1)
    assert client is not None
    left = Judgement(
        "tcp.initiator_abort", True, "before_response", 0.75, frames=(8,), ended_by="initiator"
    )
    client = replace(client, judgement=left)
    found = judge_points(road.journey(), (client, proxy), ("client", "proxy"))
    assert found is not None
    assert (found.judgement.code, found.attribution.side) == ("tcp.data_timeout", "path")
    assert found.point == 1


def test_what_reached_its_receiver_did_not_vanish_by_its_size() -> None:
    lines = (C("PSH,ACK", b"x" * 1448, lost=True), C("PSH,ACK", again=True, after=300, lost=True))
    more = (C("PSH,ACK", again=True, after=700, lost=True), C("FIN,ACK", after=1500))
    story = play(*HANDSHAKE, *EXCHANGE, *lines, *more)
    judgement = Judgement("mtu.black_hole", True, "before_response", 0.93)
    arrived = PointSignal(signal("arrived_unanswered", "responder", "it came"), 0)
    lost = PointSignal(signal("lost_between", "path", "some did not"), 0)
    where = (story, around(story))
    code = with_code(judgement, *where, [arrived], Attribution()).code
    assert code == "tcp.data_timeout"
    assert with_code(judgement, *where, [arrived, lost], Attribution()) is judgement
    assert with_code(judgement, *where, [], Attribution()) is judgement


@pytest.mark.parametrize(
    ("arrive", "answer", "signal", "side"),
    [
        (False, False, "lost_between", "path"),
        (True, False, "arrived_unanswered", "responder"),
        (True, True, None, "unknown"),
    ],
)
def test_keep_alive_probes_without_an_answer(
    arrive: bool, answer: bool, signal: str | None, side: str
) -> None:
    road = in_use()
    road.s(110, "PA", 201, 201, 50)
    road.c(120, "A", 201, 251)
    for at in (60_000, 61_000, 62_000):
        road.c(at, "A", 200, 251, marks=KEEP_ALIVE, seen=(0, 1) if arrive else (0,))
        if answer:
            road.s(at + 5, "A", 251, 201, seen=(1,))
    road.c(63_000, "RA", 201, 251, seen=(0, 1) if arrive else (0,))
    client, server = opinions(road, left=1)
    assert client is not None
    gave_up = Judgement("tcp.keepalive_timeout", True, "idle", 0.95, frames=(9,))
    found = judge_points(
        road.journey(), (replace(client, judgement=gave_up), server), ("client", "proxy")
    )
    assert found is not None
    said = {one.signal: one.says for one in found.attribution.evidence if one.weight > 1}
    assert said.get(signal or "") == (side if signal else None)


def test_an_answer_behind_the_initiators_farewell_was_met_and_not_ignored() -> None:
    road = Road()
    road.handshake()
    road.c(40, "PA", 1, 1, 100)
    road.s(50, "A", 1, 101)
    road.c(3040, "FA", 101, 1)
    road.s(3046, "A", 1, 102)
    road.s(6046, "PA", 1, 102, 200)
    road.c(6052, "R", 102, 0)
    found = outcome(road)
    assert found.judgement.code == "tcp.response_timeout"
    assert found.attribution.side == "responder"
    assert not [one for one in found.attribution.evidence if "arrived" in one.signal]


@pytest.mark.parametrize(("marks", "side"), [(BAD_CHECKSUM, "path"), (0, "responder")])
def test_what_came_damaged_did_not_arrive(marks: int, side: str) -> None:
    road = in_use()
    for at in (100, 300, 700, 1500, 3100, 6300):
        road.c(at, "PA", 101, 201, 80)
    road.s(20000, "A", 201, 101)
    given = opinions(road)
    behind = given[1]
    assert behind is not None
    behind.story.packets = tuple(
        replace(p, marks=p.marks | marks) if p.length == 80 else p for p in behind.story.packets
    )
    found = judge_points(road.journey(), given, road.labels[:2])
    assert found is not None
    assert (found.judgement.code, found.attribution.side) == ("tcp.data_timeout", side)
