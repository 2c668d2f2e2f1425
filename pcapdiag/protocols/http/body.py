"""Bodies of HTTP/1 messages: how long they are, and how they are passed over.

RFC 9112 sections 6 and 7. Nothing of a body is kept but its first bytes.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from pcapdiag.protocols.http.heads import MAX_HEAD, Fields, head_end, values
from pcapdiag.protocols.packet_buffer import Moment, PacketBuffer

BODY_HEAD = 512
"""First bytes of a body that are kept."""
MAX_CHUNK_LINE = 4_096
"""Bytes of a chunk's size line with its extensions."""
_DIGITS = re.compile(rb"\d{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class Framing(msgspec.Struct, frozen=True):
    """What a head says of its body's end; neither length nor chunked: until the close, or none."""

    length: int | None = None
    chunked: bool = False
    conflict: str = ""
    """Fields that contradict each other (RFC 9112 section 6.3), in words."""
    problem: str = ""


def framing(fields: Fields) -> Framing:
    """Return how the fields frame the body. Transfer-Encoding goes before Content-Length."""
    codings = [coding.lower() for coding in values(fields, b"transfer-encoding")]
    lengths = dict.fromkeys(values(fields, b"content-length"))
    length, problem = None, ""
    if lengths:
        first = next(iter(lengths))
        length = int(first) if _DIGITS.fullmatch(first) else None
        problem = "" if length is not None else "content-length is no number"
    conflict = "content-length twice, with different values" if len(lengths) > 1 else ""
    if codings and lengths:
        conflict = conflict or "content-length together with transfer-encoding"
    if codings:
        return Framing(None, codings[-1] == b"chunked", conflict, problem)
    return Framing(length, False, conflict, problem)


class BodyReader:
    """Passes over one body; ``done`` when its end was seen, ``problem`` when it broke the rules."""

    def __init__(self, length: int | None = None, chunked: bool = False, keep: int = 0) -> None:
        self.until_close = length is None and not chunked
        self.seen = 0
        self.done = length == 0
        self.problem = ""
        self.last: Moment | None = None
        """Packet of the last byte that was read."""
        self.head = bytearray()
        self._keep = keep
        self._left = length
        self._chunked = chunked
        self._state: Literal["size", "data", "after data", "trailers"] = (
            "size" if chunked else "data"
        )
        self._searched = 0

    def read(self, buffer: PacketBuffer) -> None:
        """Take from the buffer what belongs to the body."""
        while buffer.data and not self.done and not self.problem:
            if not self._step(buffer):
                return

    def pass_hole(self, size: int) -> int | None:
        """Go on behind ``size`` missing bytes.

        Return how many of them lay behind the body's end, or None when they leave unknown where
        the body ends.
        """
        if self._state != "data":
            return None
        if self._left is None:
            self.seen += size
            return 0
        if size > self._left and self._chunked:
            return None
        passed = min(size, self._left)
        self._pass(passed)
        return size - passed

    def _step(self, buffer: PacketBuffer) -> bool:
        if self._state == "data":
            return self._data(buffer)
        if self._state == "size":
            return self._size(buffer)
        if self._state == "after data":
            return self._after_data(buffer)
        return self._trailers(buffer)

    def _data(self, buffer: PacketBuffer) -> bool:
        count = len(buffer.data)
        if self._left is not None:
            count = min(count, self._left)
        room = self._keep - len(self.head)
        if room > 0:
            self.head += buffer.data[: min(room, count)]
        self._drop(buffer, count)
        self._pass(count)
        return True

    def _pass(self, count: int) -> None:
        self.seen += count
        if self._left is None:
            return
        self._left -= count
        if self._left == 0:
            self.done = not self._chunked
            self._state = "after data" if self._chunked else "data"

    def _size(self, buffer: PacketBuffer) -> bool:
        end = buffer.data.find(b"\n")
        if end < 0:
            if len(buffer.data) > MAX_CHUNK_LINE:
                self.problem = "a chunk without a size"
            return False
        match = _CHUNK_SIZE.fullmatch(bytes(buffer.data[:end]).rstrip(b"\r"))
        if match is None:
            self.problem = "a chunk size that is no hexadecimal number"
            return False
        self._left = int(match[1], 16)
        self._state = "data" if self._left else "trailers"
        # An empty line behind the last chunk ends it: its own line end is part of the search.
        self._drop(buffer, end + 1 if self._left else end)
        return True

    def _after_data(self, buffer: PacketBuffer) -> bool:
        if buffer.data == b"\r":
            return False
        if not buffer.data.startswith((b"\r\n", b"\n")):
            self.problem = "a chunk that is longer than its size"
            return False
        self._drop(buffer, 1 if buffer.data.startswith(b"\n") else 2)
        self._state = "size"
        return True

    def _trailers(self, buffer: PacketBuffer) -> bool:
        end = head_end(buffer.data, self._searched)
        if end < 0:
            self._searched = len(buffer.data)
            if self._searched > MAX_HEAD:
                self.problem = "a trailer section without an end"
            return False
        self._drop(buffer, end)
        self.done = True
        return True

    def _drop(self, buffer: PacketBuffer, count: int) -> None:
        if count:
            self.last = buffer.moment(count - 1)
            buffer.drop(count)
