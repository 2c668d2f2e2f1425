# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What the options of a pcapng packet say of it (draft-ietf-opsawg-pcapng, section 4.3)."""

from __future__ import annotations

from pcapdiag.model.numbers import big16, big32, little32

EPB_FLAGS = 2
"""The option of an old packet block, too."""
EPB_DROPCOUNT = 4
WAY = 0x1F
"""The bits of epb_flags that say direction and kind of reception."""


class PacketOptions:
    """Reads the options of one file's packets.

    ``drops`` counts the packets that were lost before others, by the number of the interface.
    """

    def __init__(self) -> None:
        self.drops: dict[int, int] = {}

    def read(
        self, data: bytes | bytearray, start: int, stop: int, big: bool, interface: int
    ) -> int:
        """Read the options in ``data[start:stop]``; return the WAY that they say, 0 without one.

        What lies about its length ends them.
        """
        at = start
        way = 0
        while stop - at >= 4:
            if big:
                code = big16(data, at)
                size = big16(data, at + 2)
            else:
                code = little32(data, at) & 0xFFFF
                size = little32(data, at) >> 16
            at += 4
            if code == 0 or size > stop - at:
                break
            if code == EPB_FLAGS and size == 4:
                way = (big32(data, at) if big else little32(data, at)) & WAY
            elif code == EPB_DROPCOUNT and size == 8:
                if big:
                    self.note_drops(interface, big32(data, at), big32(data, at + 4))
                else:
                    self.note_drops(interface, little32(data, at + 4), little32(data, at))
            at += (size + 3) & ~3
        return way

    def note_drops(self, interface: int, high: int, low: int) -> None:
        """Count drops; ``high`` and ``low`` are 32 bits of the number each."""
        count = high << 32 | low
        if count:
            self.drops[interface] = self.drops.get(interface, 0) + count
