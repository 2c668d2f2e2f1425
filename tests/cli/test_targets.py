"""No command writes over what it reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from tests.captures import FIXTURES

pytestmark = pytest.mark.once

HERE = FIXTURES / "pcaps" / "log-nginx-tls-client"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(HERE / "proxy.pcap", "a.pcap")
    shutil.copy(HERE / "proxy.pcap", "b.pcap")
    shutil.copy(HERE / "nginx-error.log", "error.log")
    Path("link.pcap").symlink_to("a.pcap")
    Path("hosts").write_text("10.0.0.1 one\n")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("analyze a.pcap -o a.pcap", "a.pcap is one of the captures: give another name to -o"),
        ("analyze a.pcap --html link.pcap", "link.pcap is one of the captures: give another"),
        ("analyze a.pcap --names hosts -o hosts", "hosts is the file of --names"),
        ("analyze a.pcap --log nginx=error.log -o error.log", "error.log is a file of --log"),
        ("analyze a.pcap -o out --html ./out", "--html and --output name the same file"),
        ("analyze a.pcap --html -", "--html needs a file"),
        ("correlate proxy=a.pcap client=b.pcap -o b.pcap", "b.pcap is one of the captures"),
        ("annotate a.pcap -o link.pcap", "link.pcap is one of the captures"),
        ("bundle a.pcap -o a.pcap", "a.pcap is one of the captures"),
        ("bundle a.pcap -o case.zip --key a.pcap", "another name to --key"),
        ("triage a.pcap b.pcap -o out --junit b.pcap", "b.pcap is one of the captures"),
        ("triage a.pcap -o out --junit x --markdown x", "name the same file"),
        ("triage a.pcap -o out --junit -", "--junit needs a file"),
    ],
)
def test_an_input_is_not_written_over(line: str, said: str, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = CliRunner().invoke(cli, line.split())
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
