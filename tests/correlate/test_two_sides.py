"""A proxy's two addresses, told by replies of the one and failed calls of the other."""

from __future__ import annotations

import pytest

from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.correlate.two_sides import two_sides
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import analyze
from tests.captures import FIXTURES
from tests.correlate.legs import CLIENT, FRONT, UPSTREAM, refused, reply

pytestmark = pytest.mark.once

INSIDE = "10.9.9.9"


def pair(
    *failures: LegFailure, opened: tuple[str, ...] = (CLIENT, INSIDE), answered: str = FRONT
) -> set[str]:
    return set(two_sides(failures, opened, (answered,)))


def test_one_that_answers_for_what_another_could_not_reach() -> None:
    call = refused(opener=INSIDE)
    assert pair(reply(), call) == {FRONT, INSIDE}
    assert pair(reply(handed_on=True), call) == set()
    assert pair(reply(reason="fault filter abort"), call) == set()
    assert pair(reply(), refused(opener=INSIDE, decided=9, asked=8)) == set()


def test_an_address_that_does_both_is_no_half() -> None:
    call = refused(opener=INSIDE)
    assert pair(reply(), call, opened=(CLIENT, INSIDE, FRONT)) == set()
    assert pair(reply(), call, answered=INSIDE) == set()
    assert pair(reply(), refused(opener=CLIENT, answerer=UPSTREAM)) == set()


def test_every_reply_must_have_a_call_behind_it() -> None:
    call = refused(opener=INSIDE)
    later = reply(2, asked=500, decided=520)
    assert pair(reply(), later, call) == set()
    assert pair(reply(), later, call, refused(3, opener=INSIDE, asked=501, decided=519)) == {
        FRONT,
        INSIDE,
    }


def test_two_that_fit_are_none() -> None:
    assert pair(reply(), refused(1, opener=INSIDE), refused(2, opener="10.9.9.8")) == set()


def test_two_interfaces_of_one_file() -> None:
    path = FIXTURES / "pcaps" / "http.local_reply-pcapng-two-interfaces" / "proxy.pcapng"
    client, call = analyze([path], AnalyzeOptions()).connections
    assert client.caused_by == call.stream
    assert client.responder.ip != call.initiator.ip


def test_who_called_the_client_is_no_half_of_what_that_calls() -> None:
    """A chain of proxies, seen on the host of its middle: what goes to it, and what it asks."""
    outer = reply(1, client=INSIDE, answerer=CLIENT, asked=9, decided=21, handed_on=True)
    assert pair(reply(), outer) == set()
