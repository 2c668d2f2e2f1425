"""The members of a bundle that are made from its own report: pages, texts, charts."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.model.report import Connection, Report
from pcapdiag.report.clock import Clock
from pcapdiag.report.html.page import render_html
from pcapdiag.report.json import render_json
from pcapdiag.report.layout import Page
from pcapdiag.report.markdown import render_markdown
from pcapdiag.report.overview import samples
from pcapdiag.report.text import render_text

MAX_CHARTS = 6
"""Failures that are drawn, one of each kind."""
WIDTH, DPI = 10.0, 144
"""Inches, and dots per inch of the PNGs: what a ticket shows without loss."""

WHAT = {
    "report.html": "the report, to click through",
    "report.json": "the report for programs (docs/report.schema.json of pcapdiag)",
    "report.txt": "the report as text",
    "summary.md": "the report as Markdown, to paste into a ticket",
    "charts/capture.png": "the capture over time, and its failures",
}


def outputs(report: Report, *, healthy: bool = False) -> Iterator[tuple[str, bytes, str]]:
    """Yield each member with what it is; the same report gives the same bytes."""
    texts = {
        "report.html": "".join(render_html(report)),
        "report.json": "".join(render_json(report, pictures=False)),
        "report.txt": "".join(f"{line}\n" for line in render_text(report, Page(), "utc", healthy)),
        "summary.md": "".join(render_markdown(report)),
    }
    for name, text in texts.items():
        yield name, text.encode("utf-8", "backslashreplace"), WHAT[name]
    yield from _charts(report)


def _charts(report: Report) -> Iterator[tuple[str, bytes, str]]:
    # Imported only now: a capture without failures needs no pictures.
    from pcapdiag.report.charts.file import draw_capture, draw_connection
    from pcapdiag.report.charts.look import Look

    look = Look(WIDTH, False, Clock("utc", report.capture.first_time))
    if report.activity is not None and report.summary.connections:
        picture = draw_capture(report, look, "png", DPI)
        yield "charts/capture.png", picture, WHAT["charts/capture.png"]
    for connection in _drawn(report):
        name = f"charts/stream-{connection.stream}.png"
        what = f"stream {connection.stream}: {connection.verdict.code}"
        yield name, draw_connection(report, connection, look, "png", DPI), what


def _drawn(report: Report) -> list[Connection]:
    found = samples(report, MAX_CHARTS).values()
    return sorted((one for one in found if one.timeline), key=lambda one: one.stream)
