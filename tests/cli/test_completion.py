"""Completion in the shells themselves: a word is begun, TAB is pressed, the line is looked at."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli import shells
from pcapdiag.cli.main import cli

pytestmark = [pytest.mark.once, pytest.mark.skipif(sys.platform == "win32", reason="terminals")]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30
"""Seconds for a shell to do anything at all."""
COMPLETED = {
    "pcapdiag anal": "pcapdiag analyze ",
    "pcapdiag analyze --fol": "pcapdiag analyze --follow ",
    "pcapdiag analyze --format=jun": "pcapdiag analyze --format=junit ",
    "pcapdiag analyze --html=wi": r"pcapdiag analyze --html=with\ space.pcap ",
    "pcapdiag analyze --log ngi": "pcapdiag analyze --log nginx=",
    "pcapdiag analyze --fail-on code=tls.alp": "pcapdiag analyze --fail-on code=tls.alpn_mismatch ",
    "pcapdiag correlate pro": "pcapdiag correlate proxy=",
    "pcapdiag correlate proxy=a": "pcapdiag correlate proxy=a.pcap ",
    "pcapdiag bundle --for clo": "pcapdiag bundle --for cloudflare ",
    "pcapdiag bundle cli": "pcapdiag bundle client=",
    "pcapdiag triage --watch su": "pcapdiag triage --watch sub/",
}
BASH = r"""
PS1='> '
source {script}
bind -x '"\C-xs": printf "%s" "$READLINE_LINE" > {told}.part; mv {told}.part {told}'
printf ready > {told}
"""
ZSH = r"""
PS1='> '
fpath=({folder} $fpath)
autoload -Uz compinit
compinit -u -d {told}.dump
[[ {script} == */_pcapdiag ]] || source {script}
tell() {{ printf %s "$BUFFER" > {told}.part; mv {told}.part {told} }}
zle -N tell
bindkey '^Xs' tell
bindkey '^U' kill-whole-line
printf ready > {told}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files to complete, and beside it the program."""
    program = tmp_path / "bin" / "pcapdiag"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pcapdiag "$@"\n')
    program.chmod(0o755)
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    for name in ("a.pcap", "b.pcap", "with space.pcap"):
        (here / name).touch()
    return here


def environment(folder: Path) -> dict[str, str]:
    path = f"{folder.parent / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "TERM": "vt100", "LC_ALL": "C.UTF-8"}


def script(folder: Path, shell: str, name: str = "completion") -> Path:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    path = folder.parent / name
    path.write_text(done.output)
    return path


class Terminal:
    """A shell at a terminal; what it writes there is not looked at."""

    def __init__(self, command: list[str], folder: Path, told: Path) -> None:
        self._told = told
        self._owner, slave = pty.openpty()
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=environment(folder),
            start_new_session=True,
        )
        os.close(slave)

    def wait(self) -> str:
        """Return what the shell has written into the file, and remove that."""
        until = time.monotonic() + PATIENCE
        while not self._told.exists():
            assert time.monotonic() < until, "the shell says nothing"
            if select.select([self._owner], [], [], 0.02)[0]:
                os.read(self._owner, 65_536)
        text = self._told.read_text()
        self._told.unlink()
        return text

    def completed(self, line: str) -> str:
        """Return what a line becomes by TAB."""
        os.write(self._owner, f"{line}\t\x18s".encode())
        found = self.wait()
        os.write(self._owner, b"\x15")
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._owner)


@pytest.fixture
def terminal(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    shell, _, where = request.param.partition(" ")
    told = folder.parent / "told"
    text = {"bash": BASH, "zsh": ZSH}[shell]
    name = {"bash": "bashrc", "zsh": ".zshrc"}[shell]
    source = script(folder, shell, "_pcapdiag" if where else "completion")
    (folder.parent / name).write_text(text.format(script=source, told=told, folder=folder.parent))
    command = {
        "bash": ["bash", "--noprofile", "--rcfile", str(folder.parent / name), "-i"],
        "zsh": ["env", f"ZDOTDIR={folder.parent}", "zsh", "--no-globalrcs", "-i"],
    }[shell]
    one = Terminal(command, folder, told)
    try:
        assert one.wait() == "ready"
        yield one
    finally:
        one.close()


@pytest.mark.needs(program="bash")
@pytest.mark.parametrize("terminal", ["bash"], indirect=True)
def test_bash_completes(terminal: Terminal) -> None:
    assert {line: terminal.completed(line) for line in COMPLETED} == COMPLETED


@pytest.mark.needs(program="zsh")
@pytest.mark.parametrize("terminal", ["zsh", "zsh fpath"], indirect=True)
def test_zsh_completes(terminal: Terminal) -> None:
    assert {line: terminal.completed(line) for line in COMPLETED} == COMPLETED


@pytest.mark.needs(program="fish")
def test_fish_completes(folder: Path) -> None:
    lines = "\n".join(f'complete -C"{line}" | head -n 1; echo ---' for line in COMPLETED)
    code = f"source {script(folder, 'fish')}\n{lines}\ncomplete -C'pcapdiag an'\n"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment(folder),
    )
    *found, rest = done.stdout.split("---\n")
    words = [text.partition("\t")[0].rstrip("\n") for text in found]
    # What fish writes into the line it escapes then, and adds the space.
    assert words == [shells.split(line)[-1] for line in COMPLETED.values()]
    assert "analyze\tSay what failed in a capture, why, and by whom." in rest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pcapdiag analyze ", ["pcapdiag", "analyze"]),
        (r"pcapdiag a\ b", ["pcapdiag", "a b"]),
        ("pcapdiag 'not clo", ["pcapdiag", "not clo"]),
        ("", []),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, words: list[str]) -> None:
    assert shells.split(line) == words
