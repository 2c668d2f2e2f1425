"""Handshake messages: split over records, or several in one (RFC 8446 section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.protocols.tls.limits import MAX_MESSAGE
from pcapdiag.protocols.tls.names import HANDSHAKE_TYPES
from pcapdiag.protocols.tls.records import RawRecord

_HEADER = 4


class HandshakeMessage(msgspec.Struct, frozen=True):
    """One message; ``body`` ends where bytes were missing, and then it is not ``complete``."""

    type: int
    length: int
    """Bytes of the whole message, its 4-byte header included."""
    body: bytes
    frame: int
    time: int
    """Of the packet that completed it."""
    segments: int = 1
    complete: bool = True
    encrypted: bool = False
    is_ssl2: bool = False


class HandshakeJoiner:
    """Joins one end's handshake records of one kind: clear ones, or decrypted ones."""

    def __init__(self, encrypted: bool = False) -> None:
        self._encrypted = encrypted
        self._bytes = bytearray()
        self._skip = 0
        """Bytes to come of a message of which some are missing; ``_bytes`` is its beginning."""
        self._segments = 0
        self._frame = self._time = 0

    @property
    def is_idle(self) -> bool:
        """True when no message waits for its end."""
        return not self._bytes

    def add(self, record: RawRecord, content: bytes) -> Iterator[HandshakeMessage]:
        """Yield the messages that a record completes.

        A record that is not complete gives ``content`` up to the first missing byte. Raises
        ValueError where a message must begin and no known one does.
        """
        self._count(record)
        if self._skip:
            passed = min(self._skip, len(content))
            content = content[passed:]
            yield from self._pass_over(passed)
        if not self._skip:
            self._bytes += content
            while len(self._bytes) >= _HEADER and len(self._bytes) >= self._length():
                yield self._take()
        if not record.complete:
            yield from self._leave_out(max(record.length - len(record.fragment), 0))

    def cut_off(self) -> Iterator[HandshakeMessage]:
        """Yield what is there of a message whose end will not be seen."""
        if len(self._bytes) >= _HEADER:
            yield self._message(self._length())
        self._bytes.clear()
        self._skip = self._segments = 0

    def _count(self, record: RawRecord) -> None:
        is_same = self._segments > 0 and record.first_frame == self._frame
        self._segments += record.segments - is_same
        self._frame, self._time = record.frame, record.time

    def _length(self) -> int:
        """Bytes of the message that begins here."""
        length = _HEADER + int.from_bytes(self._bytes[1:_HEADER], "big")
        if self._bytes[0] not in HANDSHAKE_TYPES or length > MAX_MESSAGE:
            header = bytes(self._bytes[:_HEADER])
            self._bytes.clear()
            self._skip = self._segments = 0
            raise ValueError(f"no handshake message begins with {header.hex()}")
        return length

    def _take(self) -> HandshakeMessage:
        length = self._length()
        message = self._message(length)
        del self._bytes[:length]
        self._segments = 1 if self._bytes else 0
        return message

    def _message(self, length: int) -> HandshakeMessage:
        body = bytes(self._bytes[_HEADER:length])
        complete = len(body) == length - _HEADER
        return HandshakeMessage(
            self._bytes[0],
            length,
            body,
            self._frame,
            self._time,
            self._segments,
            complete,
            self._encrypted,
        )

    def _leave_out(self, missing: int) -> Iterator[HandshakeMessage]:
        if self._skip:
            yield from self._pass_over(min(missing, self._skip))
        elif len(self._bytes) >= _HEADER:
            self._skip = self._length() - len(self._bytes)
            yield from self._pass_over(min(missing, self._skip))
        else:
            self._bytes.clear()

    def _pass_over(self, count: int) -> Iterator[HandshakeMessage]:
        self._skip -= count
        if not self._skip:
            yield from self.cut_off()
