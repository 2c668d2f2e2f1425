"""Kinds about the whole connection: GOAWAY with an error, PING without an answer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.failed_requests import other_failures
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.http import Ping
from tests.diagnose.http2.scenes import (
    CLIENT_CLOSES,
    SERVER_CLOSES,
    TALK,
    answered,
    begun,
    connection,
    goaway,
    http2,
    judged,
    ping,
    request,
)
from tests.diagnose.playbook import MS, C, Line, S, again, around, play, sides

pytestmark = pytest.mark.once


def test_given_up_with_an_error() -> None:
    said = goaway(code=6, debug="frame too\x1b[31m long")
    verdict = judged(http2(answered(1), request(3), goaways=(said,)), *SERVER_CLOSES)
    assert (verdict.code, verdict.phase, verdict.exchange) == ("http2.goaway", "before_response", 1)
    assert verdict.ended_by == "responder"
    assert sides(verdict)["responder"] > 0.9
    assert "\x1b" not in verdict.facts["debug"]
    assert "frame too" in verdict.facts["debug"]


def test_every_open_stream_failed_by_it() -> None:
    streams = (request(1), request(3), begun(5), answered(7))
    story = connection(http2(*streams, goaways=(goaway(code=2),)), *SERVER_CLOSES)
    context = around(story)
    verdict = judge(story, context)
    others = other_failures(story, verdict, context)
    assert verdict.exchange == 0
    assert sum(len(other.exchanges) for other in others) == 2
    assert {other.judgement.code for other in others} == {"http2.goaway"}


def test_by_the_initiator() -> None:
    verdict = judged(http2(begun(1), goaways=(goaway(code=1, client=True),)), *CLIENT_CLOSES)
    assert verdict.code == "http2.goaway"
    assert sides(verdict)["initiator"] > 0.9


@pytest.mark.parametrize(
    ("code", "failed"), [(1, True), (9, True), (11, True), (2, False), (8, False)]
)
def test_with_nothing_lost_only_an_accusation_counts(code: int, failed: bool) -> None:
    verdict = judged(http2(answered(1), goaways=(goaway(code=code),)), *SERVER_CLOSES)
    assert verdict.failed == failed
    assert not failed or verdict.phase == "idle"


def test_a_client_that_leaves_with_an_error_and_nothing_lost() -> None:
    said = goaway(code=11, client=True)
    assert judged(http2(answered(1), goaways=(said,)), *CLIENT_CLOSES).code == "ok"


def test_graceful_ends_are_fine() -> None:
    assert judged(http2(answered(1), goaways=(goaway(),)), *SERVER_CLOSES).code == "ok"


def test_a_goaway_by_who_waited_in_vain_is_its_leaving() -> None:
    timer = goaway(code=70007, when=3002, client=True)
    verdict = judged(http2(request(1), goaways=(timer,)), *CLIENT_CLOSES)
    assert verdict.code == "tcp.response_timeout"
    soon = replace(timer, time=timer.time - 2_500 * MS)
    accuses = replace(timer, code=1)
    for said, exchange in ((soon, request(1)), (accuses, request(1)), (timer, begun(1))):
        verdict = judged(http2(exchange, goaways=(said,)), *CLIENT_CLOSES)
        assert verdict.code == "http2.goaway"


def test_a_goaway_in_answer_to_a_close_is_an_effect() -> None:
    late = goaway(code=1, when=5000)
    assert judged(http2(begun(1), goaways=(late,)), *CLIENT_CLOSES).code != "http2.goaway"


def test_too_many_pings() -> None:
    said = goaway(code=11, debug="too_many_pings")
    verdict = judged(http2(begun(1), goaways=(said,), ping_count=9), *SERVER_CLOSES)
    assert verdict.code == "http2.enhance_your_calm"
    assert verdict.facts["pings"] == "9 PING frames"
    assert sides(verdict)["responder"] > 0.9


PING = C("PSH,ACK", b"p" * 17, after=2000)


@pytest.mark.parametrize("code", [0, 2])
def test_a_hung_program_acknowledges_and_does_not_answer(code: int) -> None:
    asked = http2(begun(1), pings=(ping(2002),), goaways=(goaway(code, when=3400, client=True),))
    verdict = judged(asked, PING, S("ACK"), C("FIN,ACK", after=1500), S("ACK"))
    assert (verdict.code, verdict.phase) == ("http2.ping_timeout", "in_response")
    assert sides(verdict)["responder"] > 0.9
    assert verdict.ended_by == "initiator"


def test_an_answer_behind_the_close_came_too_late() -> None:
    """It was not on its way either: that would take a round trip."""
    late = http2(begun(1), pings=(ping(2002, acked=3600),))
    left = (PING, S("ACK"), C("FIN,ACK", after=1000), S("ACK"))
    assert judged(late, *left).code == "http2.ping_timeout"
    crossed = http2(begun(1), pings=(ping(2002, acked=3001.8),))
    assert judged(crossed, *left).code != "http2.ping_timeout"


def test_a_dead_path_names_nobody() -> None:
    lost = C("PSH,ACK", b"p" * 17, after=2000, lost=True)
    lines = (lost, *again(lost, 300, 600), C("FIN,ACK", after=900, lost=True))
    frame = play(*TALK, *lines).packets[-4].frame
    late = replace(ping(2002), frame=frame)
    story = play(*TALK, *lines, application=http2(begun(1), pings=(late,)))
    verdict = judge(story, around(story))
    assert verdict.code == "http2.ping_timeout"
    assert max(sides(verdict).values()) < 0.8
    assert verdict.alternatives[0].code == "tcp.data_timeout"


def test_the_server_may_ask_too() -> None:
    asked = http2(answered(1), pings=(ping(100, client=False),))
    verdict = judged(asked, S("FIN,ACK", after=3000), C("ACK"))
    assert verdict.code == "http2.ping_timeout"
    assert sides(verdict)["initiator"] > 0.9


@pytest.mark.parametrize(
    ("pings", "lines"),
    [
        ((ping(100, acked=101),), CLIENT_CLOSES),
        ((ping(2950),), CLIENT_CLOSES),
        ((ping(100),), SERVER_CLOSES),
        ((ping(100),), (S("PSH,ACK", b"data", after=2500), C("FIN,ACK", after=400))),
        ((ping(100),), ()),
    ],
    ids=["answered", "just before the close", "the other closed", "it lives", "nobody closed"],
)
def test_pings_that_are_no_failure(pings: tuple[Ping, ...], lines: tuple[Line, ...]) -> None:
    assert judged(http2(answered(1), pings=pings), *lines).code != "http2.ping_timeout"
