"""Timeout or abort: how long an initiator waited, and how often as long."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.patience import Patience, patience
from tests.diagnose.playbook import CLIENT, GET, HANDSHAKE, SERVER, C, around, play

pytestmark = pytest.mark.once

MS = 1_000_000
WAITED = 1_137 * MS
"""No usual value of a timeout."""


def weighed(*others: tuple[int, int]) -> Patience:
    """Weigh an initiator that leaves after ``WAITED`` as it left the same server at other times."""
    story = play(*HANDSHAKE, C("PSH,ACK", GET), C("FIN,ACK", after=WAITED / MS))
    known = {CLIENT[0]: [(WAITED, story.end), *others]} if others else {}
    context = around(story)
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
