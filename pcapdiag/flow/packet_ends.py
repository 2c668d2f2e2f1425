"""The ends of a packet's connection, as the decoder has them: numbers, in no direction."""

from __future__ import annotations

from collections.abc import Mapping

from pcapdiag.decode.headers import Packet

PacketEnd = tuple[int, int, int]
"""The upper and lower 64 bits of an address (the upper ones of IPv4 are 0), and a port."""
Pair = tuple[PacketEnd, PacketEnd]
"""Both ends of a connection, in an order of their own."""
Redirects = Mapping[tuple[int, ...], PacketEnd]
"""The tracker's (redirects.py), by which answers are put to calls that were redirected."""


def ends_of(packet: Packet, redirects: Redirects) -> tuple[PacketEnd, PacketEnd]:
    """Return who sent a segment, as its connection knows that end, and to whom."""
    source = packet.source_high, packet.source_low, packet.source_port
    target = packet.target_high, packet.target_low, packet.target_port
    return redirects.get((*source, *target), source), target


def pair(one: PacketEnd, other: PacketEnd) -> Pair:
    """Return both ends in the order in which they are kept."""
    return (one, other) if one <= other else (other, one)
