"""What a FIN or RST means on HTTP/2 is told by the streams that were open, not by the last bytes."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.failed_requests import other_failures
from pcapdiag.diagnose.http2.effects import open_again
from pcapdiag.diagnose.http2.known import streams
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from pcapdiag.model.http import GrpcFacts
from tests.diagnose.http2.scenes import (
    CLIENT_CLOSES,
    SERVER_CLOSES,
    SERVER_RESETS,
    answered,
    begun,
    connection,
    goaway,
    http2,
    judged,
    request,
    reset,
)
from tests.diagnose.playbook import HANDSHAKE, C, Line, S, around, play
from tests.diagnose.protocol.scenes import PREFACE, SETTINGS

pytestmark = pytest.mark.once

SOON = (S("RST,ACK", win=500, after=20),)


@pytest.mark.parametrize(
    ("lines", "waiting", "answering", "done"),
    [
        (SERVER_CLOSES, "tcp.closed_before_response", "http.truncated_response", "ok"),
        (SOON, "tcp.reset_before_response", "tcp.reset_in_response", "ok"),
        (SERVER_RESETS, "tcp.reset_before_response", "tcp.reset_in_response", "tcp.idle_reset"),
        (CLIENT_CLOSES, "tcp.response_timeout", "ok", "ok"),
        ((), "capture.partial", "ok", "ok"),
    ],
    ids=["server FIN", "server RST", "server RST late", "client FIN", "open"],
)
def test_by_what_was_open(lines: tuple[Line, ...], waiting: str, answering: str, done: str) -> None:
    assert judged(http2(answered(1), request(3)), *lines).code == waiting
    assert judged(http2(answered(1), begun(3)), *lines).code == answering
    assert judged(http2(answered(1), answered(3)), *lines).code == done


def test_the_words_are_about_the_stream_and_not_the_last_bytes() -> None:
    ping = (C("PSH,ACK", b"\0\0\x08\6\0\0\0\0\0" + bytes(8), after=1000), S("ACK"))
    story = connection(http2(answered(1), request(3, asked=10)), *ping, *SERVER_CLOSES)
    verdict = judge(story, around(story))
    assert verdict.facts["request_frame"] == "103"
    assert verdict.facts["since_request"].startswith("3.99")
    assert "HTTP/2 stream 3" in fill(kind_of(verdict.code), verdict, story).explanation


@pytest.mark.parametrize("end", [SERVER_CLOSES, SERVER_RESETS])
def test_every_open_stream_failed(end: tuple[Line, ...]) -> None:
    story = connection(http2(begun(1), request(3), request(5), answered(7)), *end)
    context = around(story)
    verdict = judge(story, context)
    others = other_failures(story, verdict, context)
    assert verdict.exchange == 0
    (other,) = others
    assert (len(other.exchanges), other.judgement.code.endswith("_before_response")) == (2, True)
    assert fill(kind_of(other.judgement.code), other.judgement, story).explanation


def test_an_answer_that_its_readers_host_met_by_reset_came_too_late() -> None:
    late = answered(3, asked=10, took=4000)
    left = (C("FIN,ACK", after=3000), S("ACK"), S("PSH,ACK", bytes(23), after=1000))
    assert judged(http2(answered(1), late), *left, C("RST")).code == "tcp.response_timeout"
    assert judged(http2(answered(1), late), *left, C("ACK")).code == "ok"


def test_a_call_that_need_not_answer_yet_may_be_left() -> None:
    call = request(1, grpc=GrpcFacts("shop.Cart", "Watch"))
    assert judged(http2(call), *CLIENT_CLOSES).code == "ok"
    assert judged(http2(call), *SERVER_CLOSES).code == "tcp.closed_before_response"


def test_where_bytes_are_missing_nothing_is_known_to_be_done() -> None:
    lines = SOON
    assert judged(http2(answered(1)), *lines).code == "ok"
    assert judged(http2(answered(1), incomplete=True), *lines).code == "tcp.reset_in_response"


def test_a_drain_is_told_by_its_own_code() -> None:
    lost = http2(request(1), goaways=(goaway(),))
    assert judged(lost, *SERVER_CLOSES).code == "http2.stream_lost"
    assert judged(lost, *SERVER_RESETS).code == "http2.stream_lost"


def deadline(when: float, seconds: float = 1) -> str:
    call = request(1, grpc=GrpcFacts("shop.Cart", "Get", timeout=round(seconds * 1e9)))
    given_up = reset(call, "initiator", 8, when=when)
    busy = answered(3, asked=when + 10)
    return judged(http2(given_up, busy)).code


def test_a_deadline_among_other_requests_is_a_timeout() -> None:
    assert deadline(1003) == "tcp.response_timeout"
    assert deadline(737, 0.735) == "tcp.response_timeout"
    assert deadline(737) == "ok"


def test_cancelled_at_a_timeouts_value_among_other_requests() -> None:
    late = reset(request(1), "initiator", 2, when=15_004)
    assert judged(http2(late, answered(3, asked=16_000))).code == "tcp.response_timeout"


def test_a_lone_cancelled_request_is_told_by_its_frames() -> None:
    verdict = judged(http2(answered(1), reset(request(3, asked=10), "initiator", 8, when=5011)))
    assert verdict.code == "tcp.response_timeout"
    assert verdict.facts["waited"] == "5 s"
    soon = judged(http2(answered(1), reset(request(3, asked=10), "initiator", 8, when=47)))
    assert soon.code == "tcp.initiator_abort"


def test_a_request_behind_a_rest_met_the_fin_of_before() -> None:
    """The client's last bytes before it rests, SETTINGS with ACK, belong to the same turn."""
    ack = C("PSH,ACK", b"\0\0\0\x04\x01\0\0\0\0", after=5)
    asked = C("PSH,ACK", b"\0\0\x02\x01\x05\0\0\0\x03\x82\x84", after=2000, lost=True)
    lines = (ack, S("ACK"), S("FIN,ACK", after=2000), C("ACK"), asked, S("RST"))
    late = http2(answered(1), request(3, asked=4008, request_frame=12))
    verdict = judged(late, *lines)
    assert verdict.code == "tcp.stale_connection"
    assert (verdict.facts["rested"], verdict.facts["request_frame"]) == (
        " after 4 s of quiet",
        "12",
    )
    taken = http2(answered(1), request(3, asked=7, request_frame=8))
    assert judged(taken, *lines[:4]).code == "tcp.closed_before_response"


