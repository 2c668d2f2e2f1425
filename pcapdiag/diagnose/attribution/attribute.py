"""Who made a connection fail: the verdict's attribution (verdicts.md, Attribution).

With a decisive RST the signals about its sender move the kind's prior, or that of its stage. Who
sent it and who is to blame are not always one: a NAT that forgot a flow can make the host behind it
send a bare RST. Without a RST the kind's own candidates are moved by vantage, ICMP and other
connections.
"""

from __future__ import annotations

import math

from pcapdiag.diagnose.attribution import ttl
from pcapdiag.diagnose.attribution.across import handshake_elsewhere
from pcapdiag.diagnose.attribution.closing import (
    STALLED,
    closing_likelihoods,
    closing_view,
    weigh_closing,
)
from pcapdiag.diagnose.attribution.combine import (
    NAMED_FROM,
    conclude,
    likeliest,
    likelihoods,
    posterior,
)
from pcapdiag.diagnose.attribution.neighbours import answered_for_all
from pcapdiag.diagnose.attribution.priors import HOST_ANSWERS, reset_prior
from pcapdiag.diagnose.attribution.resets import (
    prior_evidence,
    sender_ceiling,
    sender_likelihoods,
    unexpected_maker,
    weigh_reset,
)
from pcapdiag.diagnose.attribution.settle import capture_that_settles, would_settle
from pcapdiag.diagnose.attribution.silence import weigh_icmp, weigh_silence
from pcapdiag.diagnose.attribution.view import ResetView, view_reset
from pcapdiag.diagnose.icmp.quoted import hides_its_sender
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor, side_of
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.report import Attribution, Evidence
from pcapdiag.model.story import Story

SIDES: tuple[Actor, ...] = ("initiator", "responder", "path")
NAT_LOST = 0.97
"""Rather than a route around the NAT that one of the ends chose (judgement)."""
ROUNDED_OFF = 0.01
"""What is left for a side that the kind does not name, however sure the kind is."""


def attribute(story: Story, judgement: Judgement, context: Context) -> Attribution:
    """Return who made the connection fail, how sure, and why; the party is left to the roles."""
    if not judgement.failed:
        return Attribution()
    if judgement.reset is not None:
        return _by_reset(story, judgement, judgement.reset, context)
    return _by_kind(story, judgement, context)


def _by_reset(
    story: Story, judgement: Judgement, reset: PacketFact, context: Context
) -> Attribution:
    view = view_reset(story, reset, context)
    signals = weigh_reset(view)
    candidates = _past_a_nat(story, reset, context) or judgement.candidates
    if candidates:
        prior = _kind_prior(candidates, (view.side, "path"))
        evidence = _hints(candidates)
    else:
        stage = reset_prior(view)
        prior = {view.side: stage.end, "path": 1 - stage.end}
        evidence = [prior_evidence(view, stage)]
    prior = unexpected_maker(view, signals) | prior
    logs = _blame(view, judgement.code, sender_likelihoods(view, signals))
    probabilities = posterior(prior, logs)
    side = likeliest(probabilities)
    evidence += [s.evidence() for s in signals]
    closed_first = side == view.side and view.end.fin_frame > 0
    sure_path = side == "path" and prior["path"] > NAMED_FROM
    limit = sender_ceiling(view, side, signals, by_kind=closed_first or sure_path)
    device = ttl.device_address(view)
    return _finish(story, context, conclude(story, probabilities, evidence, limit, device))


def _past_a_nat(story: Story, reset: PacketFact, context: Context) -> tuple[SideHint, ...]:
    """Return who is to blame for the RST to segments that a NAT should have translated.

    Who got them knows no such connection, and must answer so (RFC 9293 section 3.10.7.1).
    """
    found = context.untranslated
    if found is None:
        return ()
    sender = story.half(not reset.from_initiator)
    why = (
        f"these packets of {sender.address} continue stream {found.of_stream}, which is with "
        f"{found.known}: a NAT between no longer translates them"
    )
    frames = (story.first_frame, reset.frame)
    answered = side_of(reset.from_initiator)
    return SideHint("path", NAT_LOST, why, frames), SideHint(answered, 1 - NAT_LOST, why, frames)


