"""Conversations made by hand, and HTTP/2 frames written byte by byte."""

from __future__ import annotations

import hpack

from pcapdiag.model.application import Application, Piece
from pcapdiag.model.http import Exchange, HttpFacts
from pcapdiag.protocols.conversation import Conversation

CLIENT, SERVER = True, False
SECOND = 1_000_000_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

Line = tuple[bool, bytes] | tuple[bool, bytes, int]
"""Who says what, and how many bytes were missing before it."""


def pieces(*lines: Line, step: int = SECOND) -> list[Piece]:
    """One packet a line, numbered from 1, ``step`` nanoseconds apart."""
    return [
        Piece(line[0], frame, frame * step, line[1], line[2] if len(line) > 2 else 0)
        for frame, line in enumerate(lines, 1)
    ]


def converse(said: list[Piece], started: bool = True) -> Application:
    conversation = Conversation(started=started)
    for piece in said:
        conversation.feed(piece)
    return conversation.finish()


def read(*lines: Line, started: bool = True) -> HttpFacts:
    facts = converse(pieces(*lines), started).http
    assert facts is not None
    return facts


def only(*lines: Line) -> Exchange:
    (exchange,) = read(*lines).exchanges
    return exchange


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def settings(**values: int) -> bytes:
    """``s3=100`` is SETTINGS_MAX_CONCURRENT_STREAMS."""
    entries = (
        int(name[1:]).to_bytes(2, "big") + size.to_bytes(4, "big") for name, size in values.items()
    )
    return frame(SETTINGS, 0, b"".join(entries))


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


HELLO: list[Line] = [
    (CLIENT, PREFACE + settings()),
    (SERVER, settings(s3=100) + frame(SETTINGS, 0, flags=1)),
]


def talk(*lines: Line) -> HttpFacts:
    """What is said on an HTTP/2 connection behind its preface and settings."""
    return read(*HELLO, *lines)


class Http2Peer:
    """Writes the frames of one end."""

    def __init__(self) -> None:
        self.encoder = hpack.Encoder()

    def headers(self, stream: int, end: bool = False, **fields: str) -> bytes:
        """Names with _ for -, and a leading _ for a colon: ``_status="200"``."""
        named = [
            ((":" + name[1:]) if name[0] == "_" else name.replace("_", "-"), value)
            for name, value in fields.items()
        ]
        return frame(HEADERS, stream, self.encoder.encode(named), 0x4 | end)

    def request(self, stream: int, path: str = "/", end: bool = True, **fields: str) -> bytes:
        return self.headers(stream, end, _method="GET", _path=path, _authority="shop", **fields)


def data(stream: int, payload: bytes, end: bool = False) -> bytes:
    return frame(DATA, stream, payload, int(end))
