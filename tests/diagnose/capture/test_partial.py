from __future__ import annotations

from pcapdiag.diagnose.capture.partial import RESET_UNSEEN
from pcapdiag.diagnose.judge import judge
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, C, S, again, around, judged, play


def test_only_one_direction_and_a_reset() -> None:
    verdict = judged(S("SYN,ACK"), S("ACK"), S("PSH,ACK", b"HTTP/1.1 200"), S("RST,ACK", win=500))
    assert verdict.code == "capture.partial"
    assert not verdict.failed
    assert "responder" in verdict.notes[0]


def test_only_one_direction_and_nothing_wrong() -> None:
    lines = (C("SYN"), C("ACK", ack=1), C("PSH,ACK", GET), C("FIN,ACK"))
    assert judged(*lines).code == "ok"


def test_open_at_the_end_with_nothing_wrong_is_fine() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, left=0).code == "ok"


def test_a_capture_that_starts_within_the_connection() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    story = play(*lines, C("FIN,ACK"), S("FIN,ACK"))
    assert story.midstream
    assert judge(story, around(story)).code == "ok"


def test_a_repeat_at_the_very_end() -> None:
    request = C("PSH,ACK", GET, lost=True)
    assert judged(*HANDSHAKE, request, *again(request, 200), left=0.1).code == "capture.partial"


def test_a_file_that_ends_behind_a_request_and_fin_that_were_reset() -> None:
    lines = (C("PSH,ACK", GET), S("ACK"), C("FIN,ACK", after=0.1))
    assert "may have come after it" in judged(*HANDSHAKE, *lines, left=0.1).notes[0]
    verdict = judged(*HANDSHAKE, *lines, S("RST,ACK", win=500, after=5), left=0.1)
    assert verdict.code == "capture.partial"
    assert verdict.notes[0].endswith("read on for the answer when the RST came (frame 7)")


def test_an_open_one_way_stream_is_fine() -> None:
    lines = (C("PSH,ACK", b"a log line\n"), S("ACK"))
    assert judged(*HANDSHAKE, *lines).code == "ok"
    assert judged(*HANDSHAKE, *lines, turns=3).code == "capture.partial"


def test_a_lost_syn_ack_does_not_undo_the_handshake() -> None:
    request = C("PSH,ACK", GET)
    lines = (C("SYN"), C("ACK", ack=77), request, *again(request, 200, 400), S("ACK"), S("ACK"))
    story = play(*lines)
    assert judge(story, around(story)).code not in ("tcp.port_reuse", "tcp.connection_refused")


def test_an_answer_that_was_acknowledged_and_not_captured() -> None:
    lines = (C("PSH,ACK", GET), C("ACK", ack=4_294_967_261, after=2))
    closed = (S("FIN,ACK", seq=4_294_967_261, after=2), C("FIN,ACK"))
    assert judged(*HANDSHAKE, *lines, *closed).code == "ok"
    assert judged(*HANDSHAKE, *lines, C("FIN,ACK", after=2000), *closed[:1]).code == "ok"
    reset = S("RST,ACK", seq=4_294_967_261, win=5)
    assert judged(*HANDSHAKE, *lines, reset).code == "capture.partial"


def test_a_request_that_was_acknowledged_and_not_captured() -> None:
    lines = (S("SYN,ACK"), S("ACK", ack=1_000_100), C("ACK", seq=1_000_100))
    verdict = judged(C("SYN"), *lines, S("FIN,ACK", ack=1_000_100), C("FIN,ACK", seq=1_000_100))
    assert verdict.code == "capture.partial"


def test_what_follows_a_first_message_that_was_not_captured_may_be_a_farewell() -> None:
    bye = b"\x17\x03\x03\x00\x13" + b"x" * 19
    later = (C("ACK", seq=1_000_518), C("PSH,ACK", bye, seq=1_000_518))
    closed = (S("FIN,ACK", ack=1_000_542, after=2), C("FIN,ACK", seq=1_000_542))
    first = S("PSH,ACK", b"\x16\x03\x03\x00\x02" + b"x" * 90, ack=1_000_518)
    assert not judged(*HANDSHAKE, first, *later, *closed).failed


def test_a_filter_for_syn_fin_and_rst_shows_resets_and_not_what_they_cut() -> None:
    opened = (C("SYN"), S("SYN,ACK"))
    by_server = S("RST,ACK", ack=1_000_200)
    assert judged(*opened, by_server).notes == (RESET_UNSEEN,)
    assert judged(*opened, C("RST,ACK", seq=1_000_200)).notes == (RESET_UNSEEN,)
    assert judged(*HANDSHAKE, by_server).code == "capture.partial"
    assert judged(*HANDSHAKE, C("RST,ACK", seq=1_000_200)).notes == (RESET_UNSEEN,)
    assert "health check" in judged(*HANDSHAKE, C("RST,ACK")).notes[0]
