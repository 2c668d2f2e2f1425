# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Skims over the requests of an HTTP/2 connection that go well, and hands on all others.

Frames of a stream are held until it has ended. If it ended well, and its neighbours need it not,
they are dropped then: nothing of them was ever read in full. As soon as something is odd, all of
them go to the reader, and the frames that are still to come, one by one. Header blocks are held so
that each can be decoded by itself.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from pcapdiag.model.application import Piece
from pcapdiag.protocols.http.field_kinds import literal
from pcapdiag.protocols.http.field_scan import UNKNOWN, Entry, FieldScan
from pcapdiag.protocols.http.frames import (
    ACK,
    DEFAULT_FRAME_SIZE,
    END_HEADERS,
    END_STREAM,
    HEADER,
    PADDED,
    PRIORITY_FLAG,
    Type,
)
from pcapdiag.protocols.http.header_block import HeaderBlocks
from pcapdiag.protocols.http.kept import NEIGHBOURS
from pcapdiag.protocols.http.skimmed_stream import SkimmedStream
from pcapdiag.protocols.http.windows import SendWindows

MAX_STREAMS = 64
"""Streams that are skimmed over at one time."""
LARGEST_OTHER = 8
"""Bytes of a frame that is skimmed over and is neither DATA, HEADERS nor GOAWAY."""
MAX_HELD = 64 * 1024
"""Bytes held of them at most, about."""

_NOTHING = Piece(False, 0, 0, b"")

# Twins in C of constants that plain Python imports.
_HEADER = HEADER
_LARGEST = DEFAULT_FRAME_SIZE
_LARGEST_OTHER = LARGEST_OTHER
_DATA = int(Type.DATA)
_HEADERS = int(Type.HEADERS)
_PRIORITY = int(Type.PRIORITY)
_RST_STREAM = int(Type.RST_STREAM)
_SETTINGS = int(Type.SETTINGS)
_PING = int(Type.PING)
_CONTINUATION = int(Type.CONTINUATION)
_GOAWAY = int(Type.GOAWAY)
_WINDOW_UPDATE = int(Type.WINDOW_UPDATE)
_END_STREAM = END_STREAM
_END_HEADERS = END_HEADERS
_PADDED = PADDED
_PRIORITY_FLAG = PRIORITY_FLAG
_ACK = ACK
_MAX_STREAMS = MAX_STREAMS
_MAX_HELD = MAX_HELD
_MAX_STREAMS = MAX_STREAMS
_NEIGHBOURS = NEIGHBOURS
_UNKNOWN = UNKNOWN


class Reader(Protocol):
    """Reads in full what is handed on."""

    def read_stream(self, stream: int, index: int, frames: list[Piece]) -> None:
        """Read the frames of a stream so far, whose request has this index."""

    def read_frame(self, frame: list[Piece]) -> None:
        """Read a frame of a stream that is not skimmed over, or of the connection."""

    def note_answered(self, stream: SkimmedStream) -> None:
        """Note a request that was answered well."""


class End:
    """What is followed of one end."""

    def __init__(self, scan: FieldScan | None, window: int, initial: int) -> None:
        self.scan = scan
        """None where the beginning was missed, so that no block can be scanned."""
        self.window = window
        """The connection's: bytes of bodies that it may send."""
        self.initial = initial
        """The same of a stream that is opened."""
        self.rest = b""
        """Of a frame that has begun"""
        self.begun = _NOTHING
        """with this packet, and whose bytes so far"""
        self.last = _NOTHING
        """ended with this one."""


