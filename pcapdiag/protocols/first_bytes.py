"""The first bytes of both ends, held until it is known which protocol they speak."""

from __future__ import annotations

from pcapdiag.model.application import Piece, Protocol, ProxyHeader
from pcapdiag.protocols.http.proxy_header import is_cut_off, may_begin, read_proxy_header
from pcapdiag.protocols.http.sniff import speaks, speaks_in_the_middle
from pcapdiag.protocols.packet_buffer import PacketBuffer

MAX_SNIFFED = 16 * 1024
"""Bytes of an end that are held; a protocol that is not known by then is another one."""
RESPONDER_HEAD = 64
"""First bytes of the responder that are kept."""


class FirstBytes:
    """What one end said first."""

    def __init__(self, from_initiator: bool) -> None:
        self.protocol: Protocol = ""
        """Empty until it is known."""
        self.proxy_header: ProxyHeader | None = None
        self.in_the_middle = False
        """The protocol was known by bytes within the stream: what came before is missing."""
        self.head = b""
        self._buffer = PacketBuffer()
        self._from_initiator = from_initiator
        self._may_have_proxy_header = from_initiator
        self._hole = False

    def take(self, piece: Piece) -> None:
        """Look at the next bytes."""
        if len(self.head) < RESPONDER_HEAD:
            self.head += piece.data[: RESPONDER_HEAD - len(self.head)]
        if self.protocol not in ("", "other"):
            return
        if piece.hole or self._hole or self.protocol == "other":
            self._look_in_the_middle(piece)
            return
        self._buffer.append(piece)
        if not (self._may_have_proxy_header and self._is_proxy_header()):
            self._decide(piece)

    def held(self) -> list[Piece]:
        """Hand on the bytes that were held, without a PROXY header."""
        pieces = self._buffer.pieces(self._from_initiator)
        self._buffer.clear()
        return pieces

    def _is_proxy_header(self) -> bool:
        """Take off a PROXY header; return whether one is there but not complete."""
        data = bytes(self._buffer.data[:MAX_SNIFFED])
        if may_begin(data) and is_cut_off(data):
            return True
        if data:
            self.proxy_header = read_proxy_header(data, self._buffer.moment())
            self._may_have_proxy_header = False
        if self.proxy_header is not None:
            self._buffer.drop(self.proxy_header.length)
        return False

    def _decide(self, piece: Piece) -> None:
        data = bytes(self._buffer.data[:MAX_SNIFFED])
        protocol = speaks(data, self._from_initiator)
        if protocol is None and len(data) >= MAX_SNIFFED:
            protocol = "other"
        self.protocol = protocol or ""
        if protocol == "other":
            self._look_in_the_middle(piece)

    def _look_in_the_middle(self, piece: Piece) -> None:
        self._hole = True
        self.protocol = "other"
        found = speaks_in_the_middle(piece.data, self._from_initiator)
        self._buffer.clear()
        if found:
            self.protocol, self.in_the_middle = found, True
        self._buffer.append(piece)
