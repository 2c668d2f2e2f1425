"""Snapshots from files: checked, bounded, and harmless, whoever wrote them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pcapdiag import pipeline
from pcapdiag.errors import UsageError
from pcapdiag.host import load
from pcapdiag.host.load import load_snapshot, load_snapshots
from pcapdiag.model.options import AnalyzeOptions
from tests.host.make import LAB, least, stored, written

pytestmark = pytest.mark.once

CAPTURE = str(LAB / "host.firewall-nft-drop" / "client.pcap")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a snapshot"),
        ("[]", "not a snapshot"),
        ("{}", "not a snapshot"),
        ('{"schema": "pcapdiag-report/1"}', "not a snapshot"),
        ('{"schema": "pcapdiag-snapshot/2", "time": "1"}', "pcapdiag-snapshot/2 is not the"),
        ('{"schema": "pcapdiag-snapshot/1"}', "time"),
        (json.dumps(least(time="soon")), "not a number of seconds"),
        (json.dumps(least(time="9" * 60)), "out of range"),
        (json.dumps(least(time="")), "no time"),
        (json.dumps(least(interfaces=[{"name": 7}])), "interfaces"),
        (json.dumps(least(limits={"files": 10**30})), "out of range"),
        ('{"schema": "pcapdiag-snapshot/1", "time": "1", "cut": ' + "[" * 100_000, "not a snapshot"),
        ("\x00\xff\x1b[31m", "not a snapshot"),
    ],
)  # fmt: skip
def test_what_is_no_snapshot_is_told(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError) as told:
        load_snapshot(str(path))
    assert str(path) in str(told.value)
    assert says in str(told.value)
    assert str(told.value).isprintable()


def test_a_file_that_is_not_there_or_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_snapshot(str(tmp_path / "none.json"))
    monkeypatch.setattr(load, "MAX_FILE", 100)
    with pytest.raises(UsageError, match="larger than"):
        load_snapshot(written(tmp_path, stored("host.firewall-nft-drop")))


def test_unknown_members_are_passed_over(tmp_path: Path) -> None:
    assert load_snapshot(written(tmp_path, least(later={"more": 1}))).time.startswith("1700000000")


def test_texts_are_harmless(tmp_path: Path) -> None:
    nasty = "a\x1b[2J\u202e" + "x" * 5_000
    document = least(host={"name": nasty}, settings={nasty: nasty})
    snapshot = load_snapshot(written(tmp_path, document))
    texts = [snapshot.host.name, *snapshot.settings, *snapshot.settings.values()]
    assert all(text.isprintable() and len(text) < 1_000 for text in texts)


def pair(first: str, last: str, **host: object) -> list[dict[str, Any]]:
    who = {"boot_id": "b", "network_namespace": 7, **host}
    return [
        least(time=last, host=who, counters={"time": last, "kernel": {"TcpExtListenDrops": 9}}),
        least(time=first, host=who, counters={"time": first, "kernel": {"TcpExtListenDrops": 2}}),
    ]


def load_pair(folder: Path, documents: list[dict[str, Any]]) -> list[load.Loaded]:
    return load_snapshots([written(folder, one, f"{n}.json") for n, one in enumerate(documents)])


def test_two_of_one_boot_and_namespace_become_one(tmp_path: Path) -> None:
    (one,) = load_pair(tmp_path, pair("100.0", "200.0"))
    assert one.snapshot.time == "200.0"
    assert one.snapshot.earlier is not None
    assert one.snapshot.earlier.kernel == {"TcpExtListenDrops": 2}
    assert one.path.endswith("0.json")


def test_another_namespace_or_no_boot_is_another_host(tmp_path: Path) -> None:
    documents = pair("100.0", "200.0")
    documents[1]["host"] = {**documents[1]["host"], "network_namespace": 8}
    assert len(load_pair(tmp_path, documents)) == 2
    assert len(load_pair(tmp_path, pair("100.0", "200.0", boot_id=""))) == 2


def test_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match="too many"):
        load_snapshots(["host.json"] * 3 + [f"{n}.json" for n in range(load.MAX_FILES)])


TEXTS = ("", "x" * 700, "::/200", "\x1b[31m", "9-1", "1" * 500, "10.0.0.0/8", "default", "\u0663")
NUMBERS = (-1, 0, 1, 2**63, 65_536, 10**15)


def broken(document: Any, chance: random.Random) -> Any:  # noqa: ANN401
    """Return a document with single members replaced by what nobody expects there."""
    if chance.random() < 0.0003:
        return chance.choice([None, "", [], {}, [[]], 1e308])
    if isinstance(document, dict):
        return {
            name: member if name == "time" else broken(member, chance)
            for name, member in document.items()
        }
    if isinstance(document, list):
        return [broken(member, chance) for member in document * chance.choice((1, 1, 1, 0, 3))]
    if chance.random() > 0.1 or isinstance(document, bool | float):
        return document
    return chance.choice(NUMBERS if isinstance(document, int) else TEXTS)


@pytest.mark.parametrize(
    "scenario",
    [
        "host.firewall-nft-drop", "host.envoy_cluster-overflow", "host.no_route-no-way-back",
        "tcp.listen_backlog-snapshot-one-stalls", "host.dropped-shaped-queue",
        "tcp.ephemeral_ports_low-snapshot-envoy",
    ],
)  # fmt: skip
def test_damaged_snapshots_are_used_or_refused(tmp_path: Path, scenario: str) -> None:
    chance = random.Random(scenario)
    capture = str(next(LAB.joinpath(scenario).glob("*.pcap")))
    used = 0
    for number in range(25):
        document = stored(scenario)
        kept = {name: document[name] for name in ("schema", "time")}
        document = {**broken(document, chance), **kept}
        document["interfaces"] = stored(scenario)["interfaces"]
        path = written(tmp_path, document, f"{number}.json")
        try:
            report = pipeline.analyze([capture], AnalyzeOptions(snapshots=(path,)))
        except UsageError:
            continue
        used += 1
        assert all(finding.title.isprintable() for finding in report.findings)
    assert used > 5