def _blame(view: ResetView, code: str, logs: dict[Actor, float]) -> dict[Actor, float]:
    """Turn likelihoods of who sent the RST into those of who is to blame."""
    sent_by_end = max(logs[view.side], logs[view.peer_side])
    blamed: dict[Actor, float] = {
        view.side: logs[view.side],
        view.peer_side: sent_by_end,
        "path": logs["path"],
    }
    own = not view.bare or view.own_window or view.end.fin_frame or view.has_moved
    share = 0.0 if own else HOST_ANSWERS.get(code, 0.0)
    if view.context.untranslated:
        share = 1.0
    if share:
        likely = share * 10 ** logs[view.side] + (1 - share) * 10 ** logs["path"]
        blamed["path"] = math.log10(likely)
    return blamed


def _by_kind(story: Story, judgement: Judgement, context: Context) -> Attribution:
    decided = any(hint.probability > NAMED_FROM for hint in judgement.candidates)
    signals = [] if decided else weigh_silence(story, judgement.code, context)
    between = handshake_elsewhere(story)
    signals += [between] if between is not None else []
    if judgement.code.startswith("icmp."):
        signals += weigh_icmp(story)
    relay = answered_for_all(story, context) if judgement.code in STALLED else None
    signals += [relay] if relay is not None else []
    logs = likelihoods(signals)
    view = closing_view(story, judgement, context) if relay is None else None
    if view is not None:
        said = weigh_closing(view)
        logs = _added(logs, closing_likelihoods(view, said))
        signals += said
    probabilities = posterior(_kind_prior(judgement.candidates, SIDES), logs)
    evidence = _hints(judgement.candidates) if judgement.candidates else []
    evidence += [s.evidence() for s in signals]
    by_icmp = story.icmp and judgement.code.startswith(("icmp.", "mtu."))
    device = story.icmp[-1].source if by_icmp else None
    if by_icmp and hides_its_sender(story, story.icmp[-1]):
        device = None
    result = conclude(story, probabilities, evidence, device=device)
    return _finish(story, context, result)


def _added(one: dict[Actor, float], other: dict[Actor, float]) -> dict[Actor, float]:
    return {side: weight + other[side] for side, weight in one.items()}


def _kind_prior(candidates: tuple[SideHint, ...], sides: tuple[Actor, ...]) -> dict[Actor, float]:
    """Return the kind's candidates as a prior; what they leave over goes to the other sides."""
    prior: dict[Actor, float] = {}
    for hint in candidates:
        prior[hint.side] = prior.get(hint.side, 0.0) + hint.probability
    others = [side for side in sides if side not in prior]
    rest = max(ROUNDED_OFF, 1 - sum(prior.values()))
    return prior | {side: rest / len(others) for side in others}


def _hints(candidates: tuple[SideHint, ...]) -> list[Evidence]:
    """Return the likeliest candidate with its odds, and the others' reasons where they differ."""
    first, *others = sorted(candidates, key=lambda hint: -hint.probability)
    weight = round(_log_odds(first.probability), 2)
    return [
        Evidence(
            signal="prior",
            says=hint.side,
            weight=weight if hint is first else 0.0,
            detail=hint.why,
            frames=list(dict.fromkeys(hint.frames)),
        )
        for hint in (first, *others)
        if hint is first or hint.why != first.why
    ]


def _log_odds(probability: float) -> float:
    p = min(max(probability, ROUNDED_OFF), 1 - ROUNDED_OFF)
    return math.log10(p / (1 - p))


def _finish(story: Story, context: Context, result: Attribution) -> Attribution:
    """Say which capture would settle an open question."""
    if result.evidence and would_settle(result):
        result.evidence[0].detail += f"; {capture_that_settles(story, context)}"
    return result
