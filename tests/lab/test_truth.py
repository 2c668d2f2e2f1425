"""Truth: reading, writing, and what its validation finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from failurelab.truth import FIXTURES, Truth, problems

FOLDERS = sorted(path.parent for path in FIXTURES.glob("*/truth.json"))


def example() -> dict[str, Any]:
    seen = {
        "initiator": "10.0.0.1:4000", "responder": "10.0.1.1:80", "occurrence": 0,
        "first_frame": 1,
    }  # fmt: skip
    connection = {
        "initiator": "10.0.0.1:4000", "responder": "10.0.1.1:80", "codes": ["ok"],
        "sides": ["unknown"], "parties": ["unknown"], "ended_by": [], "caused_by": None,
        "seen": {"client": [seen]}, "at": {},
    }  # fmt: skip
    capture = {
        "name": "client", "point": "client eth0", "files": ["client.pcap"], "format": "pcap",
        "command": "analyze", "can_tell": True, "others": "ok", "notes": "", "key_log": "",
    }  # fmt: skip
    return {
        "schema": "failurelab-truth/1", "scenario": "healthy-example", "title": "An example of it",
        "how": "Made by hand.", "split": "fit", "layers": ["tcp"], "topology": [], "versions": {},
        "captures": [capture], "connections": [connection],
        "findings": {"expected": [], "forbidden": []}, "options": [],
    }  # fmt: skip


def test_good_truth_has_no_problems() -> None:
    assert problems(example()) == []


def test_round_trip(tmp_path: Path) -> None:
    Truth.from_json(example()).write(tmp_path)
    assert json.loads((tmp_path / "truth.json").read_text()) == example()
    assert Truth.read(tmp_path) == Truth.from_json(example())


def test_round_trip_with_a_log(tmp_path: Path) -> None:
    log = {
        "file": "envoy.log", "product": "envoy", "kind": "access", "host": "proxy", "form": "",
        "offset": -4.2, "notes": "moved",
    }  # fmt: skip
    data = {**example(), "logs": [log]}
    assert problems(data) == []
    Truth.from_json(data).write(tmp_path)
    assert json.loads((tmp_path / "truth.json").read_text()) == data
    assert problems({**data, "logs": []})


@pytest.mark.parametrize(
    ("member", "value"),
    [("split", "test"), ("scenario", "Upper"), ("layers", []), ("captures", []), ("title", "")],
)
def test_schema_violations(member: str, value: object) -> None:
    assert problems({**example(), member: value})


def test_connection_in_an_unknown_capture() -> None:
    data = example()
    data["connections"][0]["seen"]["proxy"] = data["connections"][0]["seen"]["client"]
    assert problems(data) == ["connections[0] names an unknown capture proxy"]


def test_connection_seen_nowhere() -> None:
    data = example()
    data["connections"][0]["seen"] = {}
    assert problems(data) == ["connections[0] is in no capture"]


def test_points_to_compare_must_be_captures() -> None:
    data = example()
    clock = {"offset": 0.0, "tolerance": 0.002, "drift": None, "step": None}
    findings: dict[str, list[str]] = {"expected": [], "forbidden": []}
    points = {"client": ["client.pcap"], "upstream": ["upstream.pcap"]}
    there = {"points": points, "clocks": {"upstream": clock}, "lost": [], "findings": findings}
    capture = {**data["captures"][0], "name": "correlate", "command": "correlate"}
    data["captures"] += [{**capture, "together": there}]
    wrong = "correlate must have `together`, with points that are captures"
    assert problems(data) == [wrong]
    data["captures"] += [{**data["captures"][0], "name": "upstream"}]
    assert problems(data) == []
    assert Truth.from_json(data).to_json() == data
    data["captures"][1] = capture
    assert problems(data) == [wrong]


def test_cause_that_is_not_listed() -> None:
    data = example()
    data["connections"][0]["caused_by"] = 4
    assert problems(data) == ["connections[0] is caused by a connection that is not listed"]


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_stored_truth(folder: Path) -> None:
    data = json.loads((folder / "truth.json").read_text())
    assert problems(data) == []
    assert data["scenario"] == folder.name
    files = {file for capture in data["captures"] for file in capture["files"]}
    files |= {key_log for capture in data["captures"] if (key_log := capture.get("key_log"))}
    files |= {log["file"] for log in data.get("logs", [])}
    files |= {*data.get("snapshots", [])}
    assert files == {path.name for path in folder.iterdir()} - {"truth.json"}
