"""``pcapdiag correlate`` as a user meets it: which files are of which point, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

import pcapdiag
from pcapdiag.cli.correlate import correlate, named_points
from pcapdiag.cli.main import cli
from pcapdiag.errors import UsageError
from pcapdiag.model.options import CapturePoint
from tests.captures import FIXTURES

FORGED = FIXTURES / "pcaps" / "tcp.injected_reset-matched-ttl-both-ends"
CLIENT, UPSTREAM = FORGED / "client.pcap", FORGED / "upstream.pcap"
SCHEMA = json.loads((FIXTURES.parent / "docs" / "report.schema.json").read_text())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["correlate", *arguments])


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.pcap", "b.pcap", "up-1.pcap", "up-2.pcap", "x=1.pcap"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_folder")
def test_labels_patterns_and_repeated_labels() -> None:
    assert named_points(["proxy=a.pcap", "upstream=up-*.pcap", "proxy=b.pcap"]) == [
        CapturePoint("proxy", ("a.pcap", "b.pcap")),
        CapturePoint("upstream", ("up-1.pcap", "up-2.pcap")),
    ]


@pytest.mark.usefixtures("_folder")
def test_a_file_s_own_equals_sign_and_a_missing_file() -> None:
    assert named_points(["proxy=x=1.pcap", "fw=none*.pcap"]) == [
        CapturePoint("proxy", ("x=1.pcap",)),
        CapturePoint("fw", ("none*.pcap",)),
    ]


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.pcap"], "'a.pcap' has no label: write LABEL=a.pcap, for example proxy=a.pcap"),
        (["x=1.pcap"], "'x=1.pcap' is a file and has no label: write LABEL=x=1.pcap"),
        ([f".{os.sep}x=1.pcap"], "has no label"),
        (["proxy="], "'proxy=' names no file"),
        (["proxy=a.pcap", "upstream=a.pcap"], "'a.pcap' is named at proxy and at upstream"),
        (["proxy=a.pcap", f"fw=.{os.sep}a.pcap"], "is named at proxy and at fw"),
        (["proxy=a.pcap", "proxy=a.pcap"], "named twice at proxy"),
    ],
)
def test_what_is_no_point_is_said(arguments: list[str], said: str) -> None:
    with pytest.raises(click.UsageError) as found:
        named_points(arguments)
    assert said in found.value.message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument"),
        ([f"proxy={CLIENT}"], "correlate compares two capture points or more"),
        ([f"proxy={CLIENT}", "upstream=-"], "standard input cannot be read twice"),
        ([f"pr\x1b[31moxy={CLIENT}", f"upstream={UPSTREAM}"], "is no label"),
        ([f"={CLIENT}", f"upstream={UPSTREAM}"], "is no label"),
        ([f"{'p' * 33}={CLIENT}", f"upstream={UPSTREAM}"], "is no label"),
        ([f"proxy={CLIENT}", "upstream=missing.pcap"], "missing.pcap"),
        ([*(f"p{n}=f{n}.pcap" for n in range(9))], "9 points are too many"),
        ([f"proxy={CLIENT}", f"up={UPSTREAM}", "--follow"], "No such option"),
        ([f"proxy={CLIENT}", f"up={UPSTREAM}", "--from", "+2m", "--to", "+1m"], "later than"),
    ],
)
def test_wrong_use_is_status_2_and_no_report(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert "\x1b" not in result.stderr
    assert "Traceback" not in result.output


def test_a_failure_is_told_once_with_both_points() -> None:
    result = run(f"client={CLIENT}", f"upstream={UPSTREAM}", "--width", "90")
    assert result.exit_code == 1
    assert result.stdout.startswith("POINTS  client    client.pcap: 25 packets")
    assert "its clock agrees with client's, \u00b1" in result.stdout
    assert result.stdout.count("FAILED ") == 1
    said = " ".join(result.stdout.split())
    assert "reached client (frame 14), never left upstream" in said
    assert "SEE     client: tcp.stream==0   upstream: tcp.stream==0" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines() if "tcpdump" not in line) <= 90


def test_json_is_valid_and_counts_the_connection_once(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    result = run(f"client={CLIENT}", f"up={UPSTREAM}", "--format", "json", "-o", str(target))
    assert (result.exit_code, result.stdout) == (1, "")
    document = json.loads(target.read_text())
    jsonschema.validate(document, SCHEMA)
    assert [point["label"] for point in document["points"]] == ["client", "up"]
    assert document["points"][1]["clock_error"] > 0
    assert document["summary"]["connections"] == document["summary"]["failed"] == 1
    (connection,) = document["connections"]
    assert [seen["point"] for seen in connection["seen_at"]] == ["client", "up"]
    assert "point" not in connection
    assert {entry.get("point") for entry in connection["timeline"]} == {None, "up"}
    assert connection["path_order"] == ["client", "up"]
    assert {passage["fate"] for passage in connection["passages"]} >= {"both", "appeared"}


def test_lines_end_with_the_points() -> None:
    lines = run(f"client={CLIENT}", f"up={UPSTREAM}", "--format", "jsonl").stdout.splitlines()
    last = json.loads(lines[-1])
    assert last["type"] == "summary"
    assert [point["label"] for point in last["points"]] == ["client", "up"]
    assert all("points" not in json.loads(line) for line in lines[:-1])


@pytest.mark.parametrize("chosen", [("--stream", "0"), ("--port", "80"), ("--from", "+0s")])
def test_filters_choose_among_the_joined_connections(chosen: tuple[str, str]) -> None:
    points = f"client={CLIENT}", f"upstream={UPSTREAM}", "--format", "json"
    assert json.loads(run(*points, *chosen).stdout)["summary"]["connections"] == 1


def test_filters_that_match_nothing() -> None:
    result = run(f"client={CLIENT}", f"upstream={UPSTREAM}", "--stream", "7")
    assert result.exit_code == 0
    assert "no connection in the captures matches the options" in result.stdout


def test_completion_offers_the_labels_that_mean_something() -> None:
    argument = correlate.params[0]
    context = click.Context(correlate)
    offered = [item.value for item in argument.shell_complete(context, "")]
    assert offered == ["client=", "proxy=", "upstream="]
    assert [item.type for item in argument.shell_complete(context, "proxy=a")] == ["file"]


def test_the_interface_of_the_library() -> None:
    report = pcapdiag.correlate({"client": CLIENT, "upstream": [str(UPSTREAM)]})
    (connection,) = report.connections
    assert connection.verdict.attribution.side == "path"
    assert [seen.stream for seen in connection.seen_at] == [0, 0]
    with pytest.raises(UsageError):
        pcapdiag.correlate({"client": CLIENT})
