"""What runs on the workers of a Dask cluster: the same processes as on this machine.

Each thread of a Dask worker has one warm process at a time (``worker.py``), so that a capture is
held to its limits there, too, and its end is not the Dask worker's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from pcapdiag import __version__
from pcapdiag.errors import UsageError
from pcapdiag.triage.fingerprint import fingerprint
from pcapdiag.triage.isolation import Worker
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.not_examined import blank, failed
from pcapdiag.triage.outcome import Outcome
from pcapdiag.triage.task import Task


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """A task as it is sent; Dask logs its repr, which says nothing of places that hold keys."""

    run: str
    """Whose it is: what :func:`stop` is told."""
    task: Task
    limits: Limits
    retries: int


_idle: defaultdict[Limits, list[Worker]] = defaultdict(list)
_busy: defaultdict[str, list[Worker]] = defaultdict(list)
_stopped: set[str] = set()


def versions() -> tuple[str, str]:
    """Return the versions of pcapdiag and of distributed here."""
    return __version__, version("distributed")


def carry_out(order: Order) -> bytes:
    """Examine a capture; return its outcome as MessagePack. Doing it twice changes nothing.

    Raises UsageError where this machine lacks what every capture needs.
    """
    _same_files(order.task)
    with _borrowed(order) as worker:
        outcome = _examined(worker, order.task)
        for _ in range(order.retries):
            if not outcome.transient or order.run in _stopped:
                break
            outcome = _examined(worker, order.task)
    return msgspec.msgpack.encode(outcome)


def stop(run: str) -> None:
    """End what a run has going on here; its driver does not wait for it any more."""
    _stopped.add(run)
    for worker in list(_busy[run]):
        worker.kill()


def release() -> None:
    """End the processes that nobody uses."""
    for idle in list(_idle.values()):
        while idle:
            idle.pop().close()


def _examined(worker: Worker, task: Task) -> Outcome:
    try:
        outcome = worker.examine(task).outcome
    except OSError as error:
        # No process could be started, or there is no room for a copy.
        return failed(blank(task, []), error.strerror or str(error), transient=True)
    assert outcome is not None, "claims are asked where the store is"
    return outcome


@contextmanager
def _borrowed(order: Order) -> Iterator[Worker]:
    """Give a worker that no other thread has; lists are changed in one step."""
    idle, busy = _idle[order.limits], _busy[order.run]
    try:
        worker = idle.pop()
    except IndexError:
        worker = Worker(order.limits)
    busy.append(worker)
    try:
        yield worker
    finally:
        busy.remove(worker)
        idle.append(worker)


def _same_files(task: Task) -> None:
    """Raise UsageError where the files that options name are not here, or others."""
    options = task.options
    named = [path for path in (options.names, options.keylog) if path is not None]
    named += [*options.snapshots, *(source.path for source in options.logs)]
    if named and fingerprint(options) != task.fingerprint:
        raise UsageError(f"{' or '.join(named)} is another file on a worker")
