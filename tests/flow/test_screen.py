"""Which HTTP/1 turns the tracker asks plain Python to look at, and which it lets pass."""

from __future__ import annotations

import pytest

from pcapdiag.flow.screen import (
    COMPLETE,
    INCOMPLETE,
    UNKNOWN,
    UNTIL_CLOSE,
    completeness,
    is_interim,
    is_request,
)
from pcapdiag.flow.tracker import Tracker
from pcapdiag.flow.turns import MAX_NOTED
from pcapdiag.model.http_methods import METHODS
from pcapdiag.protocols.socks import refusal
from tests.flow.wire import End, Link, Told, Wire, tell

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\nserver: envoy\r\n\r\nbad"


def exchanges(
    *answers: bytes,
    close: str = "c",
    note_all: bool = False,
    asked: bytes = GET,
    all_: bool = False,
) -> Told:
    """One connection with a request for each answer, closed in order by ``c`` or ``s`` first."""
    wire = Wire()
    link = Link(wire, End("10.0.0.1", 40000, 0x1000, b"\2\0\0\0\0\1"))
    link.handshake()
    seq = ack = 1
    at = 20.0
    for n, answer in enumerate(answers):
        request = asked % n if b"%d" in asked else asked
        link.c(at, "PA", seq, ack, request)
        seq += len(request)
        for word in answer.split(b"|"):
            link.s(at + 1, "PA", ack, seq, word)
            ack += len(word)
        at += 3
    if close == "c":
        link.c(at, "FA", seq, ack)
        link.s(at + 1, "FA", ack, seq + 1)
        link.c(at + 2, "A", seq + 1, ack + 1)
    elif close == "s":
        link.s(at, "FA", ack, seq)
        link.c(at + 1, "FA", seq, ack + 1)
        link.s(at + 2, "A", ack + 1, seq + 1)

    def prepare(tracker: Tracker) -> None:
        tracker.turns.note_all = note_all

    return tell(wire, want_all=all_, prepare=prepare)


def test_every_method_is_a_request_and_other_words_are_none() -> None:
    known = {f"{name} "[:4] for name in METHODS}
    words = [*METHODS, "EHLO", "USER", "HELP", "LIST", "PING", "QUIT", "INFO", "SELE"]
    for word in words:
        line = bytearray(f"{word} /x".encode())
        assert bool(is_request(memoryview(line), 0, len(line))) == (f"{word} "[:4] in known), word


@pytest.mark.parametrize("close", ["c", "s"])
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nCONTENT-LENGTH:2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2000 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_plain_exchanges_stay_in_compiled_code(answer: bytes, close: str) -> None:
    told = exchanges(OK, answer, close=close)
    assert (told.stories, told.tracker.endings.healthy) == ([], 1)


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (GET, True),
        (b"", False),
        (b"\r\n", False),
    ],
)
@pytest.mark.parametrize("body", [b"", b"Content-Length: 3\r\n\r\nabc"])
@pytest.mark.parametrize("close", ["c", "s"])
def test_several_requests_at_once_are_looked_at(
    behind: bytes, told: bool, body: bytes, close: str
) -> None:
    first = GET.replace(b"GET", b"PUT")[:-2] + body if body else GET
    asked = first + behind.replace(b"%d", b"2")
    assert bool(exchanges(OK, asked=asked, close=close).stories) is told


def test_a_body_until_the_servers_fin_is_whole() -> None:
    told = exchanges(b"HTTP/1.0 200 OK\r\n\r\nall there is", close="s")
    assert told.tracker.endings.healthy == 1


@pytest.mark.parametrize("close", ["c", "s"])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"\0\0\0\4\0\0\0\0\0",
        b"\x15\x03\x01\0\2\2\x46",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_what_is_cut_short_or_no_http_is_told(answer: bytes, close: str) -> None:
    told = exchanges(answer, close=close)
    assert len(told.stories) == 1


