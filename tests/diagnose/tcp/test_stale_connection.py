from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    C,
    Known,
    Line,
    S,
    again,
    around,
    judged,
    play,
    sides,
)

USED = (*HANDSHAKE, *EXCHANGE)
LATE = C("PSH,ACK", GET, after=5000, lost=True)


def test_the_request_crossed_the_fin() -> None:
    verdict = judged(*USED, LATE, S("FIN,ACK", after=0.1), S("RST", after=0.2))
    assert verdict.code == "tcp.stale_connection"
    assert verdict.frames == (8, 9, 10)
    assert sides(verdict)["responder"] > 0.9


def test_the_program_had_not_read_the_fin_yet() -> None:
    """NATS refuses a login by a line of text and closes; the client's PING is under way."""
    fin = (S("FIN,ACK", after=0.1), C("PSH,ACK", b"PING\r\n", after=0.2), S("RST"))
    story = play(*USED, *fin)
    verdict = judge(story, around(story))
    assert verdict.code == "tcp.stale_connection"
    assert verdict.facts["how"] == "its FIN (frame 8) had come 0.2 ms before, unread by the program"
    title = fill(kind_of(verdict.code), verdict, story).title
    assert title.startswith("stale connection: request 2 met a FIN of ")
    crossed = judged(*USED, LATE, S("FIN,ACK", after=0.1), S("RST", after=0.2))
    assert "crossed on the way" in crossed.facts["how"]
    assert crossed.facts["rested"] == " after 5 s of quiet"


def test_a_peer_said_its_word_and_closed_in_one_go() -> None:
    """Two nodes of a peer-to-peer network: one has no room, and tells why in cipher text."""
    hello, word, more = b"\x90" * 60, b"\x91" * 40, b"\x92" * 80
    begun = (*HANDSHAKE, C("PSH,ACK", hello), S("PSH,ACK", word, after=20))
    last = (S("FIN,ACK", after=0.2), C("PSH,ACK", more), S("RST", after=20))
    assert judged(*begun, *last).code == "ok"
    joined = (*HANDSHAKE, C("PSH,ACK", hello), S("PSH,FIN,ACK", word, after=20))
    assert judged(*joined, C("PSH,ACK", more, after=0.2), S("RST", after=20)).code == "ok"
    rested = (S("FIN,ACK", after=3000), C("PSH,ACK", more), S("RST", after=20))
    assert judged(*begun, *rested).code == "tcp.stale_connection"
    late = (S("FIN,ACK", after=0.2), C("PSH,ACK", more, after=3000), S("RST", after=20))
    assert judged(*begun, *late).code == "tcp.stale_connection"


def test_a_word_that_ends_a_rest_is_no_answer() -> None:
    """The server's timer: it says so and closes, as the next message comes."""
    hello, word, more = b"\x90" * 60, b"\x91" * 40, b"\x92" * 80
    begun = (*HANDSHAKE, C("PSH,ACK", hello), S("PSH,ACK", word, after=20))
    timed = (S("PSH,ACK", word, after=30_000), S("FIN,ACK", after=0.1))
    last = (C("PSH,ACK", more), S("RST", after=20))
    assert judged(*begun, *timed, *last).code == "tcp.stale_connection"


def test_the_request_was_repeated_into_the_closed_socket() -> None:
    lines = (LATE, S("FIN,ACK"), C("ACK"), *again(LATE, 200), S("RST"))
    assert judged(*USED, *lines).code == "tcp.stale_connection"


def test_a_forgotten_connection_answers_with_reset() -> None:
    request = C("PSH,ACK", GET, after=350_000, lost=True)
    verdict = judged(*USED, request, S("RST"))
    assert verdict.code == "tcp.stale_connection"
    assert max(sides(verdict).values()) < 0.8


