"""A warm process: everything is imported, and each capture gets a forked child of its own.

What a child had in temporary files goes with it. Where there is no fork, the worker examines the
capture itself, and its owner starts another one when it had to end it. It speaks over its standard
input and output (``frames.py``) and ends when its owner is gone, whatever a child is doing.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from typing import NamedTuple, NoReturn

import msgspec

from pcapdiag.model.report_outcome import OutcomeStatus
from pcapdiag.triage import frames
from pcapdiag.triage.examine import examine
from pcapdiag.triage.files import temporary_folder
from pcapdiag.triage.limits import Limits, limited_memory
from pcapdiag.triage.not_examined import blank, died, failed, over_memory, over_time
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.task import Task
from pcapdiag.triage.warmup import warm_up

HAS_FORK = hasattr(os, "fork") and hasattr(select, "poll")


class Owner(NamedTuple):
    """The descriptors of the pipes from the owner and to it."""

    says: int
    hears: int


def main(folder: str) -> None:
    """Take tasks until the owner closes the pipe; ``folder`` is for temporary files, and goes."""
    tempfile.tempdir = folder or None
    owner = _take_pipes()
    with suppress(OSError):
        warm_up()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work = _in_child if HAS_FORK else _here
    try:
        frames.send(owner.hears, frames.READY)
        while True:
            _, payload = frames.receive(owner.says)
            work(owner, *pickle.loads(payload))
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


def _in_child(owner: Owner, task: Task, limits: Limits) -> None:
    up_read, up_write = os.pipe()
    down_read, down_write = os.pipe()
    folder = temporary_folder()
    pid = os.fork()
    if not pid:
        for descriptor in (up_read, down_write, *owner):
            os.close(descriptor)
        tempfile.tempdir = folder or None
        _child(task, limits, down_read, up_write)
    os.close(up_write)
    os.close(down_read)
    try:
        kind, payload = _Watch(owner, pid, up_read, down_write, task, limits).last_word()
    finally:
        os.close(up_read)
        os.close(down_write)
        # Before the owner hears of the outcome: who has it finds nothing of the child any more.
        shutil.rmtree(folder, ignore_errors=True)
    frames.send(owner.hears, kind, payload)


def _child(task: Task, limits: Limits, down: int, up: int) -> NoReturn:
    """Examine a capture, tell it, and end without the interpreter's farewell."""
    status = 1
    try:
        kind, outcome = _examined(task, limits, down, up)
        frames.send(up, kind, msgspec.msgpack.encode(outcome))
        status = 0
    finally:
        os._exit(status)


def _here(owner: Owner, task: Task, limits: Limits) -> None:
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


class _Watch:
    """Hands on what a child says, ends it when it takes too long, says it when it dies."""

    def __init__(
        self, owner: Owner, pid: int, up: int, down: int, task: Task, limits: Limits
    ) -> None:
        self._owner = owner
        self._pid = pid
        self._up = up
        self._down = down
        self._task = task
        self._limits = limits
        self._identities: list[FileIdentity] = []
        self._ends = time.monotonic() + limits.timeout if limits.timeout else None
        self._poll = select.poll()
        self._poll.register(up, select.POLLIN)
        self._poll.register(self._owner.says, select.POLLIN)

    def last_word(self) -> tuple[bytes, bytes]:
        """Watch until the child is gone; return the frame that says what became of its capture.

        Raises EndOfFramesError when the owner is gone.
        """
        try:
            told = self._listen()
        except TimeoutError:
            self._end()
            return self._failed(over_time(self._limits), "timeout")
        except frames.EndOfFramesError:
            self._end()
            raise
        _, status = os.waitpid(self._pid, 0)
        return told or self._failed(died(os.waitstatus_to_exitcode(status)), "crash")

    def _listen(self) -> tuple[bytes, bytes] | None:
        """Return the child's last word, None where it died without one."""
        while True:
            self._await_word()
            try:
                kind, payload = frames.receive(self._up)
            except frames.EndOfFramesError:
                return None
            if kind != frames.FOUND:
                return kind, payload
            self._identities = msgspec.msgpack.decode(payload, type=list[FileIdentity])
            frames.send(self._owner.hears, kind, payload)
            answer, _ = frames.receive(self._owner.says)
            with suppress(frames.EndOfFramesError):
                frames.send(self._down, answer)

    def _await_word(self) -> None:
        """Wait for the child; raises TimeoutError, and EndOfFramesError when the owner is gone."""
        left = None if self._ends is None else max(0.0, self._ends - time.monotonic())
        ready = {descriptor for descriptor, _ in self._poll.poll(left and left * 1000)}
        if self._up in ready:
            return
        if self._owner.says in ready:
            raise frames.EndOfFramesError
        raise TimeoutError

    def _end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _failed(self, reason: str, status: OutcomeStatus) -> tuple[bytes, bytes]:
        outcome = blank(self._task, self._identities)
        failed(outcome, reason, status=status, transient=True)
        return frames.OUTCOME, msgspec.msgpack.encode(outcome)
