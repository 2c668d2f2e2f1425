"""The captures that a command line names."""

from __future__ import annotations

import glob
import os


def files_of(text: str) -> list[str]:
    """Return the files meant by an argument: a pattern that the shell left alone is expanded.

    One that nothing fits stays as it is, so that the error names it.
    """
    if text == "-" or os.path.exists(text) or not glob.has_magic(text):
        return [text]
    return sorted(glob.glob(text)) or [text]
