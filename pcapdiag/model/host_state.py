"""A host's snapshot as far as it goes with one capture."""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Severity
from pcapdiag.model.snapshot import Counters, Snapshot


class HostState(msgspec.Struct, kw_only=True):
    """A snapshot of a host that the capture shows, and how the two lie in time."""

    path: str
    """Its file."""
    snapshot: Snapshot
    own: frozenset[str]
    """All addresses of the host."""
    seen: frozenset[str]
    """Those that the capture has."""
    on_path: bool = False
    """Its interfaces hand on the packets of others in the capture."""
    counters: Counters
    """What was counted between two readings, or since the host or the namespace came up."""
    within: bool = False
    """``counters`` are a difference, over a time that the capture has a part of."""
    over: str = ""
    """In words: over which time ``counters`` go."""
    when: str = ""
    """In words: when it was taken, by the capture."""
    fresh: bool = False
    """Taken while the capture ran, or at most a minute before or after."""
    near: bool = False
    """Taken while the capture ran, or at most ten minutes before or after."""

    @property
    def file(self) -> str:
        """Return the file's name, without its folder."""
        return self.path.rpartition("/")[2]

    @property
    def name(self) -> str:
        """Return what the host is called in a text."""
        return self.snapshot.host.name or min(self.seen, default=self.path)

    def severity(self, *, strong: bool) -> Severity:
        """Return how bad a finding is that explains failures."""
        if not self.near:
            return "info"
        return "failure" if strong else "warning"
