"""Calls that look alike: retries, copies for a mirror, and answers that nothing shows to be whose."""

from __future__ import annotations

from typing import Unpack

import pytest
from msgspec.structs import replace

from pcapdiag.correlate.causes import join_legs
from pcapdiag.correlate.leg_failure import LegFailure
from tests.correlate.legs import BACK, OTHER_CLIENT, Fields, at, causes, refused, reply, reset

pytestmark = pytest.mark.once

ENDED: Fields = {"reason": "connection termination", "status": 502}


def test_a_retry_told_at_once_is_not_outdone_by_what_was_called_sooner() -> None:
    client = reply(**ENDED, asked=10, decided=60)
    sooner = reset(1, asked=12, decided=57.6)
    retry = reset(2, asked=40, decided=59.9)
    assert causes(client, sooner, retry) == {}
    its_own = reply(9, client=OTHER_CLIENT, asked=11.9, decided=57.7, **ENDED)
    assert causes(client, sooner, retry, its_own) == {0: [2], 9: [1]}


def test_what_is_left_when_others_are_struck_out_must_have_been_told_at_once() -> None:
    client = reply(**ENDED, asked=10, decided=60)
    calls = [reset(1, asked=40, decided=58), reset(2, asked=39, decided=59.9)]
    its_own = reply(9, client=OTHER_CLIENT, asked=38.9, decided=59.95, **ENDED)
    assert causes(client, *calls, its_own) == {9: [2]}
    near = replace(calls[0], decided=at(59.5))
    assert causes(client, near, calls[1], its_own) == {0: [1], 9: [2]}


def test_a_proxy_that_is_slow_to_tell_leaves_it_open() -> None:
    client = reply(**ENDED, asked=10, decided=60)
    calls = [reset(1, asked=10.1, decided=58.5), reset(2, asked=30, decided=57.5)]
    assert causes(client, *calls) == {}
    assert causes(replace(client, decided=at(59)), *calls) == {0: [1]}


def test_a_copy_for_a_mirror_beside_the_call_is_no_try_before_it() -> None:
    client = reply(reason="connection termination", decided=30)
    copy = refused(1, asked=11, decided=11.1, answerer="10.0.2.8")
    call = reset(2, asked=11.4, decided=29.5)
    assert causes(client, copy, replace(call, opened=at(10.9))) == {0: [2]}
    assert causes(client, copy, replace(call, opened=at(11.2))) == {0: [1, 2]}
    assert causes(client, copy, replace(call, opened=at(-5))) == {0: [1, 2]}


def test_a_try_that_may_be_another_requests_is_not_told() -> None:
    client = reply(reason="connection failure", decided=30)
    tries = [refused(n, asked=10 + n, decided=10.5 + n) for n in (1, 2)]
    last = refused(3, asked=29, decided=29.5)
    assert causes(client, *tries, last) == {0: [1, 2, 3]}
    other = reply(9, client=OTHER_CLIENT, asked=5, decided=70, reason="connection failure")
    assert causes(client, *tries, last, other)[0] == [3]
    slow = replace(other, status=504, reason="upstream request timeout")
    assert causes(client, *tries, last, slow)[0] == [1, 2, 3]


def unnamed(stream: int = 0, **more: Unpack[Fields]) -> LegFailure:
    """An answer that may be an origin's or the responder's own: nothing in it says so."""
    said = reply(stream, product="", reason="", status=502, suspected=True)
    return replace(said, **more)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_failed_call_at_that_moment_shows_an_answer_to_be_a_proxys_own(status: int) -> None:
    late = reset(decided=20.5, code="tcp.response_timeout", by="initiator")
    assert causes(unnamed(status=status), late) == {0: [1]}


def test_a_gateway_of_ones_own_says_504_for_a_reset_call_too() -> None:
    assert causes(unnamed(status=504), reset(decided=19.5)) == {0: [1]}
    assert causes(reply(product="nginx", reason="", status=504), reset(decided=19.5)) == {}


def test_nothing_shows_an_answer_to_be_a_proxys_own_without_such_a_call() -> None:
    assert causes(unnamed()) == {}
    assert causes(replace(unnamed(), decided=at(40)), refused()) == {}
    assert causes(unnamed(), refused(1), refused(2, answerer="10.0.2.8")) == {}
    gone = reset(decided=19, code="tcp.initiator_abort", by="initiator")
    assert causes(unnamed(status=502), gone) == {}
    assert causes(unnamed(status=504), gone) == {0: [1]}


def for_cart(failure: LegFailure, target: str = "/cart") -> LegFailure:
    return replace(failure, method="POST", target=target)


