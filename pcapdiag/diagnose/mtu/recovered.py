"""A path MTU that was met and got over: notes for a connection that worked (verdicts.md)."""

from __future__ import annotations

from pcapdiag.diagnose.icmp.quoted import is_too_big
from pcapdiag.diagnose.tcp.unacknowledged import FULL_SIZE
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.packet import PacketFact, seq_after
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND, counted

STALLED = SECOND
"""Probing begins after several timeouts (measured): a smaller repeat after less is no probe."""
TRIES = 3
"""How often the full size is sent before (tcp_mtu_probing: measured)."""


def mtu_notes(story: Story) -> list[str]:
    """Return what is to be said of packets that were too big at first."""
    return [note for note in (_told(story), _probed(story)) if note]


def _told(story: Story) -> str:
    errors = [error for error in story.icmp if is_too_big(error)]
    if not errors:
        return ""
    first = errors[0]
    size = f"packets may have {first.mtu} bytes at most" if first.mtu else "a packet was too big"
    return f"{first.source} said that {size} (frame {first.frame}); smaller segments then passed."


def _probed(story: Story) -> str:
    """Return a note where a full segment was repeated in vain, and a smaller one then arrived."""
    for initiator in (True, False):
        tries: dict[int, list[PacketFact]] = {}
        for packet in story.packets:
            if packet.from_initiator == initiator and packet.length and not packet.is_rst:
                tries.setdefault(packet.seq, []).append(packet)
        acked = story.half(initiator).acked
        for same in tries.values():
            *before, last = same
            if acked is not None and _is_probe(before, last) and not seq_after(last.end_seq, acked):
                stall = duration(last.time - before[0].time)
                sent = counted(len(before), "time")
                return (
                    f"{story.half(initiator).address} sent {before[-1].length:,} bytes {sent} in "
                    f"vain; {last.length:,} bytes then arrived, after {stall}: the path's MTU is "
                    "smaller than its sender knew, and probing found it (tcp_mtu_probing)."
                )
    return ""


def _is_probe(before: list[PacketFact], last: PacketFact) -> bool:
    """Return whether ``last`` is a smaller try than those before it, after a stall (RFC 4821)."""
    if len(before) < TRIES or before[-1].length < FULL_SIZE:
        return False
    smaller = last.length < min(packet.length for packet in before)
    return smaller and last.time - before[0].time >= STALLED
