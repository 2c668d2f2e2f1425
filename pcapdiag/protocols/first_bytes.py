"""The first bytes of an end: which protocol it speaks."""

from __future__ import annotations

from pcapdiag.model.application import Piece, Protocol, ProxyHeader
from pcapdiag.protocols.http.proxy_header import is_cut_off, may_begin, read_proxy_header
from pcapdiag.protocols.http.sniff import speaks, speaks_in_the_middle
from pcapdiag.protocols.packet_buffer import PacketBuffer

MAX_SNIFFED = 16 * 1024
"""Bytes of an end that are looked at; a protocol that is not known by then is another one."""
RESPONDER_HEAD = 64
"""First bytes of the responder that are kept."""


class FirstBytes:
    """What one end said first; ``started`` is False where its first bytes were not captured."""

    def __init__(self, from_initiator: bool, started: bool) -> None:
        self.protocol: Protocol = ""
        """Empty until it is known; ``other`` may still become one that is found later."""
        self.started = started
        """False when the protocol was known by bytes within the stream."""
        self.proxy_header: ProxyHeader | None = None
        self.head = b""
        self._buffer = PacketBuffer()
        self._from_initiator = from_initiator
        self._may_have_proxy_header = from_initiator and started

    @property
    def is_known(self) -> bool:
        """Whether the end speaks a protocol that can be read."""
        return self.protocol not in ("", "other")

    @property
    def is_settled(self) -> bool:
        """Whether no further byte will be looked at."""
        return self.is_known and len(self.head) >= RESPONDER_HEAD

    def take(self, piece: Piece) -> None:
        """Look at the next bytes, unless all is known."""
        if len(self.head) < RESPONDER_HEAD:
            self.head += piece.data[: RESPONDER_HEAD - len(self.head)]
        if self.is_known:
            return
        self.started = self.started and not piece.hole
        if not piece.data:
            return
        if not self.started or self.protocol == "other":
            self._look_in_the_middle(piece)
            return
        self._buffer.append(piece)
        if not (self._may_have_proxy_header and self._is_proxy_header()):
            self._decide()

    def looked_at(self) -> list[Piece]:
        """Return the pieces by which the protocol was known."""
        return self._buffer.pieces(self._from_initiator)

    def forget(self) -> None:
        """Free what is not needed once the protocol is known."""
        if self.protocol:
            self._buffer.clear()

    def _is_proxy_header(self) -> bool:
        """Take off a PROXY header; return whether one is there but not complete."""
        data = bytes(self._buffer.data[:MAX_SNIFFED])
        if may_begin(data) and is_cut_off(data):
            return True
        self.proxy_header = read_proxy_header(data, self._buffer.moment())
        self._may_have_proxy_header = False
        if self.proxy_header is not None:
            self._buffer.drop(self.proxy_header.length)
        return False

    def _decide(self) -> None:
        data = bytes(self._buffer.data[:MAX_SNIFFED])
        protocol = speaks(data, self._from_initiator)
        if protocol is None and len(data) >= MAX_SNIFFED:
            protocol = "other"
        self.protocol = protocol or ""

    def _look_in_the_middle(self, piece: Piece) -> None:
        self._buffer.clear()
        self._buffer.append(piece)
        found = None
        if not self.started:
            found = speaks_in_the_middle(piece.data, self._from_initiator)
        self.protocol = found or "other"
