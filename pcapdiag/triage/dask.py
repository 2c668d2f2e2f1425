"""The engine of a Dask cluster; the only module that knows ``distributed``."""

from __future__ import annotations

import logging
import os
import queue
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from pcapdiag import __version__
from pcapdiag.errors import ClusterError, PcapdiagError, UsageError
from pcapdiag.logs.source import is_format
from pcapdiag.model.logs import LogSource
from pcapdiag.triage.capture import Capture, is_url, public_name
from pcapdiag.triage.closed import Closed
from pcapdiag.triage.dask_worker import Order, carry_out, release, stop, versions
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.local import WAITING
from pcapdiag.triage.not_examined import blank, failed
from pcapdiag.triage.outcome import Outcome
from pcapdiag.triage.task import Claim, Task

if TYPE_CHECKING:
    from distributed import Client, Future

EXTRA = "pip install 'pcapdiag[dask]'"
AHEAD = 2
"""Tasks sent for each thread of the cluster: one is examined, one waits at hand."""
CONNECT = 30.0
"""Seconds for the scheduler to answer."""
LOOK = 5.0
"""Seconds between two looks how many threads the cluster has."""
DESERTED = 300.0
"""Seconds without any worker after which nobody is waited for: a node may have to be started."""
NAMES = ("pcapdiag", "distributed")
"""Whose versions count."""
AGAIN = "start again: what is done is kept"
SAME_IMAGE = "the scheduler and the workers need the same packages as this machine"


