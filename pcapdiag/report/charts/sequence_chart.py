"""Draws the time-sequence chart of a connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.model.report import Connection, SegmentSeries
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.layers import LayerDrawer, clipped, layers, roof
from pcapdiag.report.charts.legend import Sign, draw_legend, legend_height, legend_rows
from pcapdiag.report.charts.look import BODY, MARGIN, SMALL, Look, party_of
from pcapdiag.report.charts.panel import Panel, size_label
from pcapdiag.report.charts.ruler import width
from pcapdiag.report.charts.sequence import Direction, Gap, directions, gap, times
from pcapdiag.report.charts.time_axis import TimeAxis, time_axis
from pcapdiag.report.points import Places

LEFT = 40.0
"""Points for the numbers of bytes beside a panel."""
HEAD, BETWEEN, FOOT, PAUSE_FOOT = 17.0, 12.0, 23.0, 11.0
TALL, EVEN, LOW, FLAT = 190.0, 140.0, 90.0, 46.0
"""Heights of a panel: of the only direction with many bytes, of both that have, with few, none."""
FEW = 0.08
"""Share of the other direction's bytes below which a panel is a low one."""
FLOOR = 0.03
"""Share of a panel's bytes that is free below them."""
RING = 11.0
TOO_FEW = 3
"""Segments of which a ladder shows all that there is."""
_FILLED = 60
"""Moments put into packets that were left out, so that they do not count as a pause."""


