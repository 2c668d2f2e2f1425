"""A run that was killed at any point, started again, gives what an undisturbed one gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.triage.several import DOZEN, REFUSED, backwards, copies, run, tree

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children"),
]

TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}
"""What Python tells before a file is touched (audit events): the points at which to be killed."""


def killed_at(point: int, out: Path, paths: list[Path]) -> bool:
    """Run in a child that ends at the n-th touch of a file in OUT; False when it came to its end."""
    child = os.fork()
    if not child:
        left = [point]

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event in TOUCHES and str(arguments[0]).startswith(str(out)):
                left[0] -= 1
                if not left[0]:
                    os._exit(9)

        sys.addaudithook(hook)
        status = 1
        try:
            run(out, paths)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return status != 0


def test_killed_at_each_touch_of_a_file(tmp_path: Path) -> None:
    """The same folder is killed later and later, so that later runs find what earlier ones left."""
    paths = copies(tmp_path, a=REFUSED, b=DOZEN[1], copy_of_a=REFUSED)
    run(tmp_path / "undisturbed", paths)
    expected = tree(tmp_path / "undisturbed")
    out, point = tmp_path / "out", 1
    while killed_at(point, out, paths):
        point += 1
    assert point > 30
    assert tree(out) == expected
    for number in range(1, point, 7):
        fresh = tmp_path / f"fresh-{number}"
        assert killed_at(number, fresh, paths)
        run(fresh, paths[::-1], engine=backwards)
        assert tree(fresh) == expected
        assert not list(fresh.rglob("*.part"))


def test_half_a_line_of_the_manifest_is_not_believed(tmp_path: Path) -> None:
    paths = copies(tmp_path, a=REFUSED, b=DOZEN[1])
    out = tmp_path / "out"
    run(out, paths)
    expected = tree(out)
    manifest = out / ".pcapdiag" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    run(out, paths)
    assert tree(out) == expected
    assert manifest.read_bytes().endswith(b"}\n")


def test_an_outcome_that_a_power_cut_emptied_is_made_again(tmp_path: Path) -> None:
    paths = copies(tmp_path, a=REFUSED, b=DOZEN[1])
    out = tmp_path / "out"
    run(out, paths)
    expected = tree(out)
    for outcome in (out / ".pcapdiag" / "outcomes").rglob("*.*"):
        outcome.write_bytes(b"")
    (out / ".pcapdiag" / "tables.json").unlink()
    run(out, paths)
    assert tree(out) == expected


def test_the_program_killed_at_random_moments(tmp_path: Path) -> None:
    """With its workers, from outside, as the kernel would when memory is short."""
    folder = tmp_path / "captures"
    folder.mkdir()
    copies(folder, **{f"number_{n}": path for n, path in enumerate(DOZEN[:6])})
    command = [sys.executable, "-m", "pcapdiag", "triage", str(folder), "--jobs", "2", "-o"]
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    chance = Random(9)
    out = tmp_path / "killed"
    for _ in range(2):
        with subprocess.Popen(
            [*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(chance.uniform(0.5, 2.5))
            process.send_signal(signal.SIGKILL)
    again = subprocess.run([*command, str(out)], capture_output=True, check=False)
    assert again.returncode == 1, again.stderr
    assert tree(out) == tree(tmp_path / "out")
