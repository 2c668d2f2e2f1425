"""A handshake that did not succeed: which of its three steps got lost, or was not answered."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import signal
from pcapdiag.diagnose.points.signals import PointSignal, arrived_unanswered, lost_between
from pcapdiag.diagnose.points.way import (
    Way,
    is_answer,
    is_reset,
    is_syn,
    is_syn_ack,
    packets,
    surest,
)
from pcapdiag.model.points import Passage

CODES = frozenset({"tcp.connection_timeout", "tcp.handshake_stalled", "tcp.accept_queue_overflow"})
"""Failures of the handshake by silence."""


def weigh(way: Way) -> list[PointSignal]:
    """Return what the points say of a handshake by silence: the earliest step that failed."""
    for test in (syns_lost, syns_unanswered, answers_lost, answers_ignored, final_ack):
        found = test(way)
        if found is not None:
            return [found]
    return []


def syns_lost(way: Way) -> PointSignal | None:
    """Find that no SYN reached the next point."""
    syns = way.passages(True, is_syn)
    gone = way.gone(syns)
    if not syns or len(gone) < len(syns):
        return None
    crossing = surest(gone)
    what = f"{packets(syns, 'SYN')} of {way.address(True)}"
    return lost_between(way, way.at(syns, crossing.shown), crossing, what)


def syns_unanswered(way: Way) -> PointSignal | None:
    """Find that SYNs reached the point nearest the responder, and it sent nothing at all."""
    far = way.nearest(to_initiator=False)
    arrived = way.at(way.passages(True, is_syn), far)
    if far is None or not arrived or way.at(way.passages(False), far):
        return None
    address, label = way.address(False), way.labels[far]
    if far in way.held_back:
        detail = (
            f"{packets(arrived, 'SYN')} came to {label} ({way.where(arrived, far)}), and that "
            "device did not pass them on: what passes there was captured twice, on its way in and "
            "out"
        )
        frames = way.frames(arrived, far)
        return PointSignal(signal("not_passed_on", "path", detail, frames), far)
    detail = (
        f"{packets(arrived, 'SYN')} reached {label} ({way.where(arrived, far)}) and nothing came "
        f"back from {address}: its firewall or a full accept queue (`nstat` there tells), or it "
        "is gone"
    )
    return arrived_unanswered(way, arrived, far, False, detail)


def answers_lost(way: Way) -> PointSignal | None:
    """Find that SYN-ACKs, or a refusal, left the responder's end and never reached the initiator's.

    Those that cannot be told from missed by the capture do not count, but none may have arrived.
    """
    answers = way.passages(False, lambda p: is_syn_ack(p) or is_reset(p))
    near = way.nearest(to_initiator=True)
    if not answers or near is None or way.at(answers, near):
        return None
    gone = way.gone(answers)
    if not gone:
        return None
    crossing = surest(gone)
    lost = [p for p, c in gone if c[:2] == crossing[:2]]
    noun = "SYN-ACK" if is_syn_ack(lost[0]) else "RST"
    what = f"{packets(lost, noun)} of {way.address(False)}"
    return lost_between(way, lost, crossing, what)


def answers_ignored(way: Way) -> PointSignal | None:
    """Find that SYN-ACKs reached the point nearest the initiator, and it went on as without."""
    near = way.nearest(to_initiator=True)
    arrived = way.at(way.passages(False, is_syn_ack), near)
    taken = way.at(way.passages(True, lambda p: is_answer(p) or is_reset(p)), near)
    if near is None or not arrived or taken or way.is_blind(near, True):
        return None
    address = way.address(True)
    detail = (
        f"{packets(arrived, 'SYN-ACK')} reached {way.labels[near]} ({way.where(arrived, near)}) "
        f"and {address} did not take it (INPUT rule, rp_filter, or it had given up)"
    )
    return arrived_unanswered(way, arrived, near, True, detail)


def final_ack(way: Way) -> PointSignal | None:
    """Tell a final ACK that got lost from one that the responder did not take."""
    answers = way.passages(True, is_answer)
    far = way.nearest(to_initiator=False)
    if not answers or far is None:
        return None
    arrived = way.at(answers, far)
    if not arrived:
        return _ack_lost(way, answers)
    first = _time(arrived[0], far)
    again = [p for p in way.at(way.passages(False, is_syn_ack), far) if _time(p, far) > first]
    if not again:
        return None
    detail = (
        f"{way.address(True)}'s ACK reached {way.labels[far]} ({way.where(arrived[:1], far)}) and "
        f"{way.address(False)} sent its SYN-ACK again all the same ({way.where(again[:1], far)}): "
        "its accept queue was full"
    )
    shown = [arrived[0], again[0]]
    return arrived_unanswered(way, shown, far, False, detail)


def _ack_lost(way: Way, answers: list[Passage]) -> PointSignal | None:
    gone = way.gone(answers)
    if not gone:
        return None
    what = f"the final ACK of {way.address(True)} and what followed it"
    crossing = surest(gone)
    return lost_between(way, way.at(answers, crossing.shown), crossing, what)


def _time(passage: Passage, point: int) -> int:
    return passage.times[point] or 0
