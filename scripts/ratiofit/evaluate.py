"""How good the sides and their confidences are: shares, reliability, Brier score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pcapdiag.diagnose.attribution.fitted import Fitted
from ratiofit.cases import FOLDS, fold, observe
from ratiofit.estimate import count, fit
from ratiofit.records import Case, Observed

EDGES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.01)
"""Borders of the bins of confidence. Below 0.8 nobody is named: the likeliest candidate counts."""
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Answer:
    """The likeliest side, how sure, and whether it was right."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers between two confidences."""

    low: float
    high: float
    count: int
    mean: float
    right: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What one set of captures shows."""

    scenarios: int
    right: int
    judged: int
    sides: list[Bin]
    sides_brier: float
    senders: list[Bin]
    senders_brier: float
    confident_wrong: list[str]
    wrong: list[str]
    open: list[str]
    """Nobody named although the truth names one; that this is accepted is said."""


def cross_validated(cases: Sequence[Case], jobs: int) -> Observed:
    """Answers for scenarios of the split ``fit``, each with ratios fitted on the other folds."""
    left_out = {
        one: fit(count(case for case in cases if fold(case.scenario) != one))
        for one in range(FOLDS)
    }
    ratios: Mapping[int, Mapping[str, Fitted]] = left_out
    return observe("fit", ratios, jobs)


def quality(observed: Observed) -> Quality:
    """Judge what was answered."""
    verdicts = observed.verdicts
    senders = [case for case in observed.cases if case.frame]
    told = [verdict for verdict in verdicts if verdict.can_tell]
    sides = [Answer(v.confidence, v.hits) for v in verdicts if v.answers]
    resets = [Answer(case.confidence, case.best == case.truth) for case in senders]
    wrong = [v for v in verdicts if v.side != "unknown" and not v.right]
    return Quality(
        scenarios=len({v.scenario for v in verdicts}),
        right=sum(v.right for v in told),
        judged=len(told),
        sides=bins(sides),
        sides_brier=brier(sides),
        senders=bins(resets),
        senders_brier=brier(resets),
        confident_wrong=[str(v) for v in wrong if v.confidence >= SURE]
        + [str(c) for c in senders if c.confidence >= SURE and c.side not in ("unknown", c.truth)],
        wrong=[str(v) for v in wrong],
        open=[str(v) for v in verdicts if v.side == "unknown" and v.truth],
    )


def bins(answers: Iterable[Answer]) -> list[Bin]:
    """Sort answers by their confidence; empty bins are left out."""
    answers = list(answers)
    found = []
    for low, high in pairwise(EDGES):
        held = [one for one in answers if low <= one.confidence < high]
        if held:
            mean = sum(one.confidence for one in held) / len(held)
            found.append(
                Bin(low, min(high, 1.0), len(held), mean, sum(o.right for o in held) / len(held))
            )
    return found


def brier(answers: Sequence[Answer]) -> float:
    """Mean squared distance of confidence and outcome."""
    return sum((a.confidence - a.right) ** 2 for a in answers) / max(1, len(answers))
