"""From a prior and signals to a side: log odds, one signal per family, a floor for a name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from pcapdiag.diagnose.attribution.signal import Signal
from pcapdiag.model.ends import Actor
from pcapdiag.model.report import Attribution, Candidate, Evidence
from pcapdiag.model.story import Story

NAMED_FROM = 0.8
"""Probability from which on a side is named; below it the answer is ``unknown`` (verdicts.md)."""
CEILING = 0.99
"""No single capture makes surer than this."""
ONE_FAMILY_CEILING = 0.85
"""The path is not named more surely by one family of signals alone (judgement)."""
PRIOR_CEILING = 0.88
"""No sender of a RST is named more surely when no signal at all speaks for it."""
COPYABLE_CEILING = 0.88
"""Nor where all that speaks for it can be computed from one packet of the flow (resets.py)."""
NEAR_CEILING = 0.95
"""Nor where its place speaks for it and that is only its link: a bridge there lowers no TTL."""
DECIDES_ALONE = 2.0
"""Weight from which on one family is enough."""
AGREEING = 2
"""Families that must agree before the path is named more surely than that."""
WORTH_NAMING = 0.05
"""Candidates less likely than this are left out."""

Weights = Mapping[Actor, float]


def strongest(signals: Iterable[Signal]) -> list[Signal]:
    """Return the strongest signal of every family, in the order given."""
    best: dict[str, Signal] = {}
    for item in signals:
        known = best.get(item.family)
        if known is None or item.weight > known.weight:
            best[item.family] = item
    return list(best.values())


def likelihoods(signals: Sequence[Signal]) -> dict[Actor, float]:
    """Return log10 of the likelihood of all signals under each side, up to a common part."""
    return added_up(strongest(signals))


def added_up(counted: Iterable[Signal]) -> dict[Actor, float]:
    """Return the same for signals of which each is its family's only one."""
    logs: dict[Actor, float] = {"initiator": 0.0, "responder": 0.0, "path": 0.0}
    for item in counted:
        logs[item.says] += item.weight
    return logs


def posterior(prior: Weights, logs: Weights) -> dict[Actor, float]:
    """Return the probability of each side that the prior allows."""
    top = max([logs[side] for side in prior])
    raw = {side: p * 10 ** (logs[side] - top) for side, p in prior.items()}
    total = sum(raw.values()) or 1.0
    return {side: value / total for side, value in raw.items()}


def likeliest(probabilities: Weights) -> Actor:
    """Return the side with the highest probability, of equal ones the first."""
    return max(probabilities, key=probabilities.__getitem__)


def ceiling(side: Actor, signals: Sequence[Signal], by_kind: bool) -> float:
    """Return how sure one may be at most; ``by_kind``: the kind itself was sure of that side."""
    if by_kind:
        return CEILING
    speaking = [s for s in strongest(signals) if s.says == side and s.weight > 0]
    if side == "path" and not _enough(speaking):
        return ONE_FAMILY_CEILING
    return CEILING if speaking else PRIOR_CEILING


def _enough(speaking: Sequence[Signal]) -> bool:
    """Whether signals of different families suffice to name the path."""
    return len(speaking) >= AGREEING or any(s.weight >= DECIDES_ALONE for s in speaking)


def conclude(
    story: Story,
    probabilities: Mapping[Actor, float],
    evidence: list[Evidence],
    limit: float = CEILING,
    device: str | None = None,
) -> Attribution:
    """Name the most likely side, or nobody and the candidates; parties stay for the roles.

    ``device`` is the address of a device on the path that showed itself, if any.
    """
    side = likeliest(probabilities)
    confidence = round(min(probabilities[side], limit), 3)
    if confidence > NAMED_FROM:
        address = device if side == "path" else story.half(side == "initiator").address
        return Attribution(side=side, address=address, confidence=confidence, evidence=evidence)
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    candidates = [
        Candidate(side=s, party="middlebox" if s == "path" else "unknown", confidence=round(q, 3))
        for s, q in ranked
        if q >= WORTH_NAMING
    ]
    below = min(confidence, math.nextafter(NAMED_FROM, 0))
    return Attribution(confidence=below, evidence=evidence, candidates=candidates)
