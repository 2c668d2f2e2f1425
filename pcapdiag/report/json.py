"""The report as JSON, valid against docs/report.schema.json."""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Line, Report
from pcapdiag.report.escape import json_safe
from pcapdiag.report.mask import mask


def render_json(report: Report) -> str:
    """Return the report as one JSON document, indented, with a newline at its end."""
    return _encode(report, indent=2) + "\n"


def render_line(line: Line) -> str:
    """Return one line of JSON lines, with its newline."""
    return _encode(line, indent=0) + "\n"


def _encode(value: Report | Line, indent: int) -> str:
    encoded = msgspec.json.encode(_masked(msgspec.to_builtins(value)))
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return json_safe(encoded.decode())


def _masked(value: object) -> object:
    if isinstance(value, str):
        text = mask(value)
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _masked(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_masked(member) for member in value]
    return value
