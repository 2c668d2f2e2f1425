"""The program itself: version, help, completion, start-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import pcapdiag
from pcapdiag.cli.interrupt import ending_on_interrupt
from pcapdiag.cli.main import cli
from pcapdiag.errors import NotACaptureError
from pcapdiag.model import options, report

HEAVY = (
    "msgspec",
    "rich",
    "zstandard",
    "lz4",
    "asyncio",
    "pcapdiag.model.report",
    "pcapdiag.pipeline",
)


def test_version_says_whether_it_is_compiled() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    first, second = result.output.splitlines()
    assert first == f"pcapdiag {pcapdiag.__version__}"
    assert second in {"compiled: yes", "compiled: no"}
    assert result.exit_code == 0


@pytest.mark.parametrize("command", [[], ["analyze"], ["completion"]])
def test_every_help_has_examples(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Examples:\n    pcapdiag" in result.output


@pytest.mark.parametrize(
    ("name", "option", "value", "others"),
    [
        ("triage", "--timeout", "nan", ["-o", "out", "x"]),
        ("triage", "--timeout", "inf", ["-o", "out", "x"]),
        ("triage", "--settle", "nan", ["-o", "out", "--watch", "."]),
        ("snapshot", "--during", "nan", []),
        ("timeline", "--width", "nan", ["-o", "x.svg", "x.pcap"]),
        ("probe", "--timeout", "nan", ["127.0.0.1:1"]),
        ("analyze", "--width", "9" * 30, ["x.pcap"]),
    ],
)
def test_a_number_that_cannot_be_counted_with_is_wrong_use(
    name: str, option: str, value: str, others: list[str]
) -> None:
    result = CliRunner().invoke(cli, [name, option, value, *others])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output


@pytest.mark.parametrize(
    "arguments", [["\x1b[31m"], ["--\x1b[31m"], ["correlate", "\x1b[31m"], ["snapshot", "\x1b[31m"]]
)
def test_a_wrong_argument_is_repeated_without_what_steers_a_terminal(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "\x1b" not in result.output
    assert "\\x1b[31m" in result.output


SHARED = (
    *("--host", "--port", "--net", "--stream", "--from", "--to", "--proxy", "--client"),
    *("--upstream", "--keylog", "--log", "--snapshot", "--names", "--time"),
)


@pytest.mark.parametrize(
    "name", ["analyze", "annotate", "bundle", "correlate", "timeline", "triage"]
)
def test_all_that_read_captures_take_the_same_options(name: str) -> None:
    known = {text for param in cli.all_commands()[name].params for text in param.opts}
    assert known >= set(SHARED)


@pytest.mark.parametrize("name", ["bundle", "triage"])
def test_what_is_read_elsewhere_is_in_utc_and_says_so(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "a.pcap", "-o", "out", "--time", "local"])
    assert done.exit_code == 2
    assert "its times are always UTC" in done.output


def test_an_unknown_command_is_wrong_use() -> None:
    assert CliRunner().invoke(cli, ["nonsense"]).exit_code == 2


def test_a_capture_in_the_place_of_a_command_is_told_its_command(tmp_path: Path) -> None:
    capture = tmp_path / "x.pcap"
    capture.write_bytes(b"")
    result = CliRunner().invoke(cli, [str(capture)])
    assert result.exit_code == 2
    assert f"write pcapdiag analyze {capture}" in result.output


def test_without_arguments_the_help_is_shown_as_it_is() -> None:
    result = CliRunner().invoke(cli, [], prog_name="pcapdiag")
    assert result.output.startswith("Usage: pcapdiag [OPTIONS] COMMAND")
    assert result.output.count("Usage: ") == 1
    assert "Error" not in result.output


def test_python_dash_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pcapdiag", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("pcapdiag ")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pcapdiag.cli.main import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"print('loaded', [n for n in {HEAVY!r} if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_the_classes_of_the_api_are_by_its_name() -> None:
    assert pcapdiag.Report is report.Report
    assert pcapdiag.AnalyzeOptions is options.AnalyzeOptions
    with pytest.raises(pcapdiag.PcapdiagError):
        pcapdiag.analyze("not there")
    assert not hasattr(pcapdiag, "not_there")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["analyze", "--help"]])
def test_help_that_cannot_be_written_says_so_and_help_that_nobody_reads_is_quiet(
    arguments: list[str],
) -> None:
    command = [sys.executable, "-m", "pcapdiag", *arguments]
    with open("/dev/full", "wb") as full:
        unwritten = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert unwritten.returncode == 3
    assert unwritten.stderr == (
        b"pcapdiag: cannot write standard output: No space left on device\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    unread = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (unread.returncode, unread.stderr) == (0, b"")


def read_nothing(sent: signal.Signals | None) -> None:
    with ending_on_interrupt():
        if sent is not None:
            os.kill(os.getpid(), sent)
        raise NotACaptureError("standard input", "this is empty")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_live_capture_that_is_ended_before_anything_came_was_ended_and_not_unreadable(
    sent: signal.Signals, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(click.exceptions.Exit) as left:
        read_nothing(sent)
    assert left.value.exit_code == status
    assert "this is empty" in capsys.readouterr().err
    with pytest.raises(NotACaptureError):
        read_nothing(None)


def test_an_interrupt_during_the_imports_is_quiet() -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pcapdiag.cli.main':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from pcapdiag.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
