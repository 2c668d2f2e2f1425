"""HTTP/2 frames of one end (RFC 9113 sections 3.4, 4.1 and 6), of bodies only as they pass.

Behind a hole frames are found again only where a packet holds whole frames and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

import msgspec
from msgspec.structs import replace

from pcapdiag.model.application import Piece
from pcapdiag.protocols.http.sniff import PREFACE, frames_begin
from pcapdiag.protocols.packet_buffer import Moment, PacketBuffer

HEADER = 9
DEFAULT_FRAME_SIZE = 16_384
"""SETTINGS_MAX_FRAME_SIZE before a peer says otherwise (RFC 9113 section 6.5.2)."""
LARGEST_FRAME_SIZE = (1 << 24) - 1
MAX_BUFFERED = 1 << 20
"""Bytes of a frame other than DATA that are held; a longer one is not read, whoever allows it."""
_HTTP1 = b"HTTP/1."


class Type(IntEnum):
    """Frame types (RFC 9113 section 6)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY_FLAG = 0x4, 0x8, 0x20

_ANY = -1
_SIZES = (_ANY, _ANY, 5, 4, _ANY, _ANY, 8, _ANY, 4, _ANY)
"""By type, the only length that it may have."""
_CONNECTION_TYPES = (Type.SETTINGS, Type.PING, Type.GOAWAY)
_HEAD = struct.Struct(">HBBBI")
"""Length in 16 and 8 bits, type, flags, stream with the reserved bit (RFC 9113 section 4.1)."""


class Frame(msgspec.Struct, frozen=True):
    """A frame; of DATA a part of it, as it came with one packet."""

    type: int
    flags: int
    stream_id: int
    payload: bytes
    """Without padding, and for HEADERS without priority."""
    first: Moment
    last: Moment
    length: int = 0
    """Bytes that flow control counts: of DATA the whole frame's, on its first part; else 0."""
    missing: int = 0
    """Bytes of DATA that a hole swallowed."""
    ends: bool = True
    """It is complete with this part."""


class _Data(msgspec.Struct, frozen=True):
    """A DATA frame that is passing."""

    flags: int
    stream_id: int
    left: int
    padding: int


