"""What a capture hides by its order, its ends and its holes: then nothing can be said to be missing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.disorder import answers_unseen, clock_stepped
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.work import Work, answer_may_be_missing, work
from pcapdiag.model.story import Story
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    SHORT,
    C,
    S,
    around,
    judged,
    play,
)

BATCH = b"\x01\x02batch of rows"
CHALLENGE = S("ACK", seq=5000, ack=77)
CLOSED = (C("FIN,ACK", after=2650), S("FIN,ACK"), C("ACK"))


def test_an_answer_that_was_captured_before_its_request_is_no_missing_one() -> None:
    """A mirror port with a queue for each direction; without it the same is a failure."""
    answer = S("PSH,ACK", b"\x20\x02\x00\x00", ack=1_000_001 + len(BATCH))
    late = play(*HANDSHAKE, answer, C("PSH,ACK", BATCH), S("ACK"), *CLOSED)
    assert answers_unseen(late)
    assert work(late) is Work.UNKNOWN
    greeting = S("PSH,ACK", b"\x20\x02\x00\x00")
    asked = play(*HANDSHAKE, greeting, C("PSH,ACK", BATCH), S("ACK"), *CLOSED)
    assert not answers_unseen(asked)
    assert work(asked) is Work.WAITING
    assert judge(asked, around(asked, 10)).failed


def test_where_packets_were_not_kept_only_the_first_request_is_compared() -> None:
    answer = S("PSH,ACK", b"more", ack=1_000_001 + len(GET) + len(BATCH))
    story = play(*HANDSHAKE, *EXCHANGE, answer, C("PSH,ACK", BATCH), packets_left_out=9)
    assert not answers_unseen(story)
    assert answers_unseen(replace(story, packets_left_out=0))


def test_a_page_is_no_greeting() -> None:
    story = play(*HANDSHAKE, S("PSH,ACK", OK), C("PSH,ACK", GET))
    assert answers_unseen(story)
    for status, answers in ((b"408 Request Timeout", False), (b"413 Content Too Large", True)):
        said = S("PSH,ACK", OK.replace(b"200 OK", status))
        assert answers_unseen(play(*HANDSHAKE, said, C("PSH,ACK", GET))) is answers


def test_bytes_that_are_missing_before_a_fin_may_be_the_answer() -> None:
    asked = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
    assert judged(*asked, S("FIN,ACK", after=20)).code == "tcp.closed_before_response"
    lost = play(*asked, S("FIN,ACK", after=20, seq=(4_294_967_201 + 69) % (1 << 32)))
    assert answer_may_be_missing(lost)
    assert not judge(lost, around(lost, 10)).failed


def set_back(story: Story) -> Story:
    """The clock is set back by three seconds before the last three packets."""
    *before, a, b, c = story.packets
    moved = [replace(packet, time=packet.time - 3_000_000_000) for packet in (a, b, c)]
    return replace(story, packets=(*before, *moved))


def test_across_a_clock_that_was_set_back_nothing_came_first() -> None:
    closed = (S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
    answered = play(*HANDSHAKE, *EXCHANGE, *closed)
    assert not clock_stepped(answered)
    assert clock_stepped(set_back(answered))
    assert not judge(set_back(answered), around(answered, 10)).failed
    unanswered = play(*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), *closed)
    judgement = judge(set_back(unanswered), around(unanswered, 10))
    assert judgement.code == "tcp.closed_before_response", "nothing is there that came first"


def test_an_answer_captured_before_its_request_is_cut_by_its_own_length() -> None:
    for answer, code in ((OK, "ok"), (SHORT, "tcp.reset_in_response")):
        first = S("PSH,ACK", answer, ack=1_000_001 + len(GET))
        ladder = (*HANDSHAKE, first, C("PSH,ACK", GET), S("RST,ACK"))
        assert judged(*ladder).code == code


@pytest.mark.parametrize("word", ["FIN,ACK", "RST,ACK"])
def test_what_a_closing_word_acknowledges_had_come_before_it(word: str) -> None:
    """Wherever a mirror port's queues have it."""
    asked = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
    answer = S("PSH,ACK", OK, ack=1_000_001 + len(GET))
    assert judged(*asked, C(word, after=5, win=500), answer).code == "tcp.initiator_abort"
    read = (4_294_967_201 + len(OK)) % (1 << 32)
    assert judged(*asked, C(word, after=5, win=500, ack=read), answer).code == "ok"


