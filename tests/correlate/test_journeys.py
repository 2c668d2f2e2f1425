"""One connection packet by packet over several points."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pcapdiag.correlate.journeys import alone, journey
from pcapdiag.correlate.order import Orders
from pcapdiag.model.packet import ACKED_UNSEEN, RST, SYN
from pcapdiag.model.points import Match, Passage, PointClock, Span
from tests.correlate.road import INITIATOR, MS, RESPONDER, START, Road

pytestmark = pytest.mark.once


def only(passages: tuple[Passage, ...], frame: int, point: int = 0) -> Passage:
    """The passage of a frame that is in no other one."""
    (found,) = [p for p in passages if p.frames[point] == frame]
    return found


def asked(road: Road) -> Road:
    """A handshake, and a request of 100 bytes that is acknowledged."""
    road.handshake()
    road.c(40, "PA", 1, 1, 100)
    road.s(50, "A", 1, 101)
    return road


def test_what_every_point_saw_is_one_passage_each() -> None:
    road = asked(Road(points=3))
    found = road.journey()
    assert found.order == (0, 1, 2)
    assert [p.frames for p in found.passages] == [(n, n, n) for n in range(1, 6)]
    assert all(all(p.covers) and not p.changed for p in found.passages)
    assert found.beside_initiator == (True, False, False)
    assert found.beside_responder == (False, False, True)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("hops", [0, 1])
def test_the_order_needs_no_clock(known: bool, hops: int) -> None:
    road = asked(Road(hops=hops, known=known, offsets=(0, -70_000)))
    assert road.journey().order == (0, 1)


def test_without_distance_the_order_is_told_by_others_or_not_at_all() -> None:
    road = asked(Road(hops=0, delay=0))
    assert road.journey().order == ()
    road.known_order = (1, 0)
    assert road.journey().order == (1, 0)


def test_a_super_segment_is_as_many_packets_as_left() -> None:
    road = asked(Road())
    sent = road.s(80, "PA", 1, 101, 4344, cuts={0: 3})
    passages = [p for p in road.journey().passages if p.frames[1] == sent[1]]
    assert [(p.seq - 9000, p.length, p.frames[0]) for p in passages] == [
        (1, 1448, 6), (1449, 1448, 7), (2897, 1448, 8),
    ]  # fmt: skip
    assert {p.sizes for p in passages} == {(1448, 4344)}


def test_a_piece_of_a_super_segment_that_got_lost() -> None:
    road = asked(Road())
    road.s(80, "PA", 1, 101, 4344, seen=(1,))
    road.s(80, "A", 1, 101, 1448, seen=(0,))
    road.s(80, "PA", 2897, 101, 1448, seen=(0,))
    lost = [p for p in road.journey().passages if p.frames[0] is None]
    assert [(p.seq - 9000, p.length, p.frames[1], p.covers[0]) for p in lost] == [
        (1449, 1448, 6, True)
    ]


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("lost", [0, 1, 2])
def test_which_transmission_got_lost(ids: bool, lost: int) -> None:
    road = asked(Road(ids=ids))
    for nth in range(3):
        road.c(100 + 250 * nth, "PA", 101, 1, 50, seen=(0,) if nth == lost else (0, 1))
    found = [p for p in road.journey().passages if p.seq == 1101 and p.length]
    assert [p.transmission for p in found] == [1, 2, 3]
    assert [p.frames[1] is None for p in found] == [nth == lost for nth in range(3)]


def test_a_repeat_that_is_cut_differently_is_compared_by_its_bytes() -> None:
    road = asked(Road())
    road.c(100, "A", 101, 1, 60, seen=(0,))
    road.c(120, "A", 161, 1, 40)
    road.c(400, "A", 101, 1, 100)
    found = {(p.seq - 1000, p.length, p.transmission): p for p in road.journey().passages}
    assert found[101, 60, 1].frames == (6, None)
    assert found[161, 40, 1].frames == (7, 6)
    assert found[101, 100, 2].frames == (8, 7)


def test_one_of_equal_acknowledgments_is_known_by_its_ip_id() -> None:
    road = asked(Road())
    for nth in range(4):
        road.c(100 + nth, "A", 101, 1, seen=(0,) if nth == 2 else (0, 1))
    passages = road.journey().passages
    assert only(passages, 8).frames == (8, None)
    assert only(passages, 9).frames == (9, 8)


def test_of_two_resets_alike_one_left_the_end_by_its_ip_id() -> None:
    road = Road()
    road.c(0, "S", 0, seen=(0,))
    road.s(1, "SA", 0, 1, seen=(0,))
    road.c(12, "A", 1, 1)
    road.s(13, "R", 1, seen=(0,))
    road.s(17, "R", 1)
    passages = road.journey().passages
    assert only(passages, 4).frames == (4, None)
    assert only(passages, 5).frames == (5, 2)


def test_what_devices_change_is_named() -> None:
    road = asked(Road(shifts=(0, 77_777)))
    found = road.journey()
    assert [p.frames for p in found.passages] == [(n, n) for n in range(1, 6)]
    assert found.passages[0].changed == ("sequence numbers",)
    assert not any(p.changed for p in found.passages[1:])


def test_a_rewritten_window_is_seen() -> None:
    road = asked(Road())
    frame = road.c(100, "A", 101, 1, seen=(0,))[0]
    road.c(100, "A", 101, 1, seen=(1,), window=499)
    passage = only(road.journey().passages, frame or 0)
    assert passage.changed == ("window",)


# What absence proves.


def test_before_the_capture_began_nothing_is_covered() -> None:
    road = Road()
    road.c(0, "S", 0, seen=(0,))
    road.c(1000, "S", 0)
    road.s(1005, "SA", 0, 1)
    spans = [Span(START, START + 2000 * MS), Span(START + 1000 * MS, START + 2000 * MS)]
    first, second, _ = road.journey(spans).passages
    assert (first.frames, first.covers) == ((1, None), (True, False))
    assert second.frames == (2, 1)


def test_after_its_last_packet_a_capture_may_have_been_stopped() -> None:
    road = asked(Road())
    reset = road.s(5000, "RA", 1, 101, seen=(0,))
    spans = [Span(START, START + 6000 * MS), Span(START, START + 70 * MS)]
    passage = only(road.journey(spans).passages, reset[0] or 0)
    assert (passage.covers[1], passage.supposed[1]) == (True, True)
    own = [spans[0], Span(START, START + 70 * MS, outlived_by=(7,))]
    assert only(road.journey(own).passages, reset[0] or 0).supposed[1]
    other = [spans[0], Span(START, START + 70 * MS, outlived_by=(7, 9))]
    assert not only(road.journey(other).passages, reset[0] or 0).covers[1]


@pytest.mark.parametrize(("lossy", "covered"), [((), True), (((4500, 4600),), False)])
def test_a_capture_that_missed_packets_just_then_proves_nothing(
    lossy: tuple[tuple[int, int], ...], covered: bool
) -> None:
    road = asked(Road())
    reset = road.s(5000, "RA", 1, 101, seen=(0,))
    times = tuple((START + a * MS, START + b * MS) for a, b in lossy)
    spans = [Span(START, START + 9000 * MS), Span(START, START + 9000 * MS, times)]
    assert only(road.journey(spans).passages, reset[0] or 0).covers[1] is covered


def test_bytes_that_a_point_saw_acknowledged_had_passed_it() -> None:
    road = asked(Road())
    data = road.c(100, "PA", 101, 1, 50, seen=(0,))
    road.s(110, "A", 1, 151, marks=ACKED_UNSEEN)
    reset = road.s(300, "RA", 1, 151, seen=(0,))
    late = road.s(3000, "RA", 1, 151, seen=(0,))
    passages = road.journey().passages
    assert not only(passages, data[0] or 0).covers[1]
    assert not only(passages, reset[0] or 0).covers[1], "it may have missed that one, too"
    assert only(passages, late[0] or 0).covers[1]


def test_a_point_that_shows_one_direction_only_says_nothing_of_the_other() -> None:
    road = Road()
    road.c(0, "S", 0)
    road.s(5, "SA", 0, 1, seen=(0,))
    road.c(10, "A", 1, 1)
    passages = road.journey().passages
    assert [p.covers for p in passages if not p.from_initiator] == [(True, False)]


def test_without_clocks_the_connection_itself_shows_that_a_capture_ran() -> None:
    road = asked(Road(known=False, offsets=(0, 90_000)))
    lost = road.c(100, "PA", 101, 1, 50, seen=(0,))
    road.c(300, "PA", 101, 1, 50)
    spans = [Span(0, 1 << 62), Span(START + 90_000 * MS, START + 91_000 * MS)]
    passage = only(road.journey(spans).passages, lost[0] or 0)
    assert (passage.covers[1], passage.supposed[1]) == (True, False)


@pytest.mark.parametrize(
    ("reach", "known", "covered"),
    [("port", True, True), ("host", True, True), ("none", True, False), ("port", False, True)],
)
def test_a_point_without_the_connection(reach: str, known: bool, covered: bool) -> None:
    road = Road(known=known, reach=("seen", reach), known_order=(0, 1))  # type: ignore[arg-type]
    road.c(0, "S", 0, seen=(0,))
    found = road.journey()
    assert found.order == (0, 1)
    assert found.passages[0].covers == (True, covered)
    assert found.passages[0].supposed == (False, covered and not known)


@pytest.mark.parametrize(("first", "covered"), [(-1_500, True), (-500, False)])
def test_clocks_that_nothing_compares_are_right_to_a_second(first: int, covered: bool) -> None:
    road = Road(known=False, reach=("seen", "port"), known_order=(0, 1))
    road.c(0, "S", 0, seen=(0,))
    spans = [Span(0, 1 << 62), Span(START + first * MS, 1 << 62)]
    assert road.journey(spans).passages[0].covers == (True, covered)


def test_a_connection_of_one_point_alone() -> None:
    road = Road()
    road.c(0, "S", 0, seen=(0,))
    trace = road.traces()[0]
    span = Span(START, START)
    found = journey(alone(0, 7, 2), [trace, None], [PointClock(known=True)] * 2, [span] * 2)
    assert found.order == (0,)
    assert found.reach == ("seen", "none")


# Whatever the packets are.

packets = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 3000),
        st.sampled_from(["S", "SA", "A", "PA", "FA", "R", "RA", "F", ""]),
        st.integers(-3, 400),
        st.integers(0, 300),
        st.integers(0, 200),
        st.sampled_from([(0,), (1,), (0, 1)]),
    ),
    min_size=1,
    max_size=25,
)


@given(packets, st.booleans(), st.booleans())
def test_every_byte_and_every_segment_is_in_one_passage(
    rows: list[tuple[bool, int, str, int, int, int, tuple[int, ...]]], known: bool, ids: bool
) -> None:
    road = Road(known=known, ids=ids)
    for initiator, at, flags, seq, ack, length, seen in rows:
        size = 0 if "S" in flags else length
        (road.c if initiator else road.s)(at, flags, seq, ack, size, seen=seen)
    found = road.journey([Span(START, START + 2000 * MS)] * 2)
    for point, facts in enumerate(road.rows):
        carried: Counter[int] = Counter()
        controls: Counter[int] = Counter()
        for passage in found.passages:
            frame = passage.frames[point]
            if frame is not None:
                carried[frame] += passage.length
                controls[frame] += passage.length == 0
            assert passage.covers[point] or frame is None
        for fact in facts:
            bare = bool(fact.flags & (RST | SYN)) or not fact.length
            assert carried[fact.frame] == (0 if fact.flags & (RST | SYN) else fact.length)
            assert controls[fact.frame] == int(bare or bool(fact.is_fin))


def test_a_point_that_lacks_payload_which_came_past_it_missed_more() -> None:
    road = asked(Road())
    road.s(80, "PA", 1, 101, 500)
    road.s(90, "PA", 501, 101, 500, seen=(0,))
    reset = road.s(95, "RA", 1001, 101, seen=(0,))
    assert not only(road.journey().passages, reset[0] or 0).covers[1]


def test_a_point_that_lacks_an_ack_which_came_past_it_missed_more() -> None:
    road = asked(Road())
    road.s(60, "A", 1, 101, window=400, seen=(0,))
    reset = road.s(95, "RA", 1, 101, seen=(0,))
    assert not only(road.journey().passages, reset[0] or 0).covers[1]


def test_the_order_is_learnt_by_who_calls_whom() -> None:
    """Two hosts that call each other: each way has its own order."""

    road = asked(Road())
    forth = road.traces()
    back = [
        msgspec.structs.replace(trace, initiator=RESPONDER, responder=INITIATOR)
        for trace in forth
        if trace is not None
    ]
    orders = Orders(("a", "b"))
    assert orders.of(forth) == ()
    orders.learn(forth, (0, 1))
    orders.learn(back, (1, 0))
    assert orders.of([forth[0], None]) == (0, 1)
    assert orders.of([None, back[1]]) == (1, 0)


def test_labels_tell_the_order_where_nothing_else_does() -> None:
    road = asked(Road())
    assert Orders(("upstream2", "tap", "client")).of(road.traces()) == (2, 0)


@pytest.mark.parametrize(("at", "covered"), [(1500, True), (4000, False)])
def test_what_comes_long_after_the_end_is_in_no_trace(at: float, covered: bool) -> None:
    road = Road()
    asked(road)
    road.s(100, "R", 401)
    late = road.c(at, "FA", 201, 401, seen=(0,))
    passage = only(road.journey().passages, late[0] or 0)
    assert passage.covers == (True, covered)


@pytest.mark.parametrize(("told", "order"), [(0, (1, 0)), (-3_000, (0, 1))])
def test_long_after_the_last_packet_at_both_a_clock_may_have_drifted(
    told: int, order: tuple[int, ...]
) -> None:
    road = Road(hops=0, delay=0.005, offsets=(0, 0))
    frames = road.c(0, "S", 0)
    road.rows[1] = [replace(row, time=row.time - 300_000) for row in road.rows[1]]
    last = START + told * MS
    clock = PointClock(error=3_000, known=True, packets=9, first=last - MS, last=last)
    match = Match((7, 7), ("numbers",), (0, 0), (0, 0))
    span = Span(0, 1 << 62)
    clocks = [PointClock(known=True), clock]
    found = journey(match, road.traces(), clocks, [span] * 2, known_order=(0, 1))
    assert (found.order, frames) == (order, (1, 1))


@pytest.mark.parametrize(("alike", "together"), [(True, True), (False, False)])
def test_a_clock_that_was_set_does_not_make_two_packets_of_one(alike: bool, together: bool) -> None:
    road = asked(Road())
    reset = road.s(100, "RA", 401, 101)
    marks = {0: 7, 1: 7 if alike else 8}
    for point, rows in enumerate(road.rows):
        last = rows[-1]
        late = 3_000 * MS * point
        rows[-1] = replace(last, time=last.time + late, tsval=5, ip_id=marks[point])
    found = [p for p in road.journey().passages if p.flags & RST]
    assert (len(found) == 1) is together
    assert found[0].frames[0] == reset[0] or not together
