"""Which failure is the connection's verdict, and which stand beside it."""

from __future__ import annotations

from typing import Unpack

from pcapdiag.diagnose.failed_requests import MAX_OTHER_FAILURES, broken_off, other_failures
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.http import Exchange, LocalReply
from tests.diagnose.fields import ExchangeFields
from tests.diagnose.http.spoken import (
    ASKED,
    ENVOY_REFUSED,
    after_answer,
    call,
    exchange,
    failed_codes,
    short,
    spoken,
    verdict,
)
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, C, S, around, play

LATE = LocalReply("envoy", "upstream request timeout")


def refused(index: int) -> Exchange:
    return exchange(index, status=503, local_reply=ENVOY_REFUSED)


def test_the_first_failed_request_is_the_verdict_of_a_connection_that_worked() -> None:
    requests = exchange(0), refused(1), exchange(2, status=504, local_reply=LATE)
    judgement = verdict(after_answer(), *requests)
    assert (judgement.code, judgement.exchange) == ("http.local_reply", 1)


def test_the_connection_s_own_failure_comes_first_and_the_requests_stand_beside_it() -> None:
    story = play(*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET), S("ACK"), S("RST,ACK", win=500))
    told = spoken(story, refused(0), unanswered(1, response_time=None))
    judgement = judge(told, around(told))
    assert (judgement.code, judgement.exchange) == ("tcp.reset_before_response", 1)
    (other,) = other_failures(told, judgement, around(told))
    assert (other.judgement.code, other.exchanges) == ("http.local_reply", (0,))


def test_a_failure_before_any_request_names_none() -> None:
    story = spoken(play(*HANDSHAKE, S("RST,ACK", win=500)))
    judgement = judge(story, around(story))
    assert (judgement.code, judgement.exchange) == ("tcp.reset_before_request", None)


def test_equal_failures_are_folded_and_others_are_not() -> None:
    late = exchange(3, status=504, local_reply=LATE)
    requests = refused(0), exchange(1), refused(2), late, refused(4)
    told = spoken(after_answer(), *requests)
    others = other_failures(told, judge(told, around(told)), around(told))
    assert [(other.judgement.exchange, other.exchanges) for other in others] == [
        (2, (2, 4)),
        (3, (3,)),
    ]


def test_different_failures_beyond_the_limit_are_not_told() -> None:
    many = [
        exchange(n, status=503, local_reply=LocalReply("envoy", f"reason {n}")) for n in range(99)
    ]
    told = spoken(after_answer(), *many)
    others = other_failures(told, judge(told, around(told)), around(told))
    assert len(others) == MAX_OTHER_FAILURES


def test_an_open_request_at_the_end_of_the_file_does_not_hide_a_failed_one() -> None:
    waiting = unanswered(1)
    assert verdict(play(*ASKED), refused(0), waiting, left=0.1).code == "http.local_reply"
    assert verdict(play(*ASKED), waiting, left=0.1).code == "capture.partial"


def test_without_facts_nothing_is_said_of_requests() -> None:
    assert failed_codes(after_answer()) == []
    assert judge(after_answer(), around(after_answer())).code == "ok"


def unanswered(index: int, **changes: Unpack[ExchangeFields]) -> Exchange:
    fields: ExchangeFields = {"status": None, "complete": False, **changes}
    return exchange(index, **fields)


def hit_by_the_end(*exchanges: Exchange) -> int | None:
    """The number of the request that the connection's end hit."""
    hit = broken_off(spoken(after_answer(), *exchanges))
    return None if hit is None else hit.index


def test_the_request_that_the_end_hit_is_the_first_after_the_last_whole_answer() -> None:
    assert hit_by_the_end(short(), exchange(1), unanswered(2), unanswered(3)) == 2
    assert hit_by_the_end(exchange(0)) is None
    left, waiting = unanswered(0, version="2", ended_by="initiator"), unanswered(1, version="2")
    assert hit_by_the_end(left, waiting, exchange(2, version="2")) == 1
    assert hit_by_the_end(left, exchange(1)) == 0


def test_a_request_stands_in_one_verdict_only() -> None:
    gone = call(None, complete=False, ended_by="initiator", reset_code=8, reset_frame=5)
    story = play(*ASKED, C("FIN,ACK", after=15_000))
    told = spoken(story, gone)
    judgement = judge(told, around(told))
    assert (judgement.code, judgement.exchange) == ("tcp.response_timeout", 0)
    assert other_failures(told, judgement, around(told)) == []


def test_a_failed_connection_takes_all_that_was_under_way_with_it() -> None:
    story = play(*ASKED, S("RST,ACK", win=500))
    streams = [unanswered(n, version="2", stream_id=2 * n + 1) for n in range(4)]
    told = spoken(story, exchange(9, version="2"), *streams)
    judgement = judge(told, around(told))
    assert (judgement.code, judgement.exchange) == ("tcp.reset_before_response", 0)
    (other,) = other_failures(told, judgement, around(told))
    assert other.judgement.code == "tcp.reset_before_response"
    assert other.exchanges == (1, 2, 3)
