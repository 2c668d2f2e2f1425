"""``pcapdiag analyze`` as a user meets it: what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import pcapdiag
from pcapdiag.cli.main import cli
from pcapdiag.model.options import AnalyzeOptions, EndPattern, TimeBound
from tests.cli.stand_in import pipeline

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def start(kind: str, *arguments: str, seen: list[AnalyzeOptions] | None = None) -> Result:
        module = pipeline(kind, seen)
        monkeypatch.setitem(sys.modules, "pcapdiag.pipeline", module)
        monkeypatch.setattr(pcapdiag, "pipeline", module, raising=False)
        monkeypatch.setattr("pcapdiag.cli.printing.is_compiled", lambda: True)
        return CliRunner().invoke(cli, ["analyze", *arguments])

    return start


def process(kind: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cli.stand_in", kind, "analyze", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **more},
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("healthy", 0), ("failed", 1), ("finding", 1), ("unreadable", 2), ("broken", 3),
        ("no-packets", 0), ("damaged", 0), ("interrupted", 130),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "json", "jsonl", "markdown", "junit"])
def test_exit_status(run: Run, kind: str, status: int, form: str) -> None:
    result = run(kind, "--format", form, "x.pcap")
    assert result.exit_code == status
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        (["code=tcp.connection_refused"], 1),
        (["code=tls.*"], 0),
        (["code=tls.*", "failed>0"], 1),
        (["never"], 0),
        (["never", "failed>0"], 2),
        (["code=tsl.*"], 2),
        (["failed"], 2),
    ],
)
def test_a_pipeline_says_what_fails(run: Run, conditions: list[str], status: int) -> None:
    options = [word for condition in conditions for word in ("--fail-on", condition)]
    assert run("failed", *options, "x").exit_code == status


def test_forms_for_pipelines(run: Run) -> None:
    assert run("failed", "--format", "markdown", "x").stdout.startswith("## ")
    seen: list[AnalyzeOptions] = []
    done = run("failed", "--format", "junit", "x", seen=seen)
    assert done.stdout.startswith("<?xml")
    assert done.stdout.endswith("</testsuites>\n")
    assert seen[0].all_connections, "healthy endpoints pass"


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--port", "0", "x"], ["--host", "nobody:x", "x"], ["--net", "10.0.0.0/99", "x"],
        ["--from", "12:00", "x"], ["--from", "2026-11-22T12:00:01", "x"], ["--stream", "-1", "x"],
        ["--from", "+2m", "--to", "+90s", "x"], ["--format", "xml", "x"], ["--follow", "--format", "json", "x"],
        ["-", "x"], ["--follow", "--format", "junit", "x"], ["--bogus", "x"], ["--width", "3", "x"], ["--html", "-", "x"],
        ["--html", "r", "-o", "./r", "x"],
    ],
)  # fmt: skip
def test_wrong_use_is_status_2_and_no_report(run: Run, arguments: list[str]) -> None:
    result = run("healthy", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr


def test_text_is_the_default_and_goes_to_standard_output(run: Run) -> None:
    result = run("failed", "x.pcap")
    assert result.stdout.startswith("CAPTURE capture.pcap")
    assert "SUMMARY 42 connections: 1 failed, 41 worked" in result.stdout
    assert result.stderr == ""
    assert "\x1b" not in result.stdout


def test_json_and_lines(run: Run) -> None:
    assert json.loads(run("failed", "--format", "json", "x").stdout)["summary"]["failed"] == 1
    lines = run("failed", "--format", "jsonl", "x").stdout.splitlines()
    assert json.loads(lines[-1])["type"] == "summary"


def test_an_error_is_one_harmless_line_on_standard_error(run: Run) -> None:
    unreadable = run("unreadable", "x")
    assert unreadable.stderr == "pcapdiag: empty.pcap: byte 0: the file is empty\n"
    broken = run("broken", "x")
    assert broken.stderr.count("\n") == 1
    assert "internal error (RuntimeError: something\\x0awent \\x1b[31mwrong)" in broken.stderr


def test_debug_shows_where_an_internal_error_was(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCAPDIAG_DEBUG", "1")
    assert "Traceback" in run("broken", "x").stderr


def test_damage_and_emptiness_are_said_on_standard_error(run: Run) -> None:
    damaged = run("damaged", "--format", "json", "x")
    assert damaged.stderr == (
        "pcapdiag: cut.pcap: damaged at byte 99: the file ends within a packet\n"
    )
    empty = run("no-packets", "--format", "json", "x")
    assert empty.stderr == "pcapdiag: none.pcap: a valid capture without packets\n"


def test_uncompiled_says_so_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("healthy", "x")
    monkeypatch.setattr("pcapdiag.cli.printing.is_compiled", lambda: False)
    result = CliRunner().invoke(cli, ["analyze", "x"])
    assert result.stderr == "pcapdiag: running uncompiled, which is slower (pcapdiag --version)\n"


def test_options_reach_the_pipeline(run: Run) -> None:
    seen: list[AnalyzeOptions] = []
    result = run(
        "healthy", "--host", "10.0.0.5", "--host", "[2001:db8::1]:443", "--port", "443",
        "--net", "10.0.0.0/8", "--stream", "7", "--from", "2026-11-22T12:00:01.5+01:00",
        "--to", "1795348801.25", "--proxy", "10.0.1.5:15001", "--client", "10.0.2.0/24",
        "--upstream", "10.0.3.1", "--names", "hosts", "--keylog", "keys", "--all", "x", seen=seen,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (options,) = seen
    parse = EndPattern.parse
    assert options == AnalyzeOptions(
        hosts=(parse("10.0.0.5"), parse("[2001:db8::1]:443")),
        ports=(443,),
        nets=(parse("10.0.0.0/8"),),
        streams=(7,),
        time_from=TimeBound(1_795_345_201_500_000_000),
        time_to=TimeBound(1_795_348_801_250_000_000),
        proxies=(parse("10.0.1.5:15001"),),
        clients=(parse("10.0.2.0/24"),),
        upstreams=(parse("10.0.3.1"),),
        names="hosts",
        keylog="keys",
        all_connections=True,
    )


@pytest.mark.parametrize(
    ("text", "ns"),
    [("+90s", 90 * 10**9), ("+1.5s", 1_500_000_000), ("+20ms", 20_000_000), ("+2m", 120 * 10**9)],
)
def test_times_from_the_start(run: Run, text: str, ns: int) -> None:
    seen: list[AnalyzeOptions] = []
    run("healthy", "--from", text, "x", seen=seen)
    assert seen[0].time_from == TimeBound(ns, from_start=True)


def test_a_quoted_pattern_means_its_files(tmp_path: Path) -> None:
    for name in ("b.pcap1", "b.pcap0"):
        (tmp_path / name).touch()
    paths: list[str] = []
    module = pipeline("healthy")
    analyze = module.analyze

    def remember(given: list[str], options: AnalyzeOptions) -> object:
        paths.extend(given)
        return analyze(given, options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pcapdiag.pipeline", module)
        patch.setattr(pcapdiag, "pipeline", module, raising=False)
        patch.setattr(module, "analyze", remember, raising=False)
        CliRunner().invoke(cli, ["analyze", str(tmp_path / "b.pcap*")])
    assert paths == [str(tmp_path / "b.pcap0"), str(tmp_path / "b.pcap1")]


def test_output_file_is_whole_or_as_it_was(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("before")
    target.chmod(0o640)
    assert run("broken", "--format", "json", "-o", str(target), "x").exit_code == 3
    assert target.read_text() == "before"
    result = run("failed", "--format", "json", "-o", str(target), "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(target.read_text())["summary"]["failed"] == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_rendering_that_breaks_leaves_the_file_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.txt"
    target.write_text("before")
    monkeypatch.setattr("pcapdiag.report.text._summary", lambda *_: 1 / 0)
    assert run("failed", "-o", str(target), "x").exit_code == 3
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["report.txt"]


def test_an_output_that_cannot_be_written_is_status_3(run: Run, tmp_path: Path) -> None:
    for target, why in ((tmp_path / "no" / "r", "No such file"), (tmp_path, "Is a directory")):
        result = run("failed", "-o", str(target), "x")
        assert result.exit_code == 3
        assert result.stderr.startswith(f"pcapdiag: cannot write {target}: {why}")
        assert result.stderr.count("\n") == 1


def test_a_page_is_written_beside_the_text(run: Run, tmp_path: Path) -> None:
    target, seen = tmp_path / "report.html", list[AnalyzeOptions]()
    result = run("failed", "--html", str(target), "x", seen=seen)
    assert result.exit_code == 1
    assert result.stdout == run("failed", "x").stdout
    assert target.read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert seen[0].pictures


@pytest.mark.parametrize("more", [[], ["--follow"]])
def test_a_page_that_cannot_be_written_is_status_3(
    run: Run, tmp_path: Path, more: list[str]
) -> None:
    target = tmp_path / "no" / "report.html"
    result = run("failed", *more, "--html", str(target), "x")
    assert result.exit_code == 3
    assert "connection_refused" in result.stdout
    assert result.stderr == f"pcapdiag: cannot write {target}: No such file or directory\n"


def test_following_ends_with_the_page(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert run("failed", "--follow", "--html", str(target), "x").exit_code == 1
    assert "connection_refused" in target.read_text()


def test_output_through_a_link_keeps_the_link(run: Run, tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    target.touch()
    link.symlink_to(target)
    run("healthy", "-o", str(link), "x")
    assert link.is_symlink()
    assert target.read_text().startswith("CAPTURE")


def test_a_full_device_is_status_3() -> None:
    child = process("failed", "-o", "/dev/full", "x")
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 3
    assert b"cannot write /dev/full: No space left" in errors
    assert b"Traceback" not in errors


def test_standard_output_on_a_full_device_is_status_3() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tests.cli.stand_in", "failed", "analyze", "x"],
            stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert b"cannot write standard output: No space left" in done.stderr


def test_standard_output_that_is_closed_is_status_3() -> None:
    command = [sys.executable, "-m", "tests.cli.stand_in", "failed", "analyze", "x"]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, cwd=ROOT, check=False
    )
    assert done.returncode == 3
    assert b"cannot write standard output: it is closed" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_closed_pipe_ends_quietly_with_the_report_s_status() -> None:
    child = process("large", "--format", "jsonl", "x")
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    errors = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=60) == 1
    assert b"Broken" not in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("form", "sent", "status"),
    [
        ("text", signal.SIGINT, 130),
        ("jsonl", signal.SIGINT, 130),
        ("text", signal.SIGTERM, 143),
    ],
)
def test_follow_prints_at_once_and_a_signal_ends_with_the_report(
    form: str, sent: signal.Signals, status: int
) -> None:
    child = process("failed", "--follow", "--format", form, "x")
    assert child.stdout is not None
    first = child.stdout.readline()
    assert b"10.0.2.7" in first
    child.send_signal(sent)
    rest = child.stdout.read()
    errors = child.communicate(timeout=60)[1]
    assert child.returncode == status
    assert b"Traceback" not in errors
    if form == "jsonl":
        lines = [json.loads(line) for line in (first + rest).splitlines()]
        kinds = [line["type"] for line in lines]
        assert kinds == ["connection", "connection", "update", "group", "summary"]
    else:
        assert b"UPDATE  what came later" in rest
        assert b"SUMMARY 42 connections: 1 failed" in rest


def test_interrupt_without_follow_is_status_130_and_silent(run: Run) -> None:
    result = run("interrupted", "x")
    assert (result.exit_code, result.stdout) == (130, "")


def test_width_comes_from_the_option_or_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, run("failed", "x").stdout.splitlines())) <= 60
    assert max(map(len, run("failed", "--width", "110", "x").stdout.splitlines())) > 100


def test_a_terminal_gets_colour_and_no_color_takes_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("pcapdiag.cli.output._is_terminal", lambda _stream: True)
    assert "\x1b[" in run("failed", "x").stdout
    assert "\x1b[" not in run("failed", "--no-color", "x").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("failed", "x").stdout
