"""What PostgreSQL's and PgBouncer's errors say of the server, and when they are no answer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.postgres import last_word
from pcapdiag.diagnose.tcp.closed_before_request import KIND
from pcapdiag.diagnose.text import fill
from tests.diagnose.playbook import HANDSHAKE, C, Line, S, around, judged, play

STARTUP = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0"
READY = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
QUERY = b"Q\0\0\0\x0dselect 1\0"
ROWS, ROW = b"T\0\0\0\x06\0\0", b"D\0\0\0\x06\0\0"
CLOSED = (S("FIN,ACK"), C("FIN,ACK"), S("ACK"))


def message(kind: bytes, code: bytes, said: bytes, severity: bytes = b"FATAL") -> bytes:
    """An ErrorResponse or NoticeResponse."""
    fields = (b"S" + severity, b"V" + severity, b"C" + code, b"M" + said)
    body = b"".join(field + b"\0" for field in fields) + b"\0"
    return kind + (len(body) + 4).to_bytes(4, "big") + body


FULL = message(b"E", b"53300", b"sorry, too many clients already")
STOPPED = message(b"E", b"57P01", b"terminating connection due to administrator command")
WARNED = message(b"N", b"57P02", b"terminating connection because of crash", b"WARNING")
BOUNCER = message(b"E", b"08P01", b"query_wait_timeout")
SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"


def started(answer: bytes, *then: Line) -> tuple[Line, ...]:
    """A startup and its answer."""
    return (*HANDSHAKE, C("PSH,ACK", STARTUP), S("PSH,ACK", answer), C("ACK"), *(then or CLOSED))


def asked(answer: bytes, *then: Line) -> tuple[Line, ...]:
    """A query in a session, and its answer."""
    talk = (C("PSH,ACK", QUERY), S("ACK"), S("PSH,ACK", answer, after=900), C("ACK"))
    return started(READY, *talk, *(then or CLOSED))


@pytest.mark.parametrize("word", [FULL, BOUNCER, message(b"E", b"57P03", b"starting up")])
def test_a_session_that_was_refused(word: bytes) -> None:
    assert judged(*started(word)).code == "tcp.closed_before_request"
    by_reset = judged(*started(word, S("RST,ACK", win=500)))
    assert by_reset.code == "tcp.reset_before_request"
    told = (C("FIN,ACK"), S("FIN,ACK"), C("ACK"))
    assert judged(*started(word, *told)).code == "tcp.closed_before_request"


def test_the_servers_words_are_told() -> None:
    story = play(*started(FULL))
    text = fill(KIND, judge(story, around(story)), story).explanation
    assert 'after an error of 60 bytes, "sorry, too many clients already", before it' in text


@pytest.mark.parametrize(
    "answer",
    [STOPPED, ROWS + STOPPED, WARNED, BOUNCER, ROWS + WARNED, ROWS + STOPPED + BOUNCER],
)
def test_a_query_that_the_server_gave_up(answer: bytes) -> None:
    verdict = judged(*asked(answer))
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.notes[0].startswith('Its last word was "')


def test_a_query_in_a_session_that_was_to_have_tls() -> None:
    asks_for_tls = (C("PSH,ACK", SSL_REQUEST), S("PSH,ACK", b"N"), C("ACK"))
    story = play(*HANDSHAKE, *asks_for_tls, *asked(BOUNCER)[len(HANDSHAKE) :])
    # What is kept of an end's first bytes is its first answer.
    story = replace(story, hello_responder=b"N")
    assert judge(story, around(story)).code == "tcp.closed_before_response"


@pytest.mark.parametrize(
    "answer",
    [
        ROWS + ROW,
        ROWS + ROW + STOPPED,
        READY,
        message(b"E", b"42P01", b"no such table", b"ERROR"),
        message(b"E", b"57014", b"canceling statement due to user request", b"ERROR"),
        message(b"N", b"00000", b"hello", b"NOTICE"),
        STOPPED[:-3],
        STOPPED + READY,
        b"E\0\0\0\0" + STOPPED,
    ],
)
def test_what_is_an_answer(answer: bytes) -> None:
    assert judged(*asked(answer)).code == "ok"
    assert not last_word(play(*asked(answer)))


@pytest.mark.parametrize("code", [b"28P01", b"3D000", b"42704"])
def test_a_login_that_was_refused_is_an_answer(code: bytes) -> None:
    assert judged(*started(message(b"E", code, b"no"))).code == "ok"


def test_other_protocols_are_not_read_so() -> None:
    talk = (C("PSH,ACK", b"\0\0\0\x17\0\x04\0\0user"), S("PSH,ACK", FULL), C("ACK"))
    assert judged(*HANDSHAKE, *talk, *CLOSED).code == "ok"


def test_an_idle_session_that_was_ended_failed_nobody() -> None:
    ended = (S("PSH,ACK", STOPPED, after=3000), C("ACK"), *CLOSED)
    assert judged(*asked(ROWS + ROW, *ended)).code == "ok"
