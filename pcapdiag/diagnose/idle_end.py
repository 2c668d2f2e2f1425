"""How long a connection had been idle when it turned out to be gone, and what showed it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from pcapdiag.diagnose.tcp.unacknowledged import quiet_before_unacked
from pcapdiag.diagnose.timing import IDLE
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story

LAST = 8
"""Packets before the RST among which the quiet time is looked for."""

REMEMBERED = 32
"""Answers kept, as several signals and the report ask for the same reset."""

How = Literal["at_expiry", "late", "lost"]


class IdleEnd(NamedTuple):
    """How an idle connection ended (model/context.py, IdleEnds), and the quiet time before, ns."""

    how: How
    quiet: int


@lru_cache(maxsize=REMEMBERED)
def reset_after_idle(story: Story, reset: PacketFact) -> IdleEnd | None:
    """Return the quiet time before a RST, or before what it answers; None where there was none."""
    before = [
        p for p in story.packets if not p.is_rst and not p.is_duplicate and _is_before(p, reset)
    ]
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


def _is_before(packet: PacketFact, reset: PacketFact) -> bool:
    return (packet.time, packet.frame) < (reset.time, reset.frame)
