"""The captures that a command line names."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click


def files_of(text: str) -> list[str]:
    """Return the files meant by an argument: a pattern that the shell left alone is expanded.

    One that nothing fits stays as it is, so that the error names it.
    """
    if text == "-" or os.path.exists(text):
        return [text]
    import glob  # Only here: the shell nearly always did it.

    return (sorted(glob.glob(text)) if glob.has_magic(text) else []) or [text]


def inputs(captures: Sequence[str]) -> list[str]:
    """Return the files of one capture point that arguments name; raises click.UsageError."""
    paths = [path for capture in captures for path in files_of(capture)]
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("- (standard input) cannot be read together with files")
    if paths == ["-"] and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; pipe a capture into it")
    return paths


def is_labelled(argument: str) -> bool:
    """Return whether an argument is LABEL=FILES, as correlate takes it, and not a file."""
    label, equals, _ = argument.partition("=")
    return bool(equals) and os.sep not in label and not os.path.exists(argument)
