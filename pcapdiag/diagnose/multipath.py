"""Multipath TCP (RFC 8684): one stream of bytes over several connections, its subflows.

What a subflow lacks may have gone over another one, so an unfinished answer on it is no failure.
Captured packets do not keep the option itself, but no other one has its sizes: 16 to 28 bytes on
segments with data (the mapping of section 3.3), 8 or 12 on acknowledgments. TCP-MD5 and TCP-AO have
the same size on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from pcapdiag.diagnose.http.facts import exchanges
from pcapdiag.model.http import Exchange
from pcapdiag.model.packet import FIN, RST, SYN, PacketFact
from pcapdiag.model.story import Story

TIMESTAMPS = 12
"""Bytes of the timestamps option with its padding."""
MAPPING = range(16, 29)
ACKNOWLEDGMENT = (8, 12)
NOTE = "Multipath TCP: what this connection lacks may have gone over another of its subflows."


def is_multipath(story: Story) -> bool:
    """Return whether a connection is a subflow of Multipath TCP, by the sizes of its options."""
    sizes = _sizes(story)
    first = next(sizes, None)
    if first is None or first[1] < ACKNOWLEDGMENT[0]:
        return False
    kept = {first, *sizes}
    mapped = any(carries and size in MAPPING for carries, size in kept)
    return mapped and any(not carries and size in ACKNOWLEDGMENT for carries, size in kept)


def readable(story: Story) -> list[Exchange]:
    """Return the requests whose answers are known: of Multipath TCP up to the first with a hole."""
    known = exchanges(story)
    if all(one.complete for one in known) or not is_multipath(story):
        return known
    return list(takewhile(lambda one: one.complete, known))


def _sizes(story: Story) -> Iterator[tuple[bool, int]]:
    """Yield of each segment whether it carries data, and its options' bytes but timestamps.

    Those with SACK blocks are left out.
    """
    for packet in story.packets:
        if not packet.flags & (SYN | FIN | RST) and packet.sack is None:
            yield packet.length > 0, _options(packet)


def _options(packet: PacketFact) -> int:
    return packet.option_bytes - (0 if packet.tsval is None else TIMESTAMPS)
