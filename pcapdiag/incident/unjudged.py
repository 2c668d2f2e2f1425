"""Connections that a fault of ours leaves without a verdict: all others still get theirs."""

from __future__ import annotations

import os

from pcapdiag.errors import PcapdiagError
from pcapdiag.model.units import counted

NOT_OF_ONE = (PcapdiagError, MemoryError, OSError)
"""No matter of one connection, but of the machine, of an output, or of the capture as a whole."""


class Unjudged:
    """Counts them; of the first one it says what went wrong."""

    def __init__(self) -> None:
        self.count = 0
        self._first = ""
        self._in_full = os.environ.get("PCAPDIAG_DEBUG") == "1"

    def note(self, stream: int, error: Exception) -> None:
        """Count a connection; the error is raised again where somebody wants to see its trace."""
        if self._in_full:
            raise error
        self.count += 1
        self._first = self._first or f"stream {stream}: {type(error).__name__}: {error}"

    def notes(self) -> list[str]:
        """Return what is to be said of them."""
        if not self.count:
            return []
        many = counted(self.count, "connection")
        return [
            f"internal error: {many} could not be judged (first {self._first}); all else is as "
            "it would be. PCAPDIAG_DEBUG=1 shows where. Please report it"
        ]
