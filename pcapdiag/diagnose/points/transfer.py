"""Data that stayed without an answer: lost on the way, not acknowledged, or its answer lost.

For each end the bytes that it never got acknowledged, as far as the point nearest to it shows, are
followed along the points.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from pcapdiag.diagnose.attribution.signal import signal
from pcapdiag.diagnose.points.signals import (
    PointSignal,
    arrived_unanswered,
    by_crossing,
    lost_between,
)
from pcapdiag.diagnose.points.way import (
    Crossing,
    Way,
    acks,
    end_of,
    highest_ack,
    is_payload,
    is_reset,
    packets,
    surest,
)
from pcapdiag.model.packet import RST, seq_distance
from pcapdiag.model.points import Passage

UNACKNOWLEDGED = frozenset(
    {
        "tcp.data_timeout",
        "tcp.keepalive_timeout",
        "tls.handshake_timeout",
        "http2.ping_timeout",
        "mtu.black_hole",
        "tcp.response_timeout",
        "http.truncated_response",
    }
)
"""Failures in which bytes, or an answer, did not come through."""
UNANSWERED = frozenset({"tcp.response_timeout", "tls.handshake_timeout", "http2.ping_timeout"})
"""Failures in which bytes arrived, and what should have followed did not."""
TRIES = 3
"""Losses of large packets, with small ones arriving, that chance does not make."""
PROBES = 2
"""Keep-alive probes that got lost, or stayed unanswered, and not by chance."""
LARGEST = 9_000
"""Payload of one packet at most (jumbo frames); more is an offload, whose pieces are not known."""


class Stuck(NamedTuple):
    """Bytes of one end that were never acknowledged where they were sent.

    ``gone`` are the transmissions of those of which none reached the point nearest the receiver.
    """

    from_initiator: bool
    near: int
    far: int
    passages: list[Passage]
    gone: list[tuple[Passage, Crossing]]


def weigh(way: Way, code: str) -> list[PointSignal]:
    """Return what the points say of data that stayed without an answer."""
    found: list[PointSignal | None] = []
    for stuck in (unacknowledged(way, initiator) for initiator in (True, False)):
        if stuck is not None:
            found += [data_lost(way, stuck), data_ignored(way, stuck), acks_lost(way, stuck)]
            found.append(size_hole(way, stuck))
    if code in UNANSWERED and not any(found):
        found.append(request_unanswered(way))
    if code == "tcp.keepalive_timeout" and not any(found):
        found += [probes_unanswered(way, initiator) for initiator in (True, False)]
    return [one for one in found if one is not None]


def unacknowledged(way: Way, initiator: bool) -> Stuck | None:
    """Return the bytes that an end sent and, at the point nearest to it, got no ACK for."""
    near, far = way.nearest(initiator), way.nearest(not initiator)
    if near is None or far is None:
        return None
    acked = highest_ack(way.at(way.passages(not initiator), near))
    sent = way.at(way.passages(initiator, is_payload), near)
    waiting = [p for p in sent if acked is None or seq_distance(acked, end_of(p)) < 0]
    if not waiting:
        return None
    return Stuck(initiator, near, far, waiting, _never_arrived(way, waiting, far))


def data_lost(way: Way, stuck: Stuck) -> PointSignal | None:
    """Find bytes of which no transmission reached the next point."""
    gone = stuck.gone
    if not gone:
        return None
    crossing = surest(gone)
    lost = [p for p, c in gone if c[:2] == crossing[:2]]
    size = sum({p.seq: p.length for p in lost}.values())
    what = f"{packets(lost, 'segment')} of {way.address(stuck.from_initiator)} ({size:,} bytes)"
    return lost_between(way, lost, crossing, what)


def data_ignored(way: Way, stuck: Stuck) -> PointSignal | None:
    """Find bytes that reached the point nearest their receiver, which did not acknowledge them.

    Not what a host met by RST because its program had left before.
    """
    arrived = way.at(stuck.passages, stuck.far)
    acked = highest_ack(way.at(way.passages(not stuck.from_initiator), stuck.far))
    ignored = [p for p in arrived if acked is None or seq_distance(acked, end_of(p)) < 0]
    if not ignored or stuck.gone or _met_by_reset(way, stuck, ignored):
        return None
    if way.is_blind(stuck.far, not stuck.from_initiator):
        return None
    receiver, label = way.address(not stuck.from_initiator), way.labels[stuck.far]
    detail = (
        f"{packets(ignored, 'segment')} reached {label} ({way.where(ignored, stuck.far)}) and "
        f"{receiver} acknowledged none of it"
    )
    side = not stuck.from_initiator
    return arrived_unanswered(way, ignored, stuck.far, side, detail)


def _met_by_reset(way: Way, stuck: Stuck, arrived: Sequence[Passage]) -> bool:
    first = min(p.times[stuck.far] or 0 for p in arrived)
    resets = way.at(way.passages(not stuck.from_initiator, is_reset), stuck.far)
    return any((reset.times[stuck.far] or 0) > first for reset in resets)


def acks_lost(way: Way, stuck: Stuck) -> PointSignal | None:
    """Find that the receiver acknowledged, and no such ACK came back to the sender's point."""
    arrived = way.at(stuck.passages, stuck.far)
    if not arrived or stuck.gone:
        return None
    wanted = min((end_of(p) for p in arrived), key=lambda n: seq_distance(n, arrived[0].seq))
    answers = way.passages(not stuck.from_initiator, lambda p: acks(p, wanted))
    gone = [(p, c) for p, c in way.gone(answers) if c.shown == stuck.far]
    if not gone:
        return None
    crossing = surest(gone)
    lost = [p for p, _ in gone]
    what = f"{packets(lost, 'acknowledgment')} of {way.address(not stuck.from_initiator)}"
    return lost_between(way, lost, crossing, what)


