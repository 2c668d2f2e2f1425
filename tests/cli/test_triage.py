"""``pcapdiag triage`` as its user meets it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import junitparser
import pytest
from click.testing import CliRunner, Result

from pcapdiag import pipeline
from pcapdiag.cli import values
from pcapdiag.cli.main import cli
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage import local
from tests.captures import FIXTURES
from tests.triage.several import DOZEN, REFUSED, copies, here, tree

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures are examined here, unless a test says otherwise."""
    monkeypatch.setattr(local, "LocalEngine", lambda *_arguments: nullcontext(here))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["triage", *map(str, arguments)])


def healthy() -> Path:
    for path in sorted((FIXTURES / "pcaps").glob("*healthy*/*.pcap*")):
        report = pipeline.analyze([str(path)], AnalyzeOptions())
        if not report.summary.failed and report.capture.complete:
            return path
    raise AssertionError("no healthy capture in fixtures/")


def test_a_failed_connection_gives_1(tmp_path: Path) -> None:
    done = run(REFUSED, tmp_path / "missing", "-o", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "TRIAGE  2 captures: 1 examined, 1 error" in done.stdout
    assert "tcp.connection_refused" in done.stdout


def test_nothing_failed_gives_0_and_what_was_not_examined_2(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, fine=healthy())
    done = run(path, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    (tmp_path / "text.pcap").write_text("no capture")
    done = run(path, tmp_path / "text.pcap", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "ERROR   " in done.stdout


@pytest.mark.parametrize(
    ("conditions", "with_text", "status"),
    [
        (["code=tcp.connection_refused"], False, 1),
        (["code=tls.*", "party=client"], False, 0),
        (["code=tls.*", "failed>0"], True, 1),
        (["code=tls.*"], True, 2),
        (["never"], True, 0),
        (["code=tsl.*"], False, 2),
    ],
)
def test_a_pipeline_says_what_fails(
    tmp_path: Path, conditions: list[str], with_text: bool, status: int
) -> None:
    (tmp_path / "text.pcap").write_text("no capture")
    sources = [REFUSED, tmp_path / "text.pcap"] if with_text else [REFUSED]
    options = [word for condition in conditions for word in ("--fail-on", condition)]
    done = run(*sources, "-o", tmp_path / "out", "--format", "jsonl", *options)
    assert done.exit_code == status, done.output


def test_wrong_use_gives_2_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "names").write_text("no names")
    for arguments, words in (
        ([tmp_path / "none"], "no capture found"),
        (["-"], "standard input is for: pcapdiag analyze -"),
        ([tmp_path / "*.pcap"], "matches no file"),
        (["nosuch://x/y"], "nosuch"),
        ([REFUSED, "--memory", "lots"], "write 512M or 2G"),
        ([REFUSED, "--names", tmp_path / "names"], "not a names file"),
    ):
        done = run(*arguments, "-o", tmp_path / "out")
        assert done.exit_code == 2, done.output
        assert words in done.stderr
        assert "Traceback" not in done.output


def test_files_for_pipelines(tmp_path: Path) -> None:
    (tmp_path / "text.pcap").write_text("no capture")
    done = run(
        REFUSED, tmp_path / "text.pcap", "-o", tmp_path / "out", "--format", "jsonl", "-q",
        "--junit", tmp_path / "junit.xml", "--markdown", tmp_path / "summary.md",
    )  # fmt: skip
    assert done.exit_code == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["schema"], line["type"]) for line in lines] == [
        ("pcapdiag-line/1", "outcome")
    ] * 2
    suites = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suites.tests, suites.failures, suites.errors) == (2, 1, 1)
    assert (tmp_path / "summary.md").read_text().startswith("## ")
    assert run(REFUSED, "-o", tmp_path / "out", "--junit", "-").exit_code == 2
    for option in ("--fail-on=never", "--junit=x.xml"):
        done = run("--watch", tmp_path, "-o", tmp_path / "out", option)
        assert done.exit_code == 2
        assert "for a run that ends" in done.stderr


def test_an_output_that_cannot_be_written_gives_3(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(REFUSED, "-o", tmp_path / "file" / "out")
    assert done.exit_code == 3
    assert "cannot write" in done.stderr


def test_quiet_prints_a_line_for_each_capture_in_order(tmp_path: Path) -> None:
    paths = copies(tmp_path, b=REFUSED, a=healthy(), copy=REFUSED)
    (tmp_path / "text.pcap").write_text("no capture")
    done = run("-q", *paths, tmp_path / "text.pcap", "-o", tmp_path / "out")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(line["schema"], line["type"]) for line in lines} == {("pcapdiag-line/1", "outcome")}
    names = [[Path(name).stem for name in line["outcome"]["names"]] for line in lines]
    assert names == [["a"], ["b", "copy"], ["text"]]
    assert [line["outcome"]["status"] for line in lines] == ["examined", "examined", "error"]
    assert lines[1]["outcome"]["failures"] == {"tcp.connection_refused": 10}
    again = run("-q", *paths[::-1], tmp_path / "text.pcap", "-o", tmp_path / "out")
    assert again.stdout == done.stdout


def test_only_what_is_asked_is_told_but_out_holds_all(tmp_path: Path) -> None:
    first, second = copies(tmp_path, first=REFUSED, second=healthy())
    assert run(first, "-o", tmp_path / "out").exit_code == 1
    done = run(second, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert done.stdout.startswith("TRIAGE  1 capture:")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["captures"] == 2


def test_other_options_are_told(tmp_path: Path) -> None:
    run(REFUSED, "-o", tmp_path / "out")
    done = run(REFUSED, "-o", tmp_path / "out", "--proxy", "192.0.2.1")
    assert "1 known capture was examined with other options: examined again" in done.stderr


def test_without_pyarrow_there_are_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = run(REFUSED, "-o", tmp_path / "out")
    assert "pip install 'pcapdiag[parquet]'" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".pcapdiag",
        "lines",
        "summary.html",
        "summary.json",
    ]
    done = run(REFUSED, "-o", tmp_path / "out", "--format", "parquet")
    assert done.exit_code == 2
    assert "Parquet needs pyarrow" in done.stderr


def test_a_pattern_may_be_quoted_and_an_option_may_be_anywhere(tmp_path: Path) -> None:
    shutil.copyfile(REFUSED, tmp_path / "[a].pcap")
    done = run("-o", tmp_path / "out", tmp_path / "[a].pcap")
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512M", 512 * 1024**2), ("1.5g", 1.5 * 1024**3), ("7KiB", 7168)]
)
def test_sizes(text: str, size: int) -> None:
    assert values.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1M", "1e9", "1 M", "1P", "9" * 20])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        values.parse_size(text)


def test_processes_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of workers, and for real."""
    monkeypatch.undo()
    found = []
    for jobs in (1, 3):
        out = tmp_path / f"out-{jobs}"
        done = run(*DOZEN[:6], "-o", out, "--jobs", jobs, "--retry", "1")
        assert done.exit_code == 1, done.output
        found.append(tree(out))
    assert found[0] == found[1]


def test_a_folder_that_could_not_be_read_gives_2_where_nothing_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = copies(tmp_path, fine=healthy())
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(at: str) -> object:
        if str(at).endswith("closed"):
            raise PermissionError(13, "Permission denied", at)
        return scan(at)

    monkeypatch.setattr(os, "scandir", refuse)
    done = run(path, tmp_path / "closed", "-o", tmp_path / "out")
    assert "left out" in done.stderr
    assert done.exit_code == 2, done.output
