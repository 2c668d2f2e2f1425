"""What ARP says of the capture's own link: who claims an address, and who spoke up lately."""

from __future__ import annotations

from pcapdiag.model.units import SECOND

KEPT = 64
"""Packets of ARP remembered, the newest."""
MAX_CLAIMS = 4_096
WINDOW = SECOND
"""A host that asks by ARP so soon (ns) before it sends had forgotten its neighbour."""


class Neighbours:
    """The newest packets of ARP, and the last claim of each MAC to each IPv4 address."""

    def __init__(self) -> None:
        self.claims: dict[tuple[int, int], tuple[int, int]] = {}
        """When (ns), and in which frame, an address was last claimed by a MAC."""
        self._lately: list[tuple[int, int, int]] = []

    def note(self, address: int, mac: int, frame: int, time: int) -> None:
        """Take a packet of ARP, in which ``mac`` says that ``address`` (0: none) is its own."""
        self._lately.append((frame, time, mac))
        if len(self._lately) > KEPT:
            del self._lately[0]
        key = (address, mac)
        if address and (key in self.claims or len(self.claims) < MAX_CLAIMS):
            self.claims[key] = (time, frame)

    def frames_of(self, mac: int, time: int) -> tuple[int, ...]:
        """Return the frames of ARP that a MAC sent shortly before ``time``."""
        return tuple(
            frame for frame, at, sender in self._lately if sender == mac and time - at <= WINDOW
        )
