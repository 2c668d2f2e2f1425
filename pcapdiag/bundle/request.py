"""What a user asks of a bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pcapdiag.model.options import AnalyzeOptions, CapturePoint, Progress

if TYPE_CHECKING:
    from pcapdiag.model.options import Network


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

    @property
    def progress(self) -> Progress | None:
        """Called now and then with the bytes read so far of the file that is being read."""
        return self.options.progress
