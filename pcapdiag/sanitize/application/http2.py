"""HTTP/2 of one direction (RFC 9113): frames, settings and codes stay, header blocks are rewritten.

Bodies are overwritten; of gRPC's the prefix of each message stays. Behind a hole frames are found
again where a packet holds whole frames and nothing else.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pcapdiag.protocols.http.body import BODY_HEAD
from pcapdiag.protocols.http.frames import (
    DEFAULT_FRAME_SIZE,
    END_HEADERS,
    HEADER,
    MAX_BUFFERED,
    PADDED,
    PRIORITY_FLAG,
    Type,
)
from pcapdiag.protocols.http.header_block import MAX_BLOCK
from pcapdiag.protocols.http.sniff import PREFACE, frames_begin
from pcapdiag.sanitize.application.hpack_block import HeaderBlockRewriter
from pcapdiag.sanitize.application.stream import LETTER, Stream
from pcapdiag.sanitize.application.texts import phrases

MESSAGE_PREFIX = 5
"""Bytes before a gRPC message: compressed flag and length."""
TOO_LONG = b"\xff" * 4 + bytes(5)
"""A frame's header that no end takes."""
SHORT_MESSAGE = 2
"""Bytes of a health check's answer: one number."""
MAX_STREAMS = 10_000
ERROR = 400
_HTTP1 = b"HTTP/1."
_GRPC = b"application/grpc"
_FIXED_SIZES: dict[int, int] = {Type.PRIORITY: 5, Type.RST_STREAM: 4, Type.WINDOW_UPDATE: 4}
_PING_SIZE, _GOAWAY_SIZE, _SETTING = 8, 8, 6
_KNOWN_SETTINGS = 9
"""The highest number of a setting that is registered (IANA "HTTP/2 Settings")."""
_CONNECTION_TYPES = (Type.SETTINGS, Type.PING, Type.GOAWAY)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_STATUS_FIELD = 0x08
"""Protobuf's tag of field 1 as a number."""


class _Body:
    """The DATA frames of a stream: where gRPC's messages begin, or a proxy's error page ends."""

    def __init__(self, is_grpc: bool, is_error: bool) -> None:
        self._is_grpc = is_grpc
        self._room = BODY_HEAD if is_error else 0
        self._prefix = b""
        self._left = 0

    def rewrite(self, stream: Stream, at: int, end: int) -> None:
        if self._is_grpc:
            self._messages(stream, at, end)
        elif self._room:
            part = stream.read(at, min(end, at + self._room))
            if not _BINARY.search(part):
                stream.put(at, phrases(part, stream.renamer, LETTER))
            self._room -= len(part)

    def _messages(self, stream: Stream, at: int, end: int) -> None:
        while at < end:
            passed = min(self._left, end - at)
            if not passed:
                prefix = stream.read(at, min(end, at + MESSAGE_PREFIX - len(self._prefix)))
                if not prefix:
                    return
                stream.put(at, prefix)
                self._prefix += prefix
                passed = len(prefix)
                if len(self._prefix) == MESSAGE_PREFIX:
                    self._left = int.from_bytes(self._prefix[1:], "big")
                    self._prefix = b""
                    self._short_message(stream, at + passed)
            else:
                self._left -= passed
            at += passed

    def _short_message(self, stream: Stream, at: int) -> None:
        if self._left == SHORT_MESSAGE:
            message = stream.read(at, at + SHORT_MESSAGE)
            if message[:1] == bytes([_STATUS_FIELD]):
                stream.put(at, message)


class _Fragment(NamedTuple):
    at: int
    data: bytes


def rewrite_http2(stream: Stream, at: int, is_first: bool) -> None:
    """Rewrite all that follows ``at`` as HTTP/2; ``is_first`` where the connection begins there."""
    Http2Rewriter(stream, is_first).rewrite(at)


