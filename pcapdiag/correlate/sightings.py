"""Packets that two points saw both: when each did, and which way they went.

Only a packet that is surely the same one counts. Of a handshake that was repeated it is not known
which of the SYNs a point saw; IP ID and timestamp tell (RFC 6864, RFC 7323), or there was only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from pcapdiag.correlate.likeness import same_syn
from pcapdiag.model.packet import ACK, seq_add
from pcapdiag.model.points import MAX_DRIFT, Match, Print, Sample

RESOLUTION = 1_000
"""Captures count in microseconds, most of them: a time may be this much (ns) too early."""

CLEAR = 20_000
"""A round trip between two points of this (ns) or less does not tell which is nearer: so inaccurate
are times taken by two processors."""

Limit = tuple[int, int, bool]
"""A time, a difference of the clocks, and whether it is the most (or the least) possible."""
Identity = tuple[bool, int, int, int, int, int, int | None]


class Sighting(msgspec.Struct, frozen=True):
    """A packet at two points: its time at the second, and how much more the first's clock said."""

    time: int
    ahead: int
    from_initiator: bool


def sightings(a: Print, b: Print, match: Match, points: tuple[int, int]) -> list[Sighting]:
    """Return the packets of a connection that both points saw, in order of time."""
    sampled = a.samples and b.samples
    found = list(_sampled(a, b, match, points) if sampled else _handshake(a, b))
    found.sort(key=lambda one: one.time)
    return found


def limits(found: Sequence[Sighting], way: int) -> Iterator[Limit]:
    """Yield what a connection's packets say of the difference of the clocks.

    The nearer point saw a packet first. Where it does not show which that was, a packet and the
    next one the other way have the difference between them, either way. ``way`` is that of
    :func:`direction`.
    """
    if way:
        for one in found:
            if one.from_initiator == (way > 0):
                yield one.time, one.ahead - RESOLUTION, False
            else:
                yield one.time, one.ahead + RESOLUTION, True
        return
    for one, other in _turns(found):
        room = RESOLUTION + _drift(one, other)
        yield one.time, min(one.ahead, other.ahead) - room, False
        yield other.time, max(one.ahead, other.ahead) + room, True


def direction(found: Sequence[Sighting]) -> int:
    """Return 1 where the first point is nearer to the initiator, -1 where it is farther, 0 unknown.

    A packet and the next one the other way give the round trip between the points. It has to be
    longer than what the clocks can drift meanwhile.
    """
    nearer = farther = 0
    for one, other in _turns(found):
        trip = other.ahead - one.ahead if one.from_initiator else one.ahead - other.ahead
        if abs(trip) > CLEAR + _drift(one, other):
            nearer += trip > 0
            farther += trip < 0
    if min(nearer, farther) * 3 > max(nearer, farther):
        return 0
    return (nearer > farther) - (nearer < farther)


def _turns(found: Sequence[Sighting]) -> Iterator[tuple[Sighting, Sighting]]:
    for one, other in pairwise(found):
        if one.from_initiator != other.from_initiator:
            yield one, other


def _drift(one: Sighting, other: Sighting) -> int:
    return int(MAX_DRIFT * (other.time - one.time))


def _handshake(a: Print, b: Print) -> Iterator[Sighting]:
    if a.syn_time and b.syn_time and _is_same_syn(a, b):
        yield Sighting(b.syn_time, a.syn_time - b.syn_time, from_initiator=True)
    elif a.established_time and b.established_time and not (a.is_lossy or b.is_lossy):
        # Less sure than a SYN: a capture that missed the ACK has the next packet for it.
        ahead = a.established_time - b.established_time
        yield Sighting(b.established_time, ahead, from_initiator=True)
    if a.syn_ack_time and b.syn_ack_time and _is_same_syn_ack(a, b):
        yield Sighting(b.syn_ack_time, a.syn_ack_time - b.syn_ack_time, from_initiator=False)


def _is_same_syn(a: Print, b: Print) -> bool:
    same = same_syn(a, b)
    return same if same is not None else a.syn_count == b.syn_count == 1


def _is_same_syn_ack(a: Print, b: Print) -> bool:
    if a.syn_ack_tsval is not None and b.syn_ack_tsval is not None:
        if a.syn_ack_tsval != b.syn_ack_tsval:
            return False
    if a.syn_ack_ip_id and b.syn_ack_ip_id:
        return a.syn_ack_ip_id == b.syn_ack_ip_id
    return a.syn_ack_count == b.syn_ack_count == 1


def _sampled(a: Print, b: Print, match: Match, points: tuple[int, int]) -> Iterator[Sighting]:
    first, second = points
    ours = _identities(a, match, first)
    theirs = _identities(b, match, second)
    for identity, sample in theirs.items():
        other = ours.get(identity)
        if sample is not None and other is not None:
            yield Sighting(sample.time, other.time - sample.time, from_initiator=identity[0])


def _identities(p: Print, match: Match, point: int) -> dict[Identity, Sample | None]:
    """Return the packets by what no device on the way changes; None for what came twice."""
    swapped = bool(match.swapped) and match.swapped[point]
    shifts = match.shift_initiator[point], match.shift_responder[point]
    found: dict[Identity, Sample | None] = {}
    for one in p.samples:
        from_initiator = one.from_initiator != swapped
        ours, theirs = shifts if from_initiator else shifts[::-1]
        ack = seq_add(one.ack, theirs) if one.flags & ACK else 0
        seq = seq_add(one.seq, ours)
        # A SYN proxy shifts timestamps, too; they tell repeats apart where there is no IP ID.
        stamp = None if one.ip_id else one.tsval
        identity = (from_initiator, seq, ack, one.length, one.flags, one.ip_id, stamp)
        found[identity] = None if identity in found else one
    return found
