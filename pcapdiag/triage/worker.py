"""A warm process: everything is imported, and forked children examine the captures.

Where there is no fork, the worker examines them itself, and its owner starts another one when it
had to end it. It speaks over its standard input and output (``frames.py``) and ends when its owner
is gone, whatever a child is doing.
"""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import signal
import tempfile
from contextlib import suppress
from functools import partial

import msgspec

from pcapdiag.triage import frames
from pcapdiag.triage.children import HAS_FORK, Children, Owner
from pcapdiag.triage.examine import examine
from pcapdiag.triage.limits import Limits, limited_memory
from pcapdiag.triage.not_examined import blank, failed, over_memory
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.task import Task
from pcapdiag.triage.warmup import warm_up


def main(folder: str) -> None:
    """Take tasks until the owner closes the pipe; ``folder`` is for temporary files, and goes."""
    tempfile.tempdir = folder or None
    owner = _take_pipes()
    with suppress(OSError):
        warm_up()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    examine_one = Children(owner, _examined).examine if HAS_FORK else partial(_here, owner)
    try:
        frames.send(owner.hears, frames.READY)
        while True:
            _, payload = frames.receive(owner.says)
            examine_one(payload)
    except frames.EndOfFramesError:
        # The owner removes it, too, but may have been killed.
        shutil.rmtree(folder, ignore_errors=True)


def _take_pipes() -> Owner:
    """Take standard input and output for the owner alone: what a library prints is no frame."""
    owner = Owner(os.dup(0), os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return owner


def _here(owner: Owner, payload: bytes) -> None:
    task, limits = pickle.loads(payload)
    kind, outcome = _examined(task, limits, owner.says, owner.hears)
    frames.send(owner.hears, kind, msgspec.msgpack.encode(outcome))


def _examined(task: Task, limits: Limits, down: int, up: int) -> tuple[bytes, Outcome | None]:
    """Return a frame's kind and an outcome; nothing that goes wrong is lost."""
    known: list[FileIdentity] = []

    def claim(identities: list[FileIdentity]) -> bool:
        known.extend(identities)
        frames.send(up, frames.FOUND, msgspec.msgpack.encode(identities))
        return frames.receive(down)[0] == frames.YES

    try:
        with limited_memory(limits.memory):
            outcome = examine(task, claim)
    except frames.EndOfFramesError:
        raise
    except MemoryError:
        outcome = blank(task, known)
        failed(outcome, over_memory(limits), status="memory", transient=True)
    except Exception as error:
        outcome = blank(task, known)
        reason = f"internal error ({type(error).__name__}: {error}); please report it"
        failed(outcome, reason, status="crash", transient=True)
    return (frames.OUTCOME, outcome) if outcome else (frames.REFUSED, None)
