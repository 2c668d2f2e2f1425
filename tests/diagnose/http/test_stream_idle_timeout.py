from __future__ import annotations

from typing import Unpack

from msgspec.structs import replace

from pcapdiag.model.ends import End
from pcapdiag.model.http import GrpcFacts
from pcapdiag.model.story import LegKind, LegMoment, Story
from tests.diagnose.fields import ExchangeFields
from tests.diagnose.http.spoken import (
    ASKED,
    after_answer,
    call,
    exchange,
    failed_codes,
    short,
    verdict,
)
from tests.diagnose.playbook import MS, START, C, S, play, sides

WEBSOCKET = exchange(status=101, upgrade="websocket")
EVENTS = short(expected_length=None, content_type="text/event-stream")


SWITCHED = (*ASKED, S("PSH,ACK", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), C("ACK"))


def cut(quiet: float, by: str = "S") -> Story:
    """A stream that was quiet for ``quiet`` ms before one end closed."""
    one, other = (S, C) if by == "S" else (C, S)
    return play(*SWITCHED, one("FIN,ACK", after=quiet), other("FIN,ACK"), one("ACK"))


def with_leg(story: Story, kind: LegKind, after: int = 0) -> Story:
    """The proxy's other leg ended ``after`` ns behind this one."""
    end = story.responder if kind == "left" else story.initiator
    moment = LegMoment(kind, 7, 0, 1, end.fin_time + after, opened=kind == "left")
    where = "legs_behind" if kind == "left" else "legs_before"
    return replace(story, **{where: (moment,)})


def test_a_websocket_that_the_responder_cuts_at_a_timer_s_value() -> None:
    judgement = verdict(cut(60_000), WEBSOCKET)
    assert judgement.code == "http.stream_idle_timeout"
    assert sides(judgement)["responder"] > 0.9
    assert judgement.facts["quiet"] == "60 s"


def test_a_close_frame_is_an_orderly_end() -> None:
    assert verdict(cut(60_000), replace(WEBSOCKET, websocket_close=True)).code == "ok"


def test_no_timer_s_value_and_no_other_leg_accuse_nobody_of_one() -> None:
    assert verdict(cut(47_300), WEBSOCKET).code == "ok"
    assert verdict(cut(47_300), EVENTS).code == "http.truncated_response"


def test_what_the_capture_lost_of_a_stream_may_have_been_its_last_chunk() -> None:
    said = (play(*SWITCHED).responder.next_seq or 0) + 31
    closed = (S("FIN,ACK", after=1_000, seq=said), C("FIN,ACK", ack=said + 1), S("ACK"))
    story = play(*SWITCHED, *closed)
    assert verdict(story, EVENTS).code != "http.stream_idle_timeout"
    assert verdict(cut(1_000), EVENTS).code == "http.stream_idle_timeout"


def test_the_other_leg_cut_at_the_same_time_says_it_too() -> None:
    judgement = verdict(with_leg(cut(47_300), "left"), WEBSOCKET)
    assert judgement.code == "http.stream_idle_timeout"
    assert judgement.confidence >= 0.9
    assert "stream 7" in judgement.facts["shown"]


def test_who_opened_a_stream_may_leave_it() -> None:
    left = verdict(cut(60_000, "C"), WEBSOCKET)
    assert left.code == "ok"
    assert any("60 s timer" in note for note in left.notes)
    assert not verdict(cut(47_300, "C"), WEBSOCKET).notes
    assert verdict(cut(60_000, "C"), EVENTS).code != "http.stream_idle_timeout"


def test_a_proxy_that_cuts_both_legs_is_the_initiator_of_one() -> None:
    judgement = verdict(with_leg(cut(60_000, "C"), "closed", 1_000_000_000), EVENTS)
    assert judgement.code == "http.stream_idle_timeout"
    assert sides(judgement)["initiator"] > 0.9


def test_a_proxy_whose_client_had_left_was_not_timing_out() -> None:
    story = with_leg(cut(60_000, "C"), "closed")
    gone = LegMoment("left", 8, 0, 1, story.end - 1_000_000, opened=False)
    assert verdict(replace(story, legs_before=(*story.legs_before, gone)), WEBSOCKET).code == "ok"


def test_a_body_that_only_the_close_ends_may_end_so() -> None:
    assert verdict(cut(60_000), replace(EVENTS, until_close=True)).code == "ok"


def reset_after(quiet: float, by: End, code: int, **changes: Unpack[ExchangeFields]) -> str:
    """The verdict of a gRPC stream reset ``quiet`` ms after its last message."""
    last = START + 50 * MS
    fields: ExchangeFields = {
        "grpc": GrpcFacts("shop.Basket", "hang", messages=1),
        "active_time": last,
        "reset_time": last + int(quiet * MS),
        "reset_frame": 8,
        "ended_by": by,
        "reset_code": code,
        "complete": False,
        **changes,
    }
    stream = call(None, **fields)
    return ",".join(failed_codes(after_answer(), exchange(0), replace(stream, index=1)))


def test_a_quiet_grpc_stream_that_the_proxy_resets() -> None:
    assert reset_after(1000, "responder", 2) == "http.stream_idle_timeout"
    assert reset_after(300_000, "initiator", 2) == "http.stream_idle_timeout"


def test_a_stream_on_which_something_moved_was_not_quiet() -> None:
    assert reset_after(300, "responder", 2) == ""
    assert reset_after(47_300, "responder", 2) == ""


def test_a_stream_without_a_message_yet_is_a_call_that_waits() -> None:
    waiting = GrpcFacts("shop.Basket", "hang", messages=0)
    assert reset_after(1000, "responder", 2, grpc=waiting) == ""


def test_a_call_s_own_deadline_is_no_idle_timer() -> None:
    grpc = GrpcFacts("shop.Basket", "hang", messages=1, timeout=1_050 * MS)
    assert reset_after(1000, "responder", 8, grpc=grpc, request_time=START) == ""
    later = replace(grpc, timeout=4_000 * MS)
    assert reset_after(1000, "responder", 8, grpc=later, request_time=START) != ""


def test_envoy_closes_its_client_s_side_a_second_later() -> None:
    told = replace(WEBSOCKET, server="istio-envoy")
    assert verdict(cut(61_000), told).code == "http.stream_idle_timeout"
    assert verdict(cut(61_000), WEBSOCKET).code == "ok"


def test_a_client_may_cancel_its_stream() -> None:
    assert reset_after(1000, "initiator", 8) == ""
