"""Judging the analyzer's reports by the truth."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from failurelab import together
from failurelab.tally import tally
from failurelab.truth import FIXTURES, Sighting, TrueCapture, TrueConnection, Truth, read_all

Json = dict[str, Any]
_SURE = 0.8


@dataclass(slots=True)
class Outcome:
    """One connection in one capture: what was said, and whether it was right."""

    scenario: str
    capture: str
    split: str
    layers: list[str]
    connection: str
    expected: str
    code: str
    code_right: bool | None
    """None: not judged here."""
    side: str
    side_right: bool | None
    party: str
    party_right: bool | None
    confidence: float = 0.0
    side_confidence: float = 0.0
    ended_by_right: bool | None = None
    cause_right: bool | None = None
    match_right: bool | None = None
    """Found at the points that saw it, where points are compared."""
    born_right: bool | None = None
    """Its resets said to come from where they came from."""


@dataclass(slots=True)
class Judged:
    """One capture judged."""

    scenario: str
    capture: str
    split: str
    outcomes: list[Outcome] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    missing_findings: list[str] = field(default_factory=list)
    wrong_findings: list[str] = field(default_factory=list)
    clocks: list[bool] = field(default_factory=list)
    lost: list[bool] = field(default_factory=list)
    wrong_points: list[str] = field(default_factory=list)
    """What is wrong with clocks and losses."""
    error: str = ""


class NotThereError(RuntimeError):
    """The analyzer lacks a whole command: nothing to judge."""


def find_package() -> None:
    """Let pcapdiag be imported: an installed one, else the source tree beside scripts/."""
    sys.path.append(str(FIXTURES.parents[1]))


def known_codes() -> frozenset[str]:
    """The codes that the analyzer can give."""
    find_package()
    from pcapdiag.diagnose.registry import kinds

    return frozenset(kinds())


def analyze(files: Sequence[object], command: str, options: Sequence[str]) -> Json:
    """The analyzer's report, every connection in it; raises RuntimeError when there is none."""
    find_package()
    from pcapdiag.cli.main import cli

    if command not in cli.all_commands():
        raise NotThereError(f"there is no command {command} yet")
    # In this process: starting a new one for each capture costs more than its analysis.
    words = [command, "--format", "json", "--all", *options, *map(str, files)]
    done = CliRunner().invoke(cli, words)
    try:
        report: Json = json.loads(done.stdout)
    except ValueError:
        tail = (done.stderr.strip().splitlines() or ["no report"])[-1]
        raise RuntimeError(f"exit code {done.exit_code}: {tail}") from None
    return report


def score_set(
    names: Sequence[str] = (), split: str | None = None, jobs: int = 2, root: Path = FIXTURES
) -> Json:
    """Run the analyzer over the stored set and judge it."""
    work = [
        (folder, truth, capture)
        for folder, truth in read_all(root)
        if split in (None, truth.split)
        and (not names or any(fnmatch(truth.scenario, one) for one in names))
        for capture in truth.captures
    ]
    if not work:
        return tally([], known_codes())
    with ProcessPoolExecutor(jobs) as pool:
        judged = list(pool.map(_judge_stored, *zip(*work, strict=True), chunksize=8))
    return tally(judged, known_codes())


def _judge_stored(folder: Path, truth: Truth, capture: TrueCapture) -> Judged:
    try:
        files: list[object] = [folder / file for file in capture.files]
        if capture.together is not None:
            files = list(together.words(capture.together, str(folder)))
        snapshots = [
            word for name in truth.snapshots for word in ("--snapshot", str(folder / name))
        ]
        report = analyze(files, capture.command, [*truth.options, *snapshots])
    except NotThereError as error:
        return Judged(truth.scenario, capture.name, truth.split, error=str(error))
    except RuntimeError as error:
        failed = judge(truth, capture, {"connections": [], "findings": []})
        failed.error = str(error)
        return failed
    return judge(truth, capture, report)


def judge(truth: Truth, capture: TrueCapture, report: Json) -> Judged:
    """Compare one report with the truth of its capture."""
    judged = Judged(truth.scenario, capture.name, truth.split)
    pairs = matches(truth, capture, report)
    matched = {index: said for index, said in pairs.items() if said is not None}
    for index, said in pairs.items():
        judged.outcomes.append(_outcome(truth, capture, truth.connections[index], said))
    _judge_causes(truth, capture, judged, matched)
    _judge_together(truth, capture, judged, matched, report)
    if capture.others == "ok":
        known = {id(said) for said in matched.values()}
        twins = _all_said(truth, capture, _by_endpoints(report["connections"]))
        judged.false_alarms = [
            _alarm(said)
            for said in report["connections"]
            if said["verdict"]["failed"] and id(said) not in known | twins
        ]
    _judge_findings(truth, capture, judged, report)
    return judged


def matches(truth: Truth, capture: TrueCapture, report: Json) -> dict[int, Json | None]:
    """What the report says of each true connection seen in the capture, by its index; or None."""
    occurrences = _by_endpoints(report["connections"])
    seen = {i: c.seen.get(capture.name) for i, c in enumerate(truth.connections)}
    return {i: _said_of(places, occurrences) for i, places in seen.items() if places}


