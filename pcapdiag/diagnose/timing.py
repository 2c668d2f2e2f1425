"""Times in a story: units, quiet periods, and how long the capture went on."""

from __future__ import annotations

from pcapdiag.model.context import Context
from pcapdiag.model.once import once
from pcapdiag.model.packet import KEEP_ALIVE, KEEP_ALIVE_ACK, PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, SECOND

IDLE = SECOND
"""Quiet time from which a connection counts as idle (verdicts.md, tcp.idle_reset)."""
STEPS = (0, 1_000, 1)
"""Nanoseconds by which the packets' times go up with their numbers where nobody gave any: text2pcap
without -t, and tools that write a capture from nothing (measured)."""
TOO_FEW = 4
"""Packets up to which real times may look so."""
DEFAULT_RTT = 50 * MS
"""Assumed where the capture shows no round trip: longer than most, so that fewer packets count as
an answer that came too late to be one."""


def round_trip(story: Story) -> int:
    """Return the round trip between the ends as far as seen, nanoseconds; a default when not."""
    if story.handshake_rtt is not None:
        return story.handshake_rtt
    parts = (story.min_rtt_to_responder, story.min_rtt_to_initiator)
    known = [part for part in parts if part is not None]
    return sum(known) if known else DEFAULT_RTT


@once
def timeless(story: Story) -> bool:
    """Return whether the packets' times are only their numbers, or all the same: no time at all."""
    packets = story.packets
    if len(packets) <= TOO_FEW:
        return False
    first = packets[0]
    ages = [(packet.time - first.time, packet.frame - first.frame) for packet in packets]
    return any(all(age == step * later for age, later in ages) for step in STEPS)


def last_activity(story: Story, before: int) -> int:
    """Return when anything but a keep-alive or RST was last seen earlier than ``before``."""
    times = [story.start]
    for half in (story.initiator, story.responder):
        times += [t for t in (half.last_data_time, half.fin_time) if 0 < t < before]
    times += [p.time for p in story.packets if p.time < before and _is_activity(p)]
    return max(times)


def _is_activity(packet: PacketFact) -> bool:
    return not packet.is_rst and not packet.marks & (KEEP_ALIVE | KEEP_ALIVE_ACK)


def quiet_before(story: Story, time: int) -> int:
    """Return how long the connection had been quiet at ``time``, nanoseconds."""
    return max(0, time - last_activity(story, time))


def capture_left(story: Story, context: Context) -> int:
    """Return how long the capture went on after the connection's last packet, nanoseconds."""
    return max(0, context.last_time - story.end)


def duration(nanoseconds: int) -> str:
    """Return a length of time for a reader: ``0.31 ms``, ``204 ms``, ``2.04 s``, ``350 s``."""
    # What would be rounded to 1000 ms is a second.
    for unit, least, name in ((SECOND, SECOND - MS // 2, "s"), (MS, MS, "ms")):
        if nanoseconds >= least:
            value = nanoseconds / unit
            return f"{value:.0f} {name}" if value >= 100 else f"{value:.3g} {name}"
    return f"{nanoseconds / MS:.2g} ms"


def how_long(seconds: float) -> str:
    """Return seconds as :func:`duration` has them."""
    return duration(round(seconds * SECOND))
