"""``pcapdiag bundle`` as a user meets it."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import pcapdiag
from pcapdiag.bundle import outputs, sanitising
from pcapdiag.bundle.own_file import replaced
from pcapdiag.cli.main import cli
from tests.captures import FIXTURES

PCAPS = FIXTURES / "pcaps"
REFUSED = PCAPS / "http.local_reply-points-envoy-refused" / "proxy.pcap"


@pytest.fixture(autouse=True)
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_charts", lambda _: iter(()))


def bundle(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["bundle", *map(str, arguments)])


def test_it_says_what_was_put_in_what_was_proven_and_where_it_is(tmp_path: Path) -> None:
    out = tmp_path / "case.zip"
    result = bundle(REFUSED, "-o", out, "--key", tmp_path / "key")
    assert result.exit_code == 1, result.output
    before = pcapdiag.analyze(REFUSED).connections[0]
    labels = [line.split()[0] for line in result.stdout.splitlines() if line[0] != " "]
    assert labels == ["PUT", "PROVEN", "YOURS", "WROTE"]
    assert f"-> {before.responder.ip}:{before.responder.port} is " in result.stdout
    assert "2 connections compared" in result.stdout
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as file:
        assert "capture.pcapng" in file.namelist()
    assert sorted(os.listdir(tmp_path)) == ["case.zip", "key"]


def test_what_filters_did_not_choose_and_came_along_is_counted(tmp_path: Path) -> None:
    """One connection is chosen, its other leg comes along, and what tells the host's usual ways."""
    out = tmp_path / "case.zip"
    result = bundle(PCAPS / "log-nginx-many" / "proxy.pcap", "--port", "8081", "-o", out)
    assert result.exit_code == 1, result.output
    assert ", with all connections of the same hosts\n" in result.stdout
    with zipfile.ZipFile(out) as file:
        cut = json.loads(file.read("manifest.json"))["capture"]
        (tmp_path / "capture.pcapng").write_bytes(file.read("capture.pcapng"))
        readme = file.read("README.md").decode()
    summary = pcapdiag.analyze(tmp_path / "capture.pcapng").summary
    assert cut["filtered"]
    assert cut["not_chosen"] == summary.connections - 1
    assert f"        {cut['not_chosen']} connections not chosen: " in result.stdout
    assert f"- Not among those chosen: {cut['not_chosen']} connections in it." in readme
    assert "those chosen, and all others of the same hosts" in readme


def test_the_same_key_gives_the_same_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    for out in (one, other):
        bundle(REFUSED, "-o", out, "--key", tmp_path / "key")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "standard input cannot be read several times"),
        ([REFUSED, "--for", "acme"], "there are generic, aws, gcp, azure, cloudflare"),
        ([REFUSED, "--no-sanitize", "--key", "k"], "leave out --key and --keep"),
        ([REFUSED, "--keep", "10.0.0.0/40"], "wanted is a network"),
        (["none.pcap"], "no such file"),
        ([PCAPS / "healthy-bulk-download-plain" / "client.pcap"], "nothing to escalate"),
    ],
)
def test_wrong_use(arguments: list[str | Path], said: str, tmp_path: Path) -> None:
    out = tmp_path / "case.zip"
    result = bundle(*arguments, "-o", out)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not out.exists()


def test_the_capture_itself_is_not_replaced() -> None:
    result = bundle(REFUSED, "-o", REFUSED)
    assert result.exit_code == 2
    assert "is one of the captures" in result.output


def test_not_sanitised_is_said_loudly(tmp_path: Path) -> None:
    result = bundle(REFUSED, "-o", tmp_path / "case.zip", "--no-sanitize")
    assert result.exit_code == 1
    assert "NOT sanitised" in result.stderr


def test_no_file_without_a_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "case.zip"
    out.write_bytes(b"an older one")
    monkeypatch.setattr(sanitising, "replaced", lambda block, data: replaced(block, data[::-1]))
    result = bundle(REFUSED, "-o", out)
    assert result.exit_code == 3
    assert "no bundle" in result.stderr
    assert "stream 2: code was http.local_reply" in result.stderr
    assert out.read_bytes() == b"an older one"
    assert os.listdir(tmp_path) == ["case.zip"]


def test_hostile_names_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "..=cmd $(id) \x1b[31m"
    folder.mkdir()
    path = folder / "a;b`c`.pcap"
    path.write_bytes(REFUSED.read_bytes())
    out = tmp_path / "case.zip"
    result = bundle(path, "-o", out)
    assert result.exit_code == 1, result.output
    with zipfile.ZipFile(out) as file:
        assert all(".." not in name and not name.startswith("/") for name in file.namelist())
        assert b"cmd $(id)" not in b"".join(file.read(name) for name in file.namelist())