class FrameReader:
    """Takes the pieces of one end and gives its frames."""

    def __init__(self, is_initiator: bool, started: bool) -> None:
        self.problem = ""
        """What broke the framing: then nothing more is read."""
        self.lost = not started
        """Its place in the stream is not known."""
        self.missed = not started
        """Frames may have been missed, so header compression cannot be followed."""
        self.preface = False
        self.max_frame_size = DEFAULT_FRAME_SIZE if started else LARGEST_FRAME_SIZE
        self._buffer = PacketBuffer()
        self._awaits_preface = is_initiator and started
        self._awaits_settings = started
        self._data: _Data | None = None
        self._skip = 0

    @property
    def is_between(self) -> bool:
        """Whether all before a frame that is still to come, or has just begun, was read well."""
        awaits = self._awaits_preface or self._awaits_settings
        return not (awaits or self.problem or self.lost or self._data or self._skip)

    def take_rest(self, from_initiator: bool) -> list[Piece]:
        """Take away the bytes of a frame that has just begun."""
        pieces = self._buffer.pieces(from_initiator)
        self._buffer.clear()
        return pieces

    def read(self, piece: Piece) -> Iterator[Frame]:
        """Yield the frames that a piece completes."""
        if piece.hole:
            yield from self._pass_hole(piece)
        if self.lost and not self.problem and frames_begin(piece.data):
            self.lost = False
        if self.lost or self.problem:
            return
        self._buffer.append(piece)
        while self._buffer.data and not self.problem:
            frame = self._next()
            if frame is None:
                return
            if frame.type >= 0:
                yield frame

    def _pass_hole(self, piece: Piece) -> Iterator[Frame]:
        moment = Moment(piece.frame, piece.time)
        data = self._data
        if data is not None and piece.hole <= data.left:
            yield self._part(data, b"", piece.hole, moment)
        elif self._skip >= piece.hole:
            self._skip -= piece.hole
        else:
            self._buffer.clear()
            self._data = None
            self._skip = 0
            self.lost = self.missed = True
            self._awaits_preface = self._awaits_settings = False

    def _next(self) -> Frame | None:
        """Take a frame or a part of one; None: more bytes are needed, a negative type: go on."""
        if self._awaits_preface:
            return self._take_preface()
        if self._data is not None:
            return self._pass_data(self._data)
        if self._skip:
            passed = min(self._skip, len(self._buffer.data))
            self._skip -= passed
            self._buffer.drop(passed)
            return _NOTHING
        return self._take_frame()

    def _take_preface(self) -> Frame | None:
        begun = bytes(self._buffer.data[: len(PREFACE)])
        if not PREFACE.startswith(begun):
            self.problem = "no connection preface"
            return None
        if len(begun) < len(PREFACE):
            return None
        self._buffer.drop(len(PREFACE))
        self._awaits_preface = False
        self.preface = True
        return _NOTHING

    def _take_frame(self) -> Frame | None:
        data = self._buffer.data
        if self._awaits_settings and data.startswith(_HTTP1):
            self.problem = "an HTTP/1 answer in place of frames"
        if len(data) < HEADER or self.problem:
            return None
        high, low, kind, flags, stream_id = _HEAD.unpack_from(data)
        length, stream_id = high << 8 | low, stream_id & 0x7FFFFFFF
        self.problem = self._check(length, kind, flags, stream_id)
        if self.problem:
            return None
        self._awaits_settings = False
        if kind > Type.CONTINUATION or (kind != Type.DATA and length > MAX_BUFFERED):
            self.missed = self.missed or kind <= Type.CONTINUATION
            self._buffer.drop(HEADER)
            self._skip = length
            return _NOTHING
        is_here = len(data) >= HEADER + length
        if kind == Type.DATA and (flags & PADDED or not is_here):
            return self._begin_data(length, flags, stream_id)
        return self._whole(length, kind, flags, stream_id) if is_here else None

    def _check(self, length: int, kind: int, flags: int, stream_id: int) -> str:
        if kind > Type.CONTINUATION and self._awaits_settings:
            return "bytes that are no HTTP/2 frames"
        if length > self.max_frame_size:
            return f"a frame of {length:,} bytes, over the limit of {self.max_frame_size:,}"
        if kind > Type.CONTINUATION:
            return ""
        if _SIZES[kind] not in (_ANY, length) or _is_length_odd(length, kind, flags):
            return f"{Type(kind).name} with {length:,} bytes"
        if kind != Type.WINDOW_UPDATE and (kind in _CONNECTION_TYPES) != (stream_id == 0):
            return f"{Type(kind).name} on stream {stream_id}"
        return ""

    def _begin_data(self, length: int, flags: int, stream_id: int) -> Frame | None:
        padding = 0
        header = HEADER
        if flags & PADDED:
            if len(self._buffer.data) <= HEADER:
                return None
            padding, header = self._buffer.data[HEADER], HEADER + 1
            if padding >= length:
                self.problem = "padding longer than its frame"
                return None
        first = self._buffer.moment()
        last = self._buffer.moment(header - 1)
        self._buffer.drop(header)
        left = length - (header - HEADER)
        self._data = _Data(flags, stream_id, left, padding)
        part = self._part(self._data, b"", 0, last)
        return replace(part, first=first, length=length)

    def _pass_data(self, data: _Data) -> Frame:
        count = min(data.left, len(self._buffer.data))
        moment = self._buffer.moment(count - 1)
        passed = bytes(self._buffer.data[:count])
        self._buffer.drop(count)
        return self._part(data, passed, 0, moment)

    def _part(self, data: _Data, passed: bytes, missing: int, moment: Moment) -> Frame:
        left = data.left - len(passed) - missing
        surplus = min(max(0, data.padding - left), len(passed))
        swallowed = max(0, min(missing, data.left - data.padding))
        self._data = replace(data, left=left) if left else None
        return Frame(
            Type.DATA,
            data.flags,
            data.stream_id,
            passed[: len(passed) - surplus],
            moment,
            moment,
            missing=swallowed,
            ends=left == 0,
        )

    def _whole(self, length: int, kind: int, flags: int, stream_id: int) -> Frame | None:
        end = HEADER + length
        buffer = self._buffer
        payload = bytes(buffer.data[HEADER:end])
        if flags & (PADDED | PRIORITY_FLAG) and kind in (Type.HEADERS, Type.PUSH_PROMISE):
            trimmed = _without_padding(payload, kind, flags)
            if trimmed is None:
                self.problem = "padding longer than its frame"
                return None
            payload = trimmed
        first, last = buffer.moment(), buffer.moment(end - 1)
        buffer.drop(end)
        counted = length if kind == Type.DATA else 0
        return Frame(kind, flags, stream_id, payload, first, last, counted)


_NOTHING = Frame(-1, 0, 0, b"", Moment(0, 0), Moment(0, 0))


def _is_length_odd(length: int, kind: int, flags: int) -> bool:
    if kind == Type.SETTINGS:
        return length % 6 != 0 or bool(flags & ACK and length)
    return kind == Type.GOAWAY and length < 8


def _without_padding(payload: bytes, kind: int, flags: int) -> bytes | None:
    padding = 0
    if flags & PADDED:
        if not payload:
            return None
        padding, payload = payload[0], payload[1:]
    if kind == Type.HEADERS and flags & PRIORITY_FLAG:
        if len(payload) < 5:
            return None
        payload = payload[5:]
    return payload[: len(payload) - padding] if padding <= len(payload) else None
