"""path.lost_between: Packets left one capture point and never reached the next.

What happened
    Captures of several points were compared: packets passed one and are missing at the next, so
    they were lost, or kept, between the two.

How pcapdiag can tell
    Each packet of followed connections is looked for at the neighbouring points. Absence counts
    only where the next point covers that time, and where it recorded what it should; a point's own
    gaps are not the network's.

Usual causes
    - A firewall or policy between the two points.
    - A NAT or load balancer without an entry, or full.
    - Loss on a link; packets that are too big for it.

Fixes
    - First: what stands between these two points? Look at its log and counters for the time in the
      finding.
    - Kubernetes: NetworkPolicies, and the node's own firewall, between pod and node.
    - Linux: `nft list ruleset` with counters, `conntrack -S`, `ip -s link`, `nstat -az`.
    - Network: the device's drops, by reason.
    - Cloud: security groups and network ACLs between; flow logs (REJECT).

Can be confused with
    - capture.dropped: the second capture lost them.
    - path.loss: the same from one capture.
    - path.mtu: what is lost has a size in common.

What would settle it
    - A further capture between the two points halves the search.

References
    - docs/correlate.md: how points are compared.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import median_low

import msgspec

from pcapdiag.diagnose.points.judge import Outcome
from pcapdiag.diagnose.points.way import Way, is_reset
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.packet import FIN, SYN
from pcapdiag.model.points import Passage
from pcapdiag.model.report import Finding, Severity
from pcapdiag.model.units import SECOND, counted

LISTED = 100
"""Streams and frames that a finding names; its numbers count all."""
MAX_HOSTS = 1_000
"""Pairs of addresses that are told apart for one direction."""
MAX_DELAYS = 20_000
"""Delays of packets that are kept for one direction."""
WORTH_TELLING = 2
"""Losses that TCP repaired from which on they are told; one may be an artefact of the capture."""
LOST = frozenset({"lost_between", "lost_between_quiet"})
ANSWERED = frozenset({"born_between", "born_between_quiet"})
MUCH = 0.01
"""Share of lost segments from which on the path hurts: TCP's throughput falls with its root."""


class _Stretch(msgspec.Struct):
    """What is known of the way from one point to the next."""

    passed: int = 0
    """Segments with data, SYN or FIN at the first point; repeats count each."""
    lost: int = 0
    lost_bytes: int = 0
    acks: int = 0
    """Segments without."""
    lost_acks: int = 0
    connections: int = 0
    hit: int = 0
    """Connections that lost any."""
    failed: int = 0
    """Of these, those that failed."""
    delays: list[int] = []
    bound: int = 0
    streams: list[int] = []
    frames: list[int] = []
    hosts: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)


class LostBetween:
    """Watches journeys go by."""

    def __init__(self) -> None:
        self._stretches: dict[tuple[str, str], _Stretch] = {}

    def look(self, way: Way, outcome: Outcome | None = None) -> None:
        """Count what one connection lost, and how long its packets took.

        ``outcome`` is what the points say of one that failed. Packets that a device answered in
        an end's name, by RST or ICMP, were not lost.
        """
        names = {one.signal for one in outcome.attribution.evidence} if outcome else set()
        if outcome and (names & ANSWERED or outcome.judgement.code.startswith("icmp.")):
            return
        failed = bool(names & LOST)
        for initiator in (True, False):
            for near, far in pairwise(way.line(initiator)):
                key = way.labels[near], way.labels[far]
                stretch = self._stretches.setdefault(key, _Stretch())
                _count(stretch, way, initiator, (near, far), failed=failed)

    def findings(self) -> list[Finding]:
        """Return a finding for each direction between two points that lost packets."""
        told = [
            _finding(near, far, stretch)
            for (near, far), stretch in self._stretches.items()
            if stretch.failed or stretch.lost >= WORTH_TELLING
        ]
        return sorted(told, key=lambda finding: (-finding.numbers["failed"], -finding.count))


def _count(
    stretch: _Stretch, way: Way, initiator: bool, points: tuple[int, int], *, failed: bool
) -> None:
    near = points[0]
    lost: list[Passage] = []
    stretch.connections += 1
    for passage in way.passages(initiator):
        if passage.frames[near] is None or is_reset(passage):
            continue
        gone = _is_lost(way, passage, points, failed=failed)
        if gone is None:
            continue
        small = not passage.length and not passage.flags & (SYN | FIN)
        stretch.acks += small
        stretch.passed += not small
        if gone:
            lost.append(passage)
            stretch.lost_acks += small
            stretch.lost += not small
            stretch.lost_bytes += passage.length
        else:
            _time(stretch, way, passage, points)
    if lost:
        _name(stretch, way, lost, initiator, near)
        stretch.failed += failed
        stretch.hit += 1