class Http2Rewriter:
    """Goes through the frames of one direction."""

    def __init__(self, stream: Stream, is_first: bool) -> None:
        self._stream = stream
        self._blocks = HeaderBlockRewriter(stream.renamer, stream.keyed)
        self._blocks.is_lost = not is_first
        self._is_first = is_first
        self._fragments: list[_Fragment] = []
        self._block_of = 0
        self._bodies: dict[int, _Body] = {}

    def rewrite(self, at: int) -> None:
        """Rewrite everything from ``at`` on."""
        stream = self._stream
        stream.fill(at, LETTER)
        place: int | None = at
        if not self._is_first:
            place = self._search(at)
        elif stream.read(at, at + 3) == PREFACE[:3]:
            begun = stream.read(at, at + len(PREFACE))
            if not PREFACE.startswith(begun):
                return
            stream.put(at, begun)
            place = at + len(begun)
            if len(begun) < len(PREFACE):
                place = self._lose(place)
        while place is not None:
            place = self._frame(place)
        self._end_block()

    def _frame(self, at: int) -> int | None:
        header = self._stream.read(at, at + HEADER)
        if len(header) < HEADER:
            following = self._stream.captured.following(at + len(header))
            if _may_be_header(header):
                self._stream.put(at, header)
            return None if following is None else self._lose(following)
        length, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
        stream_id = int.from_bytes(header[5:], "big") & 0x7FFFFFFF
        if _is_odd(length, kind, stream_id):
            self._stream.put(at, _odd_header(header))
            return None
        self._stream.put(at, header)
        begin, end = at + HEADER, at + HEADER + length
        if self._fragments and kind != Type.CONTINUATION:
            self._end_block(is_whole=False)
        if kind in (Type.HEADERS, Type.PUSH_PROMISE, Type.CONTINUATION):
            self._headers(kind, flags, stream_id, begin, end)
        elif kind == Type.DATA:
            self._data(flags, stream_id, begin, end)
        elif kind == Type.GOAWAY:
            self._goaway(begin, end)
        elif kind == Type.PING:
            # The answer has the same bytes.
            self._stream.put(begin, self._stream.keyed.opaque(self._stream.read(begin, end)))
        elif kind == Type.SETTINGS:
            data = self._stream.read(begin, min(end, begin + MAX_BUFFERED))
            self._stream.put(begin, _settings(data))
        elif kind in _FIXED_SIZES:
            self._stream.put(begin, self._stream.read(begin, min(end, begin + _FIXED_SIZES[kind])))
        return self._behind(kind, begin, end)

    def _behind(self, kind: int, begin: int, end: int) -> int | None:
        """Return where to go on behind a frame, of which a part may be missing."""
        following = self._stream.captured.following(end)
        if following is None:
            return None
        if kind != Type.DATA and self._is_missing(begin, end):
            self._blocks.is_lost = True
        return end if following == end else self._lose(following)

    def _is_missing(self, begin: int, end: int) -> bool:
        wanted = min(end - begin, MAX_BUFFERED)
        return len(self._stream.read(begin, begin + wanted)) < wanted

    def _headers(self, kind: int, flags: int, stream_id: int, begin: int, end: int) -> None:
        stream = self._stream
        data = stream.read(begin, min(end, begin + MAX_BUFFERED))
        if len(data) < end - begin:
            self._blocks.is_lost = True
        low, high = 0, len(data)
        if kind != Type.CONTINUATION:
            self._block_of = stream_id
            if flags & PADDED and data:
                low, high = 1, max(1, len(data) - data[0])
            low += 5 * bool(kind == Type.HEADERS and flags & PRIORITY_FLAG)
            low += 4 * (kind == Type.PUSH_PROMISE)
            stream.put(begin, data[:low])
            # Padding has to be zero (RFC 9113 section 6.1).
            stream.put(begin + max(low, high), bytes(max(0, len(data) - max(low, high))))
        if high > low:
            self._fragments.append(_Fragment(begin + low, data[low:high]))
        if flags & END_HEADERS:
            self._end_block()

    def _end_block(self, is_whole: bool = True) -> None:
        """Rewrite a header block and put it back into its frames."""
        block = b"".join(fragment.data for fragment in self._fragments)
        if len(block) > MAX_BLOCK:
            self._blocks.is_lost = True
        new = self._blocks.rewrite(block) if block else b""
        at = 0
        for fragment in self._fragments:
            self._stream.put(fragment.at, new[at : at + len(fragment.data)])
            at += len(fragment.data)
        self._fragments.clear()
        self._blocks.is_lost = self._blocks.is_lost or not is_whole
        told = self._blocks
        if self._block_of not in self._bodies and len(self._bodies) < MAX_STREAMS:
            is_grpc = told.content_type.lower().startswith(_GRPC)
            if is_grpc or told.status >= ERROR:
                self._bodies[self._block_of] = _Body(is_grpc, told.status >= ERROR)

    def _data(self, flags: int, stream_id: int, begin: int, end: int) -> None:
        low, high = begin, end
        if flags & PADDED:
            padding = self._stream.read(begin, begin + 1)
            self._stream.put(begin, padding)
            low += 1
            high -= padding[0] if padding else 0
        body = self._bodies.get(stream_id)
        if body is not None and low < high:
            body.rewrite(self._stream, low, high)

    def _goaway(self, begin: int, end: int) -> None:
        data = self._stream.read(begin, min(end, begin + MAX_BUFFERED))
        self._stream.put(begin, data[:8])
        self._stream.put(begin + 8, phrases(data[8:], self._stream.renamer, LETTER))

    def _lose(self, at: int) -> int | None:
        self._end_block(is_whole=False)
        self._blocks.is_lost = True
        return self._search(at)

    def _search(self, at: int) -> int | None:
        """Return the next place where a packet holds whole frames."""
        place: int | None = at
        while place is not None:
            end = self._stream.captured.packet_end(place)
            if frames_begin(self._stream.read(place, end)):
                return place
            place = self._stream.captured.following(end)
        return None


def _is_odd(length: int, kind: int, stream_id: int) -> bool:
    """Return whether a header breaks the rules: nobody reads on behind it (RFC 9113 section 6)."""
    if kind > Type.CONTINUATION:
        return length > DEFAULT_FRAME_SIZE
    if kind == Type.PING and length != _PING_SIZE:
        return True
    if kind == Type.SETTINGS and length % _SETTING:
        return True
    if kind == Type.GOAWAY and length < _GOAWAY_SIZE:
        return True
    if length != _FIXED_SIZES.get(kind, length):
        return True
    is_of_all = kind in _CONNECTION_TYPES
    return kind != Type.WINDOW_UPDATE and is_of_all != (stream_id == 0)


def _odd_header(header: bytes) -> bytes:
    """Return what stands for a header that breaks the rules; what is no frame at all goes."""
    if header.startswith(_HTTP1) or header[3] <= Type.CONTINUATION:
        return header
    return TOO_LONG


def _settings(data: bytes) -> bytes:
    """Return settings; the value of one that is not registered goes."""
    new = b""
    for at in range(0, len(data), _SETTING):
        number = int.from_bytes(data[at : at + 2], "big")
        is_known = number <= _KNOWN_SETTINGS or number & 0x0F0F == 0x0A0A
        kept = _SETTING if is_known else 2
        new += data[at : at + kept].ljust(len(data[at : at + _SETTING]), b"\0")
    return new


def _may_be_header(header: bytes) -> bool:
    return len(header) < 4 or header[3] <= Type.CONTINUATION
