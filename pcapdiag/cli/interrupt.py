"""^C on a live capture: it ends the reading, and the report of what was read follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapdiag.model.options import Stop


@contextmanager
def ending_on_interrupt() -> Iterator[Stop]:
    """Let the first ^C ask a reading to end; a second one ends the program."""
    import signal  # Only here: a finished capture is read without.

    from pcapdiag.model.options import Stop

    stop = Stop()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
