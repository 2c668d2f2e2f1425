"""From counts to ratios: the judgement of ratios.py, moved as far as the lab can contradict it.

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

from pcapdiag.diagnose.attribution.fitted import Fitted
from pcapdiag.diagnose.attribution.ratios import (
    DECISIVE,
    MEDIUM,
    NEUTRAL,
    RATIOS,
    STRONG,
    VERY_STRONG,
    WEAK,
    Ratio,
)
from pcapdiag.diagnose.attribution.resets import NOT_COPIED
from ratiofit.records import Case

CAPS = (NEUTRAL, WEAK, MEDIUM, STRONG, VERY_STRONG, DECISIVE)
PSEUDO = 1.0
"""False firings that the judgement weighs, as many as expected."""
PSEUDO_FORGERS = 10.0
"""The same where the false firings are a forger's imitation: the lab's forgers are hand-picked."""
BY_RULE = frozenset({"vantage", "afterwards", "sequence", "timing", "icmp", "points", "passage"})
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
    told = [case for case in cases if case.told]
    says = {name: "path" if who == "path" else "end" for c in told for name, who in c.fired.items()}
    return {name: _count(name, says[name], told) for name in says}


def _count(name: str, says: str, cases: list[Case]) -> Counts:
    fired = [case for case in cases if name in case.fired]
    # What is seen with RSTs speaks of a packet's sender. Of a failure without one the truth tells
    # who is to blame, and not who sent the packet that the signal is about.
    with_resets = any(case.frame for case in fired)
    grounds = {case.ground for case in fired if bool(case.frame) == with_resets}
    shown: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    for case in cases:
        if case.ground in grounds:
            shown[case.scenario, _is_true(case, name, says)].append(name in case.fired)
    shares: dict[bool, list[float]] = {True: [], False: []}
    for (_, true), seen in shown.items():
        shares[true].append(sum(seen) / len(seen))
    yes, no = shares[True], shares[False]
    return Counts(says, sum(yes), len(yes), sum(no), len(no))


def _is_true(case: Case, name: str, says: str) -> bool:
    """Whether what the signal says is true here; or would say, where it is silent."""
    if name in case.fired:
        return case.fired[name] == case.truth
    return (case.truth == "path") == (says == "path")


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
