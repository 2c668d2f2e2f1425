"""What an outcome depends on beside the capture: the program, and what was asked of it."""

from __future__ import annotations

import hashlib

from pcapdiag.errors import UsageError
from pcapdiag.logs.files import files_of
from pcapdiag.logs.source import is_format
from pcapdiag.model.logs import LogSource
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import SCHEMA
from pcapdiag.model.report_line import LINE_SCHEMA

LENGTH = 16
"""Hex digits of a fingerprint."""
_FILES = {"names", "keylog", "snapshots", "logs"}
"""Options that name files: their content counts, not where they lie."""
_LEFT_OUT = {"progress", "stop", "follow"} | _FILES
"""The others change nothing of what is found."""


def fingerprint(options: AnalyzeOptions) -> str:
    """Return what is the same for the same questions; raises UsageError for an unreadable file."""
    asked = [name for name in options.__struct_fields__ if name not in _LEFT_OUT]
    parts = [SCHEMA, LINE_SCHEMA, *(f"{name}={getattr(options, name)!r}" for name in asked)]
    parts += [f"names={_digest(options.names)}"] if options.names is not None else []
    parts += [f"keylog={_digest(options.keylog)}"] if options.keylog is not None else []
    parts += [f"snapshot={_digest(path)}" for path in options.snapshots]
    parts += [f"log={_log(source)}" for source in options.logs]
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:LENGTH]


def _log(source: LogSource) -> tuple[str, str, list[str]]:
    form = source.form
    if form and not is_format(source):
        form = _digest(form)
    return source.product, form, [_digest(path) for path in files_of(source.path)]


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
