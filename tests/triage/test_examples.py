"""The examples of docs/triage.md run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from tests.triage.several import DOZEN, run

pytestmark = pytest.mark.once

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "triage.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which OUT is called ``out``; one capture of it is none."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "notes.txt").write_text("no capture")
    run(folder / "out", [*DOZEN, folder / "notes.txt"])
    return folder


@pytest.mark.parametrize("query", blocks("sql"))
def test_queries_find_something(query: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with duckdb.connect() as database:
        assert database.execute(query).fetchall()


@pytest.mark.parametrize("program", blocks("python"))
def test_programs_print_something(
    program: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    exec(compile(program, "triage.md", "exec"), {})  # noqa: S102
    assert "tcp.connection_refused" in capsys.readouterr().out


def test_there_are_examples() -> None:
    assert len(blocks("sql")) >= 5
    assert blocks("python")
