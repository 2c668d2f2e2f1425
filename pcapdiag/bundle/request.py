"""What a user asks of a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pcapdiag.model.options import AnalyzeOptions, CapturePoint, Network, Progress

Tell = Callable[[str], object]


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Request:
    """Captures, and what is to be made of them."""

    paths: tuple[str, ...]
    """Files of one capture point: they are read several times, so standard input is none."""
    options: AnalyzeOptions
    """Filters choose what the bundle is about; the rest is as for an analysis."""
    points: tuple[CapturePoint, ...] = ()
    """Instead of ``paths``: two capture points or more."""
    sanitise: bool = True
    key: bytes | None = field(default=None, repr=False)
    """32 bytes that names and addresses are renamed by; None: random ones that are thrown away."""
    keep: tuple[Network, ...] = ()
    """Networks whose addresses stay as they are."""
    vendor: str = "generic"
    progress: Progress | None = None
    tell: Tell = _silent
    """Told what is being done, a line each."""