def test_what_the_snaplen_cut_off_may_have_been_a_farewell() -> None:
    request = C("PSH,ACK", GET, after=350_000, lost=True)
    story = play(*USED, request, S("RST"))
    story.turn = replace(story.turn, request_head=b"")
    found = judge(story, around(story))
    assert (found.code, found.confidence) == ("tcp.stale_connection", 0.6)
    assert "a farewell" in found.notes[-1]
    soon = play(*USED, replace(request, after=100), S("RST"))
    soon.turn = replace(soon.turn, request_head=b"")
    assert judge(soon, around(soon)).code != "tcp.stale_connection"


def test_shortly_after_use_it_is_lost_state() -> None:
    request = C("PSH,ACK", GET, after=100, lost=True)
    assert judged(*USED, request, S("RST")).code == "tcp.state_lost"


def test_a_request_taken_by_a_live_socket_was_not_stale() -> None:
    request = C("PSH,ACK", GET, after=60_000)
    assert judged(*USED, request, S("RST,ACK", win=500)).code == "tcp.reset_before_response"


def test_the_fin_that_covers_the_request_is_an_answer() -> None:
    request = C("PSH,ACK", GET, after=60_000)
    assert judged(*USED, request, S("FIN,ACK")).code == "tcp.closed_before_response"


@pytest.mark.parametrize(
    ("close", "met", "plain"),
    [
        (S("RST,ACK", win=500), "RST", "tcp.reset_before_response"),
        (S("FIN,ACK"), "a FIN", "tcp.closed_before_response"),
    ],
)
@pytest.mark.parametrize(
    ("closed", "longest", "raced"),
    [
        ({600: 5, 20: 1}, 59_000, True),
        ({600: 4}, 59_000, False),
        ({600: 5, 20: 2}, 59_000, False),
        ({500: 9}, 49_000, False),
        ({600: 9}, 61_000, False),
    ],
    ids=["a race", "too few", "at other times too", "another timer", "longer was answered"],
)
def test_a_request_as_the_servers_timer_runs_out(
    close: Line, met: str, plain: str, closed: dict[int, int], longest: int, raced: bool
) -> None:
    request = C("PSH,ACK", GET, after=60_000)
    known = Known(closed_idle=closed, longest_idle=longest * 1_000_000)
    verdict = judged(*USED, request, close, **known)
    assert verdict.code == ("tcp.stale_connection" if raced else plain)
    if raced:
        assert verdict.facts["met"] == met
        assert "as it did 5 times with nothing lost" in verdict.facts["how"]
        assert sides(verdict)["responder"] > 0.9
        assert verdict.alternatives[0].code == plain
        late = replace(close, after=60)
        assert judged(*USED, request, late, **known).code == plain, "it worked on it"


def test_a_request_after_an_idle_time_that_is_answered_is_fine() -> None:
    request = (C("PSH,ACK", GET, after=60_000), S("PSH,ACK", OK), C("ACK"))
    assert judged(*USED, *request, S("FIN,ACK"), C("FIN,ACK")).code == "ok"


def test_a_farewell_that_crossed_the_fin_is_no_request() -> None:
    hello, data = b"\x16\x03\x01\x00\x05\x01hell", b"\x17\x03\x03\x00\x40" + b"x" * 64
    goodbye = b"\x17\x03\x03\x00\x13" + b"x" * 19
    lines = (
        *(
            C("PSH,ACK", hello),
            S("PSH,ACK", data),
            C("PSH,ACK", data),
            S("PSH,ACK", data),
            C("ACK"),
        ),
        *(C("PSH,ACK", goodbye, after=5000, lost=True), S("FIN,ACK"), S("RST")),
    )
    assert judged(*HANDSHAKE, *lines).code == "ok"


def test_a_second_since_the_fin_is_long_though_its_ack_came_late() -> None:
    closed = (S("FIN,ACK", after=500), C("ACK", after=40), C("PSH,ACK", GET, after=970))
    verdict = judged(*HANDSHAKE, *EXCHANGE, *closed, S("RST", win=0))
    assert (verdict.code, verdict.confidence) == ("tcp.stale_connection", 0.97)
    soon = (S("FIN,ACK", after=500), C("ACK", after=40), C("PSH,ACK", GET, after=900))
    assert judged(*HANDSHAKE, *EXCHANGE, *soon, S("RST", win=0)).confidence == 0.8
