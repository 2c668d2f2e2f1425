"""The summary of many captures as one HTML file that needs no network and no script."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from pcapdiag.model.units import counted
from pcapdiag.report.html import assets
from pcapdiag.report.words import size
from pcapdiag.triage.overview import common_folder
from pcapdiag.triage.summary import Summary

ROWS = 30
"""Rows of a list; the tables have all."""
LONG_ROWS = 200
"""Rows of a list of captures."""


def render_summary(summary: Summary) -> str:
    """Return the page; the same summary gives the same bytes."""
    sheet = files("pcapdiag.triage").joinpath("templates/summary.css")
    style = assets.plain_style() + "\n" + sheet.read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("pcapdiag.triage"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("summary.html").render(
        **_texts(summary),
        summary=summary,
        limit=ROWS,
        long_limit=LONG_ROWS,
        folder=common_folder([row.names[0] for row in summary.worst]),
        style=style,
        style_source=assets.integrity(style),
    )


def _texts(summary: Summary) -> dict[str, str]:
    copies = f"{counted(summary.duplicates, 'copy', 'copies')} found elsewhere, not counted again"
    return {
        "outcome": headline(summary),
        "captures": counted(summary.captures, "capture"),
        "copies": copies if summary.duplicates else "",
        "read": ", ".join(
            (
                counted(summary.connections, "connection"),
                counted(summary.packets, "packet"),
                size(summary.bytes),
            )
        ),
        "findings": ", ".join(f"{n:,} {severity}" for severity, n in summary.severities.items()),
        "not_examined": f"{counted(summary.captures - summary.examined, 'capture')} not examined",
        "damaged": f"{counted(summary.damaged, 'capture')} damaged",
    }


def headline(summary: Summary) -> str:
    """Return what failed, in how many captures."""
    if not summary.examined:
        return "Nothing could be examined"
    if not summary.failed:
        return f"Nothing failed in {counted(summary.examined, 'capture')}"
    failed = f"{summary.failed:,} of {counted(summary.connections, 'connection')} failed"
    return f"{failed}, in {counted(_captures_with_failures(summary), 'capture')}"


def _captures_with_failures(summary: Summary) -> int:
    return sum(1 for row in summary.worst if row.failed) + summary.left_out.get("worst", 0)
