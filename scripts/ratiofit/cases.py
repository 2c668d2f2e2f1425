"""What the analyzer weighed in the lab's captures, beside who really did it.

A case is one RST whose sender the truth names, or one failure without a RST. Who sent a RST:

- In a scenario where the truth accuses no device on the path, every RST was sent by the end whose
  address it bears.
- Where a device reset a connection, it sent the RST that the verdict rests on (where the code is
  right). The others may be the ends' honest answers and are left out, and so are codes where an
  honest host answers for a device that forgot the connection (``HOST_ANSWERS``), unless the truth
  says where the RST was born.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from failurelab import together
from failurelab.score import NotThereError, analyze, matches
from failurelab.truth import TrueCapture, TrueConnection, Truth, read_all
from pcapdiag.diagnose.attribution.fitted import FITTED, Fitted
from pcapdiag.diagnose.attribution.priors import HOST_ANSWERS
from ratiofit.records import Case, Observed, Verdict, only_side

Json = dict[str, Any]
Ratios = Mapping[str, Fitted]
FOLDS = 5


def observe(split: str, ratios: Mapping[int, Ratios] | None = None, jobs: int = 2) -> Observed:
    """Run the analyzer over one split. ``ratios``: by fold, instead of the stored ones."""
    chosen = [(folder, truth) for folder, truth in read_all() if truth.split == split]
    work = [(folder, truth, (ratios or {}).get(fold(truth.scenario))) for folder, truth in chosen]
    found = Observed()
    with ProcessPoolExecutor(jobs) as pool:
        for one in pool.map(_observe_one, work, chunksize=4):
            found.add(one)
    return found


def fold(scenario: str) -> int:
    """The part in which a scenario is left out for cross-validation: variants stay together."""
    kind = scenario.partition("-")[0]
    return sum(kind.encode()) % FOLDS


def _observe_one(work: tuple[Path, Truth, Ratios | None]) -> Observed:
    folder, truth, ratios = work
    if ratios is not None:
        _use(ratios)
    found = Observed()
    for capture in truth.captures:
        files: list[object] = [folder / f for f in capture.files]
        if capture.together is not None:
            files = list(together.words(capture.together, str(folder)))
        try:
            report = analyze(files, capture.command, truth.options)
        except NotThereError:
            found.skipped.append(f"{truth.scenario}/{capture.name}")
            continue
        except RuntimeError as error:
            print(f"{truth.scenario}/{capture.name}: {error}", file=sys.stderr)
            continue
        found.add(observe_capture(truth, capture, report))
    return found


def observe_capture(truth: Truth, capture: TrueCapture, report: Json) -> Observed:
    """What one report says, beside the truth."""
    pairs = {i: said for i, said in matches(truth, capture, report).items() if said}
    cases = _cases(truth, capture, report, pairs)
    return Observed(list(cases), list(_verdicts(truth, capture, pairs)))


def _use(ratios: Ratios) -> None:
    FITTED.clear()
    FITTED.update(ratios)


def _cases(
    truth: Truth, capture: TrueCapture, report: Json, pairs: dict[int, Json]
) -> Iterator[Case]:
    if not _accuses_path(truth):
        makers = _makers(truth)
        for said in report["connections"]:
            for reset in said["resets"]:
                actor = makers.get(reset["from"], reset["from"])
                yield _reset_case(truth, capture, said, reset, actor)
    for index, said in pairs.items():
        actor = true_side(truth.connections[index], capture)
        if actor is None or said["verdict"]["code"] not in _codes(truth, index, capture):
            continue
        reset = _decisive(said)
        if reset is None and said["verdict"]["failed"]:
            yield _silence_case(truth, capture, said, actor)
        elif reset is not None and actor == "path":
            maker = _maker(truth.connections[index], said, reset)
            if maker is not None:
                yield _reset_case(truth, capture, said, reset, maker)


def _reset_case(truth: Truth, capture: TrueCapture, said: Json, reset: Json, actor: str) -> Case:
    stage = "refusal" if said["verdict"]["phase"] == "connect" else "reset"
    family = 6 if ":" in said["initiator"]["ip"] else 4
    ground = f"{capture.command} {stage} v{family}"
    return _case(truth, capture, ground, actor, reset["attribution"], reset["frame"])


def _silence_case(truth: Truth, capture: TrueCapture, said: Json, actor: str) -> Case:
    verdict = said["verdict"]
    ground = f"{capture.command} {verdict['code']}"
    return _case(truth, capture, ground, actor, verdict["attribution"], 0)


def _case(
    truth: Truth, capture: TrueCapture, ground: str, actor: str, attribution: Json, frame: int
) -> Case:
    return Case(
        truth.scenario, truth.split, capture.name, ground, actor,
        {one["signal"]: one["says"] for one in _weighed(attribution)},
        attribution["side"], best(attribution), attribution["confidence"], frame,
        bool(attribution["evidence"]),
    )  # fmt: skip


def _verdicts(truth: Truth, capture: TrueCapture, pairs: dict[int, Json]) -> Iterator[Verdict]:
    for index, said in pairs.items():
        true = truth.connections[index]
        right, verdict = true.accepted(capture.name), said["verdict"]
        if not verdict["failed"] and verdict["code"] in right.codes:
            continue
        attribution = verdict["attribution"]
        yield Verdict(
            truth.scenario, truth.split, capture.name, f"{true.initiator} -> {true.responder}",
            right.codes[0], verdict["code"], attribution["side"], best(attribution),
            attribution["confidence"], right.sides, capture.can_tell,
        )  # fmt: skip


def best(attribution: Json) -> str:
    """The side that is named, or the likeliest candidate."""
    if attribution["side"] != "unknown" or not attribution["candidates"]:
        return str(attribution["side"])
    return str(attribution["candidates"][0]["side"])


def true_side(connection: TrueConnection, capture: TrueCapture) -> str | None:
    """Who did it, where the truth of this capture names one."""
    return only_side(connection.accepted(capture.name).sides)


def _codes(truth: Truth, index: int, capture: TrueCapture) -> list[str]:
    return truth.connections[index].accepted(capture.name).codes


def _accuses_path(truth: Truth) -> bool:
    return any("path" in sides for c in truth.connections for sides in _all_sides(c))


def _all_sides(connection: TrueConnection) -> Iterable[list[str]]:
    return [connection.sides, *(there.sides for there in connection.at.values())]


def _makers(truth: Truth) -> dict[str, str]:
    """Who made the RSTs of a scenario without a device, by whose address they bear: its own host,
    where a rule there answered in the other end's name.
    """
    born = [one for connection in truth.connections for one in connection.born]
    return {one.bears: side for one in born if (side := only_side(one.sides)) is not None}


def _maker(connection: TrueConnection, said: Json, reset: Json) -> str | None:
    """Who made the RST of a failure that a device is to blame for; None where nobody says."""
    born = {one.bears: one.sides for one in connection.born}.get(reset["from"])
    code = said["verdict"]["code"]
    if born is None and code in HOST_ANSWERS and code != "tcp.idle_reset":
        return None
    return only_side(born or ["path"])


def _decisive(said: Json) -> Json | None:
    """The RST that the verdict rests on: both have the same signals."""
    frames, weighed = said["verdict"]["frames"], _weighed(said["verdict"]["attribution"])
    return next(
        (
            reset
            for reset in said["resets"]
            if reset["frame"] in frames and weighed and weighed == _weighed(reset["attribution"])
        ),
        None,
    )


def _weighed(attribution: Json) -> list[Json]:
    return [one for one in attribution["evidence"] if one["signal"] != "prior"]
