"""A progress bar on standard error: on a terminal only, and only when it takes long."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0
"""Seconds before a bar is shown."""
INTERVAL = 0.1
"""Seconds between two updates."""


class ProgressBar:
    """Counts bytes, or captures, and shows rate and time left; gone from the screen at its end.

    Its :meth:`update` is what the pipeline calls per block, so until the bar is due it costs one
    look at the clock.
    """

    def __init__(self, unit: Literal["bytes", "captures"] = "bytes") -> None:
        self._unit = unit
        self._due = time.monotonic() + PATIENCE
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int | None) -> None:
        """Take what is done so far, and what there is (None: not known)."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + INTERVAL
        if self._bar is None:
            self._bar = _bar(self._unit)
            doing = "reading" if self._unit == "bytes" else "captures"
            self._task = self._bar.add_task(doing, total=total)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total)


def wanted() -> bool:
    """Return whether somebody watches standard error."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except (OSError, ValueError):
        return False


def _bar(unit: str) -> Progress:
    """Import rich only now: a short capture never needs it."""
    from rich import progress
    from rich.console import Console

    counts = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        if unit == "bytes"
        else [progress.MofNCompleteColumn()]
    )
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        *counts,
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
