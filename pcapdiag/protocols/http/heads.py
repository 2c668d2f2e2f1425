"""Heads of HTTP/1 messages: start line and header fields (RFC 9112 sections 2 to 5).

Read with tolerance, because captures hold what programs really send: bare line feeds, a missing
reason phrase and folded lines pass. What no program may take is told in ``problem``.
"""

from __future__ import annotations

import re

import msgspec

from pcapdiag.model.http_methods import METHODS

MAX_HEAD = 128 * 1024
"""Bytes of a head (or trailer section) that are waited for."""
MAX_FIELDS = 1_000
"""Header fields of one head that are read; further ones are only counted."""

Fields = list[tuple[bytes, bytes]]
"""Names in lower case and values without white space around them, in the order sent."""

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEAD_END = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(rb"(%s) +(\S+) +HTTP/1\.([01]) *" % TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) +([1-9]\d\d)(?: .*|)", re.DOTALL)
_NAME = re.compile(TOKEN)
_FORBIDDEN = re.compile(rb"[\x00\r]")
_FIELD_FOLLOWS = rb"\r?\n(?:%s:|\r?\n)" % TOKEN
_PLAUSIBLE_REQUEST = (
    rb"(?:%s) [!-~]{1,4000} HTTP/1\.[01]" % "|".join(METHODS).encode() + _FIELD_FOLLOWS
)
_PLAUSIBLE_STATUS = rb"HTTP/1\.[01] [1-5]\d\d(?: [ -~]{0,80})?" + _FIELD_FOLLOWS
# Compiled when they are first needed, which most captures never do.


class RequestHead(msgspec.Struct, frozen=True):
    """A request line and its fields; ``method`` is empty where the line cannot be read."""

    method: str
    target: str
    minor: int
    """Of the version: HTTP/1.``minor``."""
    fields: Fields
    problem: str = ""


class StatusHead(msgspec.Struct, frozen=True):
    """A status line and its fields; ``status`` is 0 where the line cannot be read."""

    status: int
    minor: int
    fields: Fields
    problem: str = ""


def head_end(data: bytes | bytearray, searched: int = 0) -> int:
    """Return where the body begins, or -1; ``searched`` bytes were looked at before."""
    found = _HEAD_END.search(data, max(0, searched - 2))
    return found.end() if found else -1


def plausible_head(data: bytes | bytearray, is_request: bool) -> int:
    """Return where something that can only be a message's head begins in a stream, or -1."""
    found = re.search(_PLAUSIBLE_REQUEST if is_request else _PLAUSIBLE_STATUS, data)
    return found.start() if found else -1


def request_head(raw: bytes) -> RequestHead:
    """Read a request's head, which may be cut off. Never raises."""
    line, fields, problem = _split(raw)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        return RequestHead("", "", 1, fields, "no request line")
    return RequestHead(text(match[1]), text(match[2]), int(match[3]), fields, problem)


def status_head(raw: bytes) -> StatusHead:
    """Read a response's head, which may be cut off. Never raises."""
    line, fields, problem = _split(raw)
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        return StatusHead(0, 1, fields, "the status line cannot be read")
    return StatusHead(int(match[2]), int(match[1]), fields, problem)


def text(raw: bytes) -> str:
    """Return bytes of a head as text; what is not ASCII is escaped."""
    return raw.decode("ascii", "backslashreplace")


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Return all values of a field, lists taken apart at their commas, empty ones left out."""
    lists = (value.split(b",") for key, value in fields if key == name)
    return [item.strip() for items in lists for item in items if item.strip()]


def value(fields: Fields, name: bytes) -> bytes | None:
    """Return the first value of a field as it was sent, or None."""
    return next((value for key, value in fields if key == name), None)


def _split(raw: bytes) -> tuple[bytes, Fields, str]:
    lines = raw.split(b"\n", MAX_FIELDS + 1)[: MAX_FIELDS + 1]
    line, *rest = (line.removesuffix(b"\r") for line in lines)
    fields: Fields = []
    problem = ""
    for entry in rest:
        if not entry:
            break
        if entry[:1] in (b" ", b"\t") and fields:
            name, folded = fields[-1]
            fields[-1] = (name, folded + b" " + entry.strip())
            continue
        name, colon, content = entry.partition(b":")
        problem = problem or _field_problem(name, colon, content)
        if colon:
            fields.append((name.strip().lower(), content.strip()))
    return line, fields, problem


def _field_problem(name: bytes, colon: bytes, content: bytes) -> str:
    if not colon:
        return "a header line without a colon"
    if not _NAME.fullmatch(name):
        return "a header name that is no token"
    if _FORBIDDEN.search(content):
        return "a control character in a header value"
    return ""
