"""Ends, not only resets: whether an end sent the FIN, the alert or the answer that bears its name.

A proxy or filter in line can write those too. The same signals apply as to a RST, where they do not
rest on how resets are made.
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.diagnose.attribution import (
    afterwards,
    ip_header,
    ip_id,
    link,
    tcp_header,
    timing,
    ttl,
)
from pcapdiag.diagnose.attribution.resets import sender_likelihoods
from pcapdiag.diagnose.attribution.signal import Signal
from pcapdiag.diagnose.attribution.silence import INITIATOR_SILENT, RESPONDER_SILENT
from pcapdiag.diagnose.attribution.view import ResetView, view_reset
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.tcp.unacknowledged import fin_met_by_reset
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story

SAID = ("tls.", "http.", "http2.", "protocol.", "grpc.")
"""Codes about what one end said; of the others only a FIN says who did it."""

STALLED = frozenset(
    {"tcp.response_timeout", "tcp.zero_window", "tls.handshake_timeout", "http2.flow_control_stall"}
)
"""Codes where an end acknowledged and did no more: its acknowledgment shows that it was reached."""


def _distance(view: ResetView) -> Signal | None:
    """Compare TTLs, unless a SYN-ACK is all there is: SYN proxies answer for whom they protect."""
    return None if all(p.is_syn_ack for p in view.own) else ttl.distance(view)


CLOSING_SIGNALS: tuple[Callable[[ResetView], Signal | None], ...] = (
    link.direction,
    link.captured_at_sender,
    _distance,
    ttl.like_icmp,
    link.mac,
    link.interface,
    afterwards.beyond_fin,
    afterwards.open_after_fin,
    timing.answer_time,
    ip_id.continuity,
    ip_header.dont_fragment,
    ip_header.flow_label,
    tcp_header.timestamp_clock,
    tcp_header.timestamp_echo,
    tcp_header.timestamps_dropped,
)


def closing_view(story: Story, judgement: Judgement, context: Context) -> ResetView | None:
    """Return the decisive packet of the end that the kind blames; None where there is none.

    Where it acknowledged and stalled, that is its last acknowledgment; not where it held no such
    connection later, which that does not explain.
    """
    if not judgement.candidates:
        return None
    side = max(judgement.candidates, key=lambda hint: hint.probability).side
    if side == "path":
        return None
    if judgement.code in STALLED:
        if fin_met_by_reset(story):
            return None
        witness = _last_acknowledgment(story, by_initiator=side == "initiator")
        return view_reset(story, witness, context) if witness else None
    if judgement.code in RESPONDER_SILENT | INITIATOR_SILENT:
        return None
    said = [p for p in story.packets if p.frame in judgement.frames and not p.is_rst]
    own = [p for p in said if p.from_initiator == (side == "initiator")]
    decisive = [p for p in own if _says_it(p, judgement, side)]
    return view_reset(story, decisive[-1], context) if decisive else None


def weigh_closing(view: ResetView) -> list[Signal]:
    """Return every signal about who sent the packet."""
    found = [test(view) for test in CLOSING_SIGNALS]
    return [s for s in found if s is not None]


def closing_likelihoods(view: ResetView, signals: list[Signal]) -> dict[Actor, float]:
    """Return log10 of the likelihoods of who is to blame.

    That an end sent it does not say which of the two ends is to blame: the kind knows that.
    """
    logs = sender_likelihoods(view, signals)
    logs[view.peer_side] = logs[view.side]
    return logs


def _last_acknowledgment(story: Story, *, by_initiator: bool) -> PacketFact | None:
    """Return an end's last acknowledgment of data of the other end; None where there is none."""
    sent = [p.end_seq for p in story.packets if p.length and p.from_initiator != by_initiator]
    own = [p for p in story.packets if p.from_initiator == by_initiator and p.has_ack]
    fitting = [p for p in own if p.ack in sent and not p.is_rst and not p.is_fin]
    return fitting[-1] if fitting else None


def _says_it(packet: PacketFact, judgement: Judgement, side: Actor) -> bool:
    if packet.is_fin:
        return judgement.ended_by == side
    return packet.length > 0 and judgement.code.startswith(SAID)
