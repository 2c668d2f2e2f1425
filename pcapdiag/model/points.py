"""Several captures of one incident: what is known of a connection at each point, and between them.

A *point* is where a capture was taken: its label and files. Points are numbered in the order in
which the user named them; the clock of the first is everybody's. Streams and frames are those of
the point they stand with, as Wireshark numbers them in that capture. Times are nanoseconds since
the epoch, by the point's own clock unless said otherwise; sequence numbers are raw 32-bit values.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.model.ends import HostPort
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import IcmpFact


class Sample(msgspec.Struct, frozen=True):
    """One packet of a connection as one point saw it: enough to know it again at another."""

    from_initiator: bool
    time: int
    seq: int
    ack: int
    length: int
    """Bytes of payload on the wire."""
    flags: int
    ip_id: int
    tsval: int | None = None


class Print(msgspec.Struct, frozen=True):
    """What one connection is known by at one point, small enough to keep for every connection.

    Numbers that were not seen are None; of a connection that was captured from its middle, most.
    """

    stream: int
    first_frame: int
    initiator: HostPort
    responder: HostPort
    start: int
    end: int
    packets: int
    isn_initiator: int | None = None
    isn_responder: int | None = None
    syn_time: int = 0
    """Of the first SYN seen; 0 when none was. The next two likewise."""
    syn_ack_time: int = 0
    established_time: int = 0
    syn_tsval: int | None = None
    """Timestamp value of the initiator's SYN: no NAT changes it, and few devices do."""
    syn_ip_id: int = 0
    first_seq_initiator: int | None = None
    """Sequence number of the first segment seen of that end."""
    first_seq_responder: int | None = None
    next_seq_initiator: int | None = None
    """Sequence number after the highest byte (or FIN) of that end."""
    next_seq_responder: int | None = None
    digest_initiator: int = 0
    """Of the first bytes of payload of that end, from the connection's first byte on; 0 without."""
    digest_responder: int = 0
    syn_count: int = 0
    """SYNs of the initiator that were seen; likewise SYN-ACKs of the responder."""
    syn_ack_count: int = 0
    syn_ack_tsval: int | None = None
    syn_ack_ip_id: int = 0
    has_end_initiator: bool = False
    """A FIN of that end was seen: ``next_seq_initiator`` is where its bytes end."""
    has_end_responder: bool = False
    same_as: int | None = None
    """Stream of the same connection on the other side of a NAT within this capture."""
    samples: tuple[Sample, ...] = ()
    """Packets of it, in time order, its first and last ones; of a limited number of connections."""
    failed: bool = False
    """The verdict of this point alone is a failure."""
    is_lossy: bool = False
    """This capture missed packets of the connection: what is absent here proves nothing."""

    @property
    def lacks_number(self) -> bool:
        """True when an initial sequence number was not seen."""
        return self.isn_initiator is None or self.isn_responder is None


MatchedBy = Literal["numbers", "timestamps", "payload", "addresses", "ranges"]
"""Initial sequence numbers; the SYNs' timestamp values; the first bytes; addresses and ports with
the SYN's IP ID; sequence numbers in the middle."""


class Match(msgspec.Struct, frozen=True):
    """One connection found at several points.

    ``streams`` has the stream at each point, or None where it was not found. ``shift_initiator``
    and ``shift_responder`` are, per point, what to add (mod 2**32) to that end's sequence numbers
    there to get those of the first point that has the connection: other than 0 where a device
    between rewrites them. ``by`` says what it was found by, the strongest first.
    """

    streams: tuple[int | None, ...]
    by: tuple[MatchedBy, ...]
    shift_initiator: tuple[int, ...]
    shift_responder: tuple[int, ...]
    twins: tuple[tuple[int, ...], ...] = ()
    """Per point, further streams of the connection there: behind a NAT within that capture. Empty
    when there are none at any point."""
    continued: tuple[tuple[int, ...], ...] = ()
    """Per point, those of the ``twins`` that are the rest of it, from another port or address: a
    NAT between forgot it, and took it for another one. Empty when there are none."""
    swapped: tuple[bool, ...] = ()
    """Per point, whether its capture, begun in the middle, took the responder for the initiator,
    as compared with the first point that has the connection. Empty when none did."""


class Matches(msgspec.Struct, frozen=True):
    """What was found at two points or more, and how many connections fitted several others."""

    found: list[Match]
    ambiguous: int = 0
    """Connections that were not matched because more than one at another point fitted."""


class ClockStep(msgspec.Struct, frozen=True):
    """From ``since`` on (the point's own clock, ns) the offset is another one (ns).

    The step was made between ``until``, the last time of which the clock before it is known, and
    ``since``; a clock that was set back had the times from ``since`` to ``until`` twice. ``drift``
    and ``error`` are those from here on.
    """

    since: int
    offset: int
    until: int = 0
    drift: float = 0.0
    error: int = 0


MAX_DRIFT = 5e-4
"""What a clock may go faster or slower than another: what Linux lets one be adjusted by at most
(ntp_adjtime)."""


