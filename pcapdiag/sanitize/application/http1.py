"""HTTP/1 of one direction (RFC 9112): start lines, fields and framing stay, bodies are overwritten.

Heads are rewritten line by line, so that what is malformed stays malformed in the same way. Of an
error's body the words of proxies and servers stay. Behind a hole the next head is searched for.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from pcapdiag.model.http_methods import METHODS
from pcapdiag.protocols.http.body import BODY_HEAD, MAX_CHUNK_LINE, framing
from pcapdiag.protocols.http.heads import MAX_HEAD, TOKEN, Fields, head_end, plausible_head, value
from pcapdiag.protocols.http.sniff import PREFACE
from pcapdiag.protocols.tls.sniff import speaks_tls
from pcapdiag.sanitize.application.http_fields import field_name, field_value
from pcapdiag.sanitize.application.stream import LETTER, Stream
from pcapdiag.sanitize.application.texts import phrases, target
from pcapdiag.sanitize.application.vocabulary import is_known
from pcapdiag.sanitize.keyed import blank

USUAL_HEAD = 2_048
"""Bytes that are read of a head at first."""
SEARCHED = 1 << 16
"""Bytes that are looked through at a time for a head."""
OVERLAP = 4_096
"""Bytes of them that are looked at again: a head may begin in them."""
ERROR, NO_BODY = 400, (204, 304)
_REQUEST_LINE = re.compile(rb"(?s)(%s)( +)(\S+)(.*)" % TOKEN)
_STATUS_LINE = re.compile(rb"(?s)(HTTP/\d(?:\.\d)?)( +)(\d{3})(.*)")
_VERSION = re.compile(rb" +HTTP/\d\.\d *")
_CHUNK = re.compile(rb"(?s)([0-9A-Fa-f]{1,15})([ \t]*)(.*)")
_WEBSOCKET = b"websocket"
_METHODS = frozenset(name.encode() for name in (*METHODS, "PURGE", "PRI", "PROXY"))
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class _Head(NamedTuple):
    """What a head says that decides how the direction goes on."""

    method: bytes
    status: int
    fields: Fields
    size: int
    is_whole: bool


class Next(Enum):
    """What comes where HTTP/1 ends."""

    NOTHING = "nothing"
    SOMETHING = "another protocol"
    HTTP2 = "HTTP/2"
    WEBSOCKET = "WebSocket"


class Ended(NamedTuple):
    """Where HTTP/1 ended, and what comes there."""

    at: int
    next: Next


def rewrite_http1(stream: Stream, at: int, is_first: bool) -> Ended:
    """Rewrite what follows ``at`` as HTTP/1 until it ends or switches to another protocol."""
    return Http1Rewriter(stream).rewrite(at, is_first)


class Http1Rewriter:
    """Goes through the messages of one direction.

    A direction of requests notes their methods in ``asked``, for the other one.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._answers = 0
        self._may_switch = False
        self._upgrade = b""
        """What the last message asks to switch to, or says that it switches to."""
        self._is_request: bool | None = None

    def rewrite(self, at: int, is_first: bool) -> Ended:
        """Rewrite everything from ``at`` on."""
        stream = self._stream
        stream.fill(at, LETTER)
        place: int | None = at if is_first else self._search(at)
        while place is not None:
            data = self._head(place)
            if not data:
                following = stream.captured.following(place)
                place = None if following is None else self._search(following)
                continue
            if data[:1] in (b"\r", b"\n"):
                stream.put(place, data[:1])
                place += 1
                continue
            if self._switches(data):
                return Ended(place, self._next(data))
            place = self._message(place, data)
        return Ended(at, Next.NOTHING)

    def _head(self, at: int) -> bytes:
        """Return a whole head, or as much as one may be long; most are short."""
        data = self._stream.read(at, at + USUAL_HEAD)
        if len(data) < USUAL_HEAD or head_end(data) >= 0:
            return data
        return self._stream.read(at, at + MAX_HEAD)

    def _switches(self, data: bytes) -> bool:
        """Return whether another protocol begins where a message should."""
        if speaks_tls(data) or data.startswith(PREFACE[:16]):
            return True
        if not self._may_switch:
            return False
        self._may_switch = False
        return self._is_request is False or not _REQUEST_LINE.match(data)

    def _next(self, data: bytes) -> Next:
        if data.startswith(PREFACE[:16]):
            return Next.HTTP2
        is_websocket = self._upgrade == _WEBSOCKET and not speaks_tls(data)
        return Next.WEBSOCKET if is_websocket else Next.SOMETHING

    def _message(self, at: int, data: bytes) -> int | None:
        head = rewrite_head(self._stream, at, data)
        if not head.is_whole:
            following = self._stream.captured.following(at + len(data))
            return None if following is None else self._search(following)
        body = at + head.size
        if head.method:
            self._is_request = True
            self._stream.asked.append(head.method)
            self._upgrade = _upgrade(head.fields)
            self._may_switch = head.method == b"CONNECT" or bool(self._upgrade)
            return self._body(body, head, error=False)
        if not head.status:
            return self._foreign(body)
        self._is_request = False
        return self._answer(body, head)

    def _answer(self, at: int, head: _Head) -> int | None:
        if head.status == 101:
            self._upgrade = _upgrade(head.fields)
            self._may_switch = True
            return at
        if head.status < 200:
            return at
        asked = self._stream.methods
        method = asked[self._answers] if self._answers < len(asked) else b""
        self._answers += 1
        if method == b"CONNECT" and head.status < 300:
            self._may_switch = True
            return at
        if method == b"HEAD" or head.status in NO_BODY:
            return at
        frame = framing(head.fields)
        if frame.length is None and not frame.chunked:
            self._error_text(at, at + BODY_HEAD, head.status)
            return None
        return self._body(at, head, error=head.status >= ERROR)

    def _error_text(self, at: int, end: int, status: int) -> int:
        if status < ERROR:
            return 0
        part = self._stream.read(at, end)
        if not _BINARY.search(part):
            self._stream.put(at, phrases(part, self._stream.renamer, LETTER))
        return len(part)

    def _body(self, at: int, head: _Head, error: bool) -> int | None:
        frame = framing(head.fields)
        status = head.status if error else 0
        if frame.chunked:
            return self._chunks(at, BODY_HEAD if error else 0, status)
        length = frame.length or 0
        self._error_text(at, at + min(length, BODY_HEAD), status)
        return self._go_on(at + length)

    def _go_on(self, at: int) -> int | None:
        following = self._stream.captured.following(at)
        if following is None or following == at:
            return following
        return self._search(following)

    def _chunks(self, at: int, room: int, status: int) -> int | None:
        stream = self._stream
        while True:
            line = stream.read(at, at + MAX_CHUNK_LINE)
            end = line.find(b"\n")
            match = _CHUNK.match(line[:end].rstrip(b"\r")) if end >= 0 else None
            if match is None:
                shown = line[: end + 1] if end >= 0 else line[:64]
                stream.put(at, odd_chunk(shown))
                following = stream.captured.following(at + len(shown)) if shown else None
                return None if following is None else self._search(following)
            more = line[match.end(3) : end + 1]
            stream.put(at, match[1] + match[2] + blank(match[3]) + more)
            at += end + 1
            size = int(match[1], 16)
            if not size:
                return self._trailers(at)
            if room:
                room -= self._error_text(at, at + min(size, room), status)
            at += size
            behind = stream.read(at, at + 2)
            if not behind:
                return self._go_on(at)
            stream.put(at, bytes(byte if byte in b"\r\n" else 0x78 for byte in behind))
            at += 1 if behind[:1] == b"\n" else len(behind)
            if behind[:1] not in (b"\r", b"\n"):
                return self._search(at)

    def _trailers(self, at: int) -> int | None:
        data = self._stream.read(at, at + MAX_HEAD)
        # The empty line's own line end is part of the search, as behind a head.
        end = head_end(b"\n" + data) - 1
        lines = data[: end if end >= 0 else len(data)]
        self._stream.put(at, b"".join(_line(line, self._stream) for line in lines.splitlines(True)))
        return self._go_on(at + len(lines))

    def _foreign(self, at: int) -> int | None:
        """Go on behind lines that were no head."""
        following = self._stream.captured.following(at)
        return None if following is None else self._search(following)

    def _search(self, at: int) -> int | None:
        """Return the next place where something begins that can only be a head."""
        place: int | None = at
        while place is not None:
            data = self._stream.read(place, place + SEARCHED)
            kinds = (True, False) if self._is_request is None else (self._is_request,)
            found = [one for one in (plausible_head(data, kind) for kind in kinds) if one >= 0]
            if found:
                return place + min(found)
            is_full = len(data) == SEARCHED
            step = SEARCHED - OVERLAP if is_full else max(len(data), 1)
            place = self._stream.captured.following(place + step)
        return None


