"""The option --log: what it takes, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from tests.captures import FIXTURES

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


def test_many_captures_take_no_log(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    log = f"envoy={HERE / 'envoy.log'}"
    result = CliRunner().invoke(cli, ["triage", CAPTURE, "-o", out, "--log", log])
    assert result.exit_code == 2
    assert "not for many captures" in result.output


def test_comments_in_the_capture_name_the_line(tmp_path: Path) -> None:
    out = tmp_path / "annotated.pcapng"
    log = f"envoy={HERE / 'envoy.log'}"
    result = CliRunner().invoke(cli, ["annotate", CAPTURE, "--log", log, "-o", str(out)])
    assert result.exit_code == 1
    assert b"LOG envoy envoy.log:6  503 UC connection_termination  agrees" in out.read_bytes()
