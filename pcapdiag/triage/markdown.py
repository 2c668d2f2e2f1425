"""The summary of many captures as Markdown: for a job's summary, a ticket, a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.report.markup import MAX_CELL, code, prose, table
from pcapdiag.triage.overview import captures_text, connections_text, from_here
from pcapdiag.triage.page import headline
from pcapdiag.triage.summary import CaptureRow, Row, Summary

ROWS = 10
"""Rows of each table: a comment on GitHub takes 65,536 characters."""


def render_markdown(summary: Summary) -> Iterator[str]:
    """Yield the pieces of the document, each ending with a newline."""
    yield f"## {prose(headline(summary))}\n\n{prose(captures_text(summary))}\n"
    if summary.examined:
        yield f"\n{prose(connections_text(summary))}\n"
    left_out = summary.left_out
    for title, name in (
        ("Verdict", "verdicts"),
        ("Who", "parties"),
        ("Upstream", "upstreams"),
        ("Finding", "findings"),
    ):
        yield from _rows(title, getattr(summary, name), left_out.get(name, 0))
    yield from _worst(summary.worst, left_out.get("worst", 0))
    yield from _not_examined(summary)


def _rows(title: str, rows: Sequence[Row], left_out: int) -> Iterator[str]:
    if not rows:
        return
    many = "Found" if title == "Finding" else "Failed"
    cells = [
        [
            code(row.name[:MAX_CELL]),
            f"{row.failed:,}",
            f"{row.captures:,}",
            *([code(row.mostly)] if title in ("Who", "Upstream") else []),
        ]
        for row in rows[:ROWS]
    ]
    head = [title, many, "Captures", "Mostly"][: len(cells[0])]
    yield "\n" + table(head, cells, [1, 2])
    yield from _more(len(rows) + left_out)


def _worst(rows: Sequence[CaptureRow], left_out: int) -> Iterator[str]:
    if not rows:
        return
    cells = [
        [_name(row), f"{row.failed:,}", f"{row.connections:,}", code(row.mostly)]
        for row in rows[:ROWS]
    ]
    yield "\n" + table(["Capture", "Failed", "Connections", "Mostly"], cells, [1, 2])
    yield from _more(len(rows) + left_out)


def _not_examined(summary: Summary) -> Iterator[str]:
    rows, texts = summary.unexamined, summary.unreadable
    if not rows and not texts:
        return
    cells = [[_name(row), row.status, prose(row.reason, MAX_CELL)] for row in rows[:ROWS]]
    cells += [["", "skipped", prose(text, MAX_CELL)] for text in texts[: ROWS - len(cells)]]
    yield "\n" + table(["Not examined", "Why", "Reason"], cells)
    left_out = sum(summary.left_out.get(name, 0) for name in ("unexamined", "unreadable"))
    yield from _more(len(rows) + len(texts) + left_out)


def _name(row: CaptureRow) -> str:
    others = f" (+{len(row.names) - 1:,})" if len(row.names) > 1 else ""
    return code(from_here(row.names[0])[-MAX_CELL:]) + others


def _more(length: int) -> Iterator[str]:
    if length > ROWS:
        yield f"\nand {length - ROWS:,} more\n"
