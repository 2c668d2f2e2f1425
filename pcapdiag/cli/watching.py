"""``triage --watch``: goes on until it is told to end, whatever happens to the disk meanwhile."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, TypeVar

from pcapdiag.cli.output import open_output
from pcapdiag.cli.say import warn
from pcapdiag.errors import OutputError
from pcapdiag.model.units import counted
from pcapdiag.report.json import render_line

if TYPE_CHECKING:
    from pcapdiag.triage.isolation import Reply
    from pcapdiag.triage.manifest import Entry
    from pcapdiag.triage.metrics import Metrics
    from pcapdiag.triage.rows import Told
    from pcapdiag.triage.run import Triage
    from pcapdiag.triage.watch import Keep, Watch

Result = TypeVar("Result")
Handler = Callable[[int, FrameType | None], object] | int | None
"""What ``signal.signal`` gives back of the handler before, and takes."""

POLL = 1.0
"""Seconds between two looks at the folder."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries while nothing can be written: they double from POLL to this."""


class Ended(Exception):  # noqa: N818 - no error
    """Somebody wants the end."""


class Ending:
    """Takes SIGINT and SIGTERM: they end a wait at once, and anything else when it is done."""

    def __init__(self) -> None:
        self.asked = False
        self._waits = False
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> Ending:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._waits:
            raise Ended

    def step(self, replies: Iterator[Reply]) -> Reply | None:
        """Return the next answer, None when there is no more; raises Ended."""
        return self._waiting(lambda: next(replies, None))

    def sleep(self, seconds: float) -> None:
        """Wait, or until somebody wants the end."""
        try:
            self._waiting(lambda: time.sleep(seconds))
        except Ended:
            return

    def _waiting(self, work: Callable[[], Result]) -> Result:
        self._waits = True
        try:
            if self.asked:
                raise Ended
            return work()
        finally:
            self._waits = False


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched, and how (``triage/rotation.py``, ``triage/watch.py``)."""

    folder: str
    settle: float
    keep: Keep


def go_on(run: Triage, watched: Watched, metrics: Metrics | None, *, quiet: bool) -> None:
    """Watch until SIGINT or SIGTERM; then the tables are complete. Raises OutputError."""
    from pcapdiag.triage.rotation import Folder
    from pcapdiag.triage.watch import Watch

    watch = Watch(run, Folder(watched.folder, watched.settle), watched.keep)
    _Watcher(run, watch, metrics, quiet, watched.folder).go_on()


@dataclass(slots=True)
class _Watcher:
    run: Triage
    watch: Watch
    metrics: Metrics | None
    quiet: bool
    folder: str
    _pause: float = POLL

    def go_on(self) -> None:
        with Ending() as ending:
            warn(f"watching {self.folder}")
            while not ending.asked:
                try:
                    self._look(ending)
                    self._pause = POLL
                    self._tell_metrics(fails=False)
                except Ended:
                    break
                except OutputError as error:
                    self._trouble(str(error))
                except OSError as error:
                    self._trouble(f"cannot read {self.folder}: {error.strerror or error}")
                ending.sleep(self._pause)
            self.watch.write(now=True)
            if self.metrics:
                self.metrics.update()
                self.metrics.write()

    def _look(self, ending: Ending) -> None:
        for entry in self.watch.look(ending.step):
            self._tell(entry)
            # Before the tables: with them, outcomes that were replaced go, and have to be counted.
            self._tell_metrics(fails=False)
            self.watch.write()
        self.watch.write()

    def _trouble(self, text: str) -> None:
        """Say it at the first of several times; wait longer each time."""
        if self._pause == POLL:
            warn(f"{text}; it is tried again until it works")
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._tell_metrics(fails=True)

    def _tell_metrics(self, *, fails: bool) -> None:
        if self.metrics is None:
            return
        self.metrics.waiting = self.watch.waiting
        self.metrics.output_fails = fails
        try:
            self.metrics.update()
        except OutputError as error:
            if not fails:
                self._trouble(str(error))

    def _tell(self, entry: Entry) -> None:
        for told in self.run.told([entry.name]):
            with open_output(None) as target:
                target.write(render_line(told.outcome_line()) if self.quiet else _text(told))


def _text(told: Told) -> str:
    result = told.result()
    name = told.entry.name
    if result.status != "examined":
        return f"{name}: {result.status}: {result.reason}\n"
    failures = ", ".join(f"{n:,} {code}" for code, n in result.failures.items())
    connections = counted(result.connections, "connection")
    return f"{name}: {connections}, {result.failed:,} failed{failures and ': ' + failures}\n"
