"""How far several readings of several captures are, as one number."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.capture import Capture
from pcapdiag.model.options import Progress as Tell

READINGS = 2
"""How often each file is read."""


class Progress:
    """Adds up what was read; the whole is known where it is for every capture."""

    def __init__(self, tell: Tell | None, captures: Sequence[Capture]) -> None:
        self._tell = tell
        self._before = 0
        sizes = [capture.progress()[1] for capture in captures]
        known = [size for size in sizes if size is not None]
        self._whole = READINGS * sum(known) if len(known) == len(sizes) else None

    def tell(self, capture: Capture) -> None:
        """Hand on how far the reading of one capture is."""
        if self._tell is not None:
            self._tell(self._before + capture.progress()[0], self._whole)

    def end(self, capture: Capture) -> None:
        """Count a capture that was read to its end."""
        self._before += capture.progress()[0]
