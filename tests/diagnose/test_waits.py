"""Requests that wait for an event: who leaves one, or waits longer than it allows."""

from __future__ import annotations

import pytest

from tests.diagnose.playbook import GET, HANDSHAKE, C, Line, S, judged

DONE = (S("FIN,ACK"), C("ACK"))


def resp(*words: bytes) -> bytes:
    """A Redis command as clients send it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def kafka(key: int, version: int, body: bytes) -> bytes:
    """A request of Kafka, with a client's name and, in flexible versions, no tags."""
    tags = b"\0" if key == 1 and version >= 12 else b""
    head = key.to_bytes(2, "big") + version.to_bytes(2, "big") + bytes(4) + b"\0\x02me" + tags
    return (len(head) + len(body)).to_bytes(4, "big") + head + body


def mongo(body: bytes) -> bytes:
    """An OP_MSG."""
    return (20 + len(body)).to_bytes(4, "little") + bytes(8) + b"\xdd\x07\0\0" + bytes(4) + body


def left(message: bytes, after: float, *before: Line) -> str:
    """The verdict on a client that closes so many milliseconds after its message."""
    talk = (C("PSH,ACK", message), S("ACK"), C("FIN,ACK", after=after))
    return judged(*HANDSHAKE, *before, *talk, *DONE, turns=9).code


FETCH = b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01"
METADATA = (C("PSH,ACK", kafka(3, 9, b"\0")), S("PSH,ACK", b"\0\0\0\x08abcdefgh"), C("ACK"))
WAITING = [
    resp(b"BLPOP", b"q", b"0"),
    resp(b"brpop", b"q", b"4"),
    resp(b"BLMPOP", b"0.0", b"1", b"q", b"LEFT"),
    resp(b"XREADGROUP", b"GROUP", b"g", b"c", b"BLOCK", b"5000", b"STREAMS", b"s", b">"),
    b"BLPOP q 0\r\n",
    b"reserve\r\n",
    b"reserve-with-timeout 4\r\n",
    mongo(b"\x10hello\0\x01\0\0\0\x10maxAwaitTimeMS\0\x10\x27\0\0"),
    mongo(b"\x12getMore\0" + bytes(8) + b"\x12maxTimeMS\0\x10\x27\0\0\0\0\0\0"),
]


@pytest.mark.parametrize("message", WAITING)
def test_a_worker_that_is_stopped_while_it_waits(message: bytes) -> None:
    assert left(message, 3000) == "ok"


@pytest.mark.parametrize("version", [4, 11, 12, 15])
def test_a_consumer_that_leaves_within_a_fetch(version: int) -> None:
    fetch = kafka(1, version, FETCH if version < 15 else FETCH[4:])
    assert left(fetch, 400, *METADATA) == "ok"
    assert left(fetch, 3000, *METADATA) != "ok"
    assert left(kafka(0, version, FETCH), 400, *METADATA) != "ok"
    assert left(fetch + b"x", 400, *METADATA) != "ok"
    assert left(fetch, 400, C("PSH,ACK", b"\x7f" * 20), S("PSH,ACK", b"x"), C("ACK")) != "ok"


@pytest.mark.parametrize(
    "message",
    [
        resp(b"BRPOP", b"q", b"1"),
        resp(b"LPOP", b"q"),
        resp(b"XREAD", b"STREAMS", b"s", b"0"),
        resp(b"XREAD", b"BLOCK", b"500", b"STREAMS", b"s", b"$"),
        b"BLPOP q 0",
        b"reserve-with-timeout 1\r\n",
        b"reserve-job 4\r\n",
        mongo(b"\x02find\0\x02\0\0\0t\0\x10maxTimeMS\0\x10\x27\0\0"),
        mongo(b"\x10hello\0\x01\0\0\0"),
        GET,
    ],
)
def test_what_should_have_been_answered_by_then(message: bytes) -> None:
    assert left(message, 3000) == "tcp.response_timeout"


def test_a_server_that_closes_upon_a_waiting_one() -> None:
    talk = (C("PSH,ACK", WAITING[0]), S("ACK"), S("FIN,ACK", after=3000), C("FIN,ACK"), S("ACK"))
    assert judged(*HANDSHAKE, *talk, turns=9).code == "tcp.closed_before_response"


def test_a_file_that_ends_while_it_waits() -> None:
    assert judged(*HANDSHAKE, C("PSH,ACK", WAITING[0]), S("ACK"), turns=3).code == "ok"
    ask = C("PSH,ACK", resp(b"LPOP", b"q"))
    assert judged(*HANDSHAKE, ask, S("ACK"), turns=3).code == "capture.partial"


def test_a_players_idle() -> None:
    idle = (C("PSH,ACK", b"idle player\n"), S("ACK"), C("FIN,ACK", after=3000), *DONE)
    greeted = (S("PSH,ACK", b"OK MPD 0.23.5\n"), C("ACK"))
    assert judged(*HANDSHAKE, *greeted, *idle, turns=9).code == "ok"
    assert judged(*HANDSHAKE, *idle, turns=9).code == "tcp.response_timeout"
