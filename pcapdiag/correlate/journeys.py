"""One connection packet by packet over several points: where each packet was seen, and changed.

A packet that a point does not show proves something only where that point would have shown it
(``Passage.covers``): its capture was running then, it missed nothing of the connection around that
time, and it sees packets of that direction at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.correlate.alignment import Row, Seen, align, positions
from pcapdiag.correlate.changes import changes
from pcapdiag.correlate.coverage import Coverage
from pcapdiag.correlate.order import order_of
from pcapdiag.model.ends import HostPort
from pcapdiag.model.packet import INITIAL_TTLS, MASK32, SYN, PacketFact, seq_add
from pcapdiag.model.points import Journey, Match, Passage, PointClock, Reach, Span, Trace

ENOUGH = 2
"""Packets of an end that must show that its TTL was never lowered."""
MOSTLY = 0.8

Views = list[list[Seen] | None]


def journey(
    match: Match,
    traces: Sequence[Trace | None],
    clocks: Sequence[PointClock],
    spans: Sequence[Span],
    reach: Sequence[Reach] = (),
    known_order: Sequence[int] = (),
) -> Journey:
    """Return the way of one connection past the points.

    ``traces`` are those of the match, None where the point does not have the connection; ``reach``
    says of such points what else shows that they would; ``known_order`` is the points' order by
    other connections, labels included, for where this one does not tell.
    """
    both = tuple(_views(match, traces, clocks, initiator) for initiator in (True, False))
    present = [point for point, trace in enumerate(traces) if trace is not None]
    clocked = all(clocks[point].known for point in present)
    rows: list[Row] = []
    for initiator, views in zip((True, False), both, strict=True):
        rows += align(views, from_initiator=initiator, clocked=clocked)
    beside = tuple(tuple(_beside(view) for view in views) for views in both)
    order = order_of(rows, present, clocks, known_order)
    folded = [bool(match.twins) and bool(match.twins[n]) for n in range(len(traces))]
    cover = Coverage(rows, traces, clocks, spans, reach, folded, order)
    passages = sorted((_passage(row, match, traces, cover, order) for row in rows), key=_when)
    return Journey(
        match=match,
        order=order,
        passages=_with_address_changes(passages, traces),
        ends=tuple(_ends(match, trace) for trace in traces),
        reach=tuple("seen" if t else (reach[n] if reach else "none") for n, t in enumerate(traces)),
        beside_initiator=beside[0],
        beside_responder=beside[1],
        icmp=tuple(() if trace is None else trace.icmp for trace in traces),
        errors=tuple(clock.error if clock.known else None for clock in clocks),
    )


def alone(point: int, stream: int, points: int) -> Match:
    """Return the match of a connection that only one point has."""
    streams = tuple(stream if number == point else None for number in range(points))
    return Match(streams, (), (0,) * points, (0,) * points)


def _ends(match: Match, trace: Trace | None) -> tuple[HostPort, HostPort] | None:
    if trace is None:
        return None
    ends = trace.initiator, trace.responder
    return ends[::-1] if match.swapped and match.swapped[trace.point] else ends


def _views(
    match: Match, traces: Sequence[Trace | None], clocks: Sequence[PointClock], initiator: bool
) -> Views:
    base: int | None = None
    views: Views = []
    for point, trace in enumerate(traces):
        if trace is None:
            views.append(None)
            continue
        flip = bool(match.swapped) and match.swapped[point]
        shift, back = match.shift_initiator[point], match.shift_responder[point]
        if not initiator:
            shift, back = back, shift
        packets = [p for p in trace.packets if p.from_initiator == (initiator != flip)]
        if base is None:
            base = _first_byte(packets, shift)
        places = positions(packets, shift, base or 0)
        views.append(
            [
                Seen(
                    point=point,
                    packet=packet,
                    time=clocks[point].to_first(packet.time),
                    seq=seq_add(packet.seq, shift),
                    ack=seq_add(packet.ack, back) if packet.has_ack else 0,
                    start=start,
                    end=end,
                )
                for packet, (start, end) in zip(packets, places, strict=True)
            ]
        )
    return views


def _first_byte(packets: list[PacketFact], shift: int) -> int | None:
    """Return where positions are counted from: the first segment that is no RST."""
    for packet in packets:
        if not packet.is_rst:
            return (packet.seq + shift + (packet.flags & SYN) // SYN) & MASK32
    return None


def _beside(view: list[Seen] | None) -> bool:
    ttls = [s.packet.ttl for s in view or () if not s.packet.is_rst]
    fresh = sum(ttl in INITIAL_TTLS for ttl in ttls)
    return len(ttls) >= ENOUGH and fresh >= MOSTLY * len(ttls)


def _passage(
    row: Row,
    match: Match,
    traces: Sequence[Trace | None],
    cover: Coverage,
    order: tuple[int, ...],
) -> Passage:
    one = next(s for s in row.seen if s is not None)
    return Passage(
        from_initiator=row.from_initiator,
        flags=one.packet.flags,
        seq=row.seq,
        length=row.length,
        frames=tuple(None if s is None else s.packet.frame for s in row.seen),
        times=tuple(None if s is None else s.time for s in row.seen),
        covers=tuple(cover.covers(row, point) for point in range(len(row.seen))),
        supposed=tuple(cover.supposes(row, point) for point in range(len(row.seen))),
        ack=one.ack,
        sizes=tuple(0 if s is None else s.packet.length for s in row.seen),
        transmission=row.transmission,
        changed=changes(row, match, traces, order),
    )


def _when(passage: Passage) -> tuple[int, int]:
    return passage.first_seen, passage.seq


def _with_address_changes(
    passages: list[Passage], traces: Sequence[Trace | None]
) -> tuple[Passage, ...]:
    """Note a NAT with the first packet that shows it; all others have it too."""
    present = [trace for trace in traces if trace is not None]
    ends = [(trace.initiator, trace.responder) for trace in present]
    found = []
    if len({(i[0], r[0]) for i, r in ends}) > 1:
        found.append("addresses")
    if len({(i[1], r[1]) for i, r in ends}) > 1:
        found.append("ports")
    for number, passage in enumerate(passages if found else ()):
        if sum(frame is not None for frame in passage.frames) > 1:
            changed = (*found, *passage.changed)
            passages[number] = msgspec.structs.replace(passage, changed=changed)
            break
    return tuple(passages)
