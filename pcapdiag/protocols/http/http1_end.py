"""How far one end's stream of HTTP/1 is read, and how its place is found again behind a hole."""

from __future__ import annotations

from pcapdiag.model.http import Exchange
from pcapdiag.protocols.http.body import BodyReader
from pcapdiag.protocols.http.heads import head_end, plausible_head
from pcapdiag.protocols.packet_buffer import Moment, PacketBuffer

SEARCHED = 4_096
"""Bytes kept while a head is searched for: one may begin in them."""


class Http1End:
    """How far one end's stream is read."""

    def __init__(self, lost: bool) -> None:
        self.buffer = PacketBuffer()
        self.body: BodyReader | None = None
        self.exchange: Exchange | None = None
        """Whose body is being read."""
        self.searched = 0
        self.lost = lost
        """The place in the stream is not known: the next head is searched for."""
        self.missed = False
        """Messages may have been lost before the next head."""

    def lose(self) -> None:
        """Forget the place in the stream."""
        self.buffer.clear()
        self.body = self.exchange = None
        self.searched = 0
        self.lost = self.missed = True

    def find_again(self, is_request: bool) -> bool:
        """Search for a head; return whether one is at the buffer's beginning now."""
        found = plausible_head(self.buffer.data, is_request)
        self.buffer.drop(found if found >= 0 else max(0, len(self.buffer.data) - SEARCHED))
        self.lost = found < 0
        return not self.lost

    def take_head(self) -> tuple[bytes, Moment, Moment] | None:
        """Take a whole head: its bytes, and the packets of its first and its last byte."""
        end = head_end(self.buffer.data, self.searched)
        if end < 0:
            self.searched = len(self.buffer.data)
            return None
        self.searched = 0
        first, last = self.buffer.moment(), self.buffer.moment(end - 1)
        raw = bytes(self.buffer.data[:end])
        self.buffer.drop(end)
        return raw, first, last
