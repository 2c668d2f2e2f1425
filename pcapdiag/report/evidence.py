"""Which evidence is told for a verdict and against it, and in which order."""

from __future__ import annotations

from pcapdiag.model.report import Attribution, Evidence

ENOUGH_SIGNS = 2
"""Signs for a culprit from which what is usual need not be told beside them."""
OF_SEVERAL = frozenset(
    {
        "born_between", "born_between_quiet", "left_end", "left_side", "lost_between",
        "lost_between_quiet", "arrived_unanswered", "arrived_unanswered_near",
    }
)  # fmt: skip
"""Signals that take two captures: what they show comes before what one makes of it."""


def ranked(who: Attribution) -> list[Evidence]:
    """Return all evidence, what says most first."""
    return sorted(who.evidence, key=lambda e: (e.signal not in OF_SEVERAL, -abs(e.weight)))


def for_and_against(who: Attribution) -> tuple[list[Evidence], list[Evidence]]:
    """Return what speaks for the side that did it, and what speaks against that.

    What argues for several sides in the same words stands once.
    """
    ordered = ranked(who)
    by_detail = {e.detail: e for e in reversed(ordered) if supports(e, who.side)}
    speaks_for = [e for e in ordered if by_detail.get(e.detail) is e]
    seen = [e for e in speaks_for if e.signal != "prior"]
    if len(seen) >= ENOUGH_SIGNS:
        speaks_for = seen
    against = [e for e in ordered if not supports(e, who.side) and e.detail not in by_detail]
    return speaks_for, against


def supports(evidence: Evidence, side: str) -> bool:
    """Return whether evidence speaks for a side; a prior's words always argue for its own side."""
    argues_for = evidence.weight >= 0 or evidence.signal == "prior"
    return argues_for == (evidence.says == side)
