"""Exchanges made of HTTP/1 heads: by the reader of a stream, and from a turn's first bytes."""

from __future__ import annotations

from pcapdiag.model.ends import End
from pcapdiag.model.http import Exchange, Version
from pcapdiag.protocols.http.body import BODY_HEAD, BodyReader, Framing, framing
from pcapdiag.protocols.http.describe import describe_request, describe_response
from pcapdiag.protocols.http.heads import Fields, RequestHead, StatusHead, text, value, values
from pcapdiag.protocols.packet_buffer import Moment

MAX_TARGET = 2_000
"""Characters of a request's target that are kept."""
MAX_METHOD = 40
TUNNEL = "tunnel"
"""What a CONNECT switches to."""
_NO_BODY = (204, 304)
_FOREIGN = (
    (b"\x16\x03", "a TLS handshake record"),
    (b"\x15\x03", "a TLS alert"),
    (b"SSH-", "an SSH banner"),
    (b"PROXY ", "a PROXY header"),
    (b"HTTP/", "another version of HTTP"),
    (b"<", "a page without a status line"),
    (b"220", "the greeting of a mail or file server"),
    (b"-ERR", "an error of Redis or POP3"),
    (b"+OK", "an answer of Redis or POP3"),
)
"""Bytes that other protocols begin with, in words."""


def take_request(exchange: Exchange, head: RequestHead) -> Framing:
    """Fill in a request's head; return how its body is framed."""
    frame = framing(head.fields)
    exchange.version = _version(head.minor)
    exchange.method = head.method[:MAX_METHOD] or None
    exchange.target = head.target[:MAX_TARGET] or None
    describe_request(exchange, head.fields)
    note(exchange, head.problem or frame.problem, "initiator")
    exchange.framing_conflict = frame.conflict
    return frame


def take_response(exchange: Exchange, head: StatusHead) -> BodyReader:
    """Fill in a final response's head; return the reader of its body (RFC 9112 section 6.3)."""
    frame = framing(head.fields)
    exchange.version = _version(head.minor)
    exchange.status = head.status or None
    exchange.length = 0
    describe_response(exchange, head.fields)
    note(exchange, head.problem or frame.problem, "responder")
    exchange.framing_conflict = exchange.framing_conflict or frame.conflict
    if exchange.method == "HEAD" or head.status in _NO_BODY or head.status == 101:
        return BodyReader(0)
    # Only errors are told by their text; the body of a healthy answer is nobody's business.
    body = BodyReader(frame.length, frame.chunked, BODY_HEAD if head.status >= 400 else 0)
    exchange.until_close = body.until_close
    return body


def note(exchange: Exchange, problem: str, by: End) -> None:
    """Note what is not HTTP, unless something was noted before."""
    if problem and not exchange.malformed:
        exchange.malformed, exchange.malformed_by = problem, by


def asked_protocol(head: RequestHead) -> str:
    """Return what a request asks to switch to: the tunnel of CONNECT, Upgrade's word, or ''."""
    return TUNNEL if head.method == "CONNECT" else _upgrade(head.fields)


def switched_protocol(exchange: Exchange, head: StatusHead, asked: str) -> str:
    """Return the protocol that a response switches to (RFC 9110 sections 7.8 and 9.3.6), or ''."""
    if head.status == 101:
        return _upgrade(head.fields) or asked or "unknown"
    if exchange.method == "CONNECT" and 200 <= head.status < 300:
        return TUNNEL
    return ""


def not_a_status_line(data: bytes) -> str:
    """Return, in words, what stands where a status line should."""
    if len(data) >= 9 and data[3] == 4 and data[5:9] == bytes(4):
        return "no status line: HTTP/2 frames"
    kind = next((words for first, words in _FOREIGN if data.startswith(first)), "")
    return f"no status line: {kind}" if kind else "no status line"


def response_begins(exchange: Exchange, moment: Moment) -> None:
    """Note the packet with a final response's first byte."""
    exchange.response_frame, exchange.response_time = moment


def response_ends(exchange: Exchange, moment: Moment) -> None:
    """Note the packet with a final response's last byte."""
    exchange.response_end_frame, exchange.response_end_time = moment


def request_ends(exchange: Exchange, moment: Moment) -> None:
    """Note the packet with a request's last byte."""
    exchange.request_end_frame, exchange.request_end_time = moment
    exchange.request_complete = True


def _upgrade(fields: Fields) -> str:
    if b"upgrade" not in (word.lower() for word in values(fields, b"connection")):
        return ""
    return text((value(fields, b"upgrade") or b"").lower()[:MAX_METHOD])


def _version(minor: int) -> Version:
    return "1.1" if minor else "1.0"
