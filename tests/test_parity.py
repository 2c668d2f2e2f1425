"""Compiled and uncompiled give the same report, for every fixture and for damaged ones."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.captures import CAPTURES, damaged

pytestmark = pytest.mark.once

DAMAGED = 2
"""Damaged copies of each capture."""

PROGRAM = """
import json, sys
from pcapdiag.cli.main import cli
from pcapdiag.compiled import is_compiled

print(json.dumps(is_compiled()))
for line in sys.stdin:
    source, target = json.loads(line)
    try:
        cli(["analyze", "--all", "--format", "json", "-o", target, source])
        status = 0
    except SystemExit as end:
        status = end.code
    print(json.dumps(status), flush=True)
"""


def package(variable: str) -> Path:
    """The folder that holds one of the two packages, as scripts/test made them."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"needs {variable}, which scripts/test sets")
    return Path(folder)


def reports(
    root: Path, sources: list[Path], into: Path
) -> tuple[bool, list[tuple[object, object]]]:
    """Analyse all in one process; return whether compiled, and each exit status and report."""
    into.mkdir()
    targets = [into / f"{number}.json" for number in range(len(sources))]
    pairs = zip(sources, targets, strict=True)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        input="".join(json.dumps([str(source), str(target)]) + "\n" for source, target in pairs),
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        check=True,
        text=True,
    )
    compiled, *statuses = [json.loads(line) for line in done.stdout.splitlines()]
    return compiled, [
        (status, comparable(target)) for status, target in zip(statuses, targets, strict=True)
    ]


def comparable(path: Path) -> object:
    """The report without what may differ: the program that made it."""
    if not path.exists():
        return None
    report = json.loads(path.read_bytes())
    del report["generator"]
    return report


@pytest.mark.timeout(600)
def test_both_give_the_same_report(tmp_path: Path) -> None:
    plain, compiled = package("PCAPDIAG_PLAIN"), package("PCAPDIAG_COMPILED")
    sources = list(CAPTURES)
    for capture in CAPTURES:
        chance = random.Random(zlib.crc32(capture.as_posix().encode()))
        for number in range(DAMAGED):
            copy = tmp_path / f"{len(sources)}-{number}-{capture.name}"
            copy.write_bytes(damaged(capture.read_bytes(), chance))
            sources.append(copy)
    was_plain, without = reports(plain, sources, tmp_path / "plain")
    was_compiled, with_ = reports(compiled, sources, tmp_path / "compiled")
    if not was_compiled:
        pytest.skip("needs a compiled package, so a C compiler")
    assert not was_plain
    assert sum(report is not None for _, report in without) >= len(CAPTURES)
    wrong = [
        f"{source}: {differences[0]}"
        for source, one, other in zip(sources, without, with_, strict=True)
        if (differences := list(different(one, other)))
    ]
    assert wrong == []


def different(one: object, other: object, where: str = "") -> Iterator[str]:
    """Where two reports differ, the plain one's value first."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from different(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            yield f"{where}: {len(one)} and {len(other)} items"
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield from different(*pair, f"{where}[{number}]")
    elif one != other:
        yield f"{where}: {str(one)[:200]} and {str(other)[:200]}"
