"""Draws a whole capture over time: rows of counts, then the failed connections as bars."""

from __future__ import annotations

import msgspec
from matplotlib.collections import LineCollection

from pcapdiag.model.report import Report
from pcapdiag.model.units import format_seconds
from pcapdiag.report.charts.activity import (
    Series,
    Strip,
    padded,
    picture_span,
    picture_start,
    strips,
)
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.failures import Bar, BarRow, Failures, failures
from pcapdiag.report.charts.look import MARGIN, SMALL, Look
from pcapdiag.report.charts.moments import moments
from pcapdiag.report.charts.panel import Panel, Rect
from pcapdiag.report.charts.time_axis import TICK_ROOM, TimeAxis, time_axis

NAMES, SAID = 138.0, 142.0
"""Points for the names before the rows, and for the words behind them."""
HIGH, FLAT, BETWEEN = 40.0, 22.0, 5.0
"""Heights of a row of traffic, of any other, and between two."""
BAR_ROW, BAR, LEAST = 12.5, 6.0, 2.0
"""Height of a row of bars, of a bar, and the least width of one, points."""
TITLE, FOOT = 18.0, 20.0
FINE = 500
"""Places along the time at which a bar can begin or end."""


class ActivityChart(msgspec.Struct, frozen=True):
    """All rows of a picture over one time, ready to be drawn."""

    strips: list[Strip]
    failures: Failures
    axis: TimeAxis
    ticks: list[float]
    labels: list[str]

    @property
    def height(self) -> float:
        """Points that it takes."""
        tall = sum(self._strip_height(strip) for strip in self.strips)
        if self.failures.rows:
            tall += TITLE + BAR_ROW * len(self.failures.rows) + TITLE * bool(self.failures.rest)
        return tall + FOOT

    def _strip_height(self, strip: Strip) -> float:
        title = TITLE if strip.label else 0.0
        return title + sum(_height(series) + BETWEEN for series in strip.series)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        y, bottom = top, top + self.height - FOOT
        self._draw_marks(canvas, top, bottom - TITLE * bool(self.failures.rest))
        for number, strip in enumerate(self.strips):
            if strip.label:
                canvas.text(MARGIN, y + TITLE / 2, strip.label, bold=True)
                y += TITLE
            for series in strip.series:
                self._draw_series(canvas, strip, series, y, f"{number}-{series.name}")
                y += _height(series) + BETWEEN
        if self.failures.rows:
            self._draw_failures(canvas, y)

    def _rect(self, canvas: Canvas, top: float, height: float) -> Rect:
        return MARGIN + NAMES, top, canvas.width - 2 * MARGIN - NAMES - SAID, height

    def _draw_marks(self, canvas: Canvas, top: float, bottom: float) -> None:
        panel = Panel(canvas, self._rect(canvas, top, bottom - top), self.axis, (0, 1))
        for tick in self.ticks:
            x = panel.x(tick)
            canvas.line([(x, top), (x, bottom)], canvas.look.rule, width=0.5, zorder=1.5)
        panel.moments(self.ticks, self.labels)

    def _draw_series(
        self, canvas: Canvas, strip: Strip, series: Series, top: float, gid: str
    ) -> None:
        look, height = canvas.look, _height(series)
        rect = self._rect(canvas, top, height)
        canvas.rectangle(*rect, look.panel)
        middle = top + height / 2
        colour = _colour(look, series)
        ink = colour if series.meaning in ("party", "bad", "warning") else look.ink
        canvas.text(
            MARGIN + NAMES - 8, middle, series.name, align="right", colour=ink, room=NAMES - 8
        )
        x = canvas.width - MARGIN - SAID + 8
        canvas.text(x, middle, series.said, size=SMALL, colour=look.muted, room=SAID - 8)
        panel = Panel(canvas, rect, self.axis, (0, max([*series.values, 1e-9]) * 1.06))
        bins = len(series.values)
        edges = [strip.begin + strip.bin * n for n in range(bins + 1)]
        panel.axes.stairs(
            padded(series.values, bins), edges, fill=True, color=colour, gid=gid,
            linewidth=0.8 if series.meaning in ("traffic", "open") else 1.2,
        )  # fmt: skip

    def _draw_failures(self, canvas: Canvas, top: float) -> None:
        canvas.text(MARGIN, top + TITLE / 2, "failed connections", bold=True)
        y = top + TITLE
        for number, row in enumerate(self.failures.rows):
            self._draw_bars(canvas, row, y, number)
            y += BAR_ROW
        if self.failures.rest:
            at = y + FOOT + TITLE / 2
            canvas.text(
                MARGIN + NAMES, at, self.failures.rest, size=SMALL, colour=canvas.look.muted
            )

    def _draw_bars(self, canvas: Canvas, row: BarRow, top: float, number: int) -> None:
        look, middle = canvas.look, top + BAR_ROW / 2
        rect = self._rect(canvas, top, BAR_ROW)
        if number % 2 == 0:
            canvas.rectangle(*rect, look.panel)
        colour = look.party(row.party)
        name = f"{row.count:,} \u00d7 {row.name}" if row.count > 1 else row.name
        canvas.text(MARGIN + NAMES - 8, middle, name, align="right", size=SMALL, room=NAMES - 8)
        x = canvas.width - MARGIN - SAID + 8
        canvas.text(x, middle, row.code, size=SMALL, colour=colour, room=SAID - 8)
        panel = Panel(canvas, rect, self.axis, (0, 1))
        bars = {self._columns(bar): bar for bar in row.bars}.values()
        lines = [[(bar.first, 0.5), (self._long_enough(bar, panel), 0.5)] for bar in bars]
        drawn = LineCollection(
            lines, colors=colour, linewidths=BAR, capstyle="butt", gid=f"failed-{number}",
            alpha=1.0 if row.count == 1 else 0.55,
        )  # fmt: skip
        panel.axes.add_collection(drawn, autolim=False)
        first, last = panel.x(row.bars[0].first), panel.x(row.bars[0].last)
        if row.count == 1 and last - first > BAR:
            panel.axes.plot(
                [row.bars[0].decided], [0.5], marker="|", markersize=BAR + 4, color=look.ink,
                gid=f"decided-{number}", clip_on=False,
            )  # fmt: skip

    def _columns(self, bar: Bar) -> tuple[int, int]:
        """Return where a bar is drawn: of those at one place one is enough."""
        return int(self.axis.place(bar.first) * FINE), int(self.axis.place(bar.last) * FINE)

    def _long_enough(self, bar: Bar, panel: Panel) -> float:
        least = self.axis.time(self.axis.place(bar.first) + LEAST / panel.width)
        return max(bar.last, least)


def _height(series: Series) -> float:
    return HIGH if series.name == "TCP payload" else FLAT


def _colour(look: Look, series: Series) -> str:
    if series.meaning == "party":
        return look.party(series.party)
    if series.meaning == "bad":
        return look.bad
    if series.meaning == "warning":
        return look.warning
    return look.tint(look.muted, 0.75) if series.meaning == "traffic" else look.muted


def activity_chart(report: Report, look: Look) -> ActivityChart:
    """Return the chart of a report's capture or captures."""
    shown, start = strips(report), picture_start(report)
    failed = failures(report, start)
    last = max((bar.last for row in failed.rows for bar in row.bars), default=0.0)
    span = max(picture_span(report, shown), last) or 1.0
    room = look.points - 2 * MARGIN - NAMES - SAID
    most = max(int(room / TICK_ROOM), 2)
    ticks, labels = moments(look.clock, format_seconds(start), span, most)
    return ActivityChart(
        strips=shown,
        failures=failed,
        axis=time_axis([0.0, span / 2, span]),
        ticks=ticks,
        labels=labels,
    )
