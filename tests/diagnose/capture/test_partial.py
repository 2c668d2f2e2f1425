from __future__ import annotations

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


def test_an_open_one_way_stream_is_fine() -> None:
    lines = (C("PSH,ACK", b"<13>log line\n"), S("ACK"))
    assert judged(*HANDSHAKE, *lines).code == "ok"
    assert judged(*HANDSHAKE, *lines, turns=3).code == "capture.partial"


def test_a_lost_syn_ack_does_not_undo_the_handshake() -> None:
    request = C("PSH,ACK", GET)
    lines = (C("SYN"), C("ACK", ack=77), request, *again(request, 200, 400), S("ACK"), S("ACK"))
    story = play(*lines)
    assert judge(story, around(story)).code not in ("tcp.port_reuse", "tcp.connection_refused")
