"""How the clocks of several points stand to one another, and how sure that is."""

from __future__ import annotations

import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pcapdiag.correlate.clocks import estimate_clocks
from pcapdiag.correlate.matching import match_points
from pcapdiag.model.points import Match, Matches, PointClock
from tests.correlate.crossing import MS, START, Clock, Path, connection, sample

pytestmark = pytest.mark.once

SECOND = 1_000 * MS
US = 1_000


def clocks(path: Path) -> tuple[PointClock, ...]:
    return estimate_clocks(path.prints, match_points(path.prints))


def worst(path: Path, clock: PointClock, point: int = 1) -> float:
    """How far a point's clock is wrong, as a part of what it says that it may be: at most 1.

    The first point's clock has to be right here.
    """
    return max(
        abs(clock.to_first(said) - time) / max(clock.error_at(said), 1)
        for said, time in path.true_times[point]
    )


def steady(count: int = 20, every: float = 500, *more: Clock) -> Path:
    """Connections all along, 1 to 3 ms between two points; the second's clock is 7 s behind."""
    path = Path([Clock(), *(more or (Clock(-7 * SECOND),))])
    width = len(path.clocks)
    for n in range(count):
        delay = 1 + n % 3
        path.connect(n * every, [[delay] * width, [1] * width, [delay] * width])
    return path


def test_offset_and_bound_of_a_steady_clock() -> None:
    path = steady()
    first, second = clocks(path)
    assert first == PointClock(known=True)
    assert second.known
    assert second.steps == ()
    assert second.packets == 40
    assert abs(second.offset - 7 * SECOND) <= MS
    assert 0.5 * MS < second.error <= 1.1 * MS
    assert worst(path, second) <= 1


def test_drift_is_found() -> None:
    path = steady(100, 1_000, Clock(3 * SECOND, drift=40e-6))
    clock = clocks(path)[1]
    assert clock.steps == ()
    assert abs(clock.drift + 40e-6) < 1e-6
    assert clock.error < 3 * MS
    assert worst(path, clock) <= 1


