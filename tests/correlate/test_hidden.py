"""What made a reply that came over a leg which cannot be read."""

from __future__ import annotations

import pytest

from pcapdiag.correlate.causes import join_legs
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.incident.leg_words import explanation
from tests.correlate.legs import FRONT, UPSTREAM, refused, reply, reset

pytestmark = pytest.mark.once

POD, OTHER = "host of point 1", "host of point 2"
REACH = {FRONT: {POD, UPSTREAM}, POD: {OTHER}}


def behind(*failures: LegFailure, reach: dict[str, set[str]] = REACH) -> dict[int, list[int]]:
    found = join_legs(failures, reach=reach).explained
    assert all(one.hidden for one in found.values())
    return {key[0]: [cause.stream for cause in one.causes] for key, one in found.items()}


def test_the_call_of_the_proxy_behind_that_its_words_fit() -> None:
    told = reply(handed_on=True)
    assert behind(told, refused(opener=POD)) == {0: [1]}


def test_the_report_says_that_there_is_a_leg_between() -> None:
    why = join_legs([reply(handed_on=True), refused(opener=POD)], reach=REACH).explained[0, 0]
    said = explanation(why, "refused", why.last.decided + 1_000_000)
    assert said.startswith("Caused on a leg of the proxy behind, to which this one's own cannot")
    assert said.endswith("(TLS), 1 ms before: refused (stream 1, frame 19).")


@pytest.mark.parametrize(
    ("told", "call"),
    [
        (reply(), refused(opener=POD)),
        (reply(handed_on=True, product=""), refused(opener=POD)),
        (reply(handed_on=True), refused(opener=OTHER)),
        (reply(handed_on=True), refused(opener=POD, asked=2, decided=18)),
        (reply(handed_on=True), refused(opener=POD, asked=26, decided=27)),
        (reply(handed_on=True, reason="connection termination"), refused(opener=POD)),
        (
            reply(handed_on=True, reason="connection termination", target="/a"),
            reset(opener=POD, target="/b"),
        ),
    ],
    ids=[
        "the proxy's own",
        "an origin's",
        "of a host that it does not call",
        "before the request",
        "after the reply",
        "other words",
        "for another request",
    ],
)
def test_what_is_not_behind_it(told: LegFailure, call: LegFailure) -> None:
    assert behind(told, call) == {}


def test_in_one_capture_nobody_is_known_to_be_reached() -> None:
    assert behind(reply(handed_on=True), refused(opener=POD), reach={}) == {}


def test_tries_one_after_the_other_are_of_one_request() -> None:
    calls = [refused(n, opener=POD, asked=10 + 2 * n, decided=11 + 2 * n) for n in (1, 2, 3)]
    assert behind(reply(handed_on=True), *calls) == {0: [1, 2, 3]}


def test_two_calls_at_once_and_two_requests_for_one_are_left_open() -> None:
    told = reply(handed_on=True)
    one, other = (refused(n, opener=POD, asked=15, decided=18) for n in (1, 2))
    assert behind(told, one, other) == {}
    again = reply(5, handed_on=True, client="10.0.0.8")
    assert behind(told, again, refused(opener=POD)) == {}
