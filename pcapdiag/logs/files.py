"""The files of a log that was named: one, a pattern, or those that logrotate left of it."""

from __future__ import annotations

import glob
import os
import re

from pcapdiag.errors import UsageError

MAX_FILES = 10_000
"""Files of one log."""
_NUMBER = re.compile(r"\.(\d{1,6})(?:\.\w+)?$")

_PACKED = re.compile(r"\.(?:gz|zst|lz4|xz)$")


def files_of(path: str) -> list[str]:
    """Return the files of a path or pattern, the oldest first.

    Rotated files are put in order by their number (the higher the older), others by when they were
    written. Raises UsageError where there is none.
    """
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a directory", f"name its files: '{path}/access.log*'")
    if os.path.exists(path) or not glob.has_magic(path):
        return [path]
    found = [one for one in glob.glob(path) if os.path.isfile(one)]
    if not found:
        raise UsageError(f"{path}: matches no file", "compare it with: ls")
    if len(found) > MAX_FILES:
        raise UsageError(f"{path}: matches {len(found):,} files", f"at most {MAX_FILES:,}")
    plain = set(found)
    # One that is just being compressed is still there, and whole.
    once = [one for one in found if (name := _PACKED.sub("", one)) == one or name not in plain]
    return sorted(once, key=_age)


def _age(path: str) -> tuple[int, int, str]:
    number = _NUMBER.search(path)
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError:
        changed = 0
    return -int(number[1]) if number else 0, changed, path
