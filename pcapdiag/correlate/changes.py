"""What devices between two points changed of a packet (RFC 3168, 2474, 9293 section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pcapdiag.correlate.alignment import Row, Seen
from pcapdiag.model.packet import SYN
from pcapdiag.model.points import Match, Trace

MOST_HOPS = 40
"""A TTL that differs by more, or that rises on the way, was set by a device."""


def changes(
    row: Row, match: Match, traces: Sequence[Trace | None], order: tuple[int, ...]
) -> tuple[str, ...]:
    """Return what is not the same of a packet at all points, beyond the hops it made.

    ``order`` has the points from initiator to responder, as far as it is known.
    """
    seen = [s for s in _in_order(row, order) if s is not None]
    found: dict[str, None] = {}
    for one, other in pairwise(seen):
        for name, differs in _differences(one, other, known=bool(order)):
            if differs:
                found[name] = None
        if one.packet.flags & SYN:
            if _mss(row, traces, one) != _mss(row, traces, other):
                found["mss"] = None
            if _shift(row, match, one) != _shift(row, match, other):
                found["sequence numbers"] = None
    return tuple(found)


def _in_order(row: Row, order: tuple[int, ...]) -> list[Seen | None]:
    if not order:
        return list(row.seen)
    places = order if row.from_initiator else tuple(reversed(order))
    return [row.seen[point] for point in places]


def _differences(one: Seen, other: Seen, *, known: bool) -> list[tuple[str, bool]]:
    x, y = one.packet, other.packet
    hops = x.ttl - y.ttl
    whole = (one.start, one.end) == (other.start, other.end)
    return [
        ("ttl", not 0 <= hops <= MOST_HOPS if known else abs(hops) > MOST_HOPS),
        ("options", whole and x.option_bytes != y.option_bytes),
        ("ecn", whole and x.tos & 3 != y.tos & 3),
        ("dscp", x.tos >> 2 != y.tos >> 2),
        # Offloads give the window of the last of several segments.
        ("window", not x.length and not y.length and x.window != y.window),
    ]


def _mss(row: Row, traces: Sequence[Trace | None], seen: Seen) -> int | None:
    trace = traces[seen.point]
    if trace is None:
        return None
    return trace.mss_initiator if row.from_initiator else trace.mss_responder


def _shift(row: Row, match: Match, seen: Seen) -> int:
    shifts = match.shift_initiator if row.from_initiator else match.shift_responder
    return shifts[seen.point]