class Skim:
    """Skims over both ends, of which the responder comes first.

    ``newest`` is the newest stream so far, and ``requests`` how many there were.
    """

    def __init__(self, reader: Reader, ends: tuple[End, End], newest: int, requests: int) -> None:
        self._reader = reader
        self._responder, self._initiator = ends
        self.newest = newest
        self.requests = requests
        self.dropped = 0
        """Requests that went well and were not handed on."""
        self.notes = 1
        """Whether requests are noted that were answered well."""
        self.wanted = 0
        """So many requests that end well next are handed on."""
        self.others = 0
        """Streams that are open and not skimmed over."""
        self.most_open = 0
        """Most streams that were open at once, the others among them."""
        self._open: dict[int, SkimmedStream] = {}
        self._ended: deque[SkimmedStream] = deque()
        """The last streams that ended well."""
        self._showing = 0
        self._held = 0
        self._order = 0

    def take(self, piece: Piece) -> int:
        """Take the next bytes of an end; return 0 where one cannot go on like this."""
        from_initiator = 1 if piece.from_initiator else 0
        end = self._initiator if from_initiator else self._responder
        data = piece.data
        begun = piece
        if end.rest:
            data = end.rest + data
            begun = end.begun
        size = len(data)
        at = 0
        taken = 1
        while size - at >= _HEADER:
            length = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            if size - at - _HEADER < length:
                taken = _may_be_long(data[at + 3], length)
                break
            taken = self._frame(end, from_initiator, data, at, length, begun, piece)
            if not taken:
                break
            at += _HEADER + length
            begun = piece
        end.rest = data[at:]
        end.begun = begun
        end.last = piece
        return taken

    def show_ended(self) -> None:
        """Hand on the last streams that ended well."""
        if self._showing:
            return
        self._showing = 1
        while self._ended:
            self.dropped -= 1
            self._hand_on(self._ended.popleft())
        self._showing = 0

    def streams(self) -> list[SkimmedStream]:
        """Return all streams that are held; they are to be read in full."""
        self.dropped -= len(self._ended)
        return [*self._ended, *self._open.values()]

    def rests(self) -> list[Piece]:
        """Return the bytes of frames that have only begun."""
        pieces = []
        for end in (self._responder, self._initiator):
            if end.rest:
                pieces += _pieces(end.rest, end.begun, end.last)
        return pieces

    def window(self, from_initiator: bool) -> int:
        """Return the connection's window for what an end sends."""
        return self._initiator.window if from_initiator else self._responder.window

    def new_entries(self, from_initiator: bool) -> list[Entry]:
        """Return what an end has added to its table of fields."""
        end = self._initiator if from_initiator else self._responder
        return end.scan.new_entries() if end.scan is not None else []

    def _frame(
        self, end: End, from_initiator: int, data: bytes, at: int, length: int, begun: Piece,
        last: Piece,
    ) -> int:  # fmt: skip
        kind = data[at + 3]
        stream = _number(data, at + 5)
        if not _may_be_long(kind, length):
            return 0
        if kind == _DATA:
            return self._data(end, from_initiator, data, at, length, begun, last)
        if kind == _HEADERS:
            return self._headers(end, from_initiator, data, at, length, begun, last)
        if kind == _WINDOW_UPDATE:
            return self._window_update(from_initiator, data, at, length, begun, last)
        if kind == _PRIORITY:
            return 1 if length == 5 and stream != 0 else 0
        if kind > _CONTINUATION:
            return 1
        if kind == _SETTINGS:
            return 1 if data[at + 4] & _ACK and length == 0 and stream == 0 else 0
        if kind == _RST_STREAM:
            if length != 4 or stream == 0 or stream > self.newest:
                return 0
            if stream in self._open:
                self._hand_on_open(stream)
        elif kind == _PING:
            if length != 8 or stream != 0:
                return 0
        elif kind != _GOAWAY or length < 8 or stream != 0:
            return 0
        self._reader.read_frame(_pieces(data[at : at + _HEADER + length], begun, last))
        return 1

    def _window_update(
        self, from_initiator: int, data: bytes, at: int, length: int, begun: Piece, last: Piece
    ) -> int:
        stream = _number(data, at + 5)
        if length != 4 or stream > self.newest:
            return 0
        increment = _number(data, at + _HEADER)
        if stream == 0:
            other = self._responder if from_initiator else self._initiator
            other.window += increment
            return 1
        skimmed = self._open.get(stream)
        if skimmed is None and self.others == 0:
            return 1
        frame = _pieces(data[at : at + _HEADER + length], begun, last)
        if skimmed is not None and self._is_full():
            self._hand_on_open(stream)
            skimmed = None
        if skimmed is not None:
            skimmed.open_window(from_initiator, increment)
        self._add(skimmed, frame, 0, from_initiator)
        return 1

    def _data(
        self, end: End, from_initiator: int, data: bytes, at: int, length: int, begun: Piece,
        last: Piece,
    ) -> int:  # fmt: skip
        flags = data[at + 4]
        stream = _number(data, at + 5)
        if stream == 0 or stream > self.newest or (length and end.window <= length):
            # Where a window shuts, the reader has to know since when.
            return 0
        end.window -= length
        frame = _pieces(data[at : at + _HEADER + length], begun, last)
        skimmed = self._open.get(stream)
        if skimmed is not None and (
            flags & _PADDED or self._is_full() or not skimmed.send(from_initiator, length)
        ):
            self._hand_on_open(stream)
            skimmed = None
        self._add(skimmed, frame, flags & _END_STREAM, from_initiator)
        return 1

    def _headers(
        self, end: End, from_initiator: int, data: bytes, at: int, length: int, begun: Piece,
        last: Piece,
    ) -> int:  # fmt: skip
        flags = data[at + 4]
        stream = _number(data, at + 5)
        begin = at + _HEADER + (5 if flags & _PRIORITY_FLAG else 0)
        stop = at + _HEADER + length
        is_new = stream > self.newest
        if flags & _PADDED or not flags & _END_HEADERS or begin > stop or stream == 0:
            return 0
        if is_new and not (from_initiator and stream & 1 and stream <= self.newest + 2):
            # One that is left out may have been opened unseen.
            return 0
        scan = end.scan
        if scan is None:
            frame = _pieces(data[at:stop], begun, last)
        elif scan.scan(data, begin, stop):
            block = _headers_frame(stream, flags & ~_PRIORITY_FLAG, scan.block())
            frame = _pieces(block, begun, last)
        else:
            return 0
        if is_new:
            return self._request(scan, stream, flags & _END_STREAM, frame)
        skimmed = self._open.get(stream)
        if skimmed is not None and (self._is_full() or not skimmed.take(from_initiator, scan)):
            self._hand_on_open(stream)
            skimmed = None
        self._add(skimmed, frame, flags & _END_STREAM, from_initiator)
        return 1

    def _request(self, scan: FieldScan | None, stream: int, ends: int, frame: list[Piece]) -> int:
        """Open a stream for a request."""
        self.newest = stream
        index = self.requests
        self.requests += 1
        self.most_open = max(self.most_open, len(self._open) + self.others + 1)
        is_odd = 0 if scan is None else scan.is_odd or scan.method == _UNKNOWN
        if is_odd or self._is_full():
            self._reader.read_stream(stream, index, frame)
            return 1
        skimmed = SkimmedStream(
            stream, index, scan, self._responder.initial, self._initiator.initial
        )
        self._open[stream] = skimmed
        self._add(skimmed, frame, ends, 1)
        return 1

    def _is_full(self) -> int:
        return 1 if self._held > _MAX_HELD or len(self._open) > _MAX_STREAMS else 0

    def _add(
        self, skimmed: SkimmedStream | None, frame: list[Piece], ends: int, from_initiator: int
    ) -> None:
        """Hold a frame of a stream, which it may end; hand it on where that is not skimmed over."""
        if skimmed is None:
            self._reader.read_frame(frame)
            return
        self._held -= skimmed.held
        skimmed.hold(self._order, frame)
        self._held += skimmed.held
        self._order += 1
        if ends:
            self._end(skimmed, from_initiator)

    def _end(self, skimmed: SkimmedStream, from_initiator: int) -> None:
        """Note that an end has ended a stream."""
        if not skimmed.end(from_initiator):
            return
        del self._open[skimmed.stream]
        if self.wanted > 0 or not skimmed.went_well():
            self._hand_on(skimmed)
            return
        self._ended.append(skimmed)
        self.dropped += 1
        if self.notes:
            self._reader.note_answered(skimmed)
        if len(self._ended) > _NEIGHBOURS:
            skimmed = self._ended.popleft()
            self._held -= skimmed.held

    def _hand_on_open(self, stream: int) -> None:
        """Hand on a stream that has not ended; it is not skimmed over any more."""
        self._hand_on(self._open.pop(stream))

    def _hand_on(self, skimmed: SkimmedStream) -> None:
        self._held -= skimmed.held
        frames = [piece for _, frame in skimmed.frames for piece in frame]
        self._reader.read_stream(skimmed.stream, skimmed.index, frames)