def test_cancelled_after_the_same_time_again_and_again() -> None:
    """The text names the stream, not the turn, which is the RST_STREAM alone."""
    first = reset(request(1), "initiator", 8, when=737)
    again = reset(request(3, asked=1000, request_frame=111), "initiator", 8, when=1736)
    verdict = judged(http2(first, again))
    assert verdict.code == "tcp.response_timeout"
    assert verdict.confidence == 0.9
    assert "stream 3 (frame 111)" in verdict.facts["asked"]
    assert verdict.facts["left"] == "took it back"
    assert verdict.frames == (111, 180)
    other = reset(request(3, asked=1000), "initiator", 8, when=1236)
    assert judged(http2(first, other)).code == "tcp.initiator_abort"


def test_a_short_quiet_and_the_end_of_all_with_a_stream_open() -> None:
    """So ends a process that is killed; a stream's timer says RST_STREAM."""
    watch = http2(begun(1, grpc=GrpcFacts("shop.Basket", "Watch", messages=1)))
    for quiet, code in ((2000, "http.truncated_response"), (60_000, "http.stream_idle_timeout")):
        assert judged(watch, S("FIN,ACK", after=quiet), C("FIN,ACK"), S("ACK")).code == code


def test_the_preface_itself_is_to_be_answered() -> None:
    """By SETTINGS; a TLS server closes on it without a word (Go: after a while)."""
    opened = (*HANDSHAKE, C("PSH,ACK", PREFACE), S("ACK"))
    for end, code in (
        (SERVER_CLOSES, "tcp.closed_before_response"),
        (SERVER_RESETS, "tcp.reset_before_response"),
        (CLIENT_CLOSES, "ok"),
    ):
        story = play(*opened, *end, application=http2())
        assert judge(story, around(story)).code == code


RST_STREAM = b"\0\0\4\3\0\0\0\0\1\0\0\0\x08"
CLOSED = (4_294_967_201 + len(SETTINGS) + 1) % (1 << 32)
"""The ACK number of who had got the responder's FIN."""


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (
            (S("FIN,ACK", after=40), C("PSH,ACK", RST_STREAM), S("RST")),
            "tcp.closed_before_response",
        ),
        ((S("RST,ACK", win=500, after=40), C("PSH,ACK", RST_STREAM)), "tcp.reset_before_response"),
        ((S("FIN,ACK", after=40, lost=True), C("PSH,ACK", RST_STREAM)), "tcp.initiator_abort"),
        (
            (C("PSH,ACK", RST_STREAM, after=40, ack=CLOSED), S("FIN,ACK"), S("RST")),
            "tcp.closed_before_response",
        ),
    ],
    ids=["answers the FIN", "answers the RST", "crosses the FIN", "captured before the FIN"],
)
def test_a_stream_given_up_because_the_other_end_closed(lines: tuple[Line, ...], code: str) -> None:
    """Clients of gRPC's C core reset every open stream when their server is gone (measured)."""
    above = http2(request(1))
    story = connection(above, *lines)
    (said,) = (p for p in story.packets if p.length == len(RST_STREAM))
    (exchange,) = streams(story)
    exchange.ended_by, exchange.reset_code = "initiator", 8
    exchange.reset_frame, exchange.reset_time = said.frame, said.time
    open_again(story)
    assert judge(story, around(story)).code == code
    assert (exchange.ended_by is None) == code.endswith("_before_response")


def test_an_answer_to_a_client_that_had_left_is_none() -> None:
    late = begun(1, took=3500)
    assert judged(http2(late), *CLIENT_CLOSES).code == "tcp.response_timeout"


def test_ok_says_that_frames_are_missing() -> None:
    """Behind a hole no header can be decoded (RFC 7541 section 2.3.2), so no status is known."""
    lost = judged(http2(answered(1), incomplete=True), *CLIENT_CLOSES)
    assert (lost.code, lost.confidence) == ("ok", 0.7)
    assert any("lacks bytes of its HTTP/2" in note for note in lost.notes)
    whole = judged(http2(answered(1)), *CLIENT_CLOSES)
    assert (whole.code, whole.confidence) == ("ok", 0.95)
