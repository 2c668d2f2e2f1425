"""What pages quote from the terminal: every ``console`` block is run, and holds what it prints.

The blocks of one page are one session of bash in a folder with a copy of ``fixtures``, so ``cd``
and files that a command wrote last to the end of the page. A line of output that is only ``...``
stands for any lines. Commands that are not to be run stand in ``sh`` blocks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from docsite.places import ROOT

BLOCK = re.compile(r"^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
MORE = "> "
"""What the shell writes before the further lines of a command."""
CUT = "..."
"""Alone on a line of output: any number of lines."""
FIXTURE = re.compile(r"(?:fixtures/pcaps|\.\.)/(\w[\w.-]+)")
FIXTURES = "fixtures/pcaps"
ASIDE = re.compile(
    r"^(?:pcapdiag: running uncompiled, which is slower.*"
    r"|Running as user \"root\" and group \"root\"\. This could be dangerous\.)\n",
    re.MULTILINE,
)
"""Said by pcapdiag's source tree and by tshark to root: not what a reader gets to see."""
PROGRAMS = ("capinfos", "editcap", "jq", "tshark")
"""What commands may pipe into, besides Debian's essential programs."""
LONGEST = 120
"""Seconds that the session of one page may take."""
# A command's status goes past the mark, so that `echo $?` in a page works.
MARK = "__mark() { local status=$?; printf '\\0'; return $status; }\n"


class Step(NamedTuple):
    """A command of a page and what the page says that it prints."""

    command: str
    output: str


class Block(NamedTuple):
    """A ``console`` block: where its text is in the page, and its commands."""

    start: int
    end: int
    steps: list[Step]


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page's text that are run."""
    return [
        Block(found.start("text"), found.end("text"), list(_steps(found["text"])))
        for found in BLOCK.finditer(page)
    ]


def _steps(text: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        first, *lines = part.splitlines(keepends=True)
        more = list(takewhile(lambda line: line.startswith(MORE), lines))
        command = first + "".join(line.removeprefix(MORE) for line in more)
        yield Step(command, "".join(lines[len(more) :]))


def programs_of(blocks: Sequence[Block]) -> list[str]:
    """Return the programs that a page's commands need and that may not be installed."""
    words = {word for block in blocks for s in block.steps for word in s.command.split()}
    return sorted(words & set(PROGRAMS))


def run(blocks: Sequence[Block]) -> list[list[Step]]:
    """Return the blocks' steps with what their commands print now."""
    commands = [step.command for block in blocks for step in block.steps]
    outputs = iter(_outputs(commands))
    return [[Step(step.command, next(outputs)) for step in block.steps] for block in blocks]


def _outputs(commands: Sequence[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        _furnish(Path(folder), set(FIXTURE.findall("".join(commands))))
        script = MARK + "".join(f"{command}__mark\n" for command in commands)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=LONGEST,
            text=True,
        )
    texts = [ASIDE.sub("", text) for text in done.stdout.split("\0")[:-1]]
    if len(texts) != len(commands):
        raise RuntimeError(f"the session ended at: {commands[len(texts)]}")
    return ["".join(f"{line.rstrip()}\n" for line in text.splitlines()) for text in texts]


def _furnish(folder: Path, fixtures: set[str]) -> None:
    """Copy what the commands read, and put ``pcapdiag`` in the way of the shell."""
    for name in fixtures:
        shutil.copytree(ROOT / FIXTURES / name, folder / FIXTURES / name)
    program = folder / "bin" / "pcapdiag"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pcapdiag "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def _environment(folder: str) -> dict[str, str]:
    path = os.pathsep.join([f"{folder}/bin", os.environ.get("PATH", os.defpath)])
    source = os.environ.get("PYTHONPATH") or str(ROOT)
    return {"PATH": path, "PYTHONPATH": source, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": folder}


def agrees(said: str, printed: str) -> bool:
    """Return whether a page's output is what was printed, but for the lines it leaves out."""
    if CUT not in said.splitlines():
        return said == printed
    pieces = re.split(r"^\.\.\.\n", said, flags=re.MULTILINE)
    pattern = ".*".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def refreshed(page: str) -> tuple[str, list[str]]:
    """Return the page with what its commands print now, and the commands left to a person.

    Where output with lines left out does not agree any more, only a person knows what to leave out.
    """
    blocks = blocks_of(page)
    left = []
    for block, steps in reversed(list(zip(blocks, run(blocks), strict=True))):
        text = ""
        for said, now in zip(block.steps, steps, strict=True):
            cut = CUT in said.output.splitlines()
            if cut and not agrees(said.output, now.output):
                left.append(said.command.strip())
            command = said.command.rstrip("\n").replace("\n", f"\n{MORE}")
            text += f"{PROMPT}{command}\n" + (said.output if cut else now.output)
        page = page[: block.start] + text + page[block.end :]
    return page, left
