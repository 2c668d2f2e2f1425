"""``pcapdiag timeline`` as a user meets it: which picture, where it goes, and how it ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pcapdiag.cli.main import cli
from tests.captures import FIXTURES

ROOT = FIXTURES.parent
PCAPS = FIXTURES / "pcaps"
REFUSED = PCAPS / "tcp.connection_refused-closed-port" / "client.pcap"
FORGED = PCAPS / "tcp.injected_reset-matched-ttl-both-ends"
POINTS = (f"client={FORGED / 'client.pcap'}", f"upstream={FORGED / 'upstream.pcap'}")
HEALTHY = PCAPS / "healthy-bulk-download-plain" / "client.pcap"
TEXT = "{http://www.w3.org/2000/svg}text"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["timeline", *map(str, arguments)])


def said(path: Path) -> list[str]:
    return [element.text or "" for element in ET.parse(path).iter(TEXT)]


def test_a_connection_is_drawn_and_its_failure_is_the_status(tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    stream = failed_stream()
    assert run(REFUSED, "--stream", stream, "-o", target).exit_code == 1
    words = said(target)
    assert "tcp.connection_refused by the upstream" in words
    assert any(text.endswith(f"tcp.stream=={stream}") for text in words)


def failed_stream() -> int:
    from pcapdiag import pipeline
    from pcapdiag.model.options import AnalyzeOptions

    return pipeline.analyze([REFUSED], AnalyzeOptions()).connections[0].stream


def test_a_whole_capture_is_drawn(tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    assert run(REFUSED, "-o", target).exit_code == 1
    words = said(target)
    assert "failed connections" in words
    assert "tcp.connection_refused" in words


def test_a_healthy_connection_has_all_its_packets_and_status_0(tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    assert run(HEALTHY, "--stream", 0, "-o", target).exit_code == 0
    assert any(text.startswith("worked: ") for text in said(target))
    assert "not kept" not in " ".join(said(target))


def test_captures_of_several_points_have_a_lane_each(tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    assert run(*POINTS, "--stream", 0, "-o", target).exit_code == 1
    assert {"client", "upstream", "path: did it", "came into being between"} <= set(said(target))
    assert run(*POINTS, "-o", target).exit_code == 1
    assert "1 of 1 connection failed" in said(target)


def test_size_paper_and_times_are_the_user_s(tmp_path: Path) -> None:
    target = tmp_path / "x.PNG"
    assert run(REFUSED, "-o", target, "--width", 7, "--dpi", 60, "--dark").exit_code == 1
    data = target.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20]) == 420
    again = tmp_path / "x.svg"
    assert run(REFUSED, "-o", again, "--time", "relative").exit_code == 1
    assert any(re.fullmatch("[0-9]+ (\u00b5s|ms|s)", text) for text in said(again))


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ((REFUSED,), "Missing option '-o'"),
        ((REFUSED, "-o", "x.gif"), "'x.gif': the ending says the format, one of .png, .svg, .pdf"),
        ((REFUSED, "-o", "-"), "the ending says the format"),
        ((REFUSED, "-o", "x.png", "--stream", 1, "--stream", 2), "give --stream once"),
        ((REFUSED, "-o", "x.png", "--stream", 999), "there is no stream 999"),
        ((REFUSED, "-o", "x.png", "--width", 3), "--width"),
        ((*POINTS, REFUSED, "-o", "x.png"), "has no label"),
        ((POINTS[0], "-o", "x.png"), "two capture points or more"),
        (("none.pcap", "-o", "x.png"), "none.pcap"),
    ],
)
def test_wrong_use_is_said_and_nothing_is_written(
    arguments: tuple[object, ...], wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2
    assert wrong in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = run(REFUSED, "-o", tmp_path / "none" / "x.svg")
    assert done.exit_code == 3
    assert "cannot write" in done.output


def test_no_place_for_caches_is_nobody_s_concern(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    env = {**os.environ, "HOME": str(nowhere), "MPLCONFIGDIR": str(nowhere / "x")}
    command = [sys.executable, "-m", "pcapdiag", "timeline", str(REFUSED), "-o", "x.svg"]
    command = [*command[:-1], str(tmp_path / "x.svg")]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env=env, text=True)
    assert done.returncode == 1
    assert "atplotlib" not in done.stderr
    assert said(tmp_path / "x.svg")