@pytest.mark.parametrize("status", [400, 408, 413, 421, 431, 500, 502, 503, 504])
def test_an_alarming_answer_is_noted_wherever_it_stands(status: int) -> None:
    bad = BAD.replace(b"503", b"%d" % status)
    told = exchanges(OK, bad, OK, OK)
    noted = told.only.noted_turns
    assert [(turn.index, turn.request_head, turn.response_head) for turn in noted] == [
        (2, GET % 1, bad)
    ]
    assert (noted[0].request_bytes, noted[0].response_bytes) == (len(GET % 1), len(bad))
    assert (noted[0].request_frame, noted[0].response_frame) == (6, 7)
    assert noted[0].response_tail == bad[-16:]
    assert told.only.turn.index == 4


def test_the_last_turn_is_in_the_story_itself() -> None:
    told = exchanges(OK, BAD)
    assert (told.only.noted_turns, told.only.turn.response_head) == ((), BAD)


def test_an_answer_to_something_else_than_http_is_not_looked_at() -> None:
    told = exchanges(b"pong", b"pong", asked=b"ping")
    assert told.stories == []


def test_all_turns_are_noted_where_all_are_wanted() -> None:
    told = exchanges(OK, OK, OK, note_all=True, all_=True)
    assert [turn.index for turn in told.only.noted_turns] == [1, 2]


def test_only_so_many_are_noted() -> None:
    told = exchanges(*[BAD] * (MAX_NOTED + 10))
    assert [turn.index for turn in told.only.noted_turns] == list(range(1, MAX_NOTED + 1))


def test_the_request_goes_on_behind_100_continue() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    asked = b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    link.c(20, "PA", 1, 1, asked)
    link.s(21, "PA", 1, 1 + len(asked), interim)
    link.c(22, "PA", 1 + len(asked), 1 + len(interim), b"12345")
    link.s(23, "PA", 1 + len(interim), 6 + len(asked), BAD)
    turn = tell(wire).only.turn
    assert (turn.index, turn.request_bytes, turn.response_bytes) == (1, len(asked) + 5, len(BAD))
    assert turn.request_head == asked + b"12345"
    assert turn.response_head == BAD


def test_an_answer_behind_100_continue_is_not_forgotten_for_the_body_that_crosses_it() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    asked = b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    both = b"HTTP/1.1 100 Continue\r\n\r\n" + BAD
    link.c(20, "PA", 1, 1, asked)
    link.s(21, "PA", 1, 1 + len(asked), both)
    link.c(22, "PA", 1 + len(asked), 1 + len(both), b"12345")
    turn = tell(wire).only.turn
    assert (turn.index, turn.request_bytes, turn.response_bytes) == (1, len(asked) + 5, len(both))
    assert turn.response_head == both


@pytest.mark.parametrize(
    ("answer", "total", "interim"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", 25, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", 53, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 x\r\n", 41, 0),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 41, 1),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 36, 0),
        (b"HTTP/1.1 100 Con", 25, 1),
        (OK, len(OK), 0),
    ],
)
def test_is_interim(answer: bytes, total: int, interim: int) -> None:
    view = memoryview(bytearray(answer))
    assert is_interim(view, 0, len(answer), total) == interim


