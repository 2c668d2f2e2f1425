from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge, refine
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from pcapdiag.model.report import Attribution
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
    sides,
)

ASKED = (*HANDSHAKE, C("PSH,ACK", GET))
HUNG_UP = (S("FIN,ACK", after=30), C("FIN,ACK"), S("ACK"))


def test_hung_up_instead_of_answering() -> None:
    verdict = judged(*ASKED, S("ACK"), *HUNG_UP)
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.frames == (4, 6)
    assert verdict.ended_by == "responder"


@pytest.mark.parametrize(
    ("sent", "pause", "side"),
    [
        (GET[:18], 3_000, "initiator"),
        (b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", 3_000, "initiator"),
        (GET[:18], 30, "responder"),
        (GET, 3_000, "responder"),
        (
            b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
            3_000,
            "responder",
        ),
    ],
)
def test_who_stops_within_its_own_request_is_closed_on(
    sent: bytes, pause: float, side: str
) -> None:
    closed = (S("FIN,ACK", after=pause), C("FIN,ACK"), S("ACK"))
    verdict = judged(*HANDSHAKE, C("PSH,ACK", sent), S("ACK"), *closed)
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.ended_by == "responder"
    assert max(sides(verdict), key=sides(verdict).__getitem__) == side
    assert any("never finished" in note for note in verdict.notes) == (side == "initiator")


NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


@pytest.mark.parametrize(
    ("asked", "said", "code"),
    [
        (GET + NEXT, OK, "tcp.closed_before_response"),
        (GET + NEXT, OK + OK, "ok"),
        (GET + NEXT + NEXT, OK + OK, "tcp.closed_before_response"),
        (GET + NEXT + NEXT, OK + LAST, "ok"),
        (GET + NEXT + NEXT, OK + OK + OK, "ok"),
        (GET + NEXT + NEXT, OK + b"?", "ok"),
        (GET + NEXT + NEXT, OK + OK.replace(b"HTTP/1.1", b"ICY"), "ok"),
        (GET + NEXT, LAST, "ok"),
        (GET + NEXT, OK.replace(b"HTTP/1.1", b"HTTP/1.0"), "ok"),
        (GET.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + NEXT, OK, "ok"),
        (b"POST / HTTP/1.1\r\nContent-Length: 31\r\n\r\n" + NEXT, OK, "ok"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + NEXT, OK, "ok"),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + NEXT, OK, "ok"),
        (GET + NEXT, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", "ok"),
        (GET + b"\r\n", OK, "ok"),
    ],
)
def test_of_several_requests_at_once_only_the_first_is_answered(
    asked: bytes, said: bytes, code: str
) -> None:
    assert len(NEXT) == 31
    lines = (C("PSH,ACK", asked), S("PSH,ACK", said), C("ACK"))
    assert judged(*HANDSHAKE, *lines, *HUNG_UP).code == code


def test_what_is_told_of_the_pipelined_request_without_an_answer() -> None:
    lines = (C("PSH,ACK", GET + NEXT), S("PSH,ACK", OK), C("ACK"))
    verdict = judged(*HANDSHAKE, *lines, *HUNG_UP)
    assert (verdict.facts["request_bytes"], verdict.facts["turn"]) == ("31 bytes", "2")
    assert verdict.phase == "before_response"
    two = (C("PSH,ACK", GET + NEXT + NEXT + NEXT), S("PSH,ACK", OK + OK), C("ACK"))
    facts = judged(*HANDSHAKE, *two, *HUNG_UP).facts
    assert (facts["request_bytes"], facts["turn"]) == ("62 bytes", "3")
    cut = judged(*HANDSHAKE, *lines, S("RST,ACK", win=500))
    assert cut.code == "tcp.reset_before_response"


@pytest.mark.parametrize("lacks", ["midstream", "acked_unseen", "gaps"])
def test_an_answer_that_the_capture_lacks_was_perhaps_the_first_ones(lacks: str) -> None:
    lines = (C("PSH,ACK", GET + NEXT), S("PSH,ACK", OK), C("ACK"))
    story = play(*HANDSHAKE, *lines, *HUNG_UP)
    assert judge(story, around(story)).code == "tcp.closed_before_response"
    story = play(*HANDSHAKE, *lines, *HUNG_UP)
    owner = {"midstream": story, "acked_unseen": story.initiator, "gaps": story.responder}
    setattr(owner[lacks], lacks, True)
    assert not judge(story, around(story)).failed


def test_the_reset_that_answers_the_fin_is_an_effect() -> None:
    verdict = judged(*ASKED, S("ACK"), S("FIN,ACK"), C("RST,ACK", win=500))
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.reset is None


def test_a_later_request_of_a_kept_connection() -> None:
    assert judged(*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET), *HUNG_UP).facts["turn"] == "2"


def test_one_byte_of_an_answer_is_another_code() -> None:
    assert judged(*ASKED, S("PSH,ACK", SHORT), C("ACK"), *HUNG_UP).code == "ok"


def test_an_interim_answer_is_none() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    verdict = judged(*ASKED, S("PSH,ACK", hints), C("ACK"), *HUNG_UP)
    assert (verdict.code, verdict.phase) == ("tcp.closed_before_response", "before_response")
    cut = S("RST,ACK", win=500, after=30)
    assert judged(*ASKED, S("PSH,ACK", hints), C("ACK"), cut).code == "tcp.reset_before_response"
    assert judged(*ASKED, S("PSH,ACK", hints + OK), C("ACK"), *HUNG_UP).code == "ok"


def test_an_answered_request_is_fine() -> None:
    assert judged(*ASKED, S("PSH,ACK", OK), C("ACK"), *HUNG_UP).code == "ok"


