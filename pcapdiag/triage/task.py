"""What is asked of whoever examines a capture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.outcome import FileIdentity

Claim = Callable[[list[FileIdentity]], bool]
"""Asked before the work: False where this content is known, or somebody else works on it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a rotated set: ``carried`` is what the one before it left open (``carry.py``).

    What is open at the end of the ``last`` one is judged with it.
    """

    carried: bytes = b""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One capture to examine; can be pickled. ``part`` is None unless it continues another."""

    capture: Capture
    options: AnalyzeOptions
    fingerprint: str
    part: Part | None = None


def always(_identities: list[FileIdentity]) -> bool:
    """Claim whatever is asked."""
    return True
