"""A connection's packets as charts draw them: relative numbers, scaled windows, one clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.model.packet import MASK32, RST, SYN, PacketFact, seq_add, seq_distance
from pcapdiag.model.points import PointClock
from pcapdiag.model.report_pictures import Segment, SegmentSeries
from pcapdiag.model.story import Half, Story
from pcapdiag.model.units import SECOND


class Zero(msgspec.Struct, frozen=True):
    """Where the numbers of a series count from, of a point other than the connection's own.

    ``time`` (ns) is by the first point's clock, to which ``clock`` brings times. The bases are raw
    sequence numbers as this point has them, of what it takes for the ends; None where only its own
    packets tell.
    """

    time: int
    clock: PointClock = PointClock()
    initiator_base: int | None = None
    responder_base: int | None = None
    swapped: bool = False
    """This point took the connection's responder for its initiator."""


def series(story: Story, left_out_after: int, zero: Zero | None = None) -> SegmentSeries:
    """Return the packets that a story keeps, ``left_out_after`` of them before those left out.

    Times are in seconds since the story's start, unless ``zero`` has another.
    """
    return series_of(
        story, story.packets, left_out=story.packets_left_out, left_out_after=left_out_after,
        zero=zero,
    )  # fmt: skip


def series_of(
    story: Story,
    packets: Sequence[PacketFact],
    *,
    left_out: int = 0,
    left_out_after: int = 0,
    zero: Zero | None = None,
) -> SegmentSeries:
    """Return packets of a story's connection, in time order, as segments; see :func:`series`."""
    drawn = _segments(story, packets, left_out_after if left_out else 0, zero or Zero(story.start))
    after = min(left_out_after, len(packets)) if left_out else 0
    return SegmentSeries(segments=list(drawn), left_out=left_out, left_out_after=after)


class _Count:
    """Counts one end's sequence numbers from where they begin, and on past 4 GiB."""

    def __init__(self, half: Half, base: int | None) -> None:
        known = half.base_seq if base is None else base
        self._base = known or 0
        self._half = half
        self._highest = 0

    def place(self, number: int, *, moves: bool = True) -> int:
        """Return how far a raw number is from the base; ``moves``: the count goes on from it."""
        at = self._highest + seq_distance(number, seq_add(self._base, self._highest))
        if moves:
            self._highest = max(self._highest, at)
        return at

    def skip(self) -> None:
        """Go on at the connection's end, since the packets before it were not kept.

        How often the numbers began anew on the way is by the bytes that were counted.
        """
        if self._half.next_seq is None:
            return
        at = (self._half.next_seq - self._base) & MASK32
        rounds = round((self._half.payload_bytes - at) / (MASK32 + 1))
        self._highest = at + (rounds << 32)


def _segments(
    story: Story, packets: Sequence[PacketFact], skip_at: int, zero: Zero
) -> Iterator[Segment]:
    counts = {
        True: _Count(story.initiator, zero.initiator_base),
        False: _Count(story.responder, zero.responder_base),
    }
    scales = {end: _scale(story, initiator=end) for end in (True, False)}
    for number, packet in enumerate(packets):
        if skip_at and number == skip_at:
            counts[True].skip()
            counts[False].skip()
        mine, other = counts[packet.from_initiator], counts[not packet.from_initiator]
        steady = not packet.flags & RST
        scale = 0 if packet.flags & SYN else scales[packet.from_initiator]
        sack = packet.sack
        yield Segment(
            time=(zero.clock.to_first(packet.time) - zero.time) / SECOND,
            frame=packet.frame,
            initiator=packet.from_initiator != zero.swapped,
            flags=packet.flags,
            seq=mine.place(packet.seq, moves=steady),
            length=packet.length,
            ack=other.place(packet.ack, moves=steady) if packet.has_ack else None,
            window=packet.window << scale,
            marks=packet.marks,
            sack=sack and (other.place(sack[0], moves=False), other.place(sack[1], moves=False)),
        )


def _scale(story: Story, *, initiator: bool) -> int:
    """Return by how much an end's windows are shifted.

    Both must have offered it (RFC 7323 2.2), and a responder offers it only to one that did.
    """
    mine, other = story.half(initiator).window_scale, story.half(not initiator).window_scale
    if mine is None or (other is None and initiator):
        return 0
    return mine
