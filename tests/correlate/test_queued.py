"""Requests that waited for a connection that another one had begun."""

from __future__ import annotations

import pytest

from pcapdiag.correlate.causes import join_legs
from pcapdiag.correlate.leg_failure import LegFailure
from tests.correlate.legs import causes, dropped, refused, reply

pytestmark = pytest.mark.once


def slow(stream: int, asked: float, decided: float, product: str = "envoy") -> LegFailure:
    """A request that was told that connecting took too long."""
    return reply(stream, asked=asked, decided=decided, product=product, reason="connection timeout")


def test_it_fails_with_the_connection_that_it_waited_for() -> None:
    assert causes(reply(asked=15), refused(asked=4, decided=19.5)) == {0: [1]}
    assert causes(reply(asked=15), refused(asked=4, decided=18)) == {}
    assert causes(reply(asked=15, product="nginx", status=502), refused(asked=4)) == {}


TIMED = [
    slow(0, 100, 1_101), dropped(10, asked=100.5),
    slow(1, 400, 1_403), dropped(11, asked=401),
    slow(2, 1_690, 1_704), dropped(12, asked=701),
    slow(3, 1_100, 1_905), dropped(13, asked=903), dropped(14, asked=1_101),
]  # fmt: skip
"""Each is told when a call is a second old, which may have been made before it came."""


def test_no_answer_to_a_call_for_as_long_as_all_others_were_waited_for() -> None:
    assert causes(*TIMED) == {0: [10], 1: [11], 2: [12], 3: [13]}
    one = slow(3, 1_100, 1_905)
    assert causes(one, *TIMED[7:]) == {3: [14]}, "one alone tells no timeout"


def test_of_several_that_fit_none_is_named() -> None:
    joined = join_legs([*TIMED, dropped(15, asked=702)])
    assert (2, 0) not in joined.explained
    assert [call.stream for call in joined.unclear[2, 0]] == [12, 15]


def test_without_one_age_at_which_all_failed_nearness_decides() -> None:
    legs = [
        slow(0, 100, 900), dropped(10, asked=101),
        slow(1, 1_400, 2_900), dropped(11, asked=1_401),
        slow(2, 3_690, 4_300), dropped(12, asked=3_691),
    ]  # fmt: skip
    assert causes(*legs) == {0: [10], 1: [11], 2: [12]}
