"""Packets that came damaged: their receiver's kernel drops them, and says nothing (measured).

A wrong checksum also means that a card was to compute it: in a capture on the sender's own host, or
on that of a neighbour in the same machine. There all packets of that sender have it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.vantage import vantage
from pcapdiag.diagnose.tcp.unacknowledged import stuck_data
from pcapdiag.model.context import Context, HostFacts
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import (
    BAD_CHECKSUM,
    INITIAL_TTLS,
    SUPER_SEGMENT,
    PacketFact,
    seq_after,
)
from pcapdiag.model.story import Story

ENOUGH, SHARE = 3, 0.5
"""Packets of the sender with a right checksum, and their ratio to the wrong ones, from which on the
wrong ones are no work left to a card."""
SHOWN = 4


def came_damaged(
    story: Story, by_initiator: bool, context: Context, elsewhere: Sequence[Story] = ()
) -> Signal | None:
    """Find that whatever an end sent in vain came with a wrong TCP checksum, and the rest not.

    Or that it was whole where another capture, nearer to its sender, shows it.
    """
    if not may_be_damaged(story, by_initiator):
        return None
    sent = _in_vain(story, by_initiator)
    sender = story.half(by_initiator).address
    host = context.host(sender)
    whole = host.packets - host.bad_checksums
    every = "it" if len(sent) == 1 else f"each of its {len(sent)} transmissions"
    if any(_came_whole(other, by_initiator) for other in elsewhere):
        before = "and was whole before"
    elif _is_offload(host, whole) or _just_sent(story, by_initiator, context, sent):
        return None
    else:
        before = f"{whole} other packets of {sender} with a right one"
    detail = (
        f"{every} came with a wrong TCP checksum, {before}: damaged on the way, and dropped in "
        "silence by the receiver's kernel (nstat there: TcpInCsumErrors; of a tunnel: its checksum "
        "offload, ethtool -K)"
    )
    return signal("came_damaged", "path", detail, tuple(p.frame for p in sent)[:SHOWN])


def may_be_damaged(story: Story, by_initiator: bool) -> bool:
    """Return whether whatever an end sent in vain came with a wrong TCP checksum."""
    sent = _in_vain(story, by_initiator)
    damaged = bool(sent) and all(p.marks & BAD_CHECKSUM for p in sent)
    return damaged and not _blanked(story, by_initiator)


def _blanked(story: Story, by_initiator: bool) -> bool:
    """Return whether the payload was captured and is all zeros: edited, its checksum maybe not."""
    half, turn = story.half(by_initiator), story.turn
    sent, head = (
        (turn.request_bytes, turn.request_head)
        if by_initiator
        else (turn.response_bytes, turn.response_head)
    )
    return bool(sent) and not head and not half.truncated


def refused_some(story: Story) -> bool:
    """Return whether a receiver acknowledged later data (SACK) than what it would not take.

    Its kernel works; of big segments the checksum is not verified here.
    """
    stuck = stuck_data(story)
    return stuck is not None and stuck.sacked


def _came_whole(story: Story, by_initiator: bool) -> bool:
    sent = _in_vain(story, by_initiator)
    return bool(sent) and not any(p.marks & BAD_CHECKSUM for p in sent)


def _just_sent(
    story: Story, by_initiator: bool, context: Context, sent: Sequence[PacketFact]
) -> bool:
    """Return whether the way had only begun: seen beside the sender, or before any router.

    A checksum that is wrong there was left to a card, or to who edited the capture's addresses.
    """
    place = vantage(story, context).place
    if place != "unknown":
        return place == side_of(by_initiator)
    return all(p.ttl in INITIAL_TTLS for p in sent)


def _is_offload(host: HostFacts, whole: int) -> bool:
    return whole < ENOUGH or whole < SHARE * host.bad_checksums


def _in_vain(story: Story, by_initiator: bool) -> list[PacketFact]:
    """Return the transmissions of the first byte, or SYN, that was never acknowledged."""
    acked = story.half(by_initiator).acked
    return [
        p
        for p in story.packets
        if p.from_initiator == by_initiator and p.end_seq != p.seq and not p.is_rst
        if not p.marks & SUPER_SEGMENT
        if acked is None or (seq_after(p.end_seq, acked) and not seq_after(p.seq, acked))
    ]
