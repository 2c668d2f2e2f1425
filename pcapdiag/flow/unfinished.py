"""What a capture leaves unfinished, for the one that continues it: connections, and graves."""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow
from pcapdiag.flow.table import Table
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.units import SECOND

LATE = 600 * SECOND
"""How long (ns) packets of a connection that was judged may still come, and are no new one."""


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


def graves_of(table: Table, now: int) -> list[list[int]]:
    """Return the connections judged last whose late packets may still come; ``now`` in ns."""
    return table.graves.rows(now - LATE)


def dig(table: Table, graves: list[list[int]]) -> None:
    """Remember connections that were judged in an earlier capture. Before the first packet."""
    packet = Packet()
    for row in graves:
        packet.source_high, packet.source_low, packet.target_high, packet.target_low = row[:4]
        packet.source_port, packet.target_port = row[4] & 0xFFFF, row[4] >> 16
        table.graves.take_up(row, table.hash(packet))
