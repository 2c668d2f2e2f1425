"""The columns of triage's tables as docs/triage.md shows them."""

from __future__ import annotations

import re

from pcapdiag.triage.columns import TABLES, Column

MARKED = re.compile(
    r"(?P<open><!-- columns of (?P<table>\w+) -->\n).*?(?P<close><!-- /columns -->)", re.DOTALL
)
_TYPES = {"flag": "true or false", "nanoseconds": "integer"}
"""Of the others the name says it."""
_REPORTED = ("connection.", "finding.", "input.", "request.")


def refreshed(page: str) -> str:
    """Return the page with its tables of columns made anew."""

    def made(found: re.Match[str]) -> str:
        return found["open"] + table(found["table"]) + found["close"]

    return MARKED.sub(made, page)


def table(name: str) -> str:
    """Return a table's columns as Markdown."""
    head = "| column | type | is | in the report |\n|---|---|---|---|\n"
    return head + "".join(map(_row, TABLES[name]))


def _row(column: Column) -> str:
    kind = _TYPES.get(column.kind, column.kind)
    return f"| `{column.name}` | {kind} | {column.means} | {_member(column.source)} |\n"


def _member(source: str) -> str:
    """Return where a value is in the report; nothing for what only triage knows."""
    if not source.startswith(_REPORTED):
        return ""
    path = source.removesuffix("#").removeprefix("connection.").removeprefix("finding.")
    return f"`{re.sub('^input', 'capture', path)}`"
