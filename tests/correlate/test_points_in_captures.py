"""Matching and clocks on stored captures of several points: what the lab knows is what is found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pcapdiag.capture import Capture
from pcapdiag.correlate.clocks import estimate_clocks
from pcapdiag.correlate.matching import match_points
from pcapdiag.incident.analysis import Analysis
from pcapdiag.model.ends import join_port
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.points import Print
from tests.captures import FIXTURES

Seen = dict[str, Any]


def scenarios() -> Iterable[tuple[Path, Seen, Seen]]:
    """Folder, truth and the several points of every scenario that may be looked at."""
    for path in sorted((FIXTURES / "pcaps").glob("*/truth.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        if truth["split"] == "fit":
            for capture in truth["captures"]:
                if capture["command"] == "correlate":
                    yield path.parent, truth, capture


SCENARIOS = [pytest.param(*one, id=one[0].name) for one in scenarios()]


def named(folder: Path, truth: Seen, capture: Seen) -> dict[str, list[Print]]:
    """The prints of each point, by its name."""
    alone = {one["files"][0]: one["name"] for one in truth["captures"] if len(one["files"]) == 1}
    points = {alone[name]: [name] for name in capture["files"]}
    together: dict[str, list[str]] = capture.get("together", {}).get("points", points)
    return {name: prints([folder / file for file in files]) for name, files in together.items()}


def prints(paths: list[Path]) -> list[Print]:
    analysis = Analysis(Capture.open(paths), AnalyzeOptions(keep_prints=True))
    for batch in analysis.capture.batches():
        if batch is not None:
            analysis.take(batch)
    analysis.finish()
    return sorted(analysis.prints, key=lambda one: one.stream)


def streams(found: list[Print], seen: list[Seen]) -> set[int]:
    """The streams that a truth's connection has at a point."""
    numbered: dict[tuple[str, str, int], int] = {}
    count: Counter[tuple[str, str]] = Counter()
    for one in found:
        ends = join_port(*one.initiator), join_port(*one.responder)
        numbered[(*ends, count[ends])] = one.stream
        count[ends] += 1
    keys = [(one["initiator"], one["responder"], one["occurrence"]) for one in seen]
    return {numbered[key] for key in keys if key in numbered}


@pytest.mark.parametrize(("folder", "truth", "capture"), SCENARIOS)
def test_connections_are_found_again(folder: Path, truth: Seen, capture: Seen) -> None:
    points = named(folder, truth, capture)
    expected = set()
    for connection in truth["connections"]:
        at = [streams(found, connection["seen"].get(name, [])) for name, found in points.items()]
        if sum(bool(one) for one in at) > 1:
            expected.add(tuple(frozenset(one) for one in at))
    matches = match_points(list(points.values()))
    twins = [match.twins or ((),) * len(points) for match in matches.found]
    told = {
        tuple(
            frozenset(() if one is None else (one, *more))
            for one, more in zip(match.streams, others, strict=True)
        )
        for match, others in zip(matches.found, twins, strict=True)
    }
    assert told == expected
    assert matches.ambiguous == 0


@pytest.mark.parametrize(("folder", "truth", "capture"), SCENARIOS)
def test_the_clocks_are_what_the_lab_set_them_to(folder: Path, truth: Seen, capture: Seen) -> None:
    points = named(folder, truth, capture)
    clocks = estimate_clocks(list(points.values()), match_points(list(points.values())))
    known = capture.get("together", {}).get("clocks", {})
    for name, clock in list(zip(points, clocks, strict=True))[1:]:
        set_to = known.get(name, {"offset": 0})
        if clock.known and set_to["offset"] is not None:
            at = points[name][0].start
            wrong = abs(clock.to_first(at) - at - round(set_to["offset"] * 1e9))
            assert wrong <= clock.error_at(at)
        assert len(clock.steps) == bool(set_to.get("step"))


def test_a_failure_is_marked() -> None:
    (refused,) = (FIXTURES / "pcaps").glob("tcp.connection_refused-closed-port/client.pcap")
    marks = {one.failed for one in prints([refused])}
    assert True in marks


def test_without_the_option_there_are_none() -> None:
    analysis = Analysis(
        Capture.open([FIXTURES / "pcaps/tcp.connection_refused-closed-port/client.pcap"]),
        AnalyzeOptions(),
    )
    for batch in analysis.capture.batches():
        if batch is not None:
            analysis.take(batch)
    analysis.finish()
    assert len(analysis.prints) == 0
