"""Small files of /proc and /sys, read whole and bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pcapdiag.model.snapshot import Unread

MAX_TEXT = 8 * 1024 * 1024
"""Bytes of one file of the kernel that are read."""
AS_ROOT = "run it as root"
_CHUNK = 1 << 16

Result = TypeVar("Result")


class Reading:
    """What could not be read, and what a limit left out, while a snapshot is taken."""

    def __init__(self) -> None:
        self.unread: list[Unread] = []
        self.cut: dict[str, int] = {}

    def missing(self, what: str, reason: str, how: str = "") -> None:
        """Note that something could not be read; the same thing is noted once."""
        if not any(one.what == what for one in self.unread):
            self.unread.append(Unread(what=what, reason=reason, how=how))

    def left_out(self, kind: str, count: int) -> None:
        """Note that a limit left out so many of a kind."""
        if count > 0:
            self.cut[kind] = self.cut.get(kind, 0) + count

    def attempt(self, what: str, read: Callable[[], Result], default: Result) -> Result:
        """Return what ``read`` returns, or the default where it cannot be read."""
        try:
            return read()
        except OSError as error:
            self.missing(what, reason_of(error), AS_ROOT if is_denied(error) else "")
        except (ValueError, IndexError) as error:
            self.missing(what, f"in no form that is known ({error})")
        return default


def reason_of(error: OSError) -> str:
    """Return why something could not be read, with the file's name."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def is_denied(error: OSError) -> bool:
    """Return whether more rights would help."""
    return isinstance(error, PermissionError)


def text_of(path: str) -> str:
    """Return a file's text, at most MAX_TEXT bytes of it; raises OSError."""
    parts: list[bytes] = []
    with open(path, "rb", buffering=0) as file:
        # A file of sysctl refuses a read of megabytes (kernel fs/proc/proc_sysctl.c).
        while len(parts) * _CHUNK < MAX_TEXT and (part := file.read(_CHUNK)):
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def line_of(path: str) -> str | None:
    """Return a file's first line, or None where there is no such file or it may not be read."""
    try:
        lines = text_of(path).splitlines()
    except OSError:
        return None
    return lines[0].strip() if lines else ""


def number_of(path: str) -> int | None:
    """Return the first number of a file, or None."""
    words = (line_of(path) or "").split()
    return int(words[0]) if words and words[0].lstrip("-").isdecimal() else None


def keyed_numbers(text: str) -> dict[str, int]:
    """Return lines of a name and a number (``oom_kill 3``, ``MemTotal:  16 kB``)."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isdecimal():
            found[words[0].rstrip(":")] = int(words[1])
    return found