def size_hole(way: Way, stuck: Stuck) -> PointSignal | None:
    """Find that all lost packets were larger than every one that arrived."""
    gone = stuck.gone
    sizes = sorted(p.sizes[c.shown] for p, c in gone)
    sent = way.passages(stuck.from_initiator, is_payload)
    since = min((p.times[c.shown] or 0 for p, c in gone), default=0)
    later = [p for p in sent if p.first_seen > since]
    arrived = [p for p in later if p.frames[stuck.far] is not None]
    largest = max((p.sizes[stuck.far] for p in arrived), default=0)
    if len(gone) < TRIES or not largest or sizes[-1] > LARGEST or sizes[0] <= largest:
        return None
    crossing = gone[0][1]
    shown, absent = way.labels[crossing.shown], way.labels[crossing.absent]
    detail = (
        f"between {shown} and {absent} all {len(gone)} segments of {sizes[0]:,} bytes and more "
        f"got lost, and those of up to {largest:,} arrived"
    )
    frames = way.frames([p for p, _ in gone], crossing.shown)
    return PointSignal(signal("size_hole", "path", detail, frames), crossing.shown)


def request_unanswered(way: Way) -> PointSignal | None:
    """Find that the last request arrived, and whether an answer left the responder's point."""
    far = way.nearest(to_initiator=False)
    request = way.at(way.passages(True, is_payload), far)
    if far is None or not request or way.is_blind(far, False):
        return None
    last = max(p.times[far] or 0 for p in request)
    answers = way.at(way.passages(False, is_payload), far)
    later = [p for p in answers if (p.times[far] or 0) > last]
    if later:
        return _answer_lost(way, later)
    label, address = way.labels[far], way.address(False)
    detail = (
        f"the request reached {label} ({way.where(request[-1:], far)}) and no answer of {address} "
        "passed it"
    )
    return arrived_unanswered(way, request[-1:], far, False, detail)


def probes_unanswered(way: Way, initiator: bool) -> PointSignal | None:
    """Find where an end's last segments got lost, or stayed unanswered: those behind the other's.

    Where answers left the other end, that is no fault of its own, and said of them.
    """
    near, far = way.nearest(initiator), way.nearest(not initiator)
    if near is None or far is None:
        return None
    heard = max((p.times[near] or 0 for p in way.at(way.passages(not initiator), near)), default=0)
    mine = way.at(way.passages(initiator, lambda p: not p.flags & RST), near)
    probes = [p for p in mine if (p.times[near] or 0) > heard]
    gone = way.gone(probes)
    if len(gone) >= PROBES:
        crossing = surest(gone)
        lost = [p for p, _ in gone]
        what = f"{packets(lost, 'keep-alive probe')} of {way.address(initiator)}"
        return lost_between(way, lost, crossing, what)
    arrived = way.at(probes, far)
    last = max((p.times[far] or 0 for p in arrived), default=0)
    answered = [p for p in way.at(way.passages(not initiator), far) if (p.times[far] or 0) > last]
    if len(arrived) < PROBES or answered:
        return None
    label, address = way.labels[far], way.address(not initiator)
    detail = (
        f"{packets(arrived, 'segment')} reached {label} ({way.where(arrived, far)}) and nothing "
        f"came back from {address}"
    )
    return arrived_unanswered(way, arrived, far, not initiator, detail)


def _answer_lost(way: Way, answers: Sequence[Passage]) -> PointSignal | None:
    gone = way.gone(answers)
    if len(gone) < len(answers):
        return None
    crossing = surest(gone)
    address = way.address(False)
    shown, absent = way.labels[crossing.shown], way.labels[crossing.absent]
    detail = f"{packets(answers, 'segment')} of {address}'s answer passed {shown} "
    detail += f"({way.where(answers, crossing.shown)}) and never reached {absent}"
    frames = way.frames(answers, crossing.shown)
    return by_crossing("lost_between", crossing, detail, frames, way)


def _never_arrived(way: Way, waiting: list[Passage], far: int) -> list[tuple[Passage, Crossing]]:
    """Return the transmissions of bytes of which not one reached the point nearest the receiver."""
    initiator, base = waiting[0].from_initiator, waiting[0].seq
    arrived = sorted(
        (seq_distance(p.seq, base), p.length)
        for p in way.at(way.passages(initiator, is_payload), far)
    )
    ends = list(accumulate((start + length for start, length in arrived), max))
    found = []
    for passage in waiting:
        crossing = way.lost(passage)
        start = seq_distance(passage.seq, base)
        before = bisect_left(arrived, (start + passage.length, 0))
        if crossing is not None and not (before and ends[before - 1] > start):
            found.append((passage, crossing))
    return found
