"""Who sent a RST: every signal in one list, weighed against the prior of its stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from pcapdiag.diagnose.attribution import (
    across,
    afterwards,
    ip_header,
    ip_id,
    link,
    neighbours,
    recurring,
    sequence,
    tcp_header,
    timing,
    ttl,
)
from pcapdiag.diagnose.attribution.combine import (
    COPYABLE_CEILING,
    NEAR_CEILING,
    added_up,
    ceiling,
    conclude,
    likeliest,
    posterior,
    strongest,
)
from pcapdiag.diagnose.attribution.priors import Prior, imitation, reset_prior
from pcapdiag.diagnose.attribution.shape import (
    BARE,
    BLOCKS,
    BOTH_ENDS,
    FIRST,
    ICMP,
    IDLED,
    IP_ID,
    IPV6,
    MAY_BE_CUT,
    SEVERAL,
    SPOKE,
    TEXT,
    TIMESTAMP,
    TLS,
    TOS,
    WENT_ON,
    WINDOW,
    WITH_ACK,
    shape,
)
from pcapdiag.diagnose.attribution.signal import Signal, doubted
from pcapdiag.diagnose.attribution.view import MAX_VIEWS, ResetView, view_reset
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.report import Attribution, Evidence
from pcapdiag.model.story import Story

OTHER_END = 0.05
"""Prior of a RST in an end's name made on the other end's own host (a rule in its OUTPUT chain)."""

MAX_SHAPES = 512
"""Combinations of what RSTs show for which it is kept which tests to ask."""
NOT_COPIED = frozenset({"vantage", "others"})
"""Families of signals that no device on the path can bring about."""

SECOND_GENERATOR = ttl.OTHER_START | {"ttl_of_resets"}
"""Signals of a RST from as far away as its end, and yet another TTL: another generator made it."""
HABITS = frozenset(
    {
        "df_clear", "ip_id_off", "ip_id_shared", "flow_label_zero", "tos_zero", "window_odd",
        "window_shared", "refusal_odd", "timestamps_bare", "timestamps_missing",
        "timestamps_missing_linux",
    }
)  # fmt: skip
"""Signals that say no more than that: they have the same cause, whoever's generator it is."""

BESIDE_IT = frozenset({"ttl_near"})
"""Signals of a device a hop or two before the end, if of any."""
AS_FAST = frozenset({"usual_rtt", "usual_rtt_short"})
"""Signals that such a device gives as well: it answers about as fast as the end."""


class Test(NamedTuple):
    """A signal's test."""

    weigh: Callable[[ResetView], Signal | None]
    needs: int = 0
    """What a RST must show (shape.py): the test gives nothing for any other."""


RESET_SIGNALS: tuple[Test, ...] = (
    Test(link.direction),
    Test(link.captured_at_sender),
    Test(link.came_out_only, SPOKE),
    Test(ttl.distance),
    Test(ttl.like_icmp, ICMP),
    Test(ttl.shared),
    Test(neighbours.distance, FIRST),
    Test(link.mac),
    Test(link.interface),
    Test(afterwards.goes_on, WENT_ON),
    Test(afterwards.own_reset, SEVERAL),
    Test(afterwards.both_ends, BOTH_ENDS),
    Test(timing.answer_time),
    Test(neighbours.answer_time, FIRST),
    Test(timing.unprompted, BARE),
    Test(recurring.idle_expiry, IDLED),
    Test(timing.idle_timer),
    Test(ip_id.continuity, IP_ID | SPOKE),
    Test(ip_id.copied, IP_ID),
    Test(ip_header.dont_fragment, MAY_BE_CUT | SPOKE),
    Test(ip_header.type_of_service),
    Test(ip_header.congestion_bits, TOS | SPOKE),
    Test(ip_header.flow_label, IPV6 | SPOKE),
    Test(tcp_header.live_socket, WINDOW | SPOKE),
    Test(tcp_header.timestamp_clock, TIMESTAMP | SPOKE),
    Test(tcp_header.timestamp_echo, TIMESTAMP | WITH_ACK),
    Test(tcp_header.bare_timestamps, BARE | TIMESTAMP),
    Test(tcp_header.timestamps_missing, WITH_ACK | SPOKE),
    Test(tcp_header.reply_form, BARE),
    Test(tcp_header.odd_window, BARE | WINDOW),
    Test(tcp_header.odd_refusal, FIRST),
    Test(tcp_header.vendor_window, WINDOW),
    Test(tcp_header.text, TEXT),
    Test(sequence.exactness, SPOKE),
    Test(sequence.acknowledgment, WITH_ACK),
    Test(sequence.fixed_number, SPOKE),
    Test(sequence.acknowledgments, SEVERAL | WITH_ACK),
    Test(sequence.burst, SEVERAL),
    Test(across.works_at_once, FIRST),
    Test(recurring.window_shared),
    Test(recurring.ip_id_shared),
    Test(recurring.idle_survived, IDLED),
    Test(recurring.name_filtered, TLS),
    Test(recurring.pair_blocked, BLOCKS),
)