def _by_endpoints(connections: Iterable[Json]) -> dict[tuple[str, str], list[Json]]:
    found: dict[tuple[str, str], list[Json]] = {}
    for said in sorted(connections, key=lambda c: (float(c["start"]), c["stream"])):
        key = (_endpoint(said["initiator"]), _endpoint(said["responder"]))
        found.setdefault(key, []).append(said)
    return found


def _endpoint(end: Json) -> str:
    ip = end["ip"]
    return f"[{ip}]:{end['port']}" if ":" in ip else f"{ip}:{end['port']}"


def _said_of(
    seen: Sequence[Sighting], occurrences: dict[tuple[str, str], list[Json]]
) -> Json | None:
    """What the report says of the connection; a NAT twin only if nothing else is there."""
    candidates = _candidates(seen, occurrences)
    return min(candidates, key=lambda said: said.get("same_as") is not None, default=None)


def _candidates(
    seen: Sequence[Sighting], occurrences: dict[tuple[str, str], list[Json]]
) -> list[Json]:
    found = []
    for one in seen:
        listed = occurrences.get((one.initiator, one.responder)) or occurrences.get(
            (one.responder, one.initiator), []
        )
        if one.occurrence < len(listed):
            found.append(listed[one.occurrence])
    return found


def _all_said(
    truth: Truth, capture: TrueCapture, occurrences: dict[tuple[str, str], list[Json]]
) -> set[int]:
    seen = [c.seen[capture.name] for c in truth.connections if capture.name in c.seen]
    return {id(said) for one in seen for said in _candidates(one, occurrences)}


def _outcome(
    truth: Truth, capture: TrueCapture, true: TrueConnection, said: Json | None
) -> Outcome:
    right = true.accepted(capture.name)
    verdict = said["verdict"] if said else {}
    attribution = verdict.get("attribution", {})
    code, side = verdict.get("code", "none"), attribution.get("side", "none")
    party = attribution.get("party", "none")
    made = Outcome(
        truth.scenario, capture.name, truth.split, truth.layers,
        f"{true.initiator} -> {true.responder}", right.codes[0], code, code in right.codes,
        side, side in right.sides, party, party in right.parties,
        verdict.get("confidence", 0.0), attribution.get("confidence", 0.0),
    )  # fmt: skip
    if not verdict.get("failed", True) and code in right.codes:
        made.side_right = made.party_right = None
    elif true.ended_by and verdict:
        made.ended_by_right = verdict["ended_by"] in true.ended_by
    if not capture.can_tell:
        _forgive(made, right.sides)
    return made


def _forgive(made: Outcome, sides: Sequence[str]) -> None:
    """Where it cannot be told: only accusing the wrong side with confidence is wrong."""
    wrong = made.side not in (*sides, "unknown", "none") and made.side_confidence >= _SURE
    made.code_right = made.party_right = made.ended_by_right = None
    made.side_right = False if wrong else None


def _judge_causes(
    truth: Truth, capture: TrueCapture, judged: Judged, matched: dict[int, Json]
) -> None:
    judgeable = [i for i, c in enumerate(truth.connections) if capture.name in c.seen]
    for outcome, index in zip(judged.outcomes, judgeable, strict=True):
        cause = truth.connections[index].caused_by
        if cause is None or cause not in matched or index not in matched:
            continue
        outcome.cause_right = _leads_to(matched[index], matched[cause])


def _leads_to(said: Json, cause: Json) -> bool:
    """Whether a connection's cause is this other one, by its number at any point."""
    named = [(one.get("point"), one["stream"]) for one in said.get("causes", [])[-1:]]
    known = [(one["point"], one["stream"]) for one in cause.get("seen_at", [])]
    return said.get("caused_by") == cause["stream"] or any(one in known for one in named)


def _judge_together(
    truth: Truth, capture: TrueCapture, judged: Judged, matched: dict[int, Json], report: Json
) -> None:
    if capture.together is None:
        return
    judgeable = [i for i, c in enumerate(truth.connections) if capture.name in c.seen]
    for outcome, index in zip(judged.outcomes, judgeable, strict=True):
        true, said = truth.connections[index], matched.get(index)
        outcome.match_right = together.match_is_right(true, said, capture.together)
        outcome.born_right = together.born_is_right(true, said)
    wrong = together.clocks_that_are_wrong(capture.together, report)
    judged.clocks = [not what for what in wrong.values()]
    judged.wrong_points = [f"{label}: {what}" for label, what in wrong.items() if what]
    loss = together.loss_that_is_wrong(capture.together, report)
    judged.lost = [] if loss is None else [not loss]
    judged.wrong_points += [loss] if loss else []


def _alarm(said: Json) -> str:
    ends = f"{_endpoint(said['initiator'])} -> {_endpoint(said['responder'])}"
    return f"{said['verdict']['code']} on {ends}"


def _judge_findings(truth: Truth, capture: TrueCapture, judged: Judged, report: Json) -> None:
    codes = {finding["code"] for finding in report["findings"]}
    right = truth.findings if capture.together is None else capture.together.findings
    if capture.can_tell:
        judged.missing_findings = [c for c in right.expected if c not in codes]
    judged.wrong_findings = [c for c in right.forbidden if c in codes]