def test_the_same_request_passed_on_shows_it_too_and_later() -> None:
    slow = for_cart(replace(unnamed(), decided=at(60)))
    assert causes(slow, for_cart(reset(decided=19))) == {0: [1]}
    assert causes(slow, for_cart(reset(decided=19), "/stock")) == {}


def test_an_answer_that_may_have_been_taken_explains_its_own_request_only() -> None:
    taken = reset(code="http.response_rejected", by="initiator", suspected=True, exchange=0)
    assert causes(for_cart(unnamed()), for_cart(taken)) == {0: [1]}
    assert causes(for_cart(unnamed()), for_cart(taken, "/stock")) == {}


def test_a_500_is_a_proxys_own_only_where_it_passed_the_same_request_on() -> None:
    failed, call = for_cart(unnamed(status=500)), reset(decided=19.9)
    assert causes(failed, for_cart(call)) == {0: [1]}
    assert causes(failed, call) == {}
    assert causes(failed, refused(decided=19.9)) == {}
    of_upstream = for_cart(unnamed(2, opener=BACK, answerer="10.0.2.7", status=500))
    assert causes(failed, for_cart(call), of_upstream) == {}


def test_an_answer_that_a_call_brought_is_not_the_proxys_own() -> None:
    of_upstream = replace(unnamed(1, opener=BACK, answerer="10.0.2.7"), decided=at(19))
    assert causes(unnamed(), of_upstream, refused(2)) == {}
    behind = refused(2, opener="10.0.2.7", answerer="10.0.3.7")
    assert causes(unnamed(), of_upstream, behind) == {0: [1], 1: [2]}
    assert causes(reply(reason="connection termination", status=502), of_upstream) == {}


def test_a_tunnels_end_is_told_as_late_as_a_cut_answers() -> None:
    cut = reply(code="tcp.closed_before_response", product="", reason="", decided=1025)
    assert causes(cut, reset(decided=24)) == {}
    assert causes(replace(cut, tunnel=True), reset(decided=24)) == {0: [1]}
    assert causes(replace(cut, tunnel=True, by="initiator"), reset(decided=24)) == {}


def test_a_client_that_gave_up_did_not_wait_for_an_answer_that_was_arriving() -> None:
    gone = reply(code="tcp.response_timeout", product="", by="initiator", decided=704)
    dropped_for_it = reset(code="tcp.initiator_abort", by="initiator", decided=704.2)
    assert causes(gone, dropped_for_it) == {0: [1]}
    assert causes(gone, replace(dropped_for_it, phase="in_response")) == {}


def of_upstream(stream: int = 1, **more: Unpack[Fields]) -> LegFailure:
    """The upstream's own answer to the same request, just before."""
    fields: Fields = {"opener": BACK, "answerer": "10.0.2.7", **more}
    return replace(for_cart(unnamed(stream)), asked=at(11), decided=at(19), **fields)


@pytest.mark.parametrize(
    ("call", "handed_on"),
    [
        (of_upstream(), True),
        (of_upstream(status=503), False),
        (of_upstream(target="/stock"), False),
        (of_upstream(opener="10.0.9.9"), False),
        (replace(of_upstream(), decided=at(21), asked=at(20.5)), False),
    ],
)
def test_an_empty_answer_under_a_proxys_name_may_be_its_upstreams(
    call: LegFailure, handed_on: bool
) -> None:
    empty = for_cart(reply(product="caddy", reason="bad gateway", status=502, by_name=True))
    joined = join_legs([empty, call])
    assert (empty.key in joined.handed_on, joined.explained) == (handed_on, {})
    page = replace(empty, by_name=False)
    assert not join_legs([page, call]).handed_on
    several = join_legs([empty, call, refused(7, decided=19.9)])
    assert (empty.key in several.handed_on) == handed_on
    assert (empty.key in several.explained) != handed_on


def test_of_two_proxies_that_hand_an_empty_answer_on_neither_made_it() -> None:
    empty: Fields = {"product": "caddy", "reason": "bad gateway", "status": 502, "by_name": True}
    outer = for_cart(reply(**empty, asked=9, decided=21))
    inner = for_cart(replace(reply(1, client=BACK, **empty), answerer="10.0.2.7"))
    behind = of_upstream(2, opener="10.0.2.7", answerer="10.0.3.7")
    assert join_legs([outer, inner, behind]).handed_on == {outer.key, inner.key}
    refusal = refused(2, opener="10.0.2.7", answerer="10.0.3.7")
    joined = join_legs([outer, inner, refusal])
    assert not joined.handed_on
    assert {key: why.last.stream for key, why in joined.explained.items()} == {
        outer.key: 1,
        inner.key: 2,
    }