def test_a_half_closed_initiator_still_waits_for_its_answer() -> None:
    lines = (C("FIN,ACK"), S("PSH,ACK", OK, after=9), C("ACK"), S("FIN,ACK"), C("ACK"))
    assert judged(*ASKED, *lines).code == "ok"


def test_a_stream_that_nobody_answers_may_be_closed_by_its_reader() -> None:
    line = (C("PSH,ACK", b"a:1|c\n", after=400), S("ACK"))
    closed = (S("FIN,ACK", after=60_000), C("FIN,ACK"), S("ACK"))
    assert judged(*HANDSHAKE, *line, *line, *line, *closed).code == "ok"


def test_a_stream_to_a_server_that_never_speaks_is_no_request() -> None:
    segments = [C("PSH,ACK", bytes(1400), after=10) for _ in range(80)]
    closed = (S("ACK"), S("FIN,ACK", after=300), C("FIN,ACK"), S("ACK"))
    assert judged(*HANDSHAKE, *segments, *closed, turns=3).code == "ok"
    few = segments[:8]
    assert judged(*HANDSHAKE, *few, *closed, turns=3).code == "tcp.closed_before_response"


def test_who_is_called_may_be_the_one_that_asks() -> None:
    """In a protocol that cannot be read the last bytes may be the answer to its question."""
    first = C("PSH,ACK", b"\x01\x00\x00\x08hello...")
    question = S("PSH,ACK", b"\x01\x05\x00\x08what are you?")
    answer = (C("PSH,ACK", b"\x01\x06\x00\x08a switch of 48 ports"), S("ACK"))
    verdict = judged(*HANDSHAKE, first, question, *answer, *HUNG_UP)
    assert (verdict.code, verdict.confidence) == ("tcp.closed_before_response", 0.6)
    assert [other.code for other in verdict.alternatives] == ["ok"]
    verdict = judged(*HANDSHAKE, first, S("ACK"), *HUNG_UP)
    assert (verdict.confidence, verdict.alternatives) == (0.96, ())
    verdict = judged(*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET), *HUNG_UP)
    assert (verdict.confidence, verdict.alternatives) == (0.96, ())


@pytest.mark.parametrize(("pause", "code"), [(1_200, "ok"), (40, "tcp.closed_before_response")])
def test_who_went_on_unanswered_before_wants_no_answer(pause: float, code: str) -> None:
    notice = b"\x68\x0e\x00\x00\x02\x00" + b"\x09\x01" * 5
    asked = (C("PSH,ACK", b"\x68\x04\x43\0\0\0"), S("PSH,ACK", b"\x68\x04\x83\0\0\0"))
    went_on = (C("PSH,ACK", notice, after=20), S("ACK"), C("PSH,ACK", notice, after=pause))
    talk = (*asked, *went_on, *asked)
    last = C("PSH,ACK", b"\x68\x12\x00\x00\x02\x00" * 3, after=2_000)
    assert judged(*HANDSHAKE, *talk, last, S("ACK"), *HUNG_UP).code == code


def test_an_answer_behind_a_fin_that_was_not_its_senders_reached_nobody() -> None:
    """A filter ends the client's side by FIN and lets the request pass."""
    asked = (C("PSH,ACK", GET), S("FIN,ACK"), C("ACK"))
    answer = S("PSH,ACK", OK, after=6, seq=4_294_967_201)
    verdict = judged(*HANDSHAKE, *asked, answer, C("RST"))
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.facts["fin_frame"] == "5"
    behind = (C("PSH,ACK", GET), S("PSH,ACK", OK), S("FIN,ACK"), C("ACK"), C("RST,ACK", win=400))
    assert judged(*HANDSHAKE, *behind).code == "ok"


def test_a_fin_that_the_path_sent_is_told_as_such() -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", GET), S("FIN,ACK"), C("ACK"))
    context = around(story)
    first = judge(story, context)
    own = refine(first, Attribution(side="responder", confidence=0.97), story, context)
    assert own is first
    assert "10.0.2.7:8443 sent FIN" in fill(kind_of(own.code), own, story).title
    forged = refine(first, Attribution(side="path", confidence=0.97), story, context)
    assert (forged.code, forged.ended_by) == ("tcp.closed_before_response", "path")
    title = fill(kind_of(forged.code), forged, story).title
    assert "a device in the name of 10.0.2.7:8443 sent FIN" in title


def test_an_upload_of_which_the_capture_has_the_end_may_never_have_had_a_word() -> None:
    sent = (C("PSH,ACK", b"x" * 900), S("ACK"))
    verdict = judged(*sent, *HUNG_UP)
    assert (verdict.code, verdict.confidence) == ("tcp.closed_before_response", 0.6)
    assert judged(*HANDSHAKE, *sent, *HUNG_UP).confidence == 0.96


def test_a_message_of_which_hardly_a_byte_was_kept_may_want_no_answer() -> None:
    story = play(*ASKED, S("ACK"), *HUNG_UP)
    for kept, sure in ((2, 0.6), (12, 0.96)):
        story = replace(story, turn=replace(story.turn, request_head=GET[:kept]))
        verdict = judge(story, around(story))
        assert (verdict.code, verdict.confidence) == ("tcp.closed_before_response", sure)


def test_a_message_that_nobody_can_read_may_have_been_a_farewell() -> None:
    used = (C("PSH,ACK", b"\x90" * 400), S("PSH,ACK", b"\x91" * 90))
    closed = (S("FIN,ACK", after=60), C("FIN,ACK"), S("ACK"))
    for last, sure in ((b"\x92" * 62, 0.6), (b"GET cart\r\n", 0.96)):
        verdict = judged(*HANDSHAKE, *used, C("PSH,ACK", last, after=60_000), *closed)
        assert (verdict.code, verdict.confidence) == ("tcp.closed_before_response", sure)