@pytest.mark.parametrize(
    ("answer", "total", "expected"),
    [
        (OK, len(OK), COMPLETE),
        (OK, len(OK) - 1, INCOMPLETE),
        (OK, len(OK) + 1, UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 30, UNTIL_CLOSE),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 48, COMPLETE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456789\r\n\r\n", 60, UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 60, UNKNOWN),
        (b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", 38, UNKNOWN),
        (b"HTTP/1.1 200 OK\r\n", 17, UNKNOWN),
    ],
)
def test_completeness(answer: bytes, total: int, expected: int) -> None:
    tail = int.from_bytes(answer[-8:], "big")
    assert completeness(memoryview(bytearray(answer)), 0, len(answer), total, tail) == expected


def test_a_head_too_long_to_be_seen_is_told_where_a_proxy_got_it() -> None:
    mac = b"\2\0\0\0\0\1"
    answer = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1300 + b"\r\nContent-Length: 2\r\n\r\nok"
    wire = Wire()
    client = End("10.0.0.9", 50000, 0x5000, b"\2\0\0\0\0\3")
    for at, link in (
        (0, Link(wire, client, End("10.0.0.1", 80, 1, mac))),
        (40, Link(wire, End("10.0.0.1", 40000, 0x1000, mac))),
    ):
        asked = GET % 1
        link.handshake(at)
        link.c(at + 20, "PA", 1, 1, asked)
        link.s(at + 21, "PA", 1, 1 + len(asked), answer)
        link.c(at + 22, "FA", 1 + len(asked), 1 + len(answer))
        link.s(at + 23, "FA", 1 + len(answer), 2 + len(asked))
        link.c(at + 24, "A", 2 + len(asked), 2 + len(answer))
    told = tell(wire, want_all=False)
    assert [story.stream for story in told.stories] == [1]


def test_the_rest_of_a_body_behind_an_early_answer_is_no_new_request() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    asked = b"POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 30\r\n\r\nten bytes."
    link.c(20, "PA", 1, 1, asked)
    link.s(21, "PA", 1, 1 + len(asked), early)
    link.c(22, "PA", 1 + len(asked), 1 + len(early), b"x" * 20)
    told = tell(wire).only
    assert (told.turn.index, told.turn.request_bytes) == (1, len(asked) + 20)
    assert (told.turn.response_bytes, told.noted_turns) == (len(early), ())
    link.c(23, "PA", 21 + len(asked), 1 + len(early), GET % 2)
    turn = tell(wire).only.turn
    assert (turn.index, turn.request_head) == (2, GET % 2)


SOCKS = b"\x05\x01\0"
SOCKS_CONNECT = b"\x05\x01\0\x01\x0a\0\x03\x07\x1f\x90"
SOCKS_4 = b"\x04\x01\x1f\x90\x0a\0\x03\x07\0"


def socks(*words: bytes, close: str) -> Told:
    """One connection with a word of each end by turns, closed in order."""
    link = Link(Wire(), End("10.0.0.1", 40000, 0x1000, b"\2\0\0\0\0\1"))
    link.handshake()
    seq = ack = 1
    for n, word in enumerate(words):
        if n % 2:
            link.s(20 + n, "PA", ack, seq, word)
            ack += len(word)
        else:
            link.c(20 + n, "PA", seq, ack, word)
            seq += len(word)
    first, then = (link.c, link.s) if close == "c" else (link.s, link.c)
    mine, theirs = (seq, ack) if close == "c" else (ack, seq)
    first(40, "FA", mine, theirs)
    then(41, "FA", theirs, mine + 1)
    first(42, "A", mine + 1, theirs + 1)
    return tell(link.wire, want_all=False)


@pytest.mark.parametrize("close", ["c", "s"])
@pytest.mark.parametrize(
    "words",
    [
        (SOCKS, b"\x05\xff"),
        (b"\x05\x01\x02", b"\x05\x02", b"\x01\x01a\x01b", b"\x01\x01"),
        (SOCKS, b"\x05\0", SOCKS_CONNECT, b"\x05\x02\0\x01" + bytes(6)),
        (SOCKS + SOCKS_CONNECT, b"\x05\0\x05\x05\0\x01" + bytes(6)),
        (SOCKS_4, b"\0\x5b" + bytes(6)),
    ],
)
def test_a_socks_proxy_that_says_no_is_told(words: tuple[bytes, ...], close: str) -> None:
    assert refusal(socks(*words, close=close).only) is not None


@pytest.mark.parametrize(
    "words",
    [
        (SOCKS, b"\x05\0", SOCKS_CONNECT, b"\x05\0\0\x01" + bytes(6)),
        (SOCKS, b"\x05\0", SOCKS_CONNECT, b"\x05\0\0\x01" + bytes(6), GET % 1, OK),
        (SOCKS_4, b"\0\x5a" + bytes(6), GET % 1, OK),
        # Cassandra and DCE/RPC begin with 4 or 5, too.
        (b"\x04\0\0\0\x05\0\0\0\0", b"\x84\0\0\0\x06\0\0\0\0"),
        (b"\x05\0\x0b\x03\x10\0\0\0", b"\x05\0\x0d\x03\x10\0\0\0"),
    ],
)
def test_other_short_answers_stay_in_compiled_code(words: tuple[bytes, ...]) -> None:
    told = socks(*words, close="c")
    assert (told.stories, told.tracker.endings.healthy) == ([], 1)