class PointClock(msgspec.Struct, frozen=True):
    """How one point's clock stands to the first point's.

    A time ``t`` of this point is ``t + offset + drift * (t - reference)`` on the first point's
    clock, ``drift`` in ns per ns; after a step the offset and drift of the last of ``steps`` hold.
    ``error`` (ns) is the bound: with the packets seen, the true offset lies within ``offset`` plus
    or minus it, from ``first`` to ``last`` (the point's own clock); :meth:`error_at` knows more.
    ``known`` is False where no packet was seen at both points in both directions: then
    nothing may be concluded from times, and ``offset`` is 0 or an estimate from one direction.
    """

    offset: int = 0
    drift: float = 0.0
    reference: int = 0
    error: int = 0
    steps: tuple[ClockStep, ...] = ()
    known: bool = False
    packets: int = 0
    """How many packets seen at both points it rests on."""
    first: int = 0
    """Of the packets it rests on, the first and the last one's time, by the point's own clock."""
    last: int = 0

    def to_first(self, time: int) -> int:
        """Return a time of this point on the first point's clock."""
        offset, drift = self.offset, self.drift
        for step in self.steps:
            if time >= step.since:
                offset, drift = step.offset, step.drift
        return time + offset + round(drift * (time - self.reference))

    def error_at(self, time: int) -> int:
        """Return the bound (ns) at a time of this point: larger where no packet told, or at a step.

        Meaningless where the clock is not ``known``.
        """
        offset, drift, error, since = self.offset, self.drift, self.error, self.first
        for step in self.steps:
            if step.until < time < step.since or step.since <= time <= step.until:
                ahead = time - self.reference
                apart = abs(step.offset - offset + round((step.drift - drift) * ahead))
                outside = abs(step.since - step.until)
                return max(error, step.error) + apart + round(2 * MAX_DRIFT * outside)
            if time >= step.since:
                offset, drift, error, since = step.offset, step.drift, step.error, step.since
        outside = max(since - time, time - self.last, 0) if self.packets else 0
        return error + round(2 * MAX_DRIFT * outside)


class Trace(msgspec.Struct, frozen=True):
    """The packets of one connection at one point, in time order, capture duplicates left out.

    ``cut`` is how many more there were than the limit allows; they were between the first and the
    last ones kept.
    """

    point: int
    stream: int
    packets: tuple[PacketFact, ...]
    cut: int = 0
    gap: tuple[int, int] | None = None
    """Between which times they were; None where nothing was cut."""
    initiator: HostPort = ("", 0)
    responder: HostPort = ("", 0)
    mss_initiator: int | None = None
    """MSS option of that end's SYN (or SYN-ACK) as it passed this point; None without one."""
    mss_responder: int | None = None
    icmp: tuple[IcmpFact, ...] = ()


class Span(msgspec.Struct, frozen=True):
    """When a point's capture was running, by its own clock (ns), and when it missed packets.

    ``lossy`` has the periods of connections of which it is known that the capture missed packets.
    """

    first: int
    last: int
    lossy: tuple[tuple[int, int], ...] = ()
    outlived_by: tuple[int, ...] = ()
    """Streams of connections that went on at other points after this capture's last packet, two at
    most: so it had been stopped, unless just that connection's packets no longer came so far."""


Reach = Literal["seen", "port", "host", "none"]
"""Whether a point sees a connection's packets: it has the connection; it has others that another
point has too, to the same address and port, or to the same address; or nothing is known."""

Fate = Literal["both", "lost", "appeared", "unknown"]
"""Of one packet between two points: seen at both; seen where it was sent and not further on; seen
further on but not where it should have been sent; or absent where absence proves nothing."""


class Passage(msgspec.Struct, frozen=True):
    """One packet (or range of payload bytes) on its way past the points.

    ``frames`` and ``times`` have one entry per point, in the points' order; None where it was not
    seen. ``seq`` is by the numbers of the first point that has the connection. ``covers`` says per
    point whether that capture would have shown it there: running at that time (within the clock
    bound), not cut, not lossy around it.
    """

    from_initiator: bool
    flags: int
    seq: int
    length: int
    frames: tuple[int | None, ...]
    times: tuple[int | None, ...]
    covers: tuple[bool, ...]
    ack: int = 0
    """Acknowledgment number, by the same point's numbers; 0 without one."""
    sizes: tuple[int, ...] = ()
    """Payload of the packet at each point: of a super-segment more than ``length``."""
    transmission: int = 1
    """Which transmission of these bytes (or of this segment) it is, by all points together."""
    supposed: tuple[bool, ...] = ()
    """Per point: it is covered if the capture ran on after its last packet, as nothing denies."""
    changed: tuple[str, ...] = ()
    """What a device between changed: ``ttl`` by more than hops, ``mss``, ``options``, ``ports``,
    ``addresses``, ``ecn``, ``dscp``, ``sequence numbers``, ``window``."""

    @property
    def first_seen(self) -> int:
        """When it was seen first, at whichever point."""
        return min(time for time in self.times if time is not None)


class Journey(msgspec.Struct, frozen=True):
    """One connection packet by packet over the points, in the order of the first point's clock.

    ``order`` has the points from the initiator's end to the responder's, as TTLs, clocks and
    handshake halves show it; points of which that is not known are left out.
    """

    match: Match
    order: tuple[int, ...]
    passages: tuple[Passage, ...]
    ends: tuple[tuple[HostPort, HostPort] | None, ...] = ()
    """Initiator and responder as each point saw them; None where it did not."""
    reach: tuple[Reach, ...] = ()
    beside_initiator: tuple[bool, ...] = ()
    """Per point: captured on that end's host or its link, as its TTL was never lowered there."""
    beside_responder: tuple[bool, ...] = ()
    icmp: tuple[tuple[IcmpFact, ...], ...] = ()
    """ICMP errors that quote the connection, per point."""
    errors: tuple[int | None, ...] = ()
    """Bound (ns) of each point's clock against the first's; None where it is not known."""
