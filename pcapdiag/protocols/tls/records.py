"""TLS records out of one end's pieces, found again behind a hole."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.application import Piece
from pcapdiag.protocols.tls.limits import MAX_FALSE_STARTS
from pcapdiag.protocols.tls.numbers import APPLICATION_DATA, HANDSHAKE, HEADER
from pcapdiag.protocols.tls.sniff import (
    HEADER_LOOK,
    is_ssl2_hello,
    plausible_header,
    possible_records,
    ssl2_length,
)

_SSL2_LENGTH = 2
"""Bytes of the length in front of an SSL 2.0 style hello."""


class RawRecord(msgspec.Struct, frozen=True):
    """A record as it is on the wire."""

    type: int
    version: int
    length: int
    """Bytes after the header, as the header says."""
    fragment: bytes
    """The content; up to the first missing byte when it is not ``complete``."""
    frame: int
    time: int
    """Of the packet that completed it, or of the last one seen of it."""
    first_frame: int
    segments: int
    complete: bool = True
    gap: int = 0
    """Bytes before it that were missing, or belong to no record that could be found."""
    is_ssl2: bool = False


class _Part:
    """A record whose end is still to come."""

    def __init__(self, gap: int) -> None:
        self.gap = gap
        self.header = bytearray()
        self.length = self.left = 0
        self.fragment = bytearray()
        self.complete = True
        self.is_ssl2 = False
        self.first_frame = self.frame = self.time = self.segments = 0

    def seen_in(self, piece: Piece) -> None:
        if piece.frame != self.frame:
            self.segments += 1
            self.first_frame = self.first_frame or piece.frame
        self.frame, self.time = piece.frame, piece.time

    def begin(self, length: int, fragment: bytes = b"", is_ssl2: bool = False) -> None:
        self.length, self.is_ssl2 = length, is_ssl2
        self.left = length - len(fragment)
        self.fragment += fragment

    def record(self) -> RawRecord:
        return RawRecord(
            HANDSHAKE if self.is_ssl2 else self.header[0],
            int.from_bytes(self.header[1:3], "big"),
            self.length,
            bytes(self.fragment),
            self.frame,
            self.time,
            self.first_frame,
            self.segments,
            self.complete,
            self.gap,
            self.is_ssl2,
        )


class RecordReader:
    """Splits the bytes of one end into records.

    The content of application data is kept only with ``keep_data``, for decryption. Only an end's
    first record may be an SSL 2.0 style hello. Where the capture had not ``started`` with the
    connection, the first record is searched for, as behind a hole.
    """

    def __init__(self, may_be_ssl2: bool, keep_data: bool, started: bool = True) -> None:
        self._may_be_ssl2 = may_be_ssl2 and started
        self._keep_data = keep_data
        self._part: _Part | None = None
        self._gap = 0
        self._false_starts = 0
        self._lost: list[Piece] | None = None if started else []
        """What came since a hole behind which no record was found yet."""
        self._is_behind_hole = not started
        """The first of ``_lost`` begins right behind it, so most likely with a packet."""
        self.bad_header = b""
        """First bytes that are no record; nothing is read after them."""
        self.has_holes = not started

    @property
    def is_idle(self) -> bool:
        """True when no byte waits for others."""
        return self._part is None and not self._lost

    def feed(self, piece: Piece) -> Iterator[RawRecord]:
        """Yield the records that a piece completes."""
        if self.bad_header:
            return
        if piece.hole > 0:
            yield from self._skip(piece.hole)
        if self._lost is None:
            yield from self._split(piece)
        elif piece.data:
            self._lost.append(piece)
        if self._lost is not None:
            yield from self._search(at_end=False)

    def finish(self) -> Iterator[RawRecord]:
        """Yield what can be said when nothing more comes."""
        if self._lost is not None:
            yield from self._search(at_end=True)
        header = bytes(self._part.header) if self._part else b""
        if 0 < len(header) < HEADER and not HEADER_LOOK.match(header.ljust(3, b"\x03")):
            self.bad_header = header

    def rest(self) -> RawRecord | None:
        """A record whose header was seen and whose end was not."""
        part, self._part = self._part, None
        if part is None or not part.length:
            return None
        part.complete = False
        return part.record()

    def _skip(self, hole: int) -> Iterator[RawRecord]:
        """Step over a hole: to the known end of a record, or into the unknown."""
        self.has_holes = True
        self._may_be_ssl2 = False
        if self._lost is not None:
            yield from self._search(at_end=True)
        part = self._part
        if part is None or not part.length:
            self._lose(hole + (len(part.header) if part else 0))
            return
        part.complete = False
        beyond = hole - part.left
        part.left = max(part.left - hole, 0)
        if not part.left:
            self._part = None
            yield part.record()
        if beyond > 0:
            self._lose(beyond)

    def _lose(self, gap: int) -> None:
        self._part = None
        self._gap += gap
        self._lost = []
        self._is_behind_hole = True

    def _split(self, piece: Piece) -> Iterator[RawRecord]:
        at = 0
        while at < len(piece.data) and self._lost is None and not self.bad_header:
            if self._part is None:
                self._part, self._gap = _Part(self._gap), 0
            part = self._part
            part.seen_in(piece)
            if not part.length:
                at = self._read_header(part, piece, at)
            if part is self._part and len(part.header) == HEADER and not self.bad_header:
                at = self._fill(part, piece.data, at)
                if not part.left:
                    self._part = None
                    yield part.record()

    def _read_header(self, part: _Part, piece: Piece, at: int) -> int:
        taken = piece.data[at : at + HEADER - len(part.header)]
        part.header += taken
        if len(part.header) < HEADER:
            return at + len(taken)
        header = bytes(part.header)
        if plausible_header(header):
            part.begin(int.from_bytes(header[3:], "big"))
        elif self._may_be_ssl2 and is_ssl2_hello(header):
            part.begin(ssl2_length(header), header[_SSL2_LENGTH:], is_ssl2=True)
        elif self.has_holes and self._false_starts < MAX_FALSE_STARTS:
            # What was taken for a record behind the hole was none.
            self._false_starts += 1
            self._lose(part.gap)
            self._is_behind_hole = False
            rest = header[: HEADER - len(taken)] + piece.data[at:]
            self._lost = [Piece(piece.from_initiator, piece.frame, piece.time, rest)]
        else:
            self.bad_header = header
        self._may_be_ssl2 = False
        return at + len(taken)

    def _fill(self, part: _Part, data: bytes, at: int) -> int:
        taken = min(part.left, len(data) - at)
        if part.complete and (self._keep_data or part.header[0] != APPLICATION_DATA):
            part.fragment += data[at : at + taken]
        part.left -= taken
        return at + taken

    def _search(self, at_end: bool) -> Iterator[RawRecord]:
        """Look for a record in what came behind a hole, and go on there."""
        while self._lost is not None:
            start, is_sure = self._find(b"".join(piece.data for piece in self._lost), at_end)
            self._is_behind_hole = self._is_behind_hole and start == 0
            self._gap += start
            kept = _from(self._lost, start)
            self._lost = None if is_sure else kept
            if not is_sure:
                return
            for piece in kept:
                if self._lost is None:
                    yield from self._split(piece)
                else:
                    self._lost.append(piece)

    def _find(self, data: bytes, at_end: bool) -> tuple[int, bool]:
        """Where a record begins, or may begin, and whether that is sure.

        One that follows a hole directly, or ends where the next begins or where the bytes end.
        """
        for at, end in possible_records(data):
            if at == 0 and self._is_behind_hole:
                return at, True
            if end + HEADER <= len(data):
                if plausible_header(data[end : end + HEADER]):
                    return at, True
            elif end == len(data) and at_end:
                return at, True
            elif not at_end:
                return at, False
        return (len(data) if at_end else max(len(data) - HEADER + 1, 0)), False


def _from(pieces: list[Piece], start: int) -> list[Piece]:
    """The pieces without their first ``start`` bytes."""
    kept = []
    for piece in pieces:
        if start < len(piece.data):
            rest = piece.data[start:] if start else piece.data
            kept.append(Piece(piece.from_initiator, piece.frame, piece.time, rest))
        start = max(start - len(piece.data), 0)
    return kept
