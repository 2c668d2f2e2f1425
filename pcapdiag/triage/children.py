"""Children of a warm process: forked ones, which examine captures one after another.

To fork takes longer than to examine a small capture: of the memory that a child shares, each page
is copied that it touches. So a child goes on for as long as it is as good as a new one. What it had
in temporary files goes after each capture.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

import msgspec

from pcapdiag.model.report_outcome import OutcomeStatus
from pcapdiag.triage import frames
from pcapdiag.triage.files import temporary_folder
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.not_examined import blank, died, failed, over_time
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.task import Task

HAS_FORK = hasattr(os, "fork") and hasattr(select, "poll")
GROWN = 1.5
"""A child that has needed so many times the memory that it began with is not asked again."""
OF_ITS_PROCESS = frozenset({"crash", "memory"})
"""What becomes of a capture in a process, and may have become of it by an earlier one."""

Examiner = Callable[[Task, Limits, int, int], tuple[bytes, Outcome | None]]
"""Examines a capture, asking its claim over two descriptors; returns a frame's kind and what it
holds."""


class Owner(NamedTuple):
    """The descriptors of the pipes from the owner and to it."""

    says: int
    hears: int


class Children:
    """Has captures examined by one child at a time; ``examined`` is what a child does with each."""

    def __init__(self, owner: Owner, examined: Examiner) -> None:
        self._owner = owner
        self._examined = examined
        self._child: _Child | None = None

    def examine(self, payload: bytes) -> None:
        """Have a task's capture examined, and tell the owner what became of it.

        Where a child dies that has examined others before, another one shows whether that was the
        capture's doing. Raises EndOfFramesError when the owner is gone.
        """
        task, limits = pickle.loads(payload)
        watch = _Watch(self._owner, task, limits)
        is_used = self._child is not None
        word = self._ask(watch, payload)
        if word is None and is_used:
            word = self._ask(watch, payload)
        frames.send(self._owner.hears, *(word or watch.crashed()))

    def _ask(self, watch: _Watch, payload: bytes) -> tuple[bytes, bytes] | None:
        """Return a child's last word about a capture, None where it died without one."""
        child = self._child = self._child or _forked(self._owner, self._examined)
        goes_on = False
        try:
            with suppress(frames.EndOfFramesError):
                frames.send(child.hears, frames.TASK, payload)
            word = watch.last_word(child)
            if word is None:
                watch.returned = child.wait()
            else:
                goes_on = child.goes_on()
        except TimeoutError:
            word = watch.too_late()
        finally:
            # Before the owner hears of the outcome: who has it finds nothing of the child any more.
            if goes_on:
                child.clear()
            else:
                self._child = None
                child.end()
        return word


def _forked(owner: Owner, examined: Examiner) -> _Child:
    up_read, up_write = os.pipe()
    down_read, down_write = os.pipe()
    folder = temporary_folder()
    pid = os.fork()
    if not pid:
        for descriptor in (up_read, down_write, *owner):
            os.close(descriptor)
        tempfile.tempdir = folder or None
        _live(examined, down_read, up_write)
    os.close(up_write)
    os.close(down_read)
    return _Child(pid, up_read, down_write, folder)


class _Child:
    """A forked process, as the warm one sees it, which says and hears over these descriptors."""

    def __init__(self, pid: int, says: int, hears: int, folder: str) -> None:
        self.says = says
        self.hears = hears
        self._pid = pid
        self._folder = folder
        self._returned: int | None = None

    def goes_on(self) -> bool:
        """Return whether it takes another capture; to be asked after its last word about one."""
        try:
            return frames.receive(self.says)[0] == frames.READY
        except frames.EndOfFramesError:
            return False

    def wait(self) -> int:
        """Wait for its end; return what it returned, negative for a signal."""
        if self._returned is None:
            _, status = os.waitpid(self._pid, 0)
            self._returned = os.waitstatus_to_exitcode(status)
        return self._returned

    def clear(self) -> None:
        """Remove the temporary files of its last capture."""
        if not self._folder:
            return
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                _remove(entry)

    def end(self) -> None:
        """End it, whatever it is doing, with all that is its."""
        if self._returned is None:
            os.kill(self._pid, signal.SIGKILL)
            self.wait()
        os.close(self.says)
        os.close(self.hears)
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(entry.path)


def _live(examined: Examiner, down: int, up: int) -> NoReturn:
    """Examine captures and tell of each; end without the interpreter's farewell."""
    status = 1
    enough = GROWN * _most_memory()
    is_used = False
    try:
        while True:
            _, payload = frames.receive(down)
            task, limits = pickle.loads(payload)
            kind, outcome = examined(task, limits, down, up)
            is_spoilt = outcome is not None and outcome.status in OF_ITS_PROCESS
            if is_spoilt and is_used:
                break
            frames.send(up, kind, msgspec.msgpack.encode(outcome))
            if is_spoilt or _most_memory() > enough:
                status = 0
                break
            frames.send(up, frames.READY)
            is_used = True
    finally:
        os._exit(status)


def _most_memory() -> int:
    """Return the largest resident set so far, in whatever unit the system counts."""
    import resource  # Only here: Windows has none.

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class _Watch:
    """Hands on what children say of one capture, and ends a child when it takes too long."""

    def __init__(self, owner: Owner, task: Task, limits: Limits) -> None:
        self.returned = 0
        """What the child returned that died last."""
        self._owner = owner
        self._task = task
        self._limits = limits
        self._identities: list[FileIdentity] = []
        self._answer = b""
        self._ends = time.monotonic() + limits.timeout if limits.timeout else None

    def last_word(self, child: _Child) -> tuple[bytes, bytes] | None:
        """Return the frame that says what became of the capture, None where the child died.

        Raises TimeoutError, and EndOfFramesError when the owner is gone.
        """
        poll = select.poll()
        poll.register(child.says, select.POLLIN)
        poll.register(self._owner.says, select.POLLIN)
        while True:
            self._await_word(poll, child)
            try:
                kind, payload = frames.receive(child.says)
            except frames.EndOfFramesError:
                return None
            if kind != frames.FOUND:
                return kind, payload
            with suppress(frames.EndOfFramesError):
                frames.send(child.hears, self._claimed(payload))

    def too_late(self) -> tuple[bytes, bytes]:
        """Return the frame that says that it takes too long."""
        return self._failed(over_time(self._limits), "timeout")

    def crashed(self) -> tuple[bytes, bytes]:
        """Return the frame that says how the child died."""
        return self._failed(died(self.returned), "crash")

    def _claimed(self, payload: bytes) -> bytes:
        """Return the owner's answer to the claim, which is asked once."""
        if not self._answer:
            self._identities = msgspec.msgpack.decode(payload, type=list[FileIdentity])
            frames.send(self._owner.hears, frames.FOUND, payload)
            self._answer, _ = frames.receive(self._owner.says)
        return self._answer

    def _await_word(self, poll: select.poll, child: _Child) -> None:
        """Wait for the child; raises TimeoutError, and EndOfFramesError when the owner is gone."""
        left = None if self._ends is None else max(0.0, self._ends - time.monotonic())
        ready = {descriptor for descriptor, _ in poll.poll(left and left * 1000)}
        if child.says in ready:
            return
        if self._owner.says in ready:
            raise frames.EndOfFramesError
        raise TimeoutError

    def _failed(self, reason: str, status: OutcomeStatus) -> tuple[bytes, bytes]:
        outcome = blank(self._task, self._identities)
        failed(outcome, reason, status=status, transient=True)
        return frames.OUTCOME, msgspec.msgpack.encode(outcome)
