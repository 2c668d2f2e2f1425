"""^C on a live capture ends its reading, and the report follows; SIGTERM ends the program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from pcapdiag.cli.status import TERMINATED

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


class Terminated(SystemExit):
    """SIGTERM came: what is half-written and temporary goes on the way out."""


@contextmanager
def leaving_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the program as ^C would, and still be what it died of."""
    import signal

    def handle(number: int, _frame: FrameType | None) -> None:
        # A second one ends it at once.
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(TERMINATED)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, handle)
    try:
        yield
    except Terminated:
        os.kill(os.getpid(), signal.SIGTERM)
