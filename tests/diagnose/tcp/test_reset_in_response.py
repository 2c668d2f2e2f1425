from __future__ import annotations

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import GET, HANDSHAKE, OK, SHORT, C, S, around, judged, play

LIVE = S("RST,ACK", win=500, after=1)
ASKED = (*HANDSHAKE, C("PSH,ACK", GET))


def test_an_answer_shorter_than_its_length() -> None:
    verdict = judged(*ASKED, S("PSH,ACK", SHORT), C("ACK"), LIVE)
    assert verdict.code == "tcp.reset_in_response"
    assert verdict.phase == "in_response"
    assert verdict.frames == (4, 5, 7)
    assert verdict.confidence >= 0.95


def test_chunks_without_the_last_one() -> None:
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    assert judged(*ASKED, S("PSH,ACK", body), LIVE).code == "tcp.reset_in_response"
    assert judged(*ASKED, S("PSH,ACK", body + b"0\r\n\r\n"), LIVE).code == "ok"


def test_a_body_that_ends_with_the_connection_is_cut_by_a_reset() -> None:
    body = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
    assert judged(*ASKED, S("PSH,ACK", body), C("ACK"), LIVE).code == "tcp.reset_in_response"
    assert judged(*ASKED, S("PSH,ACK", body), S("FIN,ACK"), C("FIN,ACK")).code == "ok"


def test_in_an_unreadable_protocol_it_is_doubtful() -> None:
    verdict = judged(
        *HANDSHAKE, C("PSH,ACK", b"\x01\x02"), S("PSH,ACK", b"\x03" * 90), C("ACK"), LIVE
    )
    assert verdict.code == "tcp.reset_in_response"
    assert verdict.confidence <= 0.7


def test_a_complete_answer_is_not_cut() -> None:
    assert judged(*ASKED, S("PSH,ACK", OK), C("ACK"), LIVE).code == "ok"


def test_what_the_sender_still_sends_after_a_forged_reset_does_not_complete_the_answer() -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
    lines = (S("PSH,ACK", body), C("ACK"), S("RST", ttl=128), S("PSH,ACK", b"world"), C("RST"))
    assert judged(*ASKED, *lines).failed


def test_an_answer_that_was_captured_behind_its_end() -> None:
    late = S("PSH,ACK", OK, seq=4_294_967_201, after=0.01)
    fin = S("FIN,ACK", seq=4_294_967_201 + len(OK), after=3)
    assert judged(*ASKED, fin, late, C("FIN,ACK")).code == "ok"
    reset = S("RST,ACK", seq=4_294_967_201 + len(OK), win=500, after=3)
    assert judged(*ASKED, reset, late, C("ACK")).code == "ok"


def test_an_answer_that_was_captured_before_its_request() -> None:
    used = (C("PSH,ACK", GET), S("PSH,ACK", OK), C("ACK"))
    early = (S("PSH,ACK", OK, ack=1_000_001 + 2 * len(GET)), C("PSH,ACK", GET, after=0.01))
    assert judged(*HANDSHAKE, *used, *early, S("FIN,ACK"), C("FIN,ACK")).code == "ok"


def test_an_answer_that_was_counted_for_no_turn() -> None:
    fin, late = (
        S("FIN,ACK", seq=4_294_967_201 + len(OK), after=3),
        S("PSH,ACK", OK, seq=4_294_967_201),
    )
    story = play(*ASKED, fin, late, C("FIN,ACK"))
    story.turn.response_bytes = 0
    assert judge(story, around(story)).code == "ok"
