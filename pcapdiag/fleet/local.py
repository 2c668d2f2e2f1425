"""The engine of this machine: workers, each with a thread that talks to it."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from pcapdiag.fleet.isolation import Reply, Worker
from pcapdiag.fleet.limits import Limits
from pcapdiag.fleet.task import Claim, Task

Engine = Callable[[Iterable[Task], Claim], Iterator[Reply]]
"""Takes tasks as it has room for them, and yields the replies as they come, one for each task.

A claim may be asked from any thread, or not at all. An engine outside of this machine runs
``isolated`` (``isolation.py``) there.
"""

WAITING = 0.2
"""Seconds between two looks whether ^C came."""


class LocalEngine:
    """Runs tasks in ``jobs`` workers, up to ``retries`` more times where that may end otherwise."""

    def __init__(self, jobs: int, limits: Limits, retries: int = 0) -> None:
        self._jobs = jobs
        self._limits = limits
        self._retries = retries
        self._stopped = threading.Event()

    def __call__(self, tasks: Iterable[Task], claim: Claim) -> Iterator[Reply]:
        """Yield replies as they come; closing the iterator ends the workers."""
        waiting = iter(tasks)
        lock = threading.Lock()
        replies: queue.SimpleQueue[Reply | BaseException | None] = queue.SimpleQueue()
        workers = [Worker(self._limits) for _ in range(self._jobs)]
        threads = [
            threading.Thread(
                target=self._serve, args=(worker, waiting, lock, claim, replies), daemon=True
            )
            for worker in workers
        ]
        try:
            for thread in threads:
                thread.start()
            yield from _until_all_end(replies, len(threads))
        finally:
            self._stopped.set()
            for worker in workers:
                worker.kill()
            for thread in threads:
                thread.join()

    def _serve(
        self,
        worker: Worker,
        waiting: Iterator[Task],
        lock: threading.Lock,
        claim: Claim,
        replies: queue.SimpleQueue[Reply | BaseException | None],
    ) -> None:
        try:
            with worker:
                while not self._stopped.is_set():
                    with lock:
                        task = next(waiting, None)
                    if task is None:
                        break
                    replies.put(self._reply(worker, task, claim))
            replies.put(None)
        except BaseException as error:
            # It is raised again where the replies are taken.
            replies.put(error)

    def _reply(self, worker: Worker, task: Task, claim: Claim) -> Reply:
        reply = worker.examine(task, claim)
        for _ in range(self._retries):
            if reply.outcome is None or not reply.outcome.transient or self._stopped.is_set():
                break
            reply = worker.examine(task)
        return reply


def _until_all_end(
    replies: queue.SimpleQueue[Reply | BaseException | None], threads: int
) -> Iterator[Reply]:
    while threads:
        try:
            reply = replies.get(timeout=WAITING)
        except queue.Empty:
            continue
        if isinstance(reply, BaseException):
            raise reply
        if reply is None:
            threads -= 1
        else:
            yield reply


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
