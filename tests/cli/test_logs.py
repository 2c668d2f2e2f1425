"""The option --log: what it takes, and what is said of one that is wrong."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from pcapdiag.triage import local
from tests.captures import FIXTURES
from tests.triage.several import here

pytestmark = pytest.mark.once

HERE = FIXTURES / "pcaps" / "log-envoy-many"
CAPTURE = str(HERE / "proxy.pcap")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("access.log", "PRODUCT=FILE"),
        ("apache=access.log", "no such proxy"),
        ("envoy=/nowhere/access.log", "/nowhere/access.log"),
        (f"envoy={CAPTURE}", "proxy.pcap"),
    ],
)
def test_a_wrong_one_is_refused_and_named(value: str, said: str) -> None:
    result = CliRunner().invoke(cli, ["analyze", CAPTURE, "--log", value])
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_many_captures_take_a_log_that_goes_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LocalEngine", lambda *_arguments: nullcontext(here))
    log = tmp_path / "envoy.log"
    log.write_bytes((HERE / "envoy.log").read_bytes())
    arguments = ["triage", CAPTURE, "-o", str(tmp_path / "out"), "--format", "jsonl"]
    arguments += ["--log", f"envoy={log}"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1, result.output
    lines = "".join(path.read_text() for path in (tmp_path / "out").rglob("lines/**/*.jsonl"))
    assert '"reset_reason":"connection_termination"' in lines
    with log.open("a") as file:
        file.write(log.read_text().splitlines()[0] + "\n")
    again = CliRunner().invoke(cli, arguments)
    assert "1 known capture was examined with other options: examined again" in again.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--log", f"envoy={CAPTURE}", CAPTURE], "is no text, so no log"),
        (["--log", f"envoy={HERE / 'envoy.log'}", "--watch", str(HERE)], "not for --watch"),
        (["--names", CAPTURE, CAPTURE], "not a names file"),
        (["--snapshot", CAPTURE, CAPTURE], "not a snapshot"),
        (["--keylog", "/nowhere/keys", CAPTURE], "cannot read /nowhere/keys"),
    ],
)
def test_a_file_that_is_no_use_to_many_is_refused_once(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    result = CliRunner().invoke(cli, ["triage", "-o", str(tmp_path / "out"), *arguments])
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()


def test_comments_in_the_capture_name_the_line(tmp_path: Path) -> None:
    out = tmp_path / "annotated.pcapng"
    log = f"envoy={HERE / 'envoy.log'}"
    result = CliRunner().invoke(cli, ["annotate", CAPTURE, "--log", log, "-o", str(out)])
    assert result.exit_code == 1
    assert b"LOG envoy envoy.log:6  503 UC connection_termination  agrees" in out.read_bytes()
