"""What a capture leaves unfinished, for the one that continues it: connections, and graves."""

from __future__ import annotations

import msgspec

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, Tombstone
from pcapdiag.flow.table import Table
from pcapdiag.flow.tracker import Tracker

LATE = 600_000_000_000
"""How long (ns) packets of a connection that was judged may still come, and are no new one."""
BUCKET = 0xFFFF
MAX_GRAVES = 32_768
"""As many as ``flow/table.py`` keeps, whose own number only compiled modules see."""


class Grave(msgspec.Struct, frozen=True, array_like=True):
    """A judged connection, by what its late packets are known by (``flow/records.py``)."""

    high_a: int
    low_a: int
    high_b: int
    low_b: int
    port_a: int
    port_b: int
    base_a: int
    base_b: int
    end: int
    evicted: int
    waits_until: int
    refused: int


def take_open(tracker: Tracker) -> list[Flow]:
    """Return what is still open, in the order of first frames; it will not be judged any more."""
    found: list[Flow] = []
    for oldest in tracker.table.oldest:
        flow = oldest
        while flow is not None:
            found.append(flow)
            flow = flow.newer
    for flow in found:
        tracker.table.remove(flow)
    return sorted(found, key=lambda flow: flow.stream)


def graves_of(table: Table, now: int) -> list[Grave]:
    """Return the connections judged last whose late packets may still come; ``now`` in ns."""
    return [_grave(one) for one in table.buried if one.end + LATE >= now]


def dig(table: Table, graves: list[Grave]) -> None:
    """Remember connections that were judged in an earlier capture. Before the first packet."""
    packet = Packet()
    for grave in graves[-MAX_GRAVES:]:
        packet.source_high, packet.source_low = grave.high_a, grave.low_a
        packet.target_high, packet.target_low = grave.high_b, grave.low_b
        packet.source_port, packet.target_port = grave.port_a, grave.port_b
        stone = Tombstone()
        for name in Grave.__struct_fields__:
            setattr(stone, name, getattr(grave, name))
        stone.hash = table.hash(packet)
        stone.stream = -1
        stone.next = table.graves[stone.hash & BUCKET]
        table.graves[stone.hash & BUCKET] = stone
        table.buried.append(stone)


def _grave(stone: Tombstone) -> Grave:
    return Grave(
        stone.high_a,
        stone.low_a,
        stone.high_b,
        stone.low_b,
        stone.port_a,
        stone.port_b,
        stone.base_a,
        stone.base_b,
        stone.end,
        stone.evicted,
        stone.waits_until,
        stone.refused,
    )
