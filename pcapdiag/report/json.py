"""The report as JSON, valid against docs/report.schema.json."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import indent

import msgspec

from pcapdiag.model.report import Connection, Report
from pcapdiag.model.report_line import Line
from pcapdiag.report.escape import json_safe
from pcapdiag.report.mask import mask
from pcapdiag.report.undrawn import undrawn

_NO_CONNECTIONS = '"connections": []'
"""How the indented report looks where its connections go; quotes inside of strings are escaped."""
_NUMBERS = re.compile(r"\[\n *-?\d+(?:,\n *-?\d+)*\n *\]")
"""A list of whole numbers, one a line: frames, or the bins of ``activity``. No string is like it:
line feeds inside of those are escaped."""
_MAY_HOLD_TEXT = frozenset({str, dict, list})
"""Of plain data; most members of a report are numbers, or nothing."""


def render_json(report: Report, *, pictures: bool = True) -> Iterator[str]:
    """Yield the pieces of one JSON document, indented, with a newline at its end.

    Without ``pictures`` connections have no ``series``, whether the report has it or not.
    A connection is a piece of its own, so that a million of them need no memory.
    """
    shell = _encode(msgspec.structs.replace(report, connections=[]), indent_by=2)
    head, tail = shell.split(_NO_CONNECTIONS, 1)
    yield head + '"connections": ['
    separator = "\n"
    for connection in report.connections:
        text = _encode(connection if pictures else undrawn(connection), indent_by=2)
        yield separator + indent(text, "    ")
        separator = ",\n"
    yield ("]" if separator == "\n" else "\n  ]") + tail + "\n"


def render_line(line: Line) -> str:
    """Return one line of JSON lines, with its newline."""
    return _encode(line, indent_by=0) + "\n"


def _encode(value: Report | Line | Connection, *, indent_by: int) -> str:
    encoded = msgspec.json.encode(masked(msgspec.to_builtins(value)))
    if not indent_by:
        return json_safe(encoded.decode())
    text = msgspec.json.format(encoded, indent=indent_by).decode()
    return json_safe(_NUMBERS.sub(_in_one_line, text))


def _in_one_line(numbers: re.Match[str]) -> str:
    return " ".join(numbers[0].split()).replace("[ ", "[").replace(" ]", "]")


def masked(value: object) -> object:
    """Return plain data with every text in it masked."""
    if isinstance(value, str):
        text = mask(value)
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {
            name: masked(member) if type(member) in _MAY_HOLD_TEXT else member
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [masked(member) if type(member) in _MAY_HOLD_TEXT else member for member in value]
    return value
