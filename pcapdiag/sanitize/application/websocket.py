"""WebSocket frames of one direction (RFC 6455 section 5.2): headers stay, what they bring goes.

The masking key is zero afterwards, so that the payload of zeros, and the code of a Close, read the
same with it and without.
"""

from __future__ import annotations

from pcapdiag.protocols.http.websocket import CLOSE
from pcapdiag.sanitize.application.stream import ZERO, Stream

_MASKED, _LENGTH = 0x80, 0x7F
_EXTENDED = {126: 2, 127: 8}
_KEY = 4
_CODE = 2
"""Bytes of the status code in a Close frame."""


def rewrite_websocket(stream: Stream, at: int) -> None:
    """Rewrite the frames from ``at`` on; what comes behind a hole between two is overwritten."""
    stream.fill(at, ZERO)
    place: int | None = at
    while place is not None:
        place = _frame(stream, place)


def _frame(stream: Stream, at: int) -> int | None:
    """Rewrite one frame; return where the next begins, or None."""
    head = stream.read(at, at + 2)
    if len(head) < 2:
        return None
    extended = _EXTENDED.get(head[1] & _LENGTH, 0)
    head += stream.read(at + 2, at + 2 + extended)
    if len(head) < 2 + extended:
        return None
    stream.put(at, head)
    length = int.from_bytes(head[2:], "big") if extended else head[1] & _LENGTH
    body = at + len(head)
    key = stream.read(body, body + _KEY) if head[1] & _MASKED else b""
    body += len(key)
    if head[0] & 0x0F == CLOSE:
        code = stream.read(body, body + min(length, _CODE))
        mask = key.ljust(len(code), b"\0")
        stream.put(body, bytes(one ^ other for one, other in zip(code, mask, strict=False)))
    return body + length
