"""The summary of many captures as text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pcapdiag.model.harmless import harmless
from pcapdiag.model.units import counted
from pcapdiag.report.layout import Page
from pcapdiag.report.words import size
from pcapdiag.triage.summary import CaptureRow, Row, Summary

MAX_LINES = 10
"""Lines of each list; summary.html has more."""
COUNT_WIDTH = 7


def render_overview(summary: Summary, page: Page, out: str) -> Iterator[str]:
    """Yield the lines of a summary, without line feeds; ``out`` is where the rest is."""
    yield from page.labelled("TRIAGE", captures_text(summary))
    if summary.examined:
        yield from page.labelled("", connections_text(summary))
    for label, rows in (
        ("VERDICT", summary.verdicts),
        ("WHO", summary.parties),
        ("UPSTREAM", summary.upstreams),
        ("FINDING", summary.findings),
    ):
        yield from _list(label, rows, page, summary.left_out.get(label.lower(), 0))
    yield from _worst(summary.worst, page, summary.left_out.get("worst", 0))
    yield from _unexamined(summary, page)
    yield ""
    yield from page.verbatim("OUT", [harmless(os.path.join(out, "summary.html"))])


def captures_text(summary: Summary) -> str:
    """Return how many captures were examined, and what became of the others."""
    parts = [f"{counted(summary.captures, 'capture')}: {summary.examined:,} examined"]
    parts += [f"{number:,} {status}" for status, number in summary.not_examined.items()]
    if summary.damaged:
        parts.append(f"{summary.damaged:,} of them damaged")
    if summary.duplicates:
        parts.append(
            f"{counted(summary.duplicates, 'copy', 'copies')} found elsewhere, not counted again"
        )
    return ", ".join(parts)


def connections_text(summary: Summary) -> str:
    """Return how many connections, requests and findings there were."""
    parts = [
        f"{counted(summary.connections, 'connection')}: {summary.failed:,} failed",
        f"{counted(summary.packets, 'packet')}, {size(summary.bytes)}",
    ]
    if summary.failed_requests:
        parts.insert(1, f"{counted(summary.failed_requests, 'failed request')}")
    found = [f"{number:,} {severity}" for severity, number in summary.severities.items()]
    if found:
        parts.append("findings: " + ", ".join(found))
    return "; ".join(parts)


def _list(label: str, rows: Sequence[Row], page: Page, left_out: int) -> Iterator[str]:
    if not rows:
        return
    yield ""
    what = "found" if label == "FINDING" else "failed"
    yield _head(label, f"{what:>{COUNT_WIDTH}}  captures", page)
    names = [harmless(row.name) for row in rows[:MAX_LINES]]
    width = max(map(len, names))
    for row, name in zip(rows, names, strict=False):
        mostly = f"  mostly {row.mostly}" if row.mostly != row.name else ""
        text = f"{row.failed:>{COUNT_WIDTH},}  {row.captures:>8,}  {name:<{width}}{mostly}"
        yield from page.verbatim("", [page.cut(text.rstrip())])
    yield from _more(len(rows) + left_out, page)


def _worst(rows: Sequence[CaptureRow], page: Page, left_out: int) -> Iterator[str]:
    if not rows:
        return
    names = [row.names[0] for row in rows]
    folder = common_folder(names)
    yield ""
    where = f"  in {from_here(folder)}" if folder else ""
    first = rows[:MAX_LINES]
    width = max(len(row.mostly) for row in first)
    yield _head("CAPTURE", f"{'failed':>{COUNT_WIDTH}}  of        {'mostly':<{width}}{where}", page)
    for row in first:
        others = f" (+{len(row.names) - 1})" if len(row.names) > 1 else ""
        name = harmless(row.names[0].removeprefix(folder)) + others
        text = f"{row.failed:>{COUNT_WIDTH},}  {row.connections:<8,}  {row.mostly:<{width}}  "
        yield from page.verbatim("", [text + _end_of(name, page.room - len(text))])
    yield from _more(len(rows) + left_out, page)


def _end_of(name: str, room: int) -> str:
    """Return a name cut at its front, where folders are alike."""
    return name if len(name) <= room else f"...{name[len(name) - max(room, 8) + 3 :]}"


def _unexamined(summary: Summary, page: Page) -> Iterator[str]:
    if summary.unexamined or summary.unreadable:
        yield ""
    for row in summary.unexamined[:MAX_LINES]:
        text = f"{from_here(row.names[0])}: {harmless(row.reason)}"
        yield from page.labelled(row.status.upper(), text, "bad")
    yield from _more(len(summary.unexamined) + summary.left_out.get("unexamined", 0), page)
    for text in summary.unreadable[:MAX_LINES]:
        yield from page.labelled("SKIPPED", harmless(text), "warn")
    yield from _more(len(summary.unreadable) + summary.left_out.get("unreadable", 0), page)


def _head(label: str, text: str, page: Page) -> str:
    return page.paint(f"{label:<8}", "label") + page.paint(text, "dim")


def _more(length: int, page: Page) -> Iterator[str]:
    if length > MAX_LINES:
        text = f"... and {length - MAX_LINES:,} more in summary.html"
        yield from page.verbatim("", [page.paint(text, "dim")])


def from_here(name: str) -> str:
    """Return a path as it is seen from the working folder."""
    return harmless(name.removeprefix(os.getcwd() + os.sep)) or "."


def common_folder(names: Sequence[str]) -> str:
    """Return what all names begin with, up to and with a separator; empty where that is nothing."""
    common = os.path.commonprefix(list(names))  # noqa: RUF071 - of URLs, too
    return common[: max(common.rfind("/"), common.rfind(os.sep)) + 1]
