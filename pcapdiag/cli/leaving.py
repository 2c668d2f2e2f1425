"""SIGTERM: what is half-written and temporary is put away before the program dies of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pcapdiag.cli.status import TERMINATED


class Terminated(SystemExit):
    """SIGTERM came."""


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
