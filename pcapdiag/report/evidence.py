"""Which signals speak for the one who is named and which against, and how a signal is told."""

from __future__ import annotations

import re

from pcapdiag.model.report import Attribution, Connection, Evidence
from pcapdiag.report import words
from pcapdiag.report.escape import shown
from pcapdiag.report.points import Places

ENOUGH_SIGNS = 2
"""Signs for a culprit from which what is usual need not be told beside them."""
OF_SEVERAL = frozenset(
    {
        "born_between", "born_between_quiet", "left_end", "left_side", "lost_between",
        "lost_between_quiet", "arrived_unanswered", "arrived_unanswered_near",
    }
)  # fmt: skip
"""Signals that take two captures: what they show comes before what one makes of it."""
_NAMES_FRAMES = re.compile(r"#|\bframes? \d")
"""A sentence that names its frames itself."""


def ranked(who: Attribution) -> list[Evidence]:
    """Return the signals, the strongest first."""
    return sorted(who.evidence, key=lambda e: (e.signal not in OF_SEVERAL, -abs(e.weight)))


def detail_of(evidence: Evidence) -> str:
    """Return the words of a sign for nobody in particular: without what would settle it."""
    return evidence.detail.partition("; settle it")[0]


def supports(evidence: Evidence, side: str) -> bool:
    """Return whether evidence speaks for a side; a prior's words always argue for its own side."""
    argues_for = evidence.weight >= 0 or evidence.signal == "prior"
    return argues_for == (evidence.says == side)


def for_and_against(who: Attribution) -> tuple[list[Evidence], list[Evidence]]:
    """Return what speaks for the side that is named, and what against; what says the same once."""
    signals = ranked(who)
    by_detail = {e.detail: e for e in reversed(signals) if supports(e, who.side)}
    speaks_for = [e for e in signals if by_detail.get(e.detail) is e]
    seen = [e for e in speaks_for if e.signal != "prior"]
    if len(seen) >= ENOUGH_SIGNS:
        speaks_for = seen
    against = [e for e in signals if not supports(e, who.side) and e.detail not in by_detail]
    return speaks_for, against


def told(item: Evidence, places: Places) -> str:
    """Return what a signal is, with the frames that show it."""
    text = shown(item.detail)
    if not item.frames or _NAMES_FRAMES.search(text):
        return text
    return f"{text} {places.frames(item.frames[:3], item.point)}"


def signs(connection: Connection, places: Places, who: Attribution | None = None) -> list[str]:
    """Return all signals with whom each points to; what argues for several sides stands once.

    For a failure of which the capture cannot tell who did it; ``who`` is that of another verdict
    than the connection's own.
    """
    signals = ranked(who or connection.verdict.attribution)
    said = [detail_of(e) for e in signals]
    found: dict[str, str] = {}
    for item, detail in zip(signals, said, strict=True):
        name = words.sender(connection, item.says)
        if said.count(detail) > 1:
            name = "either"
        elif not supports(item, item.says):
            name = f"not {name}"
        text = f"{name}: {told(item, places)}"
        found[detail] = max(found.get(detail, ""), text, key=len)
    return list(found.values())
