"""summary.json and summary.html."""

from __future__ import annotations

import os

import msgspec

from pcapdiag.report.escape import json_safe
from pcapdiag.triage.files import told, written_aside
from pcapdiag.triage.page import render_summary
from pcapdiag.triage.summary import Summary


def write_summary(out: str, summary: Summary) -> None:
    """Write a summary for programs and for people into a folder; raises OutputError."""
    text = msgspec.json.format(msgspec.json.encode(summary), indent=2).decode()
    _write(os.path.join(out, "summary.json"), json_safe(text) + "\n")
    _write(os.path.join(out, "summary.html"), render_summary(summary))


def _write(path: str, text: str) -> None:
    with written_aside(path, sync=True) as file, told(path):
        file.write(text.encode(errors="backslashreplace"))
