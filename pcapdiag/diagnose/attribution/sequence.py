"""Exactness of the RST's sequence and acknowledgment numbers (Weaver 2009)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.afterwards import made_before
from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.view import ResetView
from pcapdiag.model.packet import PacketFact, seq_after, seq_distance
from pcapdiag.model.units import SECOND

CLEAR_BURST = 3
"""Different numbers from which on one that answers nothing is enough; of two, both must not."""
FIXED, FAR = 1, 65_536
"""A number that some devices write whatever the connection's is, and how far off that must be."""
TOGETHER = SECOND
"""Resets within this time (ns) belong to one burst."""


def exactness(view: ResetView) -> Signal | None:
    """Compare the RST's sequence number with what its alleged sender had sent.

    A RST may overtake its sender's last data (measured).
    """
    expected = view.next_seq
    reset = view.reset
    if expected is None or reset.seq in view.peer_acks:
        return None
    frames = (reset.frame,)
    if reset.seq == expected:
        detail = "RST has exactly the sender's next sequence number"
        return signal("seq_exact", view.side, detail, frames)
    off = seq_distance(reset.seq, expected)
    if off > 0 and not view.apart:
        late = [p for p in view.later if p.length and p.end_seq == reset.seq]
        if any(made_before(p, reset) for p in late):
            detail = "RST has exactly the number behind data that it overtook, and that came later"
            return signal("seq_exact", view.side, detail, (reset.frame, late[0].frame))
        detail = f"RST is {off:,} bytes ahead of what {view.end.address} had sent"
        doubtful = bool(late) or _missed(view) or _behind_a_fin(view, off)
        return signal("seq_ahead", "path", detail, frames, doubtful)
    if off > 0 or view.acked is None or not seq_after(view.acked, reset.seq):
        return None
    if _may_answer(view, reset, view.peer_acks):
        return None
    detail = f"RST is stale: {-off:,} bytes behind what {view.end.address} had sent and got acked"
    return signal("seq_stale", "path", detail, frames, view.lossy)


def acknowledgment(view: ResetView) -> Signal | None:
    """Find a RST,ACK that acknowledges what the peer never sent."""
    sent = None if view.bare or view.apart else view.peer_next_seq
    if sent is None or not seq_after(view.reset.ack, sent):
        return None
    ahead = seq_distance(view.reset.ack, sent)
    detail = f"RST acknowledges {ahead:,} bytes more than {view.peer.address} had sent"
    return signal("ack_impossible", "path", detail, (view.reset.frame,), _missed(view))


def fixed_number(view: ResetView) -> Signal | None:
    """Find the number 1 in a RST to a connection that is far from it (FortiGate, vendors)."""
    expected = view.next_seq
    if view.reset.seq != FIXED or expected is None or FIXED in view.peer_acks:
        return None
    if abs(seq_distance(expected, FIXED)) <= view.end.payload_bytes + FAR:
        return None
    detail = "RST has sequence number 1 whatever the connection's is, so both ends ignore it"
    return signal("seq_fixed", "path", detail, (view.reset.frame,))


def acknowledgments(view: ResetView) -> Signal | None:
    """Find RST,ACKs of one end with several ACK numbers that end no segment of the peer."""
    if view.bare or view.apart:
        return None
    together = [p for p in _burst(view) if p.has_ack]
    numbers = {p.ack for p in together}
    if len(numbers) == 1:
        return None
    ends = {p.end_seq for p in (*view.peer_earlier, *view.peer_later)}
    if not numbers - ends:
        return None
    lowest = min(numbers, key=lambda n: seq_distance(n, view.reset.ack))
    steps = sorted(seq_distance(n, lowest) for n in numbers)
    detail = (
        f"{len(numbers)} RST,ACKs at once acknowledge +{', +'.join(f'{s:,}' for s in steps)}, not "
        f"the ends of segments of {view.peer.address}: guesses"
    )
    return signal("ack_spray", "path", detail, tuple(p.frame for p in together), view.lossy)


def burst(view: ResetView) -> Signal | None:
    """Weigh several RSTs of one end with rising numbers: guesses, or answers to late segments."""
    burst_resets = _burst(view)
    numbers = {p.seq for p in burst_resets}
    if len(numbers) == 1:
        return None
    frames = tuple(p.frame for p in burst_resets)
    acks = view.peer_acks.union([p.ack for p in view.peer_later if p.has_ack])
    if numbers <= acks:
        detail = f"{len(numbers)} RSTs, each with the ACK number of a late segment that it answers"
        return signal("seq_answers", view.side, detail, frames)
    unknown = (p for p in burst_resets if p.seq not in acks)
    guesses = {p.seq for p in unknown if not _may_answer(view, p, acks)}
    if view.apart or not guesses - {view.next_seq}:  # An end's abort, and answers behind it.
        return None
    if len(guesses) == 1 and len(numbers) < CLEAR_BURST:
        return None
    lowest = min(burst_resets, key=lambda p: seq_distance(p.seq, view.reset.seq)).seq
    steps = sorted(seq_distance(n, lowest) for n in numbers)
    detail = f"{len(numbers)} RSTs at once, numbers +{', +'.join(f'{s:,}' for s in steps)}: guesses"
    return signal("seq_spray", "path", detail, frames, view.lossy)


def _burst(view: ResetView) -> list[PacketFact]:
    by_initiator, time = view.reset.from_initiator, view.reset.time
    return [
        p
        for p in view.story.resets
        if p.from_initiator == by_initiator and abs(p.time - time) <= TOGETHER
    ]


def _may_answer(view: ResetView, reset: PacketFact, acks: frozenset[int]) -> bool:
    """Return whether a bare RST may answer a late ACK that the story left out.

    Who aborted a transfer answers each ACK that was still on its way, with its number (measured).
    ``acks`` are the peer's that are known.
    """
    if reset.has_ack or not view.story.packets_left_out:
        return False
    return any(not seq_after(reset.seq, ack) for ack in acks)


def _behind_a_fin(view: ResetView, off: int) -> bool:
    """Return whether the capture may only lack the sender's FIN, and what acknowledged it.

    An answer to that has the acknowledgment's number, one more than all that was seen.
    """
    return view.bare and off == 1 and not view.end.fin_frame


def _missed(view: ResetView) -> bool:
    return view.lossy or view.end.gaps > 0 or view.context.lost_by_capture > 0
