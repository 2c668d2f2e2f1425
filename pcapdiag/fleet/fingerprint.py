"""What an outcome depends on beside the capture: the program, and what was asked of it."""

from __future__ import annotations

import hashlib

from pcapdiag.errors import UsageError
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import LINE_SCHEMA, SCHEMA

LENGTH = 16
"""Hex digits of a fingerprint."""
_WHO_ASKS = {"progress", "stop", "follow"}
"""Options that change nothing of what is found."""
_FILES = {"names", "keylog"}
"""Options that name a file: its content counts, not where it lies."""


def fingerprint(options: AnalyzeOptions) -> str:
    """Return what is the same for the same questions; raises UsageError for an unreadable file."""
    parts = [SCHEMA, LINE_SCHEMA]
    for name in options.__struct_fields__:
        value = getattr(options, name)
        if name in _FILES and value is not None:
            value = _digest(value)
        if name not in _WHO_ASKS:
            parts.append(f"{name}={value!r}")
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:LENGTH]


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
