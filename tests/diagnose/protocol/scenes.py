"""First bytes of both ends, as real programs send them (measured)."""

from __future__ import annotations

from tests.diagnose.playbook import GET, HANDSHAKE, C, Known, Line, S

HELLO = b"\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03" + bytes(36)
ALERT = b"\x15\x03\x01\x00\x02\x02"
V1 = b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 80\r\n"
V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
SETTINGS = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
BAD = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
BAD_KEPT = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"
TO_HTTPS = (
    b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n"
    b"<center>The plain HTTP request was sent to HTTPS port</center>"
)
CLOSE = (C("ACK"), S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
FIN = (S("FIN,ACK", after=1), C("FIN,ACK"), S("ACK"))
RST = (S("RST,ACK", win=500, after=1),)


def met(first: bytes, answer: bytes, *then: Line) -> tuple[Line, ...]:
    """Return a connection whose first bytes are met by an answer, and closed."""
    return (*HANDSHAKE, C("PSH,ACK", first), S("ACK"), S("PSH,ACK", answer), *(then or CLOSE))


def greeted(greeting: bytes, first: bytes, *then: Line) -> tuple[Line, ...]:
    """Return a connection whose responder speaks first."""
    return (*HANDSHAKE, S("PSH,ACK", greeting), C("ACK"), C("PSH,ACK", first), *then)


def shut(first: bytes, *then: Line) -> tuple[Line, ...]:
    """Return a connection whose first bytes are met by a close."""
    return (*HANDSHAKE, C("PSH,ACK", first), S("ACK"), *(then or FIN))


def others(**first: int) -> Known:
    """Return an endpoint that answered so many connections by how they began."""
    words = {"tls": HELLO, "get": GET, "h2": PREFACE, "v1": V1, "v2": V2}
    counts = {words[name][:4]: number for name, number in first.items()}
    return {"turns": sum(counts.values()), "first_accepted": counts}
