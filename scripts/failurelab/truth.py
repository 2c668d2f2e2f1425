"""truth.json: what the lab did, as data; its schema is docs/truth.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = "failurelab-truth/1"
ROOT = Path(__file__).resolve().parents[2]
SCHEMA_FILE = ROOT / "docs" / "truth.schema.json"
_WHERE_SET = ("born", "together", "logs", "snapshots")
"""Members that are written only where they say something."""
FIXTURES = ROOT / "fixtures" / "pcaps"


@dataclass(slots=True)
class Sighting:
    """A connection's endpoints in one capture; occurrence counts reuses of the same ports."""

    initiator: str
    responder: str
    occurrence: int = 0
    first_frame: int | None = None
    """Number of its first packet in the capture, from 1."""


@dataclass(slots=True)
class Accepted:
    """What else is right at one capture: replaces the members that are not empty."""

    codes: list[str] = field(default_factory=list)
    sides: list[str] = field(default_factory=list)
    parties: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Born:
    """Where the resets came from that bear one end's address; judged where points are compared."""

    bears: str
    """`initiator` or `responder`."""
    sides: list[str]
    """Accepted, the best first."""


@dataclass(slots=True)
class TrueConnection:
    """A connection that must be judged, and what is accepted as right."""

    initiator: str
    responder: str
    codes: list[str]
    sides: list[str]
    parties: list[str]
    ended_by: list[str | None] = field(default_factory=list)
    """Accepted; empty where it is not judged."""
    caused_by: int | None = None
    """Index of the connection on the other leg, in this list."""
    seen: dict[str, list[Sighting]] = field(default_factory=dict)
    """By capture name: how it appears there."""
    at: dict[str, Accepted] = field(default_factory=dict)
    """By capture name: what differs there."""
    born: list[Born] = field(default_factory=list)

    def accepted(self, capture: str) -> Accepted:
        """Codes, sides and parties that are right in this capture."""
        there = self.at.get(capture, Accepted())
        return Accepted(
            there.codes or self.codes, there.sides or self.sides, there.parties or self.parties
        )


@dataclass(slots=True)
class TrueFindings:
    """Findings about the capture as a whole."""

    expected: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Clock:
    """What is to be added to one point's clock, in seconds, to get that of the first point."""

    offset: float | None
    """None: it cannot be told, or changes at a step; not judged."""
    tolerance: float = 0.002
    drift: float | None = None
    """Change of the offset in seconds per second; None where it is not judged."""
    step: float | None = None
    """By how much the offset changes at once, in the middle."""


@dataclass(slots=True)
class Lost:
    """Packets that left one point and never reached another."""

    source: str
    target: str
    least: int = 1
    most: int | None = None


@dataclass(slots=True)
class Together:
    """What comparing several points must find."""

    points: dict[str, list[str]]
    """Files by label, in the order in which they are given."""
    clocks: dict[str, Clock] = field(default_factory=dict)
    """Of the points behind the first."""
    lost: list[Lost] | None = None
    """Empty: nothing was lost; None: not judged."""
    findings: TrueFindings = field(default_factory=TrueFindings)
    """In place of those of the scenario."""


@dataclass(slots=True)
class TrueCapture:
    """A capture: one point's file (or rotated files), or several points to correlate."""

    name: str
    point: str
    files: list[str]
    format: str
    command: str = "analyze"
    can_tell: bool = True
    others: str = "ok"
    """`ok`: a failed connection that is not listed is a false alarm; `any`: not judged."""
    notes: str = ""
    key_log: str = ""
    """A TLS key log beside the capture. The analyzer is not given it."""
    together: Together | None = None
    """Of `correlate` only."""


@dataclass(slots=True)
class TrueLog:
    """A proxy's own log of the run."""

    file: str
    product: str
    kind: str
    host: str
    form: str = ""
    """Its format string, where it is none of the usual ones; as in `--log PRODUCT:FORMAT=FILE`."""
    offset: float = 0.0
    """Seconds to add to its times to get the captures'."""
    notes: str = ""


@dataclass(slots=True)
class Truth:
    """What one scenario did."""

    scenario: str
    title: str
    how: str
    split: str
    layers: list[str]
    topology: list[str]
    versions: dict[str, str]
    captures: list[TrueCapture]
    connections: list[TrueConnection]
    findings: TrueFindings = field(default_factory=TrueFindings)
    options: list[str] = field(default_factory=list)
    """Command line options that the analyzer needs."""
    logs: list[TrueLog] = field(default_factory=list)
    """Logs of the proxies; the analyzer is not given them."""
    snapshots: list[str] = field(default_factory=list)
    """Files of hosts' snapshots, beside the captures; the analyzer is given all of them."""

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        data = {"schema": SCHEMA, **asdict(self)}
        for item in (data, *data["captures"], *data["connections"]):
            for name in _WHERE_SET:
                if not item.get(name, True):
                    del item[name]
        return data

    def write(self, directory: Path) -> None:
        """Write truth.json."""
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False)
        (directory / "truth.json").write_text(text + "\n")

    @classmethod
    def read(cls, directory: Path) -> Truth:
        """Read truth.json."""
        return cls.from_json(json.loads((directory / "truth.json").read_text()))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Truth:
        """From what is stored."""
        members = {key: value for key, value in data.items() if key != "schema"}
        members["captures"] = [_capture(item) for item in data["captures"]]
        members["connections"] = [_connection(item) for item in data["connections"]]
        members["findings"] = TrueFindings(**data["findings"])
        members["logs"] = [TrueLog(**item) for item in data.get("logs", [])]
        return cls(**members)


def _capture(item: dict[str, Any]) -> TrueCapture:
    stored = item.get("together")
    together = None
    if stored is not None:
        clocks = {label: Clock(**one) for label, one in stored["clocks"].items()}
        lost = None if stored["lost"] is None else [Lost(**one) for one in stored["lost"]]
        together = Together(stored["points"], clocks, lost, TrueFindings(**stored["findings"]))
    return TrueCapture(**{**item, "together": together})


def _connection(item: dict[str, Any]) -> TrueConnection:
    seen = {name: [Sighting(**one) for one in found] for name, found in item["seen"].items()}
    at = {name: Accepted(**one) for name, one in item["at"].items()}
    born = [Born(**one) for one in item.get("born", [])]
    return TrueConnection(**{**item, "seen": seen, "at": at, "born": born})


def problems(data: dict[str, Any]) -> list[str]:
    """What is wrong with stored truth: against the schema, and within itself."""
    import jsonschema

    schema = json.loads(SCHEMA_FILE.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]
    return found or _inner_problems(Truth.from_json(data))


def _inner_problems(truth: Truth) -> list[str]:
    names = {capture.name for capture in truth.captures}
    found = [
        f"{capture.name} must have `together`, with points that are captures"
        for capture in truth.captures
        if capture.command == "correlate"
        and (capture.together is None or not set(capture.together.points) < names)
    ]
    for index, connection in enumerate(truth.connections):
        strangers = (set(connection.seen) | set(connection.at)) - names
        found += [f"connections[{index}] names an unknown capture {name}" for name in strangers]
        if not connection.seen:
            found.append(f"connections[{index}] is in no capture")
        cause = connection.caused_by
        if cause is not None and not 0 <= cause < len(truth.connections):
            found.append(f"connections[{index}] is caused by a connection that is not listed")
    return found


def read_all(root: Path = FIXTURES) -> list[tuple[Path, Truth]]:
    """Every stored scenario, by name."""
    folders = sorted(path.parent for path in root.glob("*/truth.json"))
    return [(folder, Truth.read(folder)) for folder in folders]
