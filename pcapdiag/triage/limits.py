"""What one capture may use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

DEFAULT_TIMEOUT = 3600.0
"""Seconds; ten gigabytes take some minutes."""
DEFAULT_MEMORY = 2 * 1024**3
"""Bytes; an analysis takes a twentieth of it, whatever the capture's size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds from the first byte read to the outcome, and bytes of memory; None: no limit.

    Memory is what the process has in private (Linux: RLIMIT_DATA), the program itself included.
    """

    timeout: float | None = DEFAULT_TIMEOUT
    memory: int | None = DEFAULT_MEMORY


def can_limit_memory() -> bool:
    """Return whether this system holds a process to a memory limit; macOS and Windows do not."""
    return sys.platform == "linux"


@contextmanager
def limited_memory(limit: int | None) -> Iterator[None]:
    """Hold this process to a memory limit: over it, allocations fail (MemoryError)."""
    if limit is None or not can_limit_memory():
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
