"""The engine of this machine: workers, each with a thread that talks to it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from pcapdiag.triage.closed import Closed
from pcapdiag.triage.isolation import Reply, Worker
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.task import Claim, Task

Engine = Callable[[Iterable[Task], Claim], Iterator[Reply]]
"""Takes tasks as it has room for them, and yields the replies as they come, one for each task.

A claim may be asked from any thread, or not at all. An engine outside of this machine runs
``isolated`` (``isolation.py``) there.
"""

WAITING = 0.2
"""Seconds between two looks whether ^C came."""
PATIENCE = 10.0
"""Seconds that a thread has to end after its worker was ended; a fetch may take longer."""


class LocalEngine(Closed):
    """Runs tasks in ``jobs`` workers, up to ``retries`` more times where that may end otherwise.

    Workers stay warm from one call to the next; :meth:`close` ends them.
    """

    def __init__(self, jobs: int, limits: Limits, retries: int = 0) -> None:
        self._workers = [Worker(limits) for _ in range(jobs)]
        self._retries = retries

    def close(self) -> None:
        """End the workers; a later call starts new ones."""
        for worker in self._workers:
            worker.close()

    def __call__(self, tasks: Iterable[Task], claim: Claim) -> Iterator[Reply]:
        """Yield replies as they come; who stops listening ends what is being done."""
        turn = _Turn(iter(tasks), claim, self._retries)
        threads = [
            threading.Thread(target=turn.serve, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        try:
            for thread in threads:
                thread.start()
            yield from turn.replies(len(threads))
        finally:
            if not turn.ended:
                turn.stopped.set()
                for worker in self._workers:
                    worker.kill()
            for thread in threads:
                thread.join(PATIENCE)


class _Turn:
    """What the threads of one call share."""

    def __init__(self, tasks: Iterator[Task], claim: Claim, retries: int) -> None:
        self.stopped = threading.Event()
        self.ended = False
        self._tasks = tasks
        self._claim = claim
        self._retries = retries
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Reply | BaseException | None] = queue.SimpleQueue()

    def serve(self, worker: Worker) -> None:
        """Have tasks done by one worker until there are none; tell every end."""
        try:
            while not self.stopped.is_set():
                with self._lock:
                    task = next(self._tasks, None)
                if task is None:
                    break
                self._queue.put(self._reply(worker, task))
            self._queue.put(None)
        except BaseException as error:
            # It is raised again where the replies are taken.
            self._queue.put(error)

    def replies(self, threads: int) -> Iterator[Reply]:
        """Yield replies until all threads have ended; raises what one of them raised."""
        while threads:
            try:
                reply = self._queue.get(timeout=WAITING)
            except queue.Empty:
                continue
            if isinstance(reply, BaseException):
                raise reply
            if reply is None:
                threads -= 1
            else:
                yield reply
        self.ended = True

    def _reply(self, worker: Worker, task: Task) -> Reply:
        reply = worker.examine(task, self._claim)
        for _ in range(self._retries):
            if reply.outcome is None or not reply.outcome.transient or self.stopped.is_set():
                break
            reply = worker.examine(task)
        return reply
