"""How long a connection had been idle when it turned out to be gone, and what showed it."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from pcapdiag.diagnose.idle_defaults import Way
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.tcp.unacknowledged import quiet_before_unacked, stuck_data
from pcapdiag.diagnose.timing import IDLE
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import KEEP_ALIVE, RST, PacketFact
from pcapdiag.model.story import Story

LAST = 8
"""Packets before the RST among which the quiet time is looked for."""

REMEMBERED = 32
"""Answers kept, as several signals and the report ask for the same reset."""

RESET = frozenset({"tcp.idle_reset", "tcp.stale_connection"})


class IdleEnd(msgspec.Struct, frozen=True):
    """How an idle connection ended (model/context.py, IdleEnds), and the quiet time before, ns."""

    how: Way
    quiet: int


def idle_numbers(story: Story, judgement: Judgement) -> dict[str, float]:
    """Return what a verdict says of a quiet time that the connection did not outlive.

    ``idle_at_expiry``, ``idle_late``, ``idle_lost`` or ``idle_closed`` is how long it was, in
    seconds; ``idle_until`` when it ended, seconds after the connection's start.
    """
    found = _idle_end(story, judgement)
    if found is None:
        return {}
    end, until = found
    return {f"idle_{end.how}": end.quiet / 1e9, "idle_until": (until - story.start) / 1e9}


def _idle_end(story: Story, judgement: Judgement) -> tuple[IdleEnd, int] | None:
    """Return how a quiet time ended, and when (ns)."""
    reset = judgement.reset
    if judgement.code in RESET and reset is not None:
        end = reset_after_idle(story, reset)
        return (end, reset.time) if end else None
    if judgement.code == "tcp.stale_connection":
        return _closed_after_idle(story)
    if judgement.code == "tcp.keepalive_timeout":
        return _silent_after_idle(story)
    stuck = stuck_data(story) if judgement.code == "tcp.data_timeout" else None
    lost = lost_after_idle(story) if stuck and stuck.by_initiator else None
    return (lost, stuck.first_time) if stuck and lost else None


def _closed_after_idle(story: Story) -> tuple[IdleEnd, int] | None:
    """Return the quiet time before a FIN of the responder.

    Its close_notify, or the request that crossed it on the way, may come right before.
    """
    fin = story.responder.fin_frame
    before = [p for p in story.packets if p.frame <= fin and not p.is_rst]
    if not before or before[-1].frame != fin or not before[-1].is_fin:
        return None
    recent, closed = before[-LAST:], before[-1].time
    for earlier, later in zip(recent[-2::-1], recent[:0:-1], strict=True):
        if later.time - earlier.time >= IDLE:
            ended = closed if later.from_initiator else later.time
            # A server's timer runs from its last data, and not from the ACK of it.
            data = [p.time for p in recent if p.length and p.time <= earlier.time]
            return IdleEnd("closed", ended - max(data, default=earlier.time)), ended
    return None


def _silent_after_idle(story: Story) -> tuple[IdleEnd, int] | None:
    """Return the time from the last packet to the first of the probes that nobody answered."""
    packets = [p for p in story.packets if not p.is_rst]
    first = len(packets)
    while first > 0 and packets[first - 1].marks & KEEP_ALIVE:
        first -= 1
    if not 0 < first < len(packets):
        return None
    quiet = packets[first].time - packets[first - 1].time
    return (IdleEnd("lost", quiet), packets[first].time) if quiet >= IDLE else None


@lru_cache(maxsize=REMEMBERED)
def reset_after_idle(story: Story, reset: PacketFact) -> IdleEnd | None:
    """Return the quiet time before a RST, or before what it answers; None where there was none."""
    if story.end - story.start < IDLE:
        return None
    before = [p for p in story.packets if not p.flags & RST and moment(p) < moment(reset)]
    if not before:
        return None
    quiet = reset.time - before[-1].time
    if quiet >= IDLE:
        return IdleEnd("at_expiry", quiet)
    quiet = quiet_before_unacked(story)
    if story.initiator.unacked and quiet >= IDLE:
        return IdleEnd("late", quiet)
    recent = before[-LAST:]
    for earlier, later in zip(recent[-2::-1], recent[:0:-1], strict=True):
        if later.time - earlier.time >= IDLE:
            return IdleEnd("late", later.time - earlier.time)
    return None


def lost_after_idle(story: Story) -> IdleEnd | None:
    """Return the quiet time before data that was never acknowledged; None where there was none."""
    quiet = quiet_before_unacked(story)
    return IdleEnd("lost", quiet) if quiet >= IDLE else None
