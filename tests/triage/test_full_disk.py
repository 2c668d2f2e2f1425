"""A disk that is full ends a run with a clear word, and the next one finishes what it began."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pcapdiag.errors import OutputError
from tests.triage.several import DOZEN, REFUSED, copies, run, tree

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix"),
]


def ran_out_of_room(limit: int, out: Path, paths: list[Path]) -> bool:
    """Run in a child that may write files of so many bytes only; whether it was told by our error.

    Past the limit a write fails halfway, as it does on a full disk.
    """
    import resource

    child = os.fork()
    if not child:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            run(out, paths)
            status = 0
        except OutputError as error:
            status = 9 if "cannot write" in str(error) else 1
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return status != 0


def test_the_next_run_finishes_what_a_full_disk_ended(tmp_path: Path) -> None:
    paths = copies(tmp_path, a=REFUSED, b=DOZEN[1])
    run(tmp_path / "undisturbed", paths)
    expected = tree(tmp_path / "undisturbed")
    failed = 0
    for limit in (0, 150, 700, 2_500, 6_000, 12_000, 20_000):
        out = tmp_path / f"out-{limit}"
        failed += ran_out_of_room(limit, out, paths)
        run(out, paths)
        assert tree(out) == expected
    assert failed >= 5


def test_a_full_disk_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_room)
    wanted = "No space left on device: make room and start again: what is done is kept"
    with pytest.raises(OutputError, match=wanted):
        run(tmp_path / "out", [REFUSED])
