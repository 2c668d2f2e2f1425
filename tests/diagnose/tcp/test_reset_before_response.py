from __future__ import annotations

from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, OK, C, S, around, judged, play

LIVE = S("RST,ACK", win=500, after=1)


def test_reset_instead_of_an_answer() -> None:
    verdict = judged(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), LIVE)
    assert verdict.code == "tcp.reset_before_response"
    assert verdict.phase == "before_response"
    assert verdict.frames == (4, 6)
    assert verdict.confidence >= 0.95


def test_an_upload_that_was_cut_is_in_the_request() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n"
    verdict = judged(*HANDSHAKE, C("PSH,ACK", head + b"x" * 1000), S("ACK"), LIVE)
    assert verdict.code == "tcp.reset_before_response"
    assert verdict.phase == "in_request"


def test_within_the_tls_handshake_the_phase_says_so() -> None:
    hello = b"\x16\x03\x01\x00\x05\x01hell"
    assert judged(*HANDSHAKE, C("PSH,ACK", hello), LIVE).phase == "tls_handshake"


def test_a_live_socket_that_took_the_request_after_an_idle_time_was_not_stale() -> None:
    late = (C("PSH,ACK", GET, after=20_000), S("ACK"), LIVE)
    assert judged(*HANDSHAKE, *EXCHANGE, *late).code == "tcp.reset_before_response"


def test_a_reset_after_the_whole_answer_is_fine() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", OK), C("ACK"), LIVE)
    verdict = judged(*HANDSHAKE, *lines)
    assert verdict.code == "ok"
    assert "after the answer was complete" in verdict.notes[0]


def test_an_answer_that_the_capture_lost_forbids_the_verdict() -> None:
    from pcapdiag.diagnose.judge import judge
    from tests.diagnose.playbook import around, play

    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), LIVE)
    story.initiator.acked_unseen = 1
    assert judge(story, around(story)).code == "capture.partial"


def test_few_bytes_that_the_snaplen_cut_off_may_be_a_farewell() -> None:
    talk = (C("PSH,ACK", b"x" * 40), S("PSH,ACK", b"y" * 40), C("PSH,ACK", b"z" * 8), S("ACK"))
    story = play(*HANDSHAKE, *talk, S("RST,ACK", win=500, after=900))
    assert judge(story, around(story)).confidence == 0.95
    cut = play(*HANDSHAKE, *talk, S("RST,ACK", win=500, after=900))
    cut.turn.request_head = b""
    verdict = judge(cut, around(cut))
    assert (verdict.code, verdict.confidence) == ("tcp.reset_before_response", 0.6)
    assert verdict.alternatives[0].code == "ok"
