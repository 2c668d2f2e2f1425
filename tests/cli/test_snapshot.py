"""``pcapdiag snapshot``, and ``--snapshot`` of the commands that read captures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pcapdiag.cli.main import cli
from tests.host.make import LAB, written

pytestmark = pytest.mark.once

FOLDER = LAB / "host.firewall-nft-drop"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_a_summary_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    done = run("snapshot", "-o", str(path))
    assert done.exit_code == 0
    assert done.stdout.startswith("HOST    ")
    document = json.loads(path.read_text())
    assert document["schema"] == "pcapdiag-snapshot/1"
    assert [one.name for one in tmp_path.iterdir()] == ["host.json"]


def test_json_alone_on_standard_output() -> None:
    done = run("snapshot", "-o", "-")
    assert json.loads(done.stdout)["earlier"] is None


def test_twice(tmp_path: Path) -> None:
    done = run("snapshot", "--during", "0.1", "-o", str(tmp_path / "host.json"))
    assert "counters read twice" in " ".join(done.stdout.split())
    assert json.loads((tmp_path / "host.json").read_text())["earlier"]["time"]


def test_wrong_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run("snapshot", "--during", "0").exit_code == 2
    done = run("snapshot", "--envoy-admin", "ftp://x")
    assert done.exit_code == 2
    assert "no address of Envoy's admin interface" in done.stderr
    assert run("snapshot", "-o", str(tmp_path / "none" / "host.json")).exit_code == 3
    monkeypatch.setattr(sys, "platform", "win32")
    done = run("snapshot")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "taken on Linux" in done.stderr


def test_analyze_with_snapshots() -> None:
    words = ["--snapshot", str(FOLDER / "before.json"), "--snapshot", str(FOLDER / "host.json")]
    done = run("analyze", str(FOLDER / "client.pcap"), *words)
    text = " ".join(done.stdout.split())
    assert done.exit_code == 1
    assert "HOST upstream (192.168." in text
    assert "BECAUSE" in text
    assert "a firewall rule of upstream drops these packets host.firewall" in text
    told = json.loads(
        run("analyze", "--format", "json", str(FOLDER / "client.pcap"), *words).stdout
    )
    assert [one["host"] for one in told["snapshots"]] == ["upstream"]
    lines = run("analyze", "--format", "jsonl", str(FOLDER / "client.pcap"), *words).stdout
    assert json.loads(lines.splitlines()[-1])["snapshots"] == told["snapshots"]
    markdown = run("analyze", "--format", "markdown", str(FOLDER / "client.pcap"), *words).stdout
    assert "- Host: upstream" in markdown


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, {"schema": "pcapdiag-snapshot/9"})
    done = run("analyze", "--snapshot", path, str(FOLDER / "client.pcap"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        "pcapdiag-snapshot/9 is not the pcapdiag-snapshot/1 that this version reads" in done.stderr
    )


def test_a_page_tells_of_the_host(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    words = ["--snapshot", str(FOLDER / "host.json"), "--html", str(page)]
    run("analyze", str(FOLDER / "client.pcap"), *words)
    assert "<dt>Host</dt><dd>upstream (192.168." in page.read_text()
