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
    known = {CLIENT[0]: [(WAITED, story.end), *others]} if others else {}
    context = around(story, **facts)
    context.endpoints[SERVER].left_after = known
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