class DaskEngine(Closed):
    """Runs tasks on the workers of a cluster, each up to ``retries`` more times.

    A task whose worker is lost is done by another one. Raises UsageError where versions differ,
    ClusterError when the scheduler is not there, or not any more.
    """

    def __init__(self, address: str, limits: Limits, retries: int = 0) -> None:
        self._address = public_name(address)
        self._limits = limits
        self._retries = retries
        self._client = self._connected(address)
        self._threads = 0
        self._seen = time.monotonic()
        self._look_at = 0.0

    def close(self) -> None:
        """Leave the cluster, and no process of ours behind."""
        if self._client.status == "running":
            with suppress(OSError):
                self._client.run(release, on_error="ignore")
        self._client.close(timeout=LOOK)

    def __call__(self, tasks: Iterable[Task], claim: Claim) -> Iterator[Reply]:
        """Yield replies as they come; who stops listening ends what is being done.

        The claim is asked when a capture was examined: what was examined twice is kept once.
        """
        self._check()
        run = uuid.uuid4().hex
        coming = enumerate(tasks)
        flying: dict[str, tuple[Task, Future]] = {}
        done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        try:
            while True:
                while len(flying) < self._room() and (following := next(coming, None)):
                    number, task = following
                    order = Order(run, _absolute(task), self._limits, self._retries)
                    future = self._client.submit(carry_out, order, key=f"{run}-{number}")
                    flying[future.key] = task, future
                    future.add_done_callback(done.put)
                if not flying:
                    return
                with suppress(queue.Empty):
                    task, future = flying.pop(done.get(timeout=WAITING).key)
                    yield self._reply(task, self._outcome(task, future), claim)
        finally:
            self._abandon(run, [future for _, future in flying.values()])

    def _connected(self, address: str) -> Client:
        try:
            from distributed import Client
        except ImportError as error:
            raise UsageError("--engine dask needs distributed", EXTRA) from error
        if os.environ.get("PCAPDIAG_DEBUG") != "1":
            # What it says of a lost connection is said by us, once.
            logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
        try:
            with warnings.catch_warnings():
                # Versions are compared below.
                warnings.simplefilter("ignore")
                return Client(address, timeout=CONNECT, set_as_default=False, name="pcapdiag")
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            text = public_name(str(error) or type(error).__name__)
            raise ClusterError(f"cannot reach the scheduler {self._address}: {text}") from error

    def _check(self) -> None:
        """Raise UsageError where the scheduler or a worker is not as this machine is."""
        for who, those in self._versions():
            if isinstance(those, Exception):
                text = public_name(f"{who} cannot run pcapdiag: {those}")
                raise UsageError(text, SAME_IMAGE) from those
            for name, here, there in zip(NAMES, versions(), those, strict=True):
                if here != there:
                    text = f"{who} has {name} {there}, this machine {here}"
                    raise UsageError(text, SAME_IMAGE)

    def _versions(self) -> Iterator[tuple[str, tuple[str, str] | Exception]]:
        """Yield who is there with its versions, or with why it cannot tell."""
        try:
            yield "the scheduler", self._client.run_on_scheduler(versions)
            for worker, those in self._client.run(versions, on_error="return").items():
                yield f"worker {worker}", those
        except OSError as error:
            raise self._lost() from error
        except ImportError as error:
            yield "the scheduler", error

    def _room(self) -> int:
        """Return how many tasks may be on their way; a cluster grows and shrinks."""
        if self._client.status != "running":
            raise self._lost()
        now = time.monotonic()
        if now >= self._look_at:
            try:
                self._threads = sum(self._client.nthreads().values())
            except OSError as error:
                raise self._lost() from error
            self._look_at = now + LOOK
            if self._threads:
                self._seen = now
            elif now - self._seen > DESERTED:
                text = f"the scheduler {self._address} has had no worker for {DESERTED:g} s"
                raise ClusterError(text, AGAIN)
        return AHEAD * max(1, self._threads)

    def _outcome(self, task: Task, future: Future) -> Outcome:
        from distributed import KilledWorker

        try:
            data = future.result()
        except KilledWorker:
            reason = "the workers that had it were lost, one after the other; was memory short?"
            return failed(blank(task, []), reason, status="crash", transient=True)
        except PcapdiagError as error:
            raise UsageError(f"on a worker: {error.message}", error.advice) from error
        except CancelledError as error:
            raise self._lost() from error
        except Exception as error:
            # Of the cluster: what a capture does is in its outcome.
            if self._client.status != "running":
                raise self._lost() from error
            text = public_name(f"{type(error).__name__}: {error}".replace("\n", " "))
            raise ClusterError(f"the cluster cannot run pcapdiag: {text}", SAME_IMAGE) from error
        outcome = msgspec.msgpack.decode(data, type=Outcome)
        if outcome.version != __version__:
            text = f"a worker has pcapdiag {outcome.version}, this machine {__version__}"
            raise UsageError(text, SAME_IMAGE)
        return _explained(task, outcome)

    def _reply(self, task: Task, outcome: Outcome, claim: Claim) -> Reply:
        wanted = claim(outcome.identities)
        return Reply(task.capture, outcome.identities, outcome if wanted else None)

    def _lost(self) -> ClusterError:
        return ClusterError(f"the scheduler {self._address} was lost", AGAIN)

    def _abandon(self, run: str, futures: list[Future]) -> None:
        if futures and self._client.status == "running":
            with suppress(OSError, CancelledError):
                self._client.cancel(futures)
                self._client.run(stop, run, on_error="ignore")


def _absolute(task: Task) -> Task:
    """Return a task that means the same in another working folder."""
    files = [
        file if is_url(file.place) else replace(file, place=os.path.abspath(file.place))
        for file in task.capture.files
    ]
    options = task.options
    options = msgspec.structs.replace(
        options,
        names=options.names and os.path.abspath(options.names),
        keylog=options.keylog and os.path.abspath(options.keylog),
        snapshots=tuple(map(os.path.abspath, options.snapshots)),
        logs=tuple(map(_log_from_here, options.logs)),
    )
    return replace(task, capture=Capture(tuple(files)), options=options)


def _log_from_here(source: LogSource) -> LogSource:
    is_file = source.form and not is_format(source)
    return msgspec.structs.replace(
        source,
        path=os.path.abspath(source.path),
        form=os.path.abspath(source.form) if is_file else source.form,
    )


def _explained(task: Task, outcome: Outcome) -> Outcome:
    """Say it where a worker does not see a file that is here."""
    places = [file.place for file in task.capture.files if not is_url(file.place)]
    unread = outcome.status == "error" and not outcome.identities
    if unread and places and all(os.access(place, os.R_OK) for place in places):
        outcome.reason += " on the worker: it must be at the same path there as here"
    return outcome
