"""^C and SIGTERM: on a live capture they end its reading, and the report follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from pcapdiag.cli.say import warn
from pcapdiag.cli.status import INTERRUPTED, TERMINATED
from pcapdiag.errors import CaptureError
from pcapdiag.model.options import Stop


class Ending(Stop):
    """A stop, and the exit status of what it ends."""

    status = INTERRUPTED


@contextmanager
def ending_on_interrupt() -> Iterator[Ending]:
    """Let the first ^C or SIGTERM ask a reading to end; a second one ends the program."""
    import signal  # Only here: a finished capture is read without.

    stop = Ending()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.status = INTERRUPTED if number == signal.SIGINT else TERMINATED
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    except CaptureError as error:
        if not stop.is_set():
            raise
        # It ended before anything had come, which is no fault of the input.
        warn(str(error))
        raise click.exceptions.Exit(stop.status) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
