"""Kinds about single streams."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.failed_requests import other_failures
from pcapdiag.diagnose.judge import judge
from pcapdiag.model.http import Exchange, GrpcFacts, RstStream, Stall
from tests.diagnose.fields import Http2Fields
from tests.diagnose.http2.scenes import (
    CLIENT_CLOSES,
    SERVER_CLOSES,
    SERVER_RESETS,
    answered,
    at,
    begun,
    connection,
    goaway,
    http2,
    judged,
    request,
    reset,
    stall,
)
from tests.diagnose.playbook import MS, Line, around, sides

pytestmark = pytest.mark.once

MOST = 3


@pytest.mark.parametrize("code", [0, 1, 2, 3, 5, 8, 13, 0x99])
def test_a_responder_that_resets_a_stream_fails_it_whatever_the_code(code: int) -> None:
    verdict = judged(http2(answered(1), reset(request(3), "responder", code)))
    assert (verdict.code, verdict.phase, verdict.exchange) == (
        "http2.rst_stream",
        "before_response",
        1,
    )
    assert verdict.frames == (103, 180)
    assert sides(verdict)["responder"] > 0.9


def test_a_refused_push_is_the_clients_own_wish() -> None:
    assert judged(http2(answered(1), reset(begun(2), "initiator", 7))).code == "ok"


def test_within_the_answer() -> None:
    verdict = judged(http2(reset(begun(1), "responder", 2)))
    assert (verdict.code, verdict.phase) == ("http2.rst_stream", "in_response")
    assert "300 bytes" in verdict.facts["got"]


def test_an_answer_with_an_end_before_its_length() -> None:
    """Tomcat ends a page that failed half way by END_STREAM, and then by RST_STREAM."""
    page = answered(1, expected_length=10_000, malformed="3,000", malformed_by="responder")
    verdict = judged(http2(reset(page, "responder", 2)))
    assert verdict.code == "http2.rst_stream"
    assert "300 of 10,000 bytes" in verdict.facts["got"]
    later = answered(1, expected_length=10_000, malformed="3,000", malformed_by="responder")
    ended = http2(later)
    assert ended.http is not None
    assert ended.http.http2 is not None
    ended.http.http2.rst_streams = (RstStream(190, at(60), False, 1, 2),)
    assert judged(ended).code == "http2.rst_stream"
    assert judged(ended).frames[-1] == 190
    assert judged(http2(reset(answered(1), "responder", 2))).code == "ok"


@pytest.mark.parametrize("code", [0, 2, 8])
def test_an_initiator_that_leaves_finds_no_fault(code: int) -> None:
    cancelled = reset(begun(1), "initiator", code)
    assert judged(http2(cancelled, answered(3, asked=60))).code == "ok"
    soon = reset(request(1), "initiator", code, when=40)
    assert judged(http2(soon, answered(3, asked=60))).code == "ok"


@pytest.mark.parametrize("code", [1, 3, 6])
def test_an_initiator_that_finds_fault_with_the_answer(code: int) -> None:
    verdict = judged(http2(reset(begun(1), "initiator", code)))
    assert verdict.code == "http2.rst_stream"
    assert sides(verdict)["initiator"] > 0.9


@pytest.mark.parametrize(
    "exchange",
    [
        reset(answered(1), "responder", 0),
        reset(answered(1), "initiator", 8),
        reset(begun(1, upgrade="websocket"), "responder", 8),
        reset(begun(1, websocket_close=True), "responder", 0),
    ],
    ids=["after the answer", "client had enough", "end of a tunnel", "end of a WebSocket"],
)
def test_resets_that_harm_nobody(exchange: Exchange) -> None:
    assert judged(http2(exchange)).code == "ok"


def test_an_end_that_a_hole_may_hide_accuses_nobody() -> None:
    assert judged(http2(reset(begun(1), "responder", 0), incomplete=True)).code == "ok"
    assert judged(http2(reset(begun(1), "responder", 2), incomplete=True)).failed
    late = http2(reset(begun(1), "responder", 0))
    assert late.http
    assert late.http.http2
    late.http.http2.preface = False
    assert judged(late).code == "ok"


def test_a_reset_in_answer_to_the_initiators_close_is_an_effect() -> None:
    late = reset(begun(1), "responder", 2, when=5000)
    assert judged(http2(late), *CLIENT_CLOSES).code != "http2.rst_stream"


def test_equal_failures_are_folded_by_error() -> None:
    streams = [reset(request(n), "responder", 2) for n in (1, 3, 5)]
    streams.append(reset(request(7), "responder", 8))
    story = connection(http2(*streams))
    context = around(story)
    others = other_failures(story, judge(story, context), context)
    assert [len(other.exchanges) for other in others] == [2, 1]


def test_refused_with_the_limit() -> None:
    limit: Http2Fields = {
        "settings_responder": {MOST: 2},
        "settings_frame_responder": 9,
        "most_open": 4,
    }
    verdict = judged(http2(answered(1), reset(request(3), "responder", 7), **limit))
    assert verdict.code == "http2.refused_stream"
    assert "allows 2 at once (SETTINGS, frame 9); 4 were open" in verdict.facts["limit_words"]


def test_over_the_limit_protocol_error_is_a_refusal_too() -> None:
    def over(limit: int) -> str:
        stream = reset(request(3), "responder", 1)
        return judged(http2(stream, settings_responder={MOST: limit}, most_open=4)).code

    assert over(2) == "http2.refused_stream"
    assert over(4) == "http2.rst_stream"


def test_enhance_your_calm_of_a_stream() -> None:
    assert judged(http2(reset(request(1), "responder", 11))).code == "http2.enhance_your_calm"


@pytest.mark.parametrize("close", [SERVER_CLOSES, SERVER_RESETS], ids=["FIN", "RST"])
def test_lost_when_the_drained_connection_ended(close: tuple[Line, ...]) -> None:
    verdict = judged(http2(begun(1), goaways=(goaway(),)), *close)
    if close is SERVER_CLOSES:
        assert (verdict.code, verdict.phase) == ("http2.stream_lost", "in_response")
        assert sides(verdict)["responder"] > 0.9
        assert "may have been processed" in verdict.facts["retry"]
    assert verdict.failed


def test_lost_above_the_last_stream_and_safe_to_retry() -> None:
    verdict = judged(http2(answered(1), request(3), goaways=(goaway(last=1),)))
    assert verdict.code == "http2.stream_lost"
    assert "safe to retry" in verdict.facts["retry"]


def test_the_second_goaway_of_a_drain_has_the_real_last_stream() -> None:
    first, second = goaway(last=2**31 - 1, when=30), goaway(last=1, when=60)
    assert judged(http2(answered(1), answered(3), goaways=(first, second))).code == "ok"
    assert judged(http2(answered(1), request(3), goaways=(first, second))).failed


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ({"goaways": (goaway(last=3),)}, ()),
        ({"goaways": (goaway(last=3),)}, CLIENT_CLOSES),
        ({"goaways": (goaway(last=3, client=True),)}, SERVER_CLOSES),
    ],
    ids=["still served", "the client left", "the client's own goodbye"],
)
def test_not_lost_in_a_drain(facts: Http2Fields, lines: tuple[Line, ...]) -> None:
    assert judged(http2(begun(3), **facts), *lines).code != "http2.stream_lost"


def upload() -> Exchange:
    return request(1, request_complete=False, request_end_time=None)


def test_a_body_that_the_server_does_not_read() -> None:
    verdict = judged(http2(upload(), stalls=(stall(10),)), *CLIENT_CLOSES)
    assert (verdict.code, verdict.phase) == ("http2.flow_control_stall", "in_request")
    assert sides(verdict)["responder"] > 0.9
    given_up = reset(upload(), "initiator", 2, when=1010)
    assert judged(http2(given_up, stalls=(stall(10),))).code == "http2.flow_control_stall"


def test_an_answer_that_the_client_does_not_read() -> None:
    whole = stall(10, stream=0, client=False)
    verdict = judged(http2(begun(1), stalls=(whole,)), *SERVER_CLOSES)
    assert (verdict.code, verdict.phase) == ("http2.flow_control_stall", "in_response")
    assert sides(verdict)["initiator"] > 0.9


@pytest.mark.parametrize(
    ("exchange", "stopped", "end"),
    [
        (reset(begun(1), "initiator", 8, when=9000), stall(10, client=False), ()),
        (reset(upload(), "initiator", 2, when=400), stall(10), ()),
        (upload(), stall(10, until=900), CLIENT_CLOSES),
        (answered(1), stall(10, client=False), CLIENT_CLOSES),
        (upload(), stall(10, stream=3), CLIENT_CLOSES),
        (upload(), stall(10), ()),
    ],
    ids=["client paused", "short", "opened again", "done", "another stream", "still waiting"],
)
def test_windows_that_are_no_failure(
    exchange: Exchange, stopped: Stall, end: tuple[Line, ...]
) -> None:
    assert judged(http2(exchange, stalls=(stopped,)), *end).code != "http2.flow_control_stall"


def test_one_direction_does_not_tell_why_a_stream_was_given_up() -> None:
    for above in (
        http2(reset(request(1), "initiator", 1)),
        http2(reset(request(1), "initiator", 11)),
        http2(reset(request(1, grpc=GrpcFacts("a", "b", timeout=48 * MS)), "initiator", 8)),
    ):
        story = connection(above)
        assert judge(story, around(story)).failed
        alone = connection(above)
        alone.responder.packets = 0
        assert not judge(alone, around(alone)).failed


def test_a_message_that_is_larger_than_its_client_takes() -> None:
    """Measured with grpcio: a whole answer, and then RST_STREAM with code 11."""
    late = RstStream(181, at(60), True, 1, 11)
    call = http2(answered(1, grpc=GrpcFacts("lab.T", "Un", status=0)))
    other = http2(answered(1))
    for above in (call, other):
        assert above.http is not None
        assert above.http.http2 is not None
        above.http.http2.rst_streams = (late,)
    verdict = judged(call)
    assert verdict.code == "http2.enhance_your_calm"
    assert sides(verdict)["initiator"] > 0.9
    assert "max_receive_message_length" in verdict.facts["lost"]
    assert "MaxCallRecvMsgSize" in verdict.fixes[0]
    assert judged(other).code == "ok"


def test_an_extended_connect_that_the_server_never_allowed() -> None:
    """WebSocket over HTTP/2 (RFC 8441)."""
    call = reset(request(1, method="CONNECT", target="/chat"), "responder", 1)
    (note,) = judged(http2(call)).notes
    assert "ENABLE_CONNECT_PROTOCOL" in note
    assert not judged(http2(call, settings_responder={8: 1})).notes
    plain = reset(request(1, method="CONNECT", target=None), "responder", 1)
    assert not judged(http2(plain)).notes


def test_without_pings_nobody_is_told_to_send_fewer() -> None:
    calm = goaway(11, last=1)
    quiet = judged(http2(request(1), goaways=(calm,)), *SERVER_CLOSES)
    assert quiet.code == "http2.enhance_your_calm"
    assert "large_client_header_buffers" in quiet.fixes[0]
    assert not any("too_many_pings" in fix for fix in quiet.fixes)
    pinged = judged(http2(request(1), goaways=(calm,), ping_count=3), *SERVER_CLOSES)
    assert not pinged.fixes
