"""Pictures of a report: one connection, or the whole capture, as a PNG, SVG or PDF file."""

from __future__ import annotations

from matplotlib.figure import Figure

from pcapdiag.model.report import Connection, Report
from pcapdiag.report.charts.activity_chart import activity_chart
from pcapdiag.report.charts.canvas import Block, page
from pcapdiag.report.charts.heading import (
    capture_caption,
    capture_heading,
    connection_caption,
    connection_heading,
)
from pcapdiag.report.charts.ladder import ladder
from pcapdiag.report.charts.lanes import lanes
from pcapdiag.report.charts.look import Look
from pcapdiag.report.charts.sequence_chart import sequence_chart
from pcapdiag.report.charts.story import rows
from pcapdiag.report.points import Places

GAP = 14.0
"""Points between the parts of a picture."""


def connection_picture(report: Report, connection: Connection, look: Look) -> Figure:
    """Return the picture of one connection: its ladder, its bytes over time, the evidence."""
    places = Places(tuple(point.label for point in report.points))
    blocks: list[Block] = [connection_heading(connection, look, places)]
    several = lanes(connection, places.labels, look) if places.several else None
    if several is not None:
        blocks.append(several)
    else:
        blocks.append(ladder(connection, rows(connection, report.capture.vantage), look))
    chart = sequence_chart(connection, look, places)
    if chart is not None:
        blocks.append(chart)
    blocks.append(connection_caption(report, connection, look, places))
    return page(look, blocks, GAP)


def capture_picture(report: Report, look: Look) -> Figure:
    """Return the picture of everything in a report: what was counted over time, and what failed."""
    chart = activity_chart(report, look)
    blocks: list[Block] = [capture_heading(report, look), chart, capture_caption(report, look)]
    return page(look, blocks, GAP)
