"""WebSocket frames (RFC 6455 section 5.2): whether an end said Close."""

from __future__ import annotations

from pcapdiag.protocols.packet_buffer import PacketBuffer

CLOSE = 8
_LONGEST_HEADER = 14


class WebSocketEnd:
    """Follows the frames of one end; gives up at a hole."""

    def __init__(self) -> None:
        self.closed = False
        """A Close frame was seen."""
        self._left = 0
        self._lost = False

    def lose(self) -> None:
        """Bytes are missing: frames cannot be told any more."""
        self._lost = True

    def read(self, buffer: PacketBuffer) -> None:
        """Take everything that can be read from the buffer."""
        while buffer.data and not self._lost:
            if self._left:
                passed = min(self._left, len(buffer.data))
                buffer.drop(passed)
                self._left -= passed
            elif not self._header(buffer):
                return
        buffer.clear()

    def _header(self, buffer: PacketBuffer) -> bool:
        data = bytes(buffer.data[:_LONGEST_HEADER])
        if len(data) < 2:
            return False
        size = 2 + 4 * (data[1] >> 7)
        length = data[1] & 0x7F
        extended = {126: 2, 127: 8}.get(length, 0)
        if len(data) < size + extended:
            return False
        if extended:
            length = int.from_bytes(data[2 : 2 + extended], "big")
        self.closed = self.closed or data[0] & 0x0F == CLOSE
        buffer.drop(size + extended)
        self._left = length
        return True
