"""From what one capture made of it and what two show, to a side and how sure (verdicts.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pcapdiag.diagnose.attribution.combine import NAMED_FROM, WORTH_NAMING, likelihoods, posterior
from pcapdiag.diagnose.points.signals import PointSignal
from pcapdiag.diagnose.points.way import Way
from pcapdiag.model.ends import Actor
from pcapdiag.model.report import Attribution, Candidate

CEILING = 0.995
"""Two captures may be wrong too: a firewall or card on the end's host, behind its capture."""
SUPPOSED_CEILING = 0.89
"""Where a capture may have been stopped before, nobody is named for sure."""
MOST_ALONE = 0.9
"""What one capture makes of it counts for no more than this beside what two show."""
MOST_ALONE_SUPPOSED = 0.99
"""The same beside a capture that may have been stopped: that does not overrule a sure one."""
OTHERS = {"initiator": 0.1, "responder": 0.1, "path": 0.8}
"""How what one capture leaves over is shared among the sides that it does not name."""

SETTLED_BY = "; settle it with a capture"
"""What one capture's evidence says, and is of no use where there are more."""


def combine(
    way: Way,
    point: int,
    alone: Attribution,
    signals: Sequence[PointSignal],
) -> Attribution:
    """Return who did it; ``alone`` is what the point's own capture made of it."""
    for evidence in alone.evidence if len(way.line(True)) > 1 else ():
        evidence.detail = evidence.detail.split(SETTLED_BY)[0]
    if not signals:
        ends = way.journey.ends[point]
        if alone.address and ends and alone.side in ("initiator", "responder"):
            if alone.address == ends[alone.side == "responder"][0]:
                alone.address = _own_address(way, point, alone.side == "initiator")
        return alone
    supposed = all(one.supposed for one in signals)
    prior = _prior(alone, MOST_ALONE_SUPPOSED if supposed else MOST_ALONE)
    logs = likelihoods([one.signal for one in signals])
    probabilities = posterior(prior, logs)
    side = max(probabilities, key=lambda each: probabilities[each])
    against = [one for one in signals if one.signal.says == side]
    supposed = bool(against) and all(one.supposed for one in against)
    limit = SUPPOSED_CEILING if supposed else CEILING
    result = _named(way, point, side, min(probabilities[side], limit))
    if result is None:
        result = _unknown(probabilities)
    result.evidence = [one.evidence(way.labels) for one in signals]
    for evidence in alone.evidence:
        if not evidence.point:
            evidence.point = way.labels[point]
        result.evidence.append(evidence)
    if result.side == "path" and alone.side == "path":
        result.address = alone.address
    return result


def _prior(alone: Attribution, most: float) -> dict[Actor, float]:
    sides: tuple[Actor, ...] = ("initiator", "responder", "path")
    if alone.side == "unknown":
        told: dict[Actor, float] = {}
        for candidate in alone.candidates:
            told[candidate.side] = told.get(candidate.side, 0.0) + candidate.confidence
    else:
        told = {alone.side: alone.confidence}
    told = {side: min(p, most) for side, p in told.items()}
    rest = max(1 - sum(told.values()), 1 - most)
    others = [side for side in sides if side not in told]
    shares = sum(OTHERS[side] for side in others)
    prior = told | {side: rest * OTHERS[side] / shares for side in others}
    total = sum(prior.values())
    return {side: p / total for side, p in prior.items()}


def _named(way: Way, point: int, side: Actor, confidence: float) -> Attribution | None:
    confidence = round(confidence, 3)
    if confidence <= NAMED_FROM:
        return None
    address = None if side == "path" else _own_address(way, point, side == "initiator")
    return Attribution(side=side, address=address or None, confidence=confidence)


def _own_address(way: Way, point: int, initiator: bool) -> str:
    """Return an end's address as the point next to it has it: a NAT shows the others another."""
    near = way.nearest(initiator)
    return way.address(initiator, point if near is None else near)


def _unknown(probabilities: dict[Actor, float]) -> Attribution:
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    candidates = [
        Candidate(side=s, party="middlebox" if s == "path" else "unknown", confidence=round(p, 3))
        for s, p in ranked
        if p >= WORTH_NAMING
    ]
    below = min(round(ranked[0][1], 3), math.nextafter(NAMED_FROM, 0))
    return Attribution(confidence=below, candidates=candidates)
