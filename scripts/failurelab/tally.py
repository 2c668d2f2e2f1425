"""Adding up outcomes: accuracies, reliability of the confidences, lists of what was wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failurelab.score import Judged, Outcome

Json = dict[str, Any]
_EDGES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def tally(judged: Sequence[Judged], known: frozenset[str] = frozenset()) -> Json:
    """The whole score, each split's, and that of the codes that the analyzer knows at all."""
    made: Json = {"schema": "failurelab-score/1", "all": summarize(judged)}
    for split in ("fit", "kept_apart"):
        made[split] = summarize([one for one in judged if one.split == split])
        made[f"known_{split}"] = summarize(_only(judged, known, split))
    return {**made, **_lists(judged)}


def _only(judged: Sequence[Judged], known: frozenset[str], split: str) -> list[Judged]:
    """What is expected to be one of these codes."""
    return [
        replace(one, outcomes=[o for o in one.outcomes if o.expected in known])
        for one in judged
        if one.split == split
    ]


def summarize(judged: Sequence[Judged]) -> Json:
    """Counts, accuracies, code families, reliability."""
    outcomes = [outcome for one in judged for outcome in one.outcomes]
    families = sorted({_family(outcome) for outcome in outcomes})
    return {
        "scenarios": len({one.scenario for one in judged}),
        "captures": len(judged),
        "connections": len(outcomes),
        "code": share(o.code_right for o in outcomes),
        "side": share(o.side_right for o in outcomes),
        "party": share(o.party_right for o in outcomes),
        "ended_by": share(o.ended_by_right for o in outcomes),
        "caused_by": share(o.cause_right for o in outcomes),
        "matched": share(o.match_right for o in outcomes),
        "born": share(o.born_right for o in outcomes),
        "clocks": share(right for one in judged for right in one.clocks),
        "lost_between": share(right for one in judged for right in one.lost),
        "named_wrongly": sum(_named_wrongly(o) for o in outcomes),
        "false_alarms": sum(len(one.false_alarms) for one in judged),
        "missing_findings": sum(len(one.missing_findings) for one in judged),
        "wrong_findings": sum(len(one.wrong_findings) for one in judged),
        "errors": sum(bool(one.error) for one in judged),
        "families": {
            family: {
                "code": share(o.code_right for o in outcomes if _family(o) == family),
                "side": share(o.side_right for o in outcomes if _family(o) == family),
            }
            for family in families
        },
        "reliability": {
            "code": reliability(_code_pairs(outcomes)),
            "side": reliability(_side_pairs(outcomes)),
        },
    }


def _family(outcome: Outcome) -> str:
    """The part of the expected code before its dot."""
    return outcome.expected.partition(".")[0]


def share(results: Iterable[bool | None]) -> Json:
    """How many of those that are judged are right."""
    judged = [result for result in results if result is not None]
    right = sum(judged)
    return {
        "right": right,
        "judged": len(judged),
        "share": round(right / len(judged), 4) if judged else None,
    }


def reliability(pairs: Sequence[tuple[float, bool]]) -> Json:
    """Confidence against outcome, in bins, and the Brier score."""
    bins = []
    for low, high in zip(_EDGES, (*_EDGES[1:], 1.01), strict=True):
        held = [(said, right) for said, right in pairs if low <= said < high]
        if held:
            bins.append(
                {
                    "from": low,
                    "to": min(high, 1.0),
                    "count": len(held),
                    "mean": round(sum(said for said, _ in held) / len(held), 4),
                    "right": round(sum(right for _, right in held) / len(held), 4),
                }
            )
    brier = sum((said - right) ** 2 for said, right in pairs) / len(pairs) if pairs else None
    return {"bins": bins, "brier": None if brier is None else round(brier, 4)}


def _code_pairs(outcomes: Iterable[Outcome]) -> list[tuple[float, bool]]:
    return [
        (o.confidence, o.code_right) for o in outcomes if _failed(o) and o.code_right is not None
    ]


def _side_pairs(outcomes: Iterable[Outcome]) -> list[tuple[float, bool]]:
    return [
        (o.side_confidence, o.side_right)
        for o in outcomes
        if o.side not in ("unknown", "none") and o.side_right is not None
    ]


def _failed(outcome: Outcome) -> bool:
    return outcome.code not in ("ok", "capture.partial", "none")


def _named_wrongly(outcome: Outcome) -> bool:
    """The worst there is: somebody named who did not do it."""
    return outcome.side_right is False and outcome.side not in ("unknown", "none")


def _lists(judged: Sequence[Judged]) -> Json:
    return {
        "misses": [_miss(o) for one in judged for o in one.outcomes if _wrong(o)],
        "false_alarms": [_place(one, alarm) for one in judged for alarm in one.false_alarms],
        "missing_findings": [_place(one, code) for one in judged for code in one.missing_findings],
        "wrong_findings": [_place(one, code) for one in judged for code in one.wrong_findings],
        "wrong_points": [_place(one, what) for one in judged for what in one.wrong_points],
        "errors": [_place(one, one.error) for one in judged if one.error],
    }


def _wrong(outcome: Outcome) -> bool:
    results = (outcome.code_right, outcome.side_right, outcome.party_right,
               outcome.ended_by_right, outcome.cause_right, outcome.match_right,
               outcome.born_right)  # fmt: skip
    return False in results


def _miss(outcome: Outcome) -> Json:
    parts = {
        "code": outcome.code_right, "side": outcome.side_right, "party": outcome.party_right,
        "ended_by": outcome.ended_by_right, "caused_by": outcome.cause_right,
        "matched": outcome.match_right, "born": outcome.born_right,
    }  # fmt: skip
    return {
        "scenario": outcome.scenario,
        "capture": outcome.capture,
        "connection": outcome.connection,
        "wrong": [name for name, right in parts.items() if right is False],
        "expected": outcome.expected,
        "code": outcome.code,
        "side": outcome.side,
        "party": outcome.party,
        "confidence": outcome.confidence,
        "side_confidence": outcome.side_confidence,
    }


def _place(one: Judged, what: str) -> Json:
    return {"scenario": one.scenario, "capture": one.capture, "what": what}
