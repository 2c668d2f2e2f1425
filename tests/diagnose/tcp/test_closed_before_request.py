from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.tcp.closed_before_request import KIND
from pcapdiag.diagnose.text import fill
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, judged, play

HUNG_UP = (S("FIN,ACK", after=3), C("FIN,ACK"), S("ACK"))


def test_hung_up_before_a_byte_was_sent() -> None:
    verdict = judged(*HANDSHAKE, *HUNG_UP)
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.ended_by == "responder"
    assert verdict.frames == (4,)


def test_a_first_request_that_crossed_the_fin() -> None:
    lines = (C("PSH,ACK", GET, lost=True), S("FIN,ACK"), S("RST", after=0.3))
    assert judged(*HANDSHAKE, *lines).code == "tcp.closed_before_request"


def test_an_unused_connection_closed_after_long_is_a_timeout_that_hurt_nobody() -> None:
    assert judged(*HANDSHAKE, S("FIN,ACK", after=60_000), C("FIN,ACK"), S("ACK")).code == "ok"


def test_a_greeting_counts_as_before_the_request() -> None:
    full = (S("PSH,ACK", b"-ERR max number of clients reached\r\n"), C("ACK"), *HUNG_UP)
    verdict = judged(*HANDSHAKE, *full, established=1)
    assert verdict.code == "tcp.closed_before_request"
    assert verdict.alternatives[0].code == "ok"


def test_a_port_where_nobody_ever_asks_is_there_for_its_word() -> None:
    clock = (S("PSH,ACK", b"12:00:01\r\n"), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *clock, established=5).code == "ok"


def test_a_port_check_by_the_initiator_is_fine() -> None:
    assert judged(*HANDSHAKE, C("FIN,ACK"), S("FIN,ACK"), C("ACK")).code == "ok"


def test_a_file_sent_without_a_request_is_no_greeting() -> None:
    listing = (S("PSH,ACK", b"x" * 1400), C("ACK"), *HUNG_UP)
    assert judged(*HANDSHAKE, *listing, established=1).code == "ok"


def test_a_request_that_the_capture_lost() -> None:
    story = play(*HANDSHAKE, S("FIN,ACK", ack=1_000_200), C("FIN,ACK", seq=1_000_200), S("ACK"))
    story.responder.acked_unseen = 1
    assert judge(story, around(story)).code == "capture.partial"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"-ERR max number of clients reached\r\n", '"-ERR max number of clients reached"'),
        (b"\x1b[31mred\r\n", "a greeting of 10 bytes, before"),
        (b"\xff\x00\x01", "a greeting of 3 bytes, before"),
        (b"{initiator}\r\n", '"{initiator}"'),
    ],
)
def test_the_servers_own_words_are_told(said: bytes, told: str) -> None:
    story = play(*HANDSHAKE, S("PSH,ACK", said), C("ACK"), *HUNG_UP)
    verdict = judge(story, around(story))
    assert told in fill(KIND, verdict, story).explanation