def attribute_reset(story: Story, packet: PacketFact, context: Context) -> Attribution:
    """Return who sent one RST, whatever the connection's verdict is; the party is left open."""
    view = view_reset(story, packet, context)
    signals = weigh_reset(view)
    prior = reset_prior(view)
    sides = unexpected_maker(view, signals) | {view.side: prior.end, "path": 1 - prior.end}
    probabilities = posterior(sides, sender_likelihoods(view, signals))
    side = likeliest(probabilities)
    evidence = [prior_evidence(view, prior), *[s.evidence() for s in signals]]
    limit = sender_ceiling(view, side, signals, by_kind=False)
    return conclude(story, probabilities, evidence, limit, ttl.device_address(view))


@lru_cache(MAX_VIEWS)
def weigh_reset(view: ResetView) -> tuple[Signal, ...]:
    """Return every signal that has something to say about a RST.

    It is asked for the verdict and for the list of resets, so answers are kept as views are.
    """
    tests = _asked(shape(view))
    signals = tuple([found for weigh in tests if (found := weigh(view)) is not None])
    names = {s.name for s in signals}
    innocent = HABITS if names & SECOND_GENERATOR else frozenset()
    innocent |= AS_FAST if names & BESIDE_IT else frozenset()
    return tuple([doubted(s) if s.name in innocent else s for s in signals])


@lru_cache(MAX_SHAPES)
def _asked(shown: int) -> tuple[Callable[[ResetView], Signal | None], ...]:
    """Return the tests that may have something to say about what shows this much."""
    return tuple(test.weigh for test in RESET_SIGNALS if test.needs & shown == test.needs)


def sender_likelihoods(view: ResetView, signals: Sequence[Signal]) -> dict[Actor, float]:
    """Return log10 of the likelihoods of who sent the RST.

    What a device can copy counts for the end only as far as devices do not copy it (priors.py).
    """
    copied = 0.0
    others: list[Signal] = []
    for each in strongest(signals):
        if each.says == view.side and each.family not in NOT_COPIED:
            copied += each.weight
        else:
            others.append(each)
    logs = added_up(others)
    logs[view.side] += min(copied, -math.log10(imitation(view)))
    return logs


def sender_ceiling(view: ResetView, side: Actor, signals: Sequence[Signal], by_kind: bool) -> float:
    """Return how sure one may be of the sender at most.

    A RST,ACK that cuts a connection without timestamps has nothing in it that who saw one packet
    of the flow could not write: IP ID, TTL, window, numbers. Nor has a bare one with the window.
    Where only the capture's link speaks for the end, a bridge on it could have written any RST
    without a timestamp.
    """
    limit = ceiling(side, signals, by_kind)
    if side != view.side or view.reset.tsval is not None or view.end.fin_frame:
        return limit
    placed = {s.name for s in signals if s.says == side and s.family in NOT_COPIED and s.weight > 0}
    if placed == {"captured_near_sender"}:
        return min(limit, NEAR_CEILING)
    cuts = view.own_window or not (view.bare or view.answers_syn)
    return min(limit, COPYABLE_CEILING) if cuts and not placed else limit


def prior_evidence(view: ResetView, prior: Prior) -> Evidence:
    """Return the prior as evidence, so that the weights add up to the log odds."""
    odds = math.log10(prior.end / (1 - prior.end))
    return Evidence(
        signal="prior", says=view.side, weight=round(odds, 2), detail=prior.why, frames=[]
    )


def unexpected_maker(view: ResetView, signals: Sequence[Signal]) -> dict[Actor, float]:
    """Allow the other end as the maker only where the capture's direction says so."""
    accused = view.peer_side in [s.says for s in signals]
    return {view.peer_side: OTHER_END} if accused else {}