def _is_lost(way: Way, passage: Passage, points: tuple[int, int], *, failed: bool) -> bool | None:
    """Return whether a packet got lost between two neighbours; None where nothing tells."""
    _, far = points
    line = way.line(passage.from_initiator)
    if any(passage.frames[point] is not None for point in line[line.index(far) :]):
        return False
    if not passage.covers[far] or (passage.supposed[far] and not failed):
        return None
    return True


def _time(stretch: _Stretch, way: Way, passage: Passage, points: tuple[int, int]) -> None:
    before, after = (passage.times[point] for point in points)
    bounds = [way.journey.errors[point] for point in points]
    if before is None or after is None or None in bounds or len(stretch.delays) >= MAX_DELAYS:
        return
    stretch.bound = max(stretch.bound, sum(bound or 0 for bound in bounds))
    stretch.delays.append(after - before)


def _name(stretch: _Stretch, way: Way, lost: list[Passage], initiator: bool, near: int) -> None:
    stream = way.journey.match.streams[near]
    if stream is not None and len(stretch.streams) < LISTED:
        stretch.streams.append(stream)
    stretch.frames += way.frames(lost, near)[: LISTED - len(stretch.frames)]
    pair = way.address(initiator, near), way.address(not initiator, near)
    if pair in stretch.hosts or len(stretch.hosts) < MAX_HOSTS:
        stretch.hosts[pair] += len(lost)


def _finding(near: str, far: str, stretch: _Stretch) -> Finding:
    share = stretch.lost / stretch.passed if stretch.passed else 0.0
    severity: Severity = "warning" if share >= MUCH else "info"
    (worst, count), *others = stretch.hosts.most_common() or [(("", ""), 0)]
    numbers: dict[str, float] = {
        "passed": stretch.passed,
        "lost": stretch.lost,
        "share": round(share, 5),
        "lost_bytes": stretch.lost_bytes,
        "acks": stretch.acks,
        "lost_acks": stretch.lost_acks,
        "connections": stretch.connections,
        "hit": stretch.hit,
        "failed": stretch.failed,
    }
    if stretch.delays:
        numbers["delay"] = median_low(stretch.delays) / SECOND
        numbers["delay_bound"] = stretch.bound / SECOND
    return Finding(
        code="path.lost_between",
        severity="failure" if stretch.failed else severity,
        title=f"packets got lost between {near} and {far}, on their way to {far}",
        detail=_detail(near, far, stretch, share)
        + (f" Most from {worst[0]} to {worst[1]} ({count})." if others else ""),
        explanation=(
            f"These packets are in the capture of {near}, and that of {far} would have them had "
            "they got so far. Neither end did it: what lies between these two points dropped them."
        ),
        streams=stretch.streams,
        addresses=list(worst),
        frames=stretch.frames,
        point=near,
        count=stretch.lost + stretch.lost_acks,
        numbers=numbers,
        fixes=[
            f"look at what lies between {near} and {far}: drop counters of interfaces and queues "
            "(ip -s link; tc -s qdisc), rules and connection tracking of firewalls",
            "more captures between the two halve the stretch each time",
        ],
        commands=["nstat -az | grep -iE 'drop|overflow'; conntrack -S  # on each host between"],
    )


def _detail(near: str, far: str, stretch: _Stretch, share: float) -> str:
    segments = f"{stretch.lost:,} of {counted(stretch.passed, 'segment')} ({share:.1%})"
    text = f"From {near} to {far}: {segments} never arrived"
    if stretch.lost_acks:
        text += f", and {stretch.lost_acks:,} of {counted(stretch.acks, 'acknowledgment')}"
    text += f". Of {counted(stretch.connections, 'connection')} followed {stretch.hit:,} lost some"
    text += f", and {stretch.failed:,} failed by it." if stretch.failed else "; none failed by it."
    if stretch.delays:
        took = median_low(stretch.delays)
        if took > stretch.bound:
            text += f" Others took {duration(took)}, give or take {duration(stretch.bound)}."
        else:
            text += f" Others took {duration(max(took, 0) + stretch.bound)} at most."
    return text
