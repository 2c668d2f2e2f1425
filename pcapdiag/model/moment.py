"""Order in a capture: by time and, of what has one time, by frame."""

from __future__ import annotations

from typing import Protocol


class Seen(Protocol):
    """Whatever a packet showed, or was."""

    @property
    def time(self) -> int:
        """Of the packet, ns."""

    @property
    def frame(self) -> int:
        """Its number."""


def moment(what: Seen) -> tuple[int, int]:
    """Return when something was seen: what was seen later compares greater."""
    return what.time, what.frame
