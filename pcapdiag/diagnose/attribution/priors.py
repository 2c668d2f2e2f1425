"""How often each sender is behind a RST outside a lab, before any signal is weighed.

The world is full of refused ports, restarts and impatient programs, and poor in forgeries; a lab is
the other way round, so these numbers are set by judgement and never fitted. docs/attribution.md
repeats the table.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.attribution.view import ResetView
from pcapdiag.model.units import SECOND

IDLE = SECOND
"""Quiet time (ns) after which a connection counts as idle (verdicts.md, tcp.idle_reset)."""
TLS_HANDSHAKE = 0x16


class Prior(msgspec.Struct, frozen=True):
    """Probability that the end whose address the RST bears made it."""

    stage: str
    end: float
    why: str


REFUSED = Prior("refused", 0.87, "a RST to a SYN is a closed port far more often than a device")
ABANDONED = Prior("abandoned", 0.96, "a RST to a SYN-ACK is a host that had given up connecting")
CLOSING = Prior("closing", 0.95, "a RST after a FIN is a late segment or a hurried close")
BY_INITIATOR = Prior("by_initiator", 0.94, "initiators end connections by RST all the time")
LATE_REPLY = Prior(
    "late_reply", 0.5, "after a quiet time a host without the socket is as usual as a device's loss"
)
IDLE_LIVE = Prior("idle", 0.6, "idle connections are reset by servers and by devices' timers")
LOST = Prior(
    "lost", 0.55, "a bare RST in mid use: a restarted host, or a device that lost its state"
)
HELLO = Prior("hello", 0.75, "after a ClientHello servers reset on policy, and filters by name")
UNUSED = Prior("unused", 0.8, "resets before any byte come from full or draining servers mostly")
REQUEST = Prior("request", 0.85, "after a request it is mostly the server: crash, unread data")
RESPONSE = Prior("response", 0.8, "within an answer it is mostly the server")

IMITATED = 0.05
"""Share of the path's RSTs that are written just as the end would write them: TTL, next IP ID,
window, numbers. So what is easily copied never counts more than 1 / this for the end."""
IMITATED_IDLE = 0.2
"""The same on idle connections: a device with an idle timer has seen every packet."""
IMITATED_CLOCK = 0.01
"""The same where the RST has a timestamp on the end's own clock line."""

HOST_ANSWERS = {
    "tcp.stale_connection": 0.5,
    "tcp.state_lost": 0.35,
    "tcp.idle_reset": 0.3,
    "tcp.initiator_abort": 0.35,
}
"""P(the end's own kernel sent the bare RST | a device between is to blame): a NAT that forgot the
flow, or swallowed a FIN, makes the host answer (measured). Zero for every other code."""


def reset_prior(view: ResetView) -> Prior:
    """Return the prior for a RST by the stage at which it came."""
    if view.answers_syn:
        return REFUSED
    if view.trigger is not None and view.trigger.is_syn_ack and not view.story.turn.index:
        return ABANDONED
    if _fin_before(view):
        return CLOSING
    if view.side == "initiator":
        return BY_INITIATOR
    return _responder_prior(view)


def imitation(view: ResetView) -> float:
    """Return how many of the path's RSTs look like this end's own in all that can be copied."""
    if view.reset.tsval is not None:
        return IMITATED_CLOCK
    return IMITATED_IDLE if _idle_before(view) else IMITATED


def _responder_prior(view: ResetView) -> Prior:
    turn = view.story.turn
    idle = _idle_before(view)
    if view.bare and not view.reset.window and idle:
        return LATE_REPLY
    if idle:
        return IDLE_LIVE
    if not turn.index:
        return UNUSED
    if view.story.hello_initiator[:1] == bytes([TLS_HANDSHAKE]) and turn.index == 1:
        return HELLO
    if view.bare and not view.own_window and (turn.response_bytes or turn.index > 1):
        return LOST
    return RESPONSE if turn.response_bytes else REQUEST


def _fin_before(view: ResetView) -> bool:
    fins = [half.fin_time for half in (view.end, view.peer) if half.fin_frame]
    return bool(fins) and min(fins) <= view.reset.time


def _idle_before(view: ResetView) -> bool:
    turn = view.story.turn
    if turn.request_bytes and not turn.response_bytes:
        if turn.gap < IDLE:
            return False
        return any(p.time < turn.request_time for p in (*view.earlier, *view.peer_earlier))
    last = max([p.time for p in (*view.earlier[-1:], *view.peer_earlier[-1:])], default=0)
    return bool(last) and view.reset.time - last >= IDLE
