"""How much a probe may do: a handful of connections, and an end in time, whatever a server does."""

from __future__ import annotations

import time

from pcapdiag.errors import PcapdiagError

MAX_CONNECTIONS = 16
"""TCP connections of one probe, those included that were refused."""
MAX_ADDRESSES = 4
"""Addresses of a name that are connected to, by turns of the two families."""
MAX_SECONDS = 60.0
"""All checks together; what was not begun by then is skipped and said."""
MAX_READ = 256 * 1024
"""Bytes that are read of one connection."""


class SpentError(PcapdiagError):
    """The probe has used up its connections or its time."""


class Budget:
    """Counts connections and time; ``timeout`` (seconds) is that of one step."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.connections = 0
        self._end = time.monotonic() + MAX_SECONDS

    def take(self) -> None:
        """Count a connection that is about to be opened; raises SpentError when there is none."""
        if self.connections >= MAX_CONNECTIONS:
            raise SpentError(f"not run: the limit of {MAX_CONNECTIONS} connections is reached")
        if self.step() <= 0:
            raise SpentError(f"not run: the limit of {MAX_SECONDS:.0f} s for all is reached")
        self.connections += 1

    def step(self) -> float:
        """Return the seconds that a step beginning now may take, 0 at least."""
        return max(0.0, min(self.timeout, self._end - time.monotonic()))
