"""What the pages quote is what the program does, and what they name exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docsite import sessions
from docsite.places import ROOT, pages
from pcapdiag.cli.main import cli

pytestmark = pytest.mark.once

PAGES = pages()
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "<", ")", "`"}
"""What ends a command in the shell."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def quoting() -> Iterator[object]:
    for path in PAGES:
        blocks = sessions.blocks_of(path.read_text(encoding="utf-8"))
        if blocks:
            programs = " ".join(sessions.programs_of(blocks))
            marks = pytest.mark.needs(program=programs)
            yield pytest.param(blocks, id=name_of(path), marks=marks)


@pytest.mark.parametrize("blocks", list(quoting()))
def test_quoted_output_is_what_is_printed(blocks: list[sessions.Block]) -> None:
    """After a change on purpose: scripts/docs --write."""
    for block, steps in zip(blocks, sessions.run(blocks), strict=True):
        for said, now in zip(block.steps, steps, strict=True):
            if not sessions.agrees(said.output, now.output):
                assert said.output == now.output


def test_lines_may_be_left_out_but_not_changed() -> None:
    assert sessions.agrees("a\n...\nd\n", "a\nb\nc\nd\n")
    assert sessions.agrees("...\nc\n...\n", "a\nb\nc\nd\n")
    assert not sessions.agrees("a\n...\ne\n", "a\nb\nc\nd\n")
    assert not sessions.agrees("a\nd\n", "a\nb\nc\nd\n")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_merge_was_left_half_done(path: Path) -> None:
    assert not re.search(r"^(?:<{7}|>{7}) ", path.read_text(encoding="utf-8"), re.MULTILINE)


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each ``pcapdiag`` that the page's blocks for the shell call."""
    for block in FENCE.findall(text):
        shell = block.replace("\\\n", " ").replace("\n> ", " ").replace("$(nproc)", "2")
        for line in shell.splitlines():
            words = split(line)
            starts = [n + 1 for n, word in enumerate(words) if word == "pcapdiag"]
            for start in starts:
                end = next((n for n in range(start, len(words)) if words[n] in ENDS), len(words))
                yield words[start:end]


def split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        return list(lexer)
    except ValueError:
        return []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_are_ones_that_the_program_takes(path: Path) -> None:
    for arguments in commands_of(path.read_text(encoding="utf-8")):
        # Neither a synopsis nor the program's name alone.
        if arguments and "[OPTIONS]" not in arguments:
            parse(arguments)


def parse(arguments: list[str]) -> None:
    with click.Context(cli, info_name="pcapdiag") as group:
        name, command, rest = cli.resolve_command(group, list(arguments))
        assert command is not None, arguments
        try:
            command.make_context(name, rest, parent=group)
        except click.exceptions.Exit:
            pass  # --help
        except click.ClickException as error:
            pytest.fail(f"{arguments}: {error.format_message()}")