def _may_be_long(kind: int, length: int) -> int:
    """Return whether a frame of a type may have such a length: then its bytes are waited for."""
    if kind <= _CONTINUATION and kind != _DATA and kind != _HEADERS and kind != _GOAWAY:
        return 1 if length <= _LARGEST_OTHER else 0
    return 1 if length <= _LARGEST else 0


def end_of(blocks: HeaderBlocks, windows: SendWindows) -> End:
    """Return an end as it was read so far."""
    entries = [(literal(name), literal(value)) for name, value in blocks.entries()]
    scan = None if blocks.lost else FieldScan(entries)
    return End(scan, windows.connection, windows.initial)


def _number(data: bytes, at: int) -> int:
    """Return the 31 bits behind a reserved one."""
    number = data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
    return number & 0x7FFFFFFF


def _headers_frame(stream: int, flags: int, block: bytes) -> bytes:
    head = len(block).to_bytes(3, "big") + bytes((_HEADERS, flags))
    return head + stream.to_bytes(4, "big") + block


def _pieces(frame: bytes, begun: Piece, last: Piece) -> list[Piece]:
    """Return a frame as bytes of the packets with which it began and ended."""
    if begun is last:
        return [Piece(last.from_initiator, last.frame, last.time, frame)]
    return [
        Piece(begun.from_initiator, begun.frame, begun.time, frame[:1]),
        Piece(last.from_initiator, last.frame, last.time, frame[1:]),
    ]
