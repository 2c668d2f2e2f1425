"""Requests that are always answered: silence after them says more than after unknown bytes."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.statements import is_statement, is_unfinished
from tests.diagnose.playbook import HANDSHAKE, C, Line, S, judged, play
from tests.diagnose.test_postgres import QUERY, READY, SSL_REQUEST, STARTUP

GREETING = b"\x0a\0\0\0\x0a5.5.5-10\0"
OK = b"\x07\0\0\x02\0\0\0\x02\0\0\0"
GET = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
PING = b"*1\r\n$4\r\nPING\r\n"
PG = (C("PSH,ACK", STARTUP), S("PSH,ACK", READY))
MYSQL = (S("PSH,ACK", GREETING), C("PSH,ACK", b"\x20\0\0\x01login"), S("PSH,ACK", OK))
WS = (C("PSH,ACK", GET), S("PSH,ACK", SWITCHED))
REDIS = (C("PSH,ACK", PING), S("PSH,ACK", b"+PONG\r\n"))
EXTENDED = b"P\0\0\0\x10\0select 1\0\0\0S\0\0\0\x04"
CACHE = (C("PSH,ACK", b"get a\r\n"), S("PSH,ACK", b"END\r\n"))
CASES = [
    (PG, QUERY, True),
    (PG, EXTENDED, True),
    ((), STARTUP, True),
    ((), SSL_REQUEST, True),
    ((C("PSH,ACK", SSL_REQUEST), S("PSH,ACK", b"N")), STARTUP, True),
    (PG, b"X\0\0\0\x04", False),
    (PG, EXTENDED[:-5], False),
    (MYSQL, b"\x09\0\0\0\x03select 1", True),
    (MYSQL, b"\x01\0\0\0\x0e", True),
    (MYSQL, b"\x01\0\0\0\x01", False),
    (MYSQL, b"\x09\0\0\0\x03select", False),
    (WS, b"\x89\x80abcd", True),
    (WS, b"\x81\x80abcd", False),
    (REDIS, PING, True),
    (REDIS, b"PING\r\n", False),
    (CACHE, b"get b\r\n", True),
    (CACHE, b"set b 0 0 1\r\nx\r\n", True),
    (CACHE, b"set b 0 0 1 noreply\r\nx\r\n", False),
    (CACHE, b"quit\r\n", False),
    (REDIS, b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n9\r\n", False),
]


@pytest.mark.parametrize(("before", "message", "wanted"), CASES)
def test_kinds(before: tuple[Line, ...], message: bytes, wanted: bool) -> None:
    lines = (*HANDSHAKE, *before, C("ACK"), C("PSH,ACK", message, after=50), S("ACK"))
    assert is_statement(play(*lines)) is wanted


@pytest.mark.parametrize(("before", "message"), [case[:2] for case in CASES if case[2]])
def test_a_timeout_is_the_servers(before: tuple[Line, ...], message: bytes) -> None:
    left = (S("ACK"), C("FIN,ACK", after=2000), S("FIN,ACK"), C("ACK"))
    verdict = judged(*HANDSHAKE, *before, C("ACK"), C("PSH,ACK", message, after=50), *left)
    assert (verdict.code, verdict.candidates[0].side) == ("tcp.response_timeout", "responder")
    assert verdict.confidence > 0.85


SET = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nwhat\r\n"


@pytest.mark.parametrize(
    ("begun", "whole"),
    [
        (REDIS, SET),
        (REDIS, PING + SET),
        (CACHE, b"set b 0 0 5\r\nhello\r\n"),
        (PG, QUERY),
        (PG, EXTENDED),
        ((C("PSH,ACK", SSL_REQUEST), S("PSH,ACK", b"N")), STARTUP),
    ],
    ids=["redis", "redis-several", "memcached", "postgres", "postgres-extended", "startup"],
)
def test_a_statement_that_was_not_sent_in_full_is_not_the_servers(
    begun: tuple[Line, ...], whole: bytes
) -> None:
    for last, unfinished in ((whole, False), (whole[:-3], True)):
        lines = (*HANDSHAKE, *begun, C("PSH,ACK", last, after=20), S("ACK"))
        assert is_unfinished(play(*lines)) is unfinished
        code = "tcp.initiator_abort" if unfinished else "tcp.response_timeout"
        left = judged(*lines, C("RST,ACK", after=30_000), turns=9)
        assert (left.code, left.phase == "in_request") == (code, unfinished)


@pytest.mark.parametrize("sent", [SET[:14], SET[:20], SET[:27], SET[:-1]])
def test_where_a_redis_command_may_be_cut(sent: bytes) -> None:
    assert is_unfinished(play(*HANDSHAKE, *REDIS, C("PSH,ACK", sent)))
