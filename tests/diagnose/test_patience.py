"""Timeout or abort: how long an initiator waited, and how often as long."""

from __future__ import annotations

from typing import Unpack

import pytest

from pcapdiag.diagnose.patience import Patience, patience
from tests.diagnose.playbook import CLIENT, GET, HANDSHAKE, SERVER, C, Known, around, play

pytestmark = pytest.mark.once

MS = 1_000_000
WAITED = 1_137 * MS
"""No usual value of a timeout."""


def weighed(*others: tuple[int, int], **facts: Unpack[Known]) -> Patience:
    """Weigh an initiator that leaves after ``WAITED`` as it left the same server at other times."""
    story = play(*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=WAITED / MS))
    context = around(story, **facts)
    known = dict(enumerate(((WAITED, story.end), *others))) if others else {}
    context.endpoints[SERVER].left_after = {CLIENT[0]: known}
    end = story.initiator.fin_time or story.end
    return patience(story, context, end - WAITED, end)


def test_a_wait_of_no_usual_length_is_rather_an_abort() -> None:
    assert weighed().timeout <= 0.5


def test_equal_waits_at_different_moments_are_a_timer() -> None:
    found = weighed(*((WAITED + n * MS // 2, n * 5_000 * MS) for n in range(1, 5)))
    assert found.timeout > 0.8
    assert "as long as 4 other times" in found.reason


def test_equal_waits_that_end_at_one_moment_were_stopped() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=WAITED / MS))
    found = weighed(*((WAITED, story.end + n * MS) for n in range(1, 5)))
    assert found.timeout == weighed().timeout


def test_a_few_equal_waits_among_many_are_chance() -> None:
    many = [(n * 37 * MS, n * 5_000 * MS) for n in range(1, 60)]
    assert weighed(*many).timeout == weighed().timeout


def test_one_answer_that_was_waited_for_longer_shows_that_it_may_take_so_long() -> None:
    found = weighed(turns=1, longest_answer=WAITED + 300 * MS)
    assert found.timeout < weighed().timeout
    assert "answers here took 1.44 s at most" in found.reason


def test_one_quick_answer_does_not_show_how_long_it_usually_takes() -> None:
    assert weighed(turns=1, longest_answer=MS).timeout == weighed().timeout
    assert weighed(turns=3, longest_answer=MS).timeout > weighed().timeout


ROUND = 3_000 * MS
"""A usual value of a timeout."""


def weigh(waited: int, *waits: tuple[int, int]) -> float:
    """Weigh a wait among others of its initiator: how long (ns), and by how much later each left."""
    story = play(*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=waited / MS))
    context, end = around(story), story.initiator.fin_time
    known = [(waited, end), *((one, end + later) for one, later in waits)]
    context.endpoints[SERVER].left_after = {CLIENT[0]: dict(enumerate(known))}
    return patience(story, context, end - waited, end).timeout


@pytest.mark.parametrize(
    ("waited", "apart", "least", "most"),
    [
        (ROUND, 0, 0.9, 0.95),
        (ROUND, 700 * MS, 0.6, 0.79),
        (ROUND, 2_500 * MS, 0.2, 0.6),
        (10_000 * MS, 0, 0.95, 1.0),
        (10_000 * MS, 700 * MS, 0.6, 0.79),
        (10_000 * MS, 2_500 * MS, 0.2, 0.6),
    ],
)
def test_a_round_wait_says_little_where_others_ended_in_that_moment(
    waited: int, apart: int, least: float, most: float
) -> None:
    others = [(waited + apart, -MS)] if apart else []
    assert least < weigh(waited, *others) < most


def test_a_timer_is_known_by_its_other_waits_also_where_others_ended_with_it() -> None:
    wait = 10_137 * MS
    alike = [(wait, n * 5_000 * MS) for n in range(1, 4)]
    assert weigh(wait, *alike, (wait + 5_000 * MS, MS)) > 0.95
    assert weigh(wait, *alike[:-1], (wait + 5_000 * MS, MS)) < 0.5


def test_what_ended_with_others_of_other_ages_at_no_timeouts_value_was_stopped() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=WAITED / MS))
    end = story.initiator.fin_time
    found = weighed((WAITED + 3_000 * MS, end), (WAITED + 8_000 * MS, end + MS))
    assert found.timeout < 0.1
    assert "it ended 2 other connections in that moment" in found.reason


def test_one_that_happens_to_leave_with_another_among_many_was_not_stopped() -> None:
    many = [(n * 3_700 * MS, -n * 5_000 * MS) for n in range(1, 9)]
    assert weigh(WAITED, (9_000 * MS, 0), *many) == weigh(WAITED)
    assert weigh(WAITED, (9_000 * MS, 0), *many[:-1]) < weigh(WAITED)


@pytest.mark.parametrize("wait", [5_737, 10_137])
@pytest.mark.parametrize(("spread", "number", "is_timer"), [(2_200, 4, True), (2_300, 4, False)])
def test_waits_that_end_at_looks_a_second_apart_are_a_timer(
    wait: int, spread: int, number: int, is_timer: bool
) -> None:
    waits = [((wait + n * spread // (number - 1)) * MS, n * 5_000 * MS) for n in range(1, number)]
    assert (weigh(wait * MS, *waits) > 0.9) == is_timer
    assert weigh(wait * MS, *waits[1:]) < 0.9


def test_short_waits_as_far_apart_are_none() -> None:
    for wait, is_timer in ((2_137, False), (2_737, True)):
        waits = [((wait + n * 200) * MS, n * 5_000 * MS) for n in range(1, 5)]
        assert (weigh(wait * MS, *waits) > 0.8) == is_timer


def test_its_own_wait_may_be_noted_from_another_byte() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=WAITED / MS))
    context, end = around(story), story.initiator.fin_time
    context.endpoints[SERVER].left_after = {CLIENT[0]: {story.stream: (9_000 * MS, end)}}
    assert patience(story, context, end - WAITED, end).timeout == weigh(WAITED)


def test_waits_that_differ_by_no_more_than_their_moments_are_alike() -> None:
    assert weigh(ROUND, (ROUND + 50 * MS, 0)) == weigh(ROUND)
    assert weigh(ROUND, (ROUND + 51 * MS, 0)) < weigh(ROUND)
