"""Judging what a report says of several points: matches, clocks, losses, where resets were born."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from failurelab.truth import Clock, Sighting, Together, TrueConnection

Json = dict[str, Any]
_DRIFT = 1e-5
"""Seconds per second that a stated drift may be off."""
_ROUNDING = 1e-5
"""Seconds: captures have microseconds."""


def match_is_right(true: TrueConnection, said: Json | None, together: Together) -> bool:
    """Whether the report has the connection at the very points that saw it, and as itself."""
    expected = {label: true.seen[label] for label in together.points if label in true.seen}
    if said is None:
        return False
    there = {entry["point"]: entry for entry in said.get("seen_at", [])}
    if not there and len(expected) == 1:
        return True
    return set(there) == set(expected) and all(
        any(_is(entry, one) for one in expected[label]) for label, entry in there.items()
    )


def _is(entry: Json, sighting: Sighting) -> bool:
    if {entry["initiator"], entry["responder"]} != {sighting.initiator, sighting.responder}:
        return False
    return sighting.first_frame in (None, entry["first_frame"])


def born_is_right(true: TrueConnection, said: Json | None) -> bool | None:
    """Whether resets are said to come from where they came from; None: nothing stated."""
    if not true.born:
        return None
    resets = said.get("resets", []) if said else []
    results = []
    for born in true.born:
        sides = {r["attribution"]["side"] for r in resets if r["from"] == born.bears}
        results.append(born.sides[0] in sides or bool(sides & {*born.sides} & {"unknown"}))
        results.append(sides <= {*born.sides, "unknown"})
    return all(results)


def clocks_that_are_wrong(together: Together, report: Json) -> dict[str, str]:
    """By label of each point that is judged: what is wrong with its clock, or nothing."""
    said = {point["label"]: point for point in report.get("points", [])}
    judged = {
        label: clock
        for label, clock in together.clocks.items()
        if clock.offset is not None or clock.step is not None
    }
    return {label: _clock(clock, said.get(label, {})) for label, clock in judged.items()}


def _clock(true: Clock, said: Json) -> str:
    offset, error = said.get("clock_offset"), said.get("clock_error")
    if offset is None:
        return "no clock offset"
    if true.step is not None:
        changes = [change["clock_offset"] - offset for change in said.get("clock_steps", [])]
        if len(changes) != 1 or abs(changes[0] - true.step) > true.tolerance:
            return f"one step of {true.step} s, said {changes}"
    if true.drift is not None and abs((said.get("drift") or 0.0) - true.drift) > _DRIFT:
        return f"drift {true.drift}, said {said.get('drift')}"
    if true.offset is None:
        return ""
    wrong = abs(offset - true.offset)
    if wrong > true.tolerance:
        return f"offset {true.offset}, said {offset}"
    if error is not None and true.drift is None and wrong > error + _ROUNDING:
        return f"offset {true.offset}, said {offset} with an error of only {error}"
    return ""


def loss_that_is_wrong(together: Together, report: Json) -> str | None:
    """What is wrong with what is said to be lost between points; empty: right; None: not judged."""
    if together.lost is None:
        return None
    found = any(finding["code"] == "path.lost_between" for finding in report["findings"])
    said = _said_lost(report, list(together.points))
    true = {(one.source, one.target) for one in together.lost}
    if said - true:
        return f"nothing was lost {_words(said - true)}"
    if found and not true:
        return "nothing was lost"
    return "" if found or said or not true else f"nothing said of loss {_words(true)}"


def _words(pairs: set[tuple[str, str]]) -> str:
    return " and ".join(f"from {source} to {target}" for source, target in sorted(pairs))


def _said_lost(report: Json, labels: Sequence[str]) -> set[tuple[str, str]]:
    """Which point showed a packet last and which should have next, by the connections' passages."""
    return {
        pair
        for connection in report["connections"]
        for passage in connection.get("passages", [])
        if passage["fate"] == "lost"
        for pair in [_pair(passage, labels)]
        if pair is not None
    }


def _pair(passage: Json, labels: Sequence[str]) -> tuple[str, str] | None:
    lanes = list(zip(labels, passage["frames"], passage["covers"], strict=True))
    if passage["from"] == "responder":
        lanes.reverse()
    seen = [number for number, (_, frame, _) in enumerate(lanes) if frame is not None]
    if not seen:
        return None
    beyond = [label for label, _, covers in lanes[seen[-1] + 1 :] if covers]
    return (lanes[seen[-1]][0], beyond[0]) if beyond else None


def words(together: Together, folder: str) -> list[str]:
    """Arguments of `pcapdiag correlate`: LABEL=FILE for each file."""
    listed = [(label, file) for label, files in together.points.items() for file in files]
    return [f"{label}={folder}/{file}" for label, file in listed]
