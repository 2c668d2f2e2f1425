"""A capture is written by strangers: whatever its bytes, one clear line or a report."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from tests.capture.build import Read
from tests.captures import CAPTURES, FIXTURES, damaged, name_of

TRIES = 4
"""Damaged copies of each capture; the same ones every time."""


@pytest.fixture(autouse=True)
def _show_internal_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCAPDIAG_DEBUG", "1")


@pytest.mark.parametrize("capture", CAPTURES, ids=name_of)
def test_damage_never_shows_a_traceback(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes()
    chance = random.Random(zlib.crc32(name_of(capture).encode()))
    for number in range(TRIES):
        copy = tmp_path / f"{number}-{capture.name}"
        copy.write_bytes(damaged(data, chance))
        form = ("text", "json", "jsonl")[number % 3]
        result = CliRunner().invoke(cli, ["analyze", "--all", "--format", form, str(copy)])
        assert result.exit_code in (0, 1, 2), (number, result.output)
        assert "Traceback" not in result.output
        if result.exit_code == 2:
            assert str(copy) in result.stderr
            assert len(result.stderr.splitlines()) == 1, result.stderr


@pytest.mark.parametrize("capture", CAPTURES[:10], ids=name_of)
def test_every_cut_gives_what_was_before_it(capture: Path, tmp_path: Path) -> None:
    """Cut at each of the first bytes: never a traceback, and never more packets than before."""
    data = capture.read_bytes()
    copy = tmp_path / capture.name
    for end in range(0, min(len(data), 400), 7):
        copy.write_bytes(data[:end])
        result = CliRunner().invoke(cli, ["analyze", str(copy)])
        assert result.exit_code in (0, 1, 2), (end, result.output)


COPIED = [one for one in CAPTURES if ".pcapng" in one.suffixes][::4] + CAPTURES[::100]


@pytest.mark.parametrize("capture", COPIED, ids=name_of)
def test_a_damaged_capture_is_annotated_as_far_as_it_goes(capture: Path, tmp_path: Path) -> None:
    data, out = capture.read_bytes(), tmp_path / "out.pcapng"
    chance = random.Random(zlib.crc32(name_of(capture).encode()))
    for number in range(TRIES):
        copy = tmp_path / f"{number}-{capture.name}"
        copy.write_bytes(damaged(data, chance))
        result = CliRunner().invoke(cli, ["annotate", str(copy), "-o", str(out)])
        assert result.exit_code in (0, 1, 2), (number, result.output)
        assert "Traceback" not in result.output
        if result.exit_code == 2:
            assert len(result.stderr.splitlines()) == 1, result.stderr
            continue
        given, copied = Read(copy), Read(out)
        assert copied.in_capture_order == given.in_capture_order
        assert copied.capture.complete


TOGETHER = sorted(
    folder.parent
    for folder in (FIXTURES / "pcaps").glob("*/upstream.pcap")
    if (folder.parent / "client.pcap").exists()
)


@pytest.mark.parametrize("folder", TOGETHER[::5], ids=lambda folder: folder.name)
def test_damage_at_one_of_two_points_never_shows_a_traceback(folder: Path, tmp_path: Path) -> None:
    chance = random.Random(zlib.crc32(folder.name.encode()))
    for number in range(TRIES):
        points = []
        for label in ("client", "upstream"):
            copy = tmp_path / f"{number}-{label}.pcap"
            data = (folder / f"{label}.pcap").read_bytes()
            copy.write_bytes(damaged(data, chance) if chance.random() < 0.7 else data)
            points.append(f"{label}={copy}")
        form = ("text", "json", "jsonl")[number % 3]
        result = CliRunner().invoke(cli, ["correlate", "--all", "--format", form, *points])
        assert result.exit_code in (0, 1, 2), (number, result.output)
        assert "Traceback" not in result.output