def rewrite_head(stream: Stream, at: int, data: bytes) -> _Head:
    """Rewrite the head at the beginning of ``data``, or the part of one that is there."""
    end = head_end(data)
    raw = data if end < 0 else data[:end]
    lines = raw.splitlines(keepends=True) if b"\r" not in raw.replace(b"\r\n", b"") else _split(raw)
    new = [_start_line(lines[0], stream)]
    fields: Fields = []
    for line in lines[1:]:
        new.append(_line(line, stream))
        name, colon, content = line.partition(b":")
        if colon:
            fields.append((name.strip().lower(), content.strip()))
    stream.put(at, b"".join(new))
    status = _STATUS_LINE.fullmatch(lines[0])
    request = _REQUEST_LINE.fullmatch(lines[0].rstrip(b"\r\n"))
    method = request[1] if request and _VERSION.fullmatch(request[4]) and not status else b""
    return _Head(method, int(status[3]) if status else 0, fields, len(raw), end >= 0)


def _split(raw: bytes) -> list[bytes]:
    return [line + b"\n" for line in raw.split(b"\n")[:-1]] + [raw.rpartition(b"\n")[2]]


def _start_line(line: bytes, stream: Stream) -> bytes:
    text = line.rstrip(b"\r\n")
    ending = line[len(text) :]
    status = _STATUS_LINE.fullmatch(text)
    if status is not None:
        return b"".join(status.groups()[:3]) + phrases(status[4], stream.renamer) + ending
    request = _REQUEST_LINE.fullmatch(text)
    if request is None:
        return phrases(text, stream.renamer, LETTER) + ending
    method = request[1]
    if method not in _METHODS and not is_known(method):
        method = stream.renamer.word(method)
    rest = request[4]
    if not re.fullmatch(rb" *(?:H(?:T(?:T(?:P(?:/[\d.]*)?)?)?)?)? *", rest):
        rest = phrases(rest, stream.renamer, LETTER)
    where = target(request[3], stream.renamer, stream.keyed)
    return method + request[2] + where + rest + ending


def _line(line: bytes, stream: Stream) -> bytes:
    """Rewrite a header line; what no line may hold stays where it is."""
    text = line.rstrip(b"\r\n")
    ending = line[len(text) :]
    name, colon, content = text.partition(b":")
    if not colon or text[:1] in (b" ", b"\t"):
        return blank(text) + ending
    new = field_value(name.strip().lower(), content, stream.renamer, stream.keyed)
    if _CONTROL.search(content):
        pairs = zip(content, new, strict=True)
        new = bytes(old if _CONTROL.match(bytes([old])) else byte for old, byte in pairs)
    return field_name(name, stream.renamer) + colon + new + ending


def _upgrade(fields: Fields) -> bytes:
    return (value(fields, b"upgrade") or b"").lower()


def odd_chunk(line: bytes) -> bytes:
    """Return what stands for a chunk's size line that is none."""
    return bytes(byte if byte in b"\r\n" else 0x78 for byte in line)
