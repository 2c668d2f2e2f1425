"""A worker in which captures of some names do what no capture should."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

from pcapdiag.triage import isolation, worker
from pcapdiag.triage.examine import examine
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.task import Claim, Task

START = (
    "import sys; _, folder, *sys.path[:] = sys.argv; "
    "from tests.triage.stand_in import main; main(folder)"
)


def misbehave(task: Task, claim: Claim) -> Outcome | None:
    """Do what the capture's name says, once its digest was told; note the process if asked to."""
    path = Path(task.capture.name)
    deed = path.stem.partition("-")[0]
    pids = path.with_suffix(".pids")
    if pids.exists():
        with pids.open("a") as file:
            print(os.getpid(), file=file)
    if deed not in _DEEDS:
        return examine(task, claim)

    def told(identities: list[FileIdentity]) -> bool:
        answer = claim(identities)
        _DEEDS[deed](Path(task.capture.files[0].place))
        return answer

    return examine(task, told)


def _sleep(_path: Path) -> None:
    tempfile.mkstemp(prefix="pcapdiag-carried-")
    time.sleep(60)


def _allocate(_path: Path) -> None:
    bytearray(1024**3)


def _segv(_path: Path) -> None:
    tempfile.mkstemp(prefix="pcapdiag-carried-")
    os.kill(os.getpid(), signal.SIGSEGV)


def _raise(_path: Path) -> None:
    raise ZeroDivisionError("a fault of ours")


def _leave(_path: Path) -> None:
    os._exit(7)


def _stumble(path: Path) -> None:
    """Crash at the first try only."""
    marker = path.with_suffix(".tried")
    if not marker.exists():
        marker.touch()
        _segv(path)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _litter(_path: Path) -> None:
    Path(tempfile.mkdtemp(prefix="pcapdiag-carried-"), "one").touch()
    tempfile.mkstemp(prefix="pcapdiag-carried-")


def _fatten(_path: Path) -> None:
    """Need much memory for a while."""
    b"x" * (150 * 1024 * 1024)


_DEEDS = {
    "sleep": _sleep,
    "allocate": _allocate,
    "segv": _segv,
    "raise": _raise,
    "leave": _leave,
    "stumble": _stumble,
    "grow": _grow,
    "litter": _litter,
    "fatten": _fatten,
}


def dask_setup(_worker: object) -> None:
    """Have a Dask worker start such workers: ``--preload``."""
    isolation._START = START


def main(folder: str) -> None:
    """Be a worker."""
    setattr(worker, "examine", misbehave)  # noqa: B010
    worker.main(folder)
