"""Which packet at one point is which at another: the rows that journeys are made of.

Segments without payload are known by direction, numbers and flags, payload by its bytes: what is
one super-segment at one point may be ten packets at another, and a repeat may be cut differently.
Of several transmissions of the same, IP ID and timestamp tell which is which where the devices
between keep them; else order and time do. Times are on the first point's clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

import msgspec

from pcapdiag.model.packet import (
    ACK,
    FIN,
    KEEP_ALIVE,
    MASK32,
    RST,
    SYN,
    PacketFact,
    seq_add,
    seq_distance,
)
from pcapdiag.model.units import MS, SECOND

Key = tuple[object, ...]
KEPT_SHARE = 0.9
"""Share of surely identical packets that must agree before IP IDs or timestamps identify."""
KEPT_FROM = 3
"""Packets from which on that share means something."""
UNLIKELY = 2 * SECOND
"""Two packets whose times differ this much (ns) more than usual are two packets."""
ANOTHER_ID = 20 * MS
"""Of several alike one with the same IP ID is preferred, though it is off by this much (ns) more:
clocks that few packets align are not better known."""
CLOSE = 100 * MS
"""Transmissions in equal number that all differ by less than this (ns) are the same ones."""
MAX_TABLE = 250_000
"""Pairs of transmissions of one segment that are compared; with more their order decides."""


class Seen(msgspec.Struct, frozen=True):
    """A packet at one point: ``time`` on the first point's clock, numbers on the first's too.

    ``start`` and ``end`` bound its payload, as bytes from the first one seen of that end.
    """

    point: int
    packet: PacketFact
    time: int
    seq: int
    ack: int
    start: int
    end: int


class Row(msgspec.Struct, frozen=True):
    """One packet, or bytes of one, at each point; None where it was not seen."""

    from_initiator: bool
    seen: tuple[Seen | None, ...]
    seq: int
    length: int
    transmission: int
    is_payload: bool


class Transit(msgspec.Struct):
    """How packets of one direction pass from one point to another, by those seen once at both."""

    time: int | None = None
    keeps_ids: bool = False
    keeps_stamps: bool = False


def align(
    views: Sequence[Sequence[Seen] | None], *, from_initiator: bool, clocked: bool
) -> list[Row]:
    """Return the rows of one direction; ``views`` are its packets at each point, in time order.

    ``clocked``: the points' clocks are known, so that times say something without other packets.
    """
    points = [point for point, view in enumerate(views) if view is not None]
    controls = _controls(views, points)
    payload = _ranges(views, points)
    groups = [*controls.values(), *(held for _, _, held in payload)]
    transits = _transits(groups, points, Transit(0 if clocked else None))
    rows = []
    for held in controls.values():
        for number, seen in enumerate(_assigned(held, points, transits, len(views)), 1):
            one = next(s for s in seen if s is not None)
            rows.append(Row(from_initiator, seen, one.seq, 0, number, False))
    rows += _payload_rows(payload, points, transits, len(views), from_initiator)
    return rows


# What is the same segment.


def _controls(
    views: Sequence[Sequence[Seen] | None], points: list[int]
) -> dict[Key, dict[int, list[Seen]]]:
    """Return segments without payload by what identifies them, at each point."""
    found: dict[Key, dict[int, list[Seen]]] = {}
    for point in points:
        for seen in views[point] or ():
            key = _key(seen)
            if key is not None:
                found.setdefault(key, {}).setdefault(point, []).append(seen)
    return found


def _key(seen: Seen) -> Key | None:
    packet = seen.packet
    flags = packet.flags
    if flags & RST:
        # The RST that answers a SYN has no sequence number of its own (RFC 9293 3.10.7.1).
        own = None if flags & ACK and packet.seq == 0 else seen.seq
        return "RST", flags & ACK, own, seen.ack if flags & ACK else 0
    if flags & SYN:
        return "SYN", flags & ACK, seen.seq
    if flags & FIN:
        return "FIN", seen.end
    if packet.marks & KEEP_ALIVE:
        return "KEEP-ALIVE", seen.seq, packet.length
    return None if packet.length else ("ACK", seen.seq, seen.ack)


def _ranges(
    views: Sequence[Sequence[Seen] | None], points: list[int]
) -> list[tuple[int, int, dict[int, list[Seen]]]]:
    """Cut the payload wherever a packet of any point begins or ends; say who holds each piece."""
    carriers = [s for point in points for s in views[point] or () if _has_payload(s)]
    borders = sorted({s.start for s in carriers} | {s.end for s in carriers})
    pieces: list[tuple[int, int, dict[int, list[Seen]]]] = [
        (start, end, {}) for start, end in pairwise(borders)
    ]
    for seen in carriers:
        first, last = bisect_left(borders, seen.start), bisect_left(borders, seen.end)
        for _, _, groups in pieces[first:last]:
            groups.setdefault(seen.point, []).append(seen)
    return [piece for piece in pieces if piece[2]]


def _has_payload(seen: Seen) -> bool:
    return seen.packet.length > 0 and not seen.packet.flags & RST and not _is_probe(seen.packet)


def _is_probe(packet: PacketFact) -> bool:
    return bool(packet.marks & KEEP_ALIVE)


# Which of several transmissions is which.


def _transits(
    groups: Sequence[dict[int, list[Seen]]], points: list[int], unknown: Transit
) -> dict[tuple[int, int], Transit]:
    """Learn from what was sent once, and seen once at both, what passes unchanged between two."""
    learnt = {}
    for a in points:
        for b in points:
            if a != b:
                pairs = [
                    (group[a][0], group[b][0])
                    for group in groups
                    if len(group.get(a, ())) == 1 and len(group.get(b, ())) == 1
                ]
                learnt[a, b] = _transit(pairs) if pairs else unknown
    return learnt


def _transit(pairs: list[tuple[Seen, Seen]]) -> Transit:
    ids = [x.packet.ip_id == y.packet.ip_id for x, y in pairs if _same_cut(x, y) and _has_ids(x, y)]
    stamps = [
        x.packet.tsval == y.packet.tsval for x, y in pairs if _same_cut(x, y) and _has_stamps(x, y)
    ]
    return Transit(median_low([y.time - x.time for x, y in pairs]), _kept(ids), _kept(stamps))


def _kept(same: list[bool]) -> bool:
    return len(same) >= KEPT_FROM and sum(same) >= KEPT_SHARE * len(same)


def _same_cut(one: Seen, other: Seen) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _has_ids(one: Seen, other: Seen) -> bool:
    return bool(one.packet.ip_id and other.packet.ip_id)


def _has_stamps(one: Seen, other: Seen) -> bool:
    return one.packet.tsval is not None and other.packet.tsval is not None


def _assigned(
    groups: dict[int, list[Seen]],
    points: list[int],
    transits: dict[tuple[int, int], Transit],
    count: int,
) -> list[tuple[Seen | None, ...]]:
    """Return the transmissions of one segment, each with what every point saw of it."""
    base = max(groups, key=lambda point: (len(groups[point]), -point))
    table: list[list[Seen | None]] = [[None] * count for _ in groups[base]]
    for number, seen in enumerate(groups[base]):
        table[number][base] = seen
    spare: list[list[Seen | None]] = []
    for point in points:
        if point == base:
            continue
        others = groups.get(point, [])
        places = _places(groups[base], others, transits[base, point])
        for place, seen in zip(places, others, strict=True):
            if place is None:
                spare.append([None] * count)
                spare[-1][point] = seen
            else:
                table[place][point] = seen
    return [tuple(row) for row in sorted([*table, *spare], key=_when)]


def _when(row: Sequence[Seen | None]) -> int:
    return min(seen.time for seen in row if seen is not None)


def _places(base: list[Seen], others: list[Seen], transit: Transit) -> list[int | None]:
    """Return for each of ``others`` (at most as many) which of ``base`` it is, in order."""
    if not others:
        return []
    if len(base) == len(others) and _plainly_same(base, others, transit):
        return list(range(len(base)))
    if len(base) * len(others) > MAX_TABLE:
        return list(range(len(others)))
    return _best(base, others, transit)


def _plainly_same(base: list[Seen], others: list[Seen], transit: Transit) -> bool:
    usual = transit.time if transit.time is not None else others[0].time - base[0].time
    return all(
        _may_be(x, y, transit) and abs(y.time - x.time - usual) < CLOSE
        for x, y in zip(base, others, strict=True)
    )


def _best(base: list[Seen], others: list[Seen], transit: Transit) -> list[int | None]:
    """Return the assignment in order whose times fit best; what fits nothing is left alone."""
    usual = transit.time
    rows, columns = len(base), len(others)
    # cost[i][j]: the first i of base and the first j of others; how: the step that led there.
    cost = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    how = [[0] * (columns + 1) for _ in range(rows + 1)]
    for j in range(1, columns + 1):
        cost[0][j], how[0][j] = cost[0][j - 1] + UNLIKELY, 2
    for i in range(1, rows + 1):
        how[i][0] = 1
        for j in range(1, columns + 1):
            options = [(cost[i - 1][j], 1), (cost[i][j - 1] + UNLIKELY, 2)]
            x, y = base[i - 1], others[j - 1]
            if _may_be(x, y, transit):
                off = abs(y.time - x.time - usual) if usual is not None else 0
                off += ANOTHER_ID * (x.packet.ip_id != y.packet.ip_id)
                if off < UNLIKELY or _is_marked(x, y, transit):
                    options.append((cost[i - 1][j - 1] + min(off, UNLIKELY), 0))
            cost[i][j], how[i][j] = min(options)
    places: list[int | None] = [None] * columns
    i, j = rows, columns
    while j:
        step = how[i][j]
        if step == 0:
            places[j - 1] = i - 1
        i -= step != 2
        j -= step != 1
    return places


def _may_be(one: Seen, other: Seen, transit: Transit) -> bool:
    if not _same_cut(one, other):
        return True
    x, y = one.packet, other.packet
    if transit.keeps_ids and _has_ids(one, other) and x.ip_id != y.ip_id:
        return False
    return not (transit.keeps_stamps and _has_stamps(one, other) and x.tsval != y.tsval)


def _is_marked(one: Seen, other: Seen, transit: Transit) -> bool:
    """Return whether two packets are one by IP ID and timestamp, whatever the clocks say.

    One of them may have been set meanwhile.
    """
    if not (_has_ids(one, other) and _same_cut(one, other)):
        return False
    stamped = _has_stamps(one, other) and one.packet.tsval == other.packet.tsval
    return (transit.keeps_ids or stamped) and one.packet.ip_id == other.packet.ip_id


# Payload, joined again.


def _payload_rows(
    pieces: list[tuple[int, int, dict[int, list[Seen]]]],
    points: list[int],
    transits: dict[tuple[int, int], Transit],
    count: int,
    from_initiator: bool,
) -> list[Row]:
    """Return rows of payload; neighbouring pieces in the same packets everywhere make one."""
    rows: list[Row] = []
    open_rows: dict[tuple[int | None, ...], int] = {}
    for start, end, groups in pieces:
        still_open: dict[tuple[int | None, ...], int] = {}
        for number, seen in enumerate(_assigned(groups, points, transits, count), 1):
            frames = tuple(None if s is None else s.packet.frame for s in seen)
            at = open_rows.get(frames)
            if at is not None and rows[at].transmission == number:
                rows[at] = msgspec.structs.replace(rows[at], length=rows[at].length + end - start)
            else:
                at = len(rows)
                rows.append(_payload_row(from_initiator, seen, start, end, number))
            still_open[frames] = at
        open_rows = still_open
    return rows


def _payload_row(
    from_initiator: bool, seen: tuple[Seen | None, ...], start: int, end: int, number: int
) -> Row:
    one = next(s for s in seen if s is not None)
    seq = seq_add(one.seq, start - one.start)
    return Row(from_initiator, seen, seq, end - start, number, True)


def positions(packets: Sequence[PacketFact], shift: int, base: int) -> list[tuple[int, int]]:
    """Return where each packet's payload begins and ends, in bytes from ``base`` on, unwrapped.

    ``shift`` is added to the raw numbers (mod 2**32), ``base`` is by the shifted ones. A RST is put
    where the last segment was: its number may be anything.
    """
    found = []
    last = base
    offset = 0
    for packet in packets:
        if not packet.flags & RST:
            seq = (packet.seq + shift + (packet.flags & SYN) // SYN) & MASK32
            offset += seq_distance(seq, last)
            last = seq
        found.append((offset, offset + packet.length))
    return found
