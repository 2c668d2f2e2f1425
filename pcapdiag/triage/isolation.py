"""A worker process as its owner sees it: tasks in, outcomes out, whatever a capture does to it."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import msgspec

from pcapdiag.errors import CaptureError
from pcapdiag.model.report_outcome import OutcomeStatus
from pcapdiag.triage import frames
from pcapdiag.triage.capture import Capture, is_url
from pcapdiag.triage.closed import Closed
from pcapdiag.triage.files import temporary_folder
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.not_examined import blank, died, failed, over_time
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.task import Claim, Task, always

GRACE = 5.0
"""Seconds after the time limit before a worker itself is ended: with fork it ends its child."""
_START = (
    "import sys; _, folder, *sys.path[:] = sys.argv; "
    "from pcapdiag.triage.worker import main; main(folder)"
)


class Reply(msgspec.Struct):
    """An engine's answer to a task.

    ``outcome`` is None where the claim was refused: then somebody else has it, and ``identities``
    say of what.
    """

    capture: Capture
    identities: list[FileIdentity]
    outcome: Outcome | None


class Worker(Closed):
    """A worker process, started when first needed and again when it was lost; for one thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = ""
        self._is_warm = False

    def examine(self, task: Task, claim: Claim = always) -> Reply:
        """Have a capture examined; what happens to the process is in the outcome.

        What is in a store is fetched here, over a connection that is kept: the time limit counts
        from when it is there.
        """
        if not any(is_url(file.place) for file in task.capture.files):
            return self._examine(task, claim)
        from pcapdiag.triage.object_stores import nearby

        try:
            with nearby(task.capture) as here:
                reply = self._examine(replace(task, capture=here), claim)
        except CaptureError as error:
            outcome = failed(blank(task, []), error.told, transient=True)
            return Reply(task.capture, [], outcome)
        return msgspec.structs.replace(reply, capture=task.capture)

    def _examine(self, task: Task, claim: Claim) -> Reply:
        process = self._process = self._process or self._started()
        reply = Reply(task.capture, [], None)
        late = threading.Event()
        watch = None
        try:
            if not self._is_warm:
                frames.receive(_out(process))
                self._is_warm = True
            watch = self._watch(process, late)
            self._talk(process, task, claim, reply)
        except frames.EndOfFramesError:
            self._lost(process, task, reply, late)
        finally:
            if watch:
                watch.cancel()
        return reply

    def kill(self) -> None:
        """End the process from another thread: :meth:`examine` returns soon."""
        process = self._process
        if process is not None:
            _kill(process)

    def close(self) -> None:
        """End the process, and what it has forked; a second call does nothing."""
        process, self._process, self._is_warm = self._process, None, False
        if process is not None:
            _end(process)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self) -> subprocess.Popen[bytes]:
        self._folder = temporary_folder()
        return _started(self._folder)

    def _talk(
        self, process: subprocess.Popen[bytes], task: Task, claim: Claim, reply: Reply
    ) -> None:
        assert process.stdin is not None
        to, back = process.stdin.fileno(), _out(process)
        frames.send(to, frames.TASK, pickle.dumps((task, self._limits)))
        while True:
            kind, payload = frames.receive(back)
            if kind == frames.FOUND:
                reply.identities = msgspec.msgpack.decode(payload, type=list[FileIdentity])
                frames.send(to, frames.YES if claim(reply.identities) else frames.NO)
                continue
            if kind == frames.OUTCOME:
                reply.outcome = msgspec.msgpack.decode(payload, type=Outcome)
                reply.identities = reply.outcome.identities
            return

    def _watch(
        self, process: subprocess.Popen[bytes], late: threading.Event
    ) -> threading.Timer | None:
        if self._limits.timeout is None:
            return None

        def end() -> None:
            late.set()
            _kill(process)

        watch = threading.Timer(self._limits.timeout + GRACE, end)
        watch.daemon = True
        watch.start()
        return watch

    def _lost(
        self, process: subprocess.Popen[bytes], task: Task, reply: Reply, late: threading.Event
    ) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        self.close()
        status: OutcomeStatus = "timeout" if late.is_set() else "crash"
        reason = over_time(self._limits) if late.is_set() else died(process.wait())
        outcome = blank(task, reply.identities)
        reply.outcome = failed(outcome, reason, status=status, transient=True)


def _started(folder: str) -> subprocess.Popen[bytes]:
    """Start a worker that finds our modules where we did, and none in the working folder."""
    path = [os.path.abspath(entry) for entry in sys.path]
    quiet = None if os.environ.get("PCAPDIAG_DEBUG") == "1" else subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START, folder, *path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=quiet,
        bufsize=0,
        start_new_session=True,
    )


def _out(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return process.stdout.fileno()


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker and what it has forked: they share a session."""
    if process.returncode is not None:
        return
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
