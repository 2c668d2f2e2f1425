"""What is written never takes the place of what is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import click

from pcapdiag.errors import UsageError

if TYPE_CHECKING:
    from pcapdiag.cli.arguments import CaptureArguments

_SHORT = {"output": "-o"}


def check_targets(captures: Iterable[str], chosen: CaptureArguments, **targets: str | None) -> None:
    """Raise UsageError for an output that is an input, click.UsageError for two that are one.

    ``targets`` are the paths by their options' names; None and ``-`` are no files.
    """
    files = {name: path for name, path in targets.items() if path not in (None, "-")}
    for (one, path), (other, same) in combinations(files.items(), 2):
        if path and same and os.path.realpath(path) == os.path.realpath(same):
            raise click.UsageError(f"--{other} and --{one} name the same file")
    existing = {name: path for name, path in files.items() if path and os.path.exists(path)}
    if not existing:
        return
    for source, what in _inputs(captures, chosen):
        for name, path in existing.items():
            if os.path.exists(source) and os.path.samefile(source, path):
                advice = f"give another name to {_SHORT.get(name, f'--{name}')}"
                raise UsageError(f"{path} is {what}", advice)


def _inputs(captures: Iterable[str], chosen: CaptureArguments) -> Iterator[tuple[str, str]]:
    """Yield each file that is read, with what it is."""
    yield from ((path, "one of the captures") for path in captures)
    for option, path in (("names", chosen["names"]), ("keylog", chosen["keylog"])):
        if path is not None:
            yield path, f"the file of --{option}"
    yield from ((path, "a file of --snapshot") for path in chosen["snapshots"])
    yield from ((source.path, "a file of --log") for source in chosen["logs"])