def test_a_clock_that_was_set() -> None:
    path = steady(40, 500, Clock(0, 0.0, ((START + 10_250 * MS, -2 * SECOND),)))
    clock = clocks(path)[1]
    (step,) = clock.steps
    assert abs(step.offset - clock.offset - 2 * SECOND) <= 3 * MS
    assert step.error <= 2 * MS
    assert worst(path, clock) <= 1
    # From 8.25 s to 10.25 s the clock showed every time twice.
    assert step.since <= START + 8_510 * MS < START + 9_990 * MS <= step.until
    assert clock.error_at(step.until + 1) <= 2 * MS >= clock.error_at(step.since - 1)
    assert clock.error_at((step.until + step.since) // 2) >= 2 * SECOND


def test_between_two_packets_a_step_may_have_been_at_any_time() -> None:
    path = steady(40, 500, Clock(0, 0.0, ((START + 10_250 * MS, 2 * SECOND),)))
    clock = clocks(path)[1]
    (step,) = clock.steps
    assert START + 10_000 * MS <= step.until < START + 10_250 * MS < step.since
    assert clock.error_at(step.until) <= 2 * MS >= clock.error_at(step.since)
    assert clock.error_at((step.until + step.since) // 2) >= 2 * SECOND


def test_several_steps_each_with_its_own_bound() -> None:
    steps = ((START + 10_000 * MS, SECOND), (START + 30_000 * MS, 40 * MS))
    path = steady(100, 500, Clock(0, 10e-6, steps))
    clock = clocks(path)[1]
    assert len(clock.steps) == 2
    assert worst(path, clock) <= 1


def test_connections_that_were_opened_from_either_end() -> None:
    path = Path([Clock(), Clock(90 * MS)])
    for n in range(10):
        path.connect(n * 100, [[0, 5], [0, 5], [0, 5]], reverse=n % 2 > 0)
    clock = clocks(path)[1]
    assert clock.known
    assert clock.error <= 6 * MS
    assert worst(path, clock) <= 1


def test_a_queue_loosens_the_bound_and_does_not_move_it() -> None:
    path = steady(30)
    path.connect(50_000, [[0, 900], [0, 1], [0, 1]])
    path.connect(50_100, [[0, 1], [0, 700], [0, 400]])
    clock = clocks(path)[1]
    assert clock.steps == ()
    assert worst(path, clock) <= 1


def test_a_connection_taken_for_another_makes_no_step() -> None:
    path = steady(60)
    wrong = path.prints[1][30]
    late = {name: getattr(wrong, name) + 900 * MS for name in ("syn_time", "syn_ack_time")}
    path.prints[1][30] = replace(wrong, established_time=wrong.established_time + 900 * MS, **late)
    clock = clocks(path)[1]
    assert clock.steps == ()
    assert worst(path, clock) <= 1


def test_a_step_among_many_connections() -> None:
    path = steady(4_000, 20, Clock(0, 1e-5, ((START + 30_000 * MS, -SECOND),)))
    clock = clocks(path)[1]
    assert len(clock.steps) == 1
    assert worst(path, clock) <= 1


def test_some_wrong_packets_among_many() -> None:
    path = steady(4_000, 20, Clock(0, 1e-5))
    for n in range(5, 4_000, 90):
        p = path.prints[1][n]
        path.prints[1][n] = replace(p, syn_time=p.syn_time - 40 * MS)
    clock = clocks(path)[1]
    assert clock.known
    assert clock.steps == ()
    assert worst(path, clock) <= 1


def test_a_clock_without_rhyme_or_reason_is_not_known() -> None:
    steps = tuple((START + n * SECOND + MS, (-1) ** n * 300 * MS) for n in range(1, 60))
    assert not clocks(steady(240, 250, Clock(0, 0.0, steps)))[1].known


def test_of_syns_that_were_sent_again_only_the_same_one_counts() -> None:
    path = steady(1)
    (there,) = path.prints[1]
    path.prints[0][0] = replace(path.prints[0][0], syn_count=2)
    # The second point saw the second SYN alone. The ACK behind the handshake stands in for it.
    path.prints[1][0] = replace(
        there, syn_time=there.syn_time + SECOND, syn_ip_id=900, syn_tsval=None, syn_count=1
    )
    clock = clocks(path)[1]
    assert clock.packets == 2
    assert worst(path, clock) <= 1


def test_one_direction_alone_says_nothing() -> None:
    path = steady(5)
    for prints in path.prints:
        prints[:] = [
            replace(p, syn_ack_time=0, established_time=0, isn_responder=None) for p in prints
        ]
    clock = clocks(path)[1]
    assert not clock.known
    assert clock.packets == 5
    assert clock.error == 0
    assert abs(clock.offset - 7 * SECOND) < 4 * MS


def test_points_that_share_nothing() -> None:
    prints = [[connection(0)], [connection(1)], []]
    known = [clock.known for clock in estimate_clocks(prints, match_points(prints))]
    assert known == [True, False, False]
    assert estimate_clocks([], Matches([])) == ()


def test_points_compared_by_way_of_a_third() -> None:
    path = Path([Clock(), Clock(5 * SECOND, 20e-6), Clock(-9 * SECOND, -30e-6)])
    for n in range(40):
        points = (0, 1) if n % 2 else (1, 2)
        path.connect(n * 250, [[0, 1, 2], [0, 2, 1], [0, 1, 2]], points=points)
    _, near, far = clocks(path)
    assert far.known
    assert near.error < far.error < 10 * MS
    assert worst(path, near) <= 1
    assert worst(path, far, 2) <= 1


def test_segments_tell_where_no_handshake_was_seen() -> None:
    match = Match((0, 0), ("ranges",), (0, 0), (0, 0))
    prints = []
    for offset, way in ((0, 0), (40 * MS, 2 * MS)):
        segments = [
            sample(True, START + n * 100 * MS + offset + way, 1_000 + n, 5_000 + n, 1)
            for n in range(20)
        ] + [
            sample(False, START + n * 100 * MS + offset + 50 * MS - way, 5_000 + n, 1_001 + n, 1)
            for n in range(20)
        ]
        segments.sort(key=lambda one: one.time)
        one = connection(isn_initiator=None, isn_responder=None, syn_time=0, syn_ack_time=0)
        prints.append([replace(one, samples=tuple(segments))])
    clock = estimate_clocks(prints, Matches([match]))[1]
    assert clock.known
    assert clock.packets == 40
    assert abs(clock.offset + 40 * MS) <= clock.error <= 2.1 * MS


def test_a_number_that_was_shifted_is_the_same_packet() -> None:
    shift = 1 << 31
    match = Match((0, 0), ("timestamps",), (0, shift), (0, 0))
    prints = []
    for by, way in ((0, 0), (shift, MS)):
        segments = (
            sample(True, START + way, (100 - by) & 0xFFFFFFFF, 500, 10),
            sample(False, START + 9 * MS - way, 500, (110 - by) & 0xFFFFFFFF, 0),
        )
        prints.append([connection(samples=segments)])
    assert estimate_clocks(prints, Matches([match]))[1].packets == 2


@pytest.mark.parametrize(("ip_id", "packets"), [(7, 2), (0, 1)])
def test_timestamps_that_a_syn_proxy_shifts(ip_id: int, packets: int) -> None:
    match = Match((0, 0), ("numbers",), (0, 0), (0, 0))
    prints = []
    for by, way in ((0, 0), (5_000, MS)):
        segments = (
            replace(sample(True, START + way, 100, 500, 10, ip_id), tsval=1),
            replace(sample(False, START + 9 * MS - way, 500, 110, 0, ip_id), tsval=2 + by),
        )
        prints.append([connection(samples=segments)])
    assert estimate_clocks(prints, Matches([match]))[1].packets == packets


DELAYS = st.lists(st.lists(st.floats(0, 30), min_size=2, max_size=2), min_size=3, max_size=3)
CONNECTIONS = st.lists(
    st.tuples(st.floats(0, 100_000), DELAYS, st.booleans()), min_size=1, max_size=30
)
OFFSETS = st.integers(-(10**13), 10**13)
DRIFTS = st.floats(-4e-4, 4e-4)
GRAINS = st.sampled_from([1, 100, 1_000])


@settings(max_examples=300)
@given(CONNECTIONS, OFFSETS, DRIFTS, GRAINS, GRAINS)
def test_the_true_time_is_always_within_the_bound(
    connections: list[tuple[float, list[list[float]], bool]],
    offset: int,
    drift: float,
    grain: int,
    other_grain: int,
) -> None:
    path = Path([Clock(grain=grain), Clock(offset, drift, grain=other_grain)])
    for at, delays, reverse in connections:
        path.connect(at, delays, reverse=reverse)
    clock = clocks(path)[1]
    assert clock.steps == ()
    if clock.known:
        # Reading a clock in whole microseconds is no error of the bound.
        room = grain + other_grain + 2
        for said, time in path.true_times[1]:
            assert abs(clock.to_first(said) - time) <= clock.error_at(said) + room


@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 1 << 32), offset=OFFSETS, drift=DRIFTS)
def test_a_step_is_found_and_the_bounds_hold_on_both_sides(
    seed: int, offset: int, drift: float
) -> None:
    chance = random.Random(seed)
    by = round(10 ** chance.uniform(2, 5)) * chance.choice([1, -1]) * MS
    step = (START + chance.randrange(5_000, 20_000) * MS, by)
    path = Path([Clock(), Clock(offset, drift, (step,))])
    for n in range(chance.randrange(30, 60)):
        path.connect(n * 1_000, [[chance.uniform(0, 30) for _ in range(2)] for _ in range(3)])
    clock = clocks(path)[1]
    assert len(clock.steps) == 1
    assert worst(path, clock) <= 1.001
