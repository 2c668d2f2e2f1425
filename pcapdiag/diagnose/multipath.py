"""Multipath TCP (RFC 8684): one stream of bytes over several connections, its subflows.

What a subflow lacks may have gone over another one, so an unfinished answer on it is no failure.
Nor is one that was held in reserve (section 3.3.8) and is closed with the others, or one that was
to join them and could not: they go on without.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from pcapdiag.model.http import Exchange
from pcapdiag.model.packet import SYN
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

UNUSED = (
    "Multipath TCP: one more subflow that did not come up, or was not used; its connection goes on "
    "over the others."
)
NOTE = "Multipath TCP: what this connection lacks may have gone over another of its subflows."


def is_multipath(story: Story) -> bool:
    """Return whether a connection is a subflow of Multipath TCP: its option came after the SYN.

    A SYN alone only offers it; who is not understood goes on without (RFC 8684 section 3.7).
    """
    return any(packet.multipath and not packet.flags & SYN for packet in story.packets)


def joined_in_vain(story: Story) -> bool:
    """Return whether it was to join others as one more subflow (section 3.2), and carried nothing.

    It can only be asked for where another one works, which goes on whatever becomes of this.
    """
    if story.initiator.payload_bytes or story.responder.payload_bytes:
        return False
    return any(packet.join and packet.is_syn for packet in story.packets)


def held_in_reserve(story: Story, until: int) -> bool:
    """Return whether it may be a subflow that was not needed: nobody refuses one so late."""
    return until - story.established_time >= SECOND and is_multipath(story)


def readable(story: Story) -> Sequence[Exchange]:
    """Return the requests whose answers are known: of Multipath TCP up to the first with a hole."""
    known = story.exchanges
    if all(one.complete for one in known) or not is_multipath(story):
        return known
    return list(takewhile(lambda one: one.complete, known))
