"""Whether an HTTP/1 message was complete: just enough of RFC 9112 section 6 to judge a reset.

The full parser is protocols/http1; here only the head's first bytes and the last 16 are at hand.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from pcapdiag.model.http_methods import STARTS
from pcapdiag.model.story import Story, Turn
from pcapdiag.protocols.http.heads import head_end

HTTP1 = b"HTTP/1."
HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"\r\n0\r\n\r\n"
NO_BODY = (204, 304)
FIRST_ERROR = 400
FRAMING = {b"content-length", b"transfer-encoding"}
MAX_LENGTH_DIGITS = 18
WITHOUT_TELLING = (b"HEAD ", b"CONNECT ")
"""Methods whose answer's length does not say how many bytes follow its head."""
REQUEST_LINE = re.compile(rb"[A-Z]{3,20} \S+ HTTP/1\.[01]\r?\n")


class Completeness(Enum):
    """How far an answer had come."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNTIL_CLOSE = "until close"
    """Its end is the end of the connection: complete with FIN, cut short with RST."""
    INTERIM = "interim"
    """Nothing but interim answers (1xx): the one to the request had not begun."""
    UNREADABLE = "unreadable"


def response_completeness(turn: Turn) -> Completeness:
    """Return whether the turn's answer was complete on the wire, where HTTP/1 says so."""
    head = turn.response_head
    if not head.startswith(HTTP1):
        return Completeness.UNREADABLE
    return _message(head, turn.response_bytes, turn)


def _message(head: bytes, total: int, turn: Turn) -> Completeness:
    end = head_end(head)
    if end < 0:
        return Completeness.INCOMPLETE if total <= len(head) else Completeness.UNREADABLE
    body = total - end
    status = _status(head)
    if status is None or status == 101 or turn.request_head.startswith(b"CONNECT "):
        return Completeness.UNREADABLE
    if status < 200:
        return _message(head[end:], body, turn) if body > 0 else Completeness.INTERIM
    if status in NO_BODY or turn.request_head.startswith(b"HEAD "):
        return Completeness.COMPLETE
    fields = _fields(head[:end])
    if status >= FIRST_ERROR and not body and not fields.keys() & FRAMING:
        # Node.js says 408 so: nothing would tell the client to wait for more.
        return Completeness.COMPLETE
    return _framed(fields, body, turn)


def _framed(fields: dict[bytes, bytes], body: int, turn: Turn) -> Completeness:
    if fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
        return _chunked(body, turn.response_tail)
    length = _length(fields)
    if length is None:
        return Completeness.UNTIL_CLOSE
    if body > length:
        return Completeness.UNREADABLE
    return Completeness.COMPLETE if body == length else Completeness.INCOMPLETE


def _chunked(body: int, tail: bytes) -> Completeness:
    if not tail:
        return Completeness.UNREADABLE
    if tail.endswith(LAST_CHUNK) or (body == 5 and tail.endswith(LAST_CHUNK[2:])):
        return Completeness.COMPLETE
    return Completeness.UNREADABLE if tail.endswith(HEAD_END) else Completeness.INCOMPLETE


def _status(head: bytes) -> int | None:
    digits = head[9:12]
    return int(digits) if len(digits) == 3 and digits.isdigit() else None


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _length(fields: dict[bytes, bytes]) -> int | None:
    value = fields.get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) <= MAX_LENGTH_DIGITS else None


def request_incomplete(turn: Turn) -> bool:
    """Return whether HTTP/1 says that the request's head or body had not been sent in full."""
    head = turn.request_head
    if not head.startswith(STARTS):
        return False
    end = head_end(head)
    if end < 0:
        return turn.request_bytes <= len(head)
    length = _length(_fields(head[:end]))
    return length is not None and turn.request_bytes - end < length


class Behind(msgspec.Struct, frozen=True):
    """Requests of a turn that nothing answered, behind those that were."""

    answered: int
    size: int
    """Bytes of those that were not."""


def pipelined_behind(story: Story) -> Behind | None:
    """Return what followed the requests of a turn that were answered; None where all may have been.

    Nobody waits for their answers where a message before said that it was the last: RFC 9112
    section 9.6 lets the server close upon it, whatever came behind. Answers whose length is not
    told by their head may be several, and what the capture lacks may have been one.
    """
    turn = story.turn
    if story.midstream or story.initiator.acked_unseen or story.responder.gaps:
        return None
    asked, said = turn.request_head, turn.response_head
    request, answer, answered = 0, 0, 0
    while answer < turn.response_bytes:
        request, answer = _request_end(asked, request), _answer_end(said, answer)
        if not request or not 0 < answer <= turn.response_bytes:
            return None
        answered += 1
    more = answered > 0 and REQUEST_LINE.match(asked, request)
    return Behind(answered, turn.request_bytes - request) if more else None


def _request_end(data: bytes, start: int) -> int:
    """Return where a request ends that another may follow; 0 where that is not known."""
    end = head_end(data, start)
    if end < 0 or data.startswith(WITHOUT_TELLING, start):
        return 0
    head = data[start:end]
    fields = _fields(head)
    if b"transfer-encoding" in fields or _is_last(head, fields):
        return 0
    return end + (_length(fields) or 0)


def _answer_end(data: bytes, start: int) -> int:
    """Return where an answer ends that another may follow; 0 where that is not known."""
    end = head_end(data, start)
    if end < 0 or not data.startswith(HTTP1, start):
        return 0
    head = data[start:end]
    fields = _fields(head)
    length = _length(fields)
    if length is None or _status(head) in NO_BODY or _is_last(head, fields):
        return 0
    return end + length


def _is_last(head: bytes, fields: dict[bytes, bytes]) -> bool:
    """Return whether a message says that the connection ends with it (RFC 9112 section 9.3)."""
    options = fields.get(b"connection", b"").lower()
    persists = b"HTTP/1.0" not in head.partition(b"\n")[0] or b"keep-alive" in options
    return b"close" in options or not persists