def test_an_answer_captured_before_its_request_leaves_no_pipelined_one_behind() -> None:
    """Its request then stands beside the next one, as if both had been sent at once."""
    first = S("PSH,ACK", OK, ack=1_000_001 + 2 * len(GET))
    talk = (C("PSH,ACK", GET), first, C("PSH,ACK", GET), C("PSH,ACK", GET), S("PSH,ACK", OK))
    left = (C("FIN,ACK", after=20), S("FIN,ACK"), C("ACK"))
    assert judged(*HANDSHAKE, *talk, *left).code == "ok"


def test_a_file_that_ends_behind_a_half_close_does_not_say_what_follows() -> None:
    """However long: a program may compute for minutes. HTTP's clients do not close so."""
    half = (*HANDSHAKE, C("PSH,ACK", BATCH), S("ACK"), C("FIN,ACK", after=0.1), S("ACK"))
    assert judged(*half, left=30, turns=5).code == "capture.partial"
    get = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), C("FIN,ACK", after=0.1), S("ACK"))
    assert judged(*get, left=30, turns=5).code == "tcp.initiator_abort"


def test_a_file_that_ends_before_the_cure_of_a_reused_port() -> None:
    again = C("SYN", after=20, again=True)
    opened = (C("SYN"), CHALLENGE, C("RST", seq=77), again)
    assert judged(*opened, left=0.1).code == "capture.partial"
    assert judged(*opened, left=5).code == "tcp.port_reuse"
    refused = (*opened, CHALLENGE, C("RST", seq=77))
    assert judged(*refused, left=0.1).code == "tcp.port_reuse"


def test_a_checkers_reset_that_overtook_its_ack_is_no_full_queue() -> None:
    bare = S("RST", win=0, options=0, after=0.02)
    early = (C("SYN"), S("SYN,ACK", after=0.3), C("RST,ACK", after=9), C("ACK", after=4), bare)
    assert judged(*early).code == "ok"
    assert judged(*HANDSHAKE, bare).code == "tcp.accept_queue_overflow"
    assert judged(*HANDSHAKE, C("RST,ACK"), bare).code == "ok"


def test_last_bytes_that_were_lost_come_behind_the_fin() -> None:
    """SSH's last word, in a capture at the server: the client closed right behind it."""
    word = b"\x00\x00\x04\x24\x0a\x14" + bytes(400)
    talk = (C("PSH,ACK", b"\x01hello"), S("PSH,ACK", b"\x02hello"), C("ACK"))
    fin = C("FIN,ACK", seq=1_000_007 + len(word), after=1)
    late = C("PSH,ACK", word, seq=1_000_007, after=28)
    closed = (S("ACK"), S("FIN,ACK", after=1), C("ACK"))
    assert judged(*HANDSHAKE, *talk, fin, late, *closed).code == "ok"


def test_a_close_before_bytes_that_were_captured_late_came_first_for_nobody() -> None:
    answer = S("PSH,ACK", b"\x20\x02", ack=1_000_001 + len(BATCH))
    late = (*HANDSHAKE, answer, S("FIN,ACK"), C("PSH,ACK", BATCH), C("FIN,ACK"), S("ACK"))
    assert not judged(*late).failed


def test_of_two_peers_that_open_at_once_neither_asks() -> None:
    """Simultaneous open: each may have the last word (RFC 9293 section 3.5)."""
    at_once = (C("SYN"), S("SYN"), C("SYN,ACK"), S("SYN,ACK"), C("ACK"), S("ACK"))
    words = (S("PSH,ACK", b"\x01hello"), C("PSH,ACK", b"\x02hello"), S("ACK"))
    closed = (S("FIN,ACK", after=200), C("FIN,ACK"), S("ACK"))
    assert not judged(*at_once, *words, *closed).failed
    assert judged(*HANDSHAKE, *words, *closed).failed


def test_answers_that_took_longer_than_the_rest_of_the_file() -> None:
    get = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), C("FIN,ACK", after=0.1), S("ACK"))
    assert judged(*get, left=3, longest_answer=4_000_000_000).code == "capture.partial"
    assert judged(*get, left=3, longest_answer=2_000_000_000).code == "tcp.initiator_abort"


def test_a_fin_of_the_same_tick_as_its_request_was_sent_at_once() -> None:
    lines = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"), C("FIN,ACK", after=9), S("ACK"))
    for ticks, code in (((7, 7), "capture.partial"), ((7, 15), "tcp.initiator_abort")):
        story = play(*lines)
        at = dict(zip((4, 6), ticks, strict=True))
        packets = tuple(replace(p, tsval=at.get(p.frame)) for p in story.packets)
        story = replace(story, packets=packets)
        assert judge(story, around(story, 0.3)).code == code
