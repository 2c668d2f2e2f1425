"""Who sent a RST: every signal in one list, weighed against the prior of its stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from pcapdiag.diagnose.attribution import (
    across,
    afterwards,
    ip_header,
    ip_id,
    link,
    recurring,
    sequence,
    tcp_header,
    timing,
    ttl,
)
from pcapdiag.diagnose.attribution.combine import (
    COPYABLE_CEILING,
    ceiling,
    conclude,
    likelihoods,
    posterior,
    strongest,
)
from pcapdiag.diagnose.attribution.priors import Prior, imitation, reset_prior
from pcapdiag.diagnose.attribution.signal import Signal
from pcapdiag.diagnose.attribution.view import MAX_VIEWS, ResetView, view_reset
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.report import Actor, Attribution, Evidence
from pcapdiag.model.story import Story

OTHER_END = 0.05
"""Prior of a RST in an end's name made on the other end's own host (a rule in its OUTPUT chain)."""

NOT_COPIED = frozenset({"vantage", "others"})
"""Families of signals that no device on the path can bring about."""

RESET_SIGNALS: tuple[Callable[[ResetView], Signal | None], ...] = (
    link.direction,
    link.captured_at_sender,
    ttl.distance,
    ttl.like_icmp,
    ttl.shared,
    link.mac,
    link.interface,
    afterwards.goes_on,
    afterwards.own_reset,
    afterwards.both_ends,
    timing.answer_time,
    timing.unprompted,
    recurring.idle_expiry,
    timing.idle_timer,
    ip_id.continuity,
    ip_id.copied,
    ip_header.dont_fragment,
    ip_header.type_of_service,
    ip_header.congestion_bits,
    ip_header.flow_label,
    tcp_header.live_socket,
    tcp_header.timestamp_clock,
    tcp_header.timestamp_echo,
    tcp_header.bare_timestamps,
    tcp_header.timestamps_missing,
    tcp_header.reply_form,
    tcp_header.odd_window,
    tcp_header.odd_refusal,
    tcp_header.vendor_window,
    tcp_header.text,
    sequence.exactness,
    sequence.acknowledgment,
    sequence.fixed_number,
    sequence.acknowledgments,
    sequence.burst,
    across.works_at_once,
    recurring.window_shared,
    recurring.ip_id_shared,
    recurring.idle_survived,
    recurring.name_filtered,
    recurring.pair_blocked,
)


def attribute_reset(story: Story, packet: PacketFact, context: Context) -> Attribution:
    """Return who sent one RST, whatever the connection's verdict is; the party is left open."""
    view = view_reset(story, packet, context)
    signals = weigh_reset(view)
    prior = reset_prior(view)
    sides = unexpected_maker(view, signals) | {view.side: prior.end, "path": 1 - prior.end}
    probabilities = posterior(sides, sender_likelihoods(view, signals))
    side = max(probabilities, key=lambda s: probabilities[s])
    evidence = [prior_evidence(view, prior), *(s.evidence() for s in signals)]
    limit = sender_ceiling(view, side, signals, by_kind=False)
    return conclude(story, probabilities, evidence, limit, ttl.device_address(view))


@lru_cache(MAX_VIEWS)
def weigh_reset(view: ResetView) -> tuple[Signal, ...]:
    """Return every signal that has something to say about a RST.

    It is asked for the verdict and for the list of resets, so answers are kept as views are.
    """
    found = [test(view) for test in RESET_SIGNALS]
    return tuple(s for s in found if s is not None)


def sender_likelihoods(view: ResetView, signals: Sequence[Signal]) -> dict[Actor, float]:
    """Return log10 of the likelihoods of who sent the RST.

    What a device can copy counts for the end only as far as devices do not copy it (priors.py).
    """
    counted = strongest(signals)
    copied = [s for s in counted if s.says == view.side and s.family not in NOT_COPIED]
    logs = likelihoods([s for s in counted if s not in copied])
    limit = -math.log10(imitation(view))
    logs[view.side] += min(likelihoods(copied)[view.side], limit)
    return logs


def sender_ceiling(view: ResetView, side: Actor, signals: Sequence[Signal], by_kind: bool) -> float:
    """Return how sure one may be of the sender at most.

    A RST,ACK that cuts a connection without timestamps has nothing in it that who saw one packet
    of the flow could not write: IP ID, TTL, window, numbers.
    """
    limit = ceiling(side, signals, by_kind)
    cuts = not view.bare and not view.answers_syn and not view.end.fin_frame
    if side != view.side or not cuts or view.reset.tsval is not None:
        return limit
    placed = any(s.says == side and s.family in NOT_COPIED and s.weight > 0 for s in signals)
    return limit if placed else min(limit, COPYABLE_CEILING)


def prior_evidence(view: ResetView, prior: Prior) -> Evidence:
    """Return the prior as evidence, so that the weights add up to the log odds."""
    odds = math.log10(prior.end / (1 - prior.end))
    return Evidence(
        signal="prior", says=view.side, weight=round(odds, 2), detail=prior.why, frames=[]
    )


def unexpected_maker(view: ResetView, signals: Sequence[Signal]) -> dict[Actor, float]:
    """Allow the other end as the maker only where the capture's direction says so."""
    accused = any(s.says == view.peer_side for s in signals)
    return {view.peer_side: OTHER_END} if accused else {}
