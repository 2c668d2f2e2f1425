"""From counts to ratios: the judgement of ratios.py, moved as far as the lab is able to contradict it.

A ratio R says: the observation is R times rarer where what it says is not true. So of the scenarios
where it is not true a share of (rate where true) / R should show it all the same. How often it did
is compared with that expectation, Gamma-smoothed: ``pseudo`` false firings are taken as expected
and seen beforehand, so that 3 of 3 stays finite and one accident does not overthrow the judgement.
docs/attribution.md says which ratios a lab may speak for, and why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from failurelab.score import find_package
from ratiofit.cases import Case

find_package()

from pcapdiag.diagnose.attribution.fitted import Fitted  # noqa: E402
from pcapdiag.diagnose.attribution.ratios import (  # noqa: E402
    DECISIVE,
    MEDIUM,
    NEUTRAL,
    RATIOS,
    STRONG,
    VERY_STRONG,
    WEAK,
    Ratio,
)
from pcapdiag.diagnose.attribution.resets import NOT_COPIED  # noqa: E402

CAPS = (NEUTRAL, WEAK, MEDIUM, STRONG, VERY_STRONG, DECISIVE)
PSEUDO = 1.0
"""False firings that the judgement weighs, as many as expected."""
PSEUDO_FORGERS = 10.0
"""The same where the false firings are a forger's imitation: the lab's forgers are hand-picked."""
BY_RULE = frozenset({"vantage", "afterwards", "sequence", "timing", "icmp"})
"""Families that rest on where a capture was taken and on TCP's own rules, which are the same in a
lab; the others rest on habits of systems and networks, which are not."""
HALF = 0.5
"""Added to a count and its opposite for the rate where true."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Scenarios in which a signal fired, each with the share of its cases; and all asked."""

    says: str
    seen_true: float = 0.0
    true: int = 0
    seen_false: float = 0.0
    false: int = 0


def count(cases: Iterable[Case]) -> dict[str, Counts]:
    """Count every signal that fired at all. Each scenario has weight 1 for either outcome."""
    cases = list(cases)
    says = {name: "path" if who == "path" else "end" for c in cases for name, who in c.fired}
    return {name: _count(name, says[name], cases) for name in says}


def _count(name: str, says: str, cases: list[Case]) -> Counts:
    grounds = {case.ground for case in cases if name in dict(case.fired)}
    fired: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    for case in cases:
        if case.ground in grounds:
            accused = dict(case.fired).get(name)
            true = accused == case.truth if accused else (case.truth == "path") == (says == "path")
            fired[case.scenario, true].append(accused is not None)
    shares: dict[bool, list[float]] = {True: [], False: []}
    for (_, true), seen in fired.items():
        shares[true].append(sum(seen) / len(seen))
    yes, no = shares[True], shares[False]
    return Counts(says, sum(yes), len(yes), sum(no), len(no))


def fit(counts: Mapping[str, Counts]) -> dict[str, Fitted]:
    """The ratio of every signal that was seen and tells something, with the counts behind it."""
    weighed = {name: row for name, row in RATIOS.items() if row.ratio > NEUTRAL and name in counts}
    return {name: _fit(row, counts[name]) for name, row in weighed.items()}


def _fit(row: Ratio, found: Counts) -> Fitted:
    forgers = found.says == "end" and row.family not in NOT_COPIED | {"icmp"}
    pseudo = PSEUDO_FORGERS if forgers else PSEUDO
    ratio = row.ratio * (expected(row, found) + pseudo) / (found.seen_false + pseudo)
    by_rule = row.family in BY_RULE and not forgers
    highest = min(cap for cap in CAPS if cap >= row.ratio) if by_rule else row.ratio
    held = max(NEUTRAL, min(highest, float(f"{ratio:.2g}")))
    return Fitted(
        held, round(found.seen_true, 1), found.true, round(found.seen_false, 1), found.false
    )


def expected(row: Ratio, found: Counts) -> float:
    """How many scenarios should show the signal falsely, if the judgement is right."""
    rate = (found.seen_true + HALF) / (found.true + 2 * HALF)
    return found.false * rate / row.ratio