class SequenceChart(msgspec.Struct, frozen=True):
    """The panels of one connection, ready to be drawn."""

    connection: Connection
    shown: list[Direction]
    axis: TimeAxis
    left_out: Gap | None
    point: str
    """Whose capture it is of, where there are several."""
    legend: list[list[Sign]]

    @property
    def height(self) -> float:
        """Points that it takes."""
        panels = sum(HEAD + high for high in self._heights())
        between = BETWEEN * (len(self.shown) - 1)
        return panels + between + self._foot + legend_height(self.legend)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        y, panels = top, []
        wide = canvas.width - 2 * MARGIN - LEFT
        for direction, high in zip(self.shown, self._heights(), strict=True):
            rect = (MARGIN + LEFT, y + HEAD, wide, high)
            self._draw_head(canvas, direction, y + HEAD / 2 - 1)
            panels.append(self._draw_panel(canvas, direction, rect))
            y += HEAD + high + BETWEEN
        panels[-1].seconds()
        self._draw_resets(canvas, panels)
        draw_legend(canvas, MARGIN + LEFT, y - BETWEEN + self._foot, self.legend)

    @property
    def _foot(self) -> float:
        return FOOT + PAUSE_FOOT * bool(self.axis.pauses)

    def _heights(self) -> list[float]:
        sizes = [direction.top - direction.bottom for direction in self.shown]
        many = [s > max(FEW * max(sizes), 2) for s in sizes]
        tall = TALL if sum(many) == 1 else EVEN
        return [
            tall if is_much else LOW if size > 2 else FLAT
            for size, is_much in zip(sizes, many, strict=True)
        ]

    def _draw_head(self, canvas: Canvas, direction: Direction, y: float) -> None:
        look, connection = canvas.look, self.connection
        sender = direction.sender
        to = "responder" if sender == "initiator" else "initiator"
        text = f"{words.sender(connection, sender)} \u2192 {words.sender(connection, to)}"
        colour = look.party(party_of(connection, sender))
        x = MARGIN + LEFT
        canvas.text(x, y, text, bold=True, colour=colour)
        x += width(text, BODY, True) + 10
        sent: int = getattr(connection.bytes, sender)
        again: int = getattr(connection.retransmissions, sender)
        text = f"{words.size(sent)} sent"
        text += f", {counted(again, 'packet')} sent again" if again else ""
        text += f", as {self.point} shows it" if self.point else ""
        canvas.text(x, y, text, size=SMALL, colour=look.muted)

    def _draw_panel(
        self, canvas: Canvas, direction: Direction, rect: tuple[float, float, float, float]
    ) -> Panel:
        low, high = direction.bottom, direction.top
        floor = low - max(high - low, 1) * FLOOR
        panel = Panel(canvas, rect, self.axis, (floor, roof(direction)))
        panel.background()
        if high - low > 2:
            panel.numbers(size_label)
        self._draw_gap(panel)
        drawer = LayerDrawer(panel, direction, self.left_out)
        for layer in layers(direction, canvas.look, self.connection):
            drawer.draw(layer)
        self._draw_rings(panel, direction)
        return panel

    def _draw_gap(self, panel: Panel) -> None:
        if self.left_out is None:
            return
        look, cut = panel.canvas.look, self.left_out
        x, end = panel.x(cut.first), panel.x(cut.last)
        panel.canvas.rectangle(
            x, panel.top, end - x, panel.height, look.tint(look.muted, 0.12), hatch="////",
            edge=look.rule, gid="left-out",
        )  # fmt: skip
        text = f"{cut.packets:,} packets not kept"
        if width(text, SMALL) < end - x - 8:
            y = panel.top + panel.height / 2
            panel.canvas.text((x + end) / 2, y, text, size=SMALL, colour=look.muted, align="center")

    def _draw_rings(self, panel: Panel, direction: Direction) -> None:
        """Put a ring around the packets on which the verdict rests."""
        verdict = self.connection.verdict
        frames = set(verdict.frames) if verdict.failed else set()
        colour = panel.canvas.look.party(verdict.attribution.party)
        found = [s for s in direction.strokes() if s.frame in frames]
        if found:
            panel.axes.plot(
                [s.time for s in found], [clipped(panel, (s.low + s.high) / 2) for s in found],
                marker="o", markersize=RING, markerfacecolor="none", markeredgecolor=colour,
                markeredgewidth=1.6, linestyle="none", gid=f"{direction.sender}-decisive",
                clip_on=False, zorder=6,
            )  # fmt: skip

    def _draw_resets(self, canvas: Canvas, panels: Sequence[Panel]) -> None:
        """Draw a line through all panels where a RST was, and say whose the first one is."""
        look, first = canvas.look, panels[0]
        resets = sorted(
            ((s, d.sender) for d in self.shown for s in d.resets), key=lambda reset: reset[0].time
        )
        for x in _apart([first.x(reset.time) for reset, _ in resets]):
            for panel in panels:
                canvas.line([(x, panel.top), (x, panel.bottom)], look.bad, width=0.7, dash=(2, 2))
        if resets:
            reset, sender = resets[0]
            by = words.sender(self.connection, sender)
            told = self.connection.resets
            forged = {one.frame for one in told if one.attribution.side == "path"}
            text = f"RST in the name of {by}" if reset.frame in forged else f"RST by {by}"
            text += f", {len(resets) - 1} more after it" if len(resets) > 1 else ""
            canvas.text(
                first.left + first.width, first.top - HEAD / 2 - 1, text, size=SMALL,
                colour=look.bad, align="right", gid="reset",
            )  # fmt: skip


def _apart(places: Sequence[float], least: float = 1.5) -> Iterator[float]:
    before = None
    for place in places:
        if before is None or place - before >= least:
            yield place
            before = place


def sequence_chart(connection: Connection, look: Look, places: Places) -> SequenceChart | None:
    """Return the chart of a connection; None where its packets are not there, or too few."""
    series = connection.series
    if not isinstance(series, SegmentSeries) or len(series.segments) <= TOO_FEW:
        return None
    shown = [d for d in directions(series) if d.packets]
    left_out, moments = gap(series), list(times(series))
    if left_out is not None:
        step = (left_out.last - left_out.first) / _FILLED
        moments = sorted([*moments, *(left_out.first + step * n for n in range(1, _FILLED))])
    signs: dict[str, Sign] = {}
    for direction in shown:
        for layer in layers(direction, look, connection):
            signs.setdefault(layer.sign.words, layer.sign)
    if "data" in signs:
        signs["data"] = Sign("data", look.ink)
    if connection.verdict.failed:
        colour = look.party(connection.verdict.attribution.party)
        signs["ring"] = Sign("the verdict rests on it", colour, "marker", "o", True)
    room = look.points - 2 * MARGIN - LEFT
    rows = legend_rows(list(signs.values()), room)
    point = places.label(connection.point) if places.several else ""
    return SequenceChart(connection, shown, time_axis(moments), left_out, point, rows)
