"""Draws the time-sequence chart of a connection."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec
from matplotlib.collections import LineCollection

from pcapdiag.model.report import Connection, SegmentSeries
from pcapdiag.report import words
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.legend import Sign, draw_legend, legend_height, legend_rows
from pcapdiag.report.charts.look import BODY, MARGIN, SMALL, Look, party_of
from pcapdiag.report.charts.panel import Panel, size_label
from pcapdiag.report.charts.ruler import width
from pcapdiag.report.charts.sequence import Direction, Gap, Stroke, directions, gap, times
from pcapdiag.report.charts.time_axis import TimeAxis, time_axis
from pcapdiag.report.points import Places

LEFT = 40.0
"""Points for the numbers of bytes beside a panel."""
HEAD, BETWEEN, FOOT, PAUSE_FOOT = 17.0, 12.0, 23.0, 11.0
TALL, EVEN, LOW, FLAT = 190.0, 140.0, 90.0, 46.0
"""Heights of a panel: of the only direction with many bytes, of both that have, with few, none."""
FEW = 0.08
"""Share of the other direction's bytes below which a panel is a low one."""
HEADROOM, FLOOR = 0.1, 0.03
"""Shares of a panel's bytes that are free above and below them."""
FINE = 1500
"""Places along the time: what falls on the same one is drawn as one."""
MARK = 4
"""Such places that a mark takes."""
LEAST = 4.0
"""Points."""
MANY = 250
"""Segments from which on strokes have no ends."""
RING = 11.0
_FILLED = 60
"""Moments put into packets that were left out, so that they do not count as a pause."""

Item = TypeVar("Item")


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
        text += f", {words.count(again, 'packet')} sent again" if again else ""
        text += f", as {self.point} shows it" if self.point else ""
        canvas.text(x, y, text, size=SMALL, colour=look.muted)

    def _draw_panel(
        self, canvas: Canvas, direction: Direction, rect: tuple[float, float, float, float]
    ) -> Panel:
        low, high = direction.bottom, direction.top
        floor = low - max(high - low, 1) * FLOOR
        panel = Panel(canvas, rect, self.axis, (floor, _roof(direction)))
        panel.background()
        if high - low > 2:
            panel.numbers(size_label)
        self._draw_gap(panel)
        drawer = _Drawer(panel, direction, self.left_out)
        for layer in _layers(direction, canvas.look, self.connection):
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
        found = [s for s in _strokes(direction) if s.frame in frames]
        if found:
            panel.axes.plot(
                [s.time for s in found], [_clipped(panel, (s.low + s.high) / 2) for s in found],
                marker="o", markersize=RING, markerfacecolor="none", markeredgecolor=colour,
                markeredgewidth=1.6, linestyle="none", gid=f"{direction.sender}-decisive",
                clip_on=False, zorder=6,
            )  # fmt: skip

    def _draw_resets(self, canvas: Canvas, panels: Sequence[Panel]) -> None:
        """Draw a line through all panels where a RST was, and say whose the first one is."""
        look, first = canvas.look, panels[0]
        resets = sorted(
            ((s.time, d.sender) for d in self.shown for s in d.resets), key=lambda r: r[0]
        )
        for x in _apart([first.x(time) for time, _ in resets]):
            for panel in panels:
                canvas.line([(x, panel.top), (x, panel.bottom)], look.bad, width=0.7, dash=(2, 2))
        if resets:
            by = words.sender(self.connection, resets[0][1])
            forged = self.connection.resets and self.connection.resets[0].attribution.side == "path"
            text = f"RST in the name of {by}" if forged else f"RST by {by}"
            text += f", {len(resets) - 1} more after it" if len(resets) > 1 else ""
            canvas.text(
                first.left + first.width, first.top - HEAD / 2 - 1, text, size=SMALL,
                colour=look.bad, align="right", gid="reset",
            )  # fmt: skip


class _Layer(msgspec.Struct, frozen=True):
    name: str
    sign: Sign
    strokes: list[Stroke] = []
    steps: list[tuple[float, int]] = []


class _Drawer(msgspec.Struct, frozen=True):
    panel: Panel
    direction: Direction
    left_out: Gap | None

    def draw(self, layer: _Layer) -> None:
        gid = f"{self.direction.sender}-{layer.name}"
        if layer.steps:
            steps = _last_of_each(layer.steps, lambda step: self._column(step[0]))
            drawn = self._broken(steps)
            self.panel.axes.plot(
                [time for time, _ in drawn], [at for _, at in drawn], drawstyle="steps-post",
                color=layer.sign.colour, linewidth=1.0, gid=gid, zorder=2,
                linestyle=(0, (3, 2)) if layer.sign.kind == "dashed" else "-",
            )  # fmt: skip
        elif layer.sign.kind == "stroke":
            self._draw_strokes(layer, gid)
        elif layer.strokes:
            strokes = self._apart(layer.strokes)
            at = [_clipped(self.panel, (s.low + s.high) / 2) for s in strokes]
            self.panel.axes.plot(
                [s.time for s in strokes], at, marker=layer.sign.marker,
                markersize=layer.sign.size, color=layer.sign.colour, linestyle="none",
                gid=gid, clip_on=False, zorder=5,
                markerfacecolor="none" if layer.sign.hollow else layer.sign.colour,
            )  # fmt: skip

    def _broken(self, steps: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
        """Return steps that end where packets were left out, and begin anew after them."""
        cut = self.left_out
        drawn: list[tuple[float, float]] = []
        for before, step in pairwise([steps[0], *steps]):
            if cut is not None and before[0] <= cut.first < step[0]:
                drawn += [(cut.first, before[1]), (cut.first, math.nan)]
            drawn.append(step)
        return drawn

    def _draw_strokes(self, layer: _Layer, gid: str) -> None:
        strokes = self._merged(layer.strokes)
        few = len(strokes) <= MANY
        least = 0.0 if layer.name == "data" else self._least
        lines = [
            [(s.time, low), (s.time, high)] for s in strokes for low, high in [_at_least(s, least)]
        ]
        drawn = LineCollection(
            lines, colors=layer.sign.colour, linewidths=1.8 if few else 1.0, gid=gid, zorder=3,
        )  # fmt: skip
        self.panel.axes.add_collection(drawn, autolim=False)
        if few:
            ends = [(s.time, at) for s in strokes for at in (s.low, s.high)]
            self.panel.axes.plot(
                [time for time, _ in ends], [at for _, at in ends], marker="_", markersize=4,
                color=layer.sign.colour, linestyle="none", zorder=3,
            )  # fmt: skip

    @property
    def _least(self) -> float:
        """Bytes that a stroke is high at least: what is rare has to be seen in a long transfer."""
        low, high = self.panel.axes.get_ylim()
        return LEAST / self.panel.height * (high - low)

    def _apart(self, strokes: Sequence[Stroke]) -> list[Stroke]:
        """Return one of those whose marks would lie on each other."""
        least = self._least
        places = {
            (self._column(s.time) // MARK, round((s.low + s.high) / 2 / least)): s
            for s in reversed(strokes)
        }
        return sorted(places.values(), key=lambda s: s.time)

    def _merged(self, strokes: Sequence[Stroke]) -> list[Stroke]:
        """Return strokes with those that would stand on the same place in one."""
        if len(strokes) <= FINE:
            return list(strokes)
        merged: dict[int, Stroke] = {}
        for stroke in strokes:
            column = self._column(stroke.time)
            known = merged.get(column, stroke)
            low, high = min(known.low, stroke.low), max(known.high, stroke.high)
            merged[column] = Stroke(known.time, low, high, known.frame)
        return list(merged.values())

    def _column(self, seconds: float) -> int:
        return int(self.panel.axis.place(seconds) * FINE)


def _at_least(stroke: Stroke, least: float) -> tuple[float, float]:
    more = max(least - (stroke.high - stroke.low), 0.0) / 2
    return stroke.low - more, stroke.high + more


def _last_of_each(items: Sequence[Item], key: Callable[[Item], int]) -> list[Item]:
    """Return the items, of those with one key in a row the first and the last."""
    if len(items) <= 2 * FINE:
        return list(items)
    kept: list[Item] = []
    for number, item in enumerate(items):
        last = number + 1 == len(items) or key(items[number + 1]) != key(item)
        if not kept or last or key(items[number - 1]) != key(item):
            kept.append(item)
    return kept


def _layers(direction: Direction, look: Look, connection: Connection) -> list[_Layer]:
    """Return what there is to draw in a panel, from the bottom up."""
    mine = look.party(party_of(connection, direction.sender))
    top = _roof(direction)
    edge = direction.edge if any(at <= top for _, at in direction.edge) else []
    layers = [
        _Layer("edge", Sign("receiver's window ends", look.muted, "dashed"), steps=edge),
        _Layer("acked", Sign("acknowledged", look.ink, "line"), steps=direction.acked),
        _Layer("data", Sign("data", mine), direction.data),
        _Layer("sacked", Sign("SACK", look.good), direction.sacked),
        _Layer("disordered", Sign("out of order", look.warning), direction.disordered),
        _Layer("again", Sign("sent again", look.bad), direction.again),
        _Layer("probes", Sign("keep-alive or window probe", look.warning, "marker", "d", size=4.5),
               direction.probes),
        _Layer("missing", Sign("capture lacks bytes before", look.warning, "marker", "<", True),
               direction.missing),
        _Layer("closed", Sign("zero window", look.bad, "marker", "s", True, 8.0), direction.closed),
        _Layer("begins", Sign("SYN", look.ink, "marker", "^", True), direction.begins),
        _Layer("ends", Sign("FIN", look.ink, "marker", "v"), direction.ends),
        _Layer("resets", Sign("RST", look.bad, "marker", "X"), direction.resets),
    ]  # fmt: skip
    return [layer for layer in layers if layer.strokes or len(layer.steps) > 1]


def _roof(direction: Direction) -> float:
    """Return the highest byte that a panel has room for; a window beyond it is not drawn."""
    return direction.top + max(direction.top - direction.bottom, 1) * HEADROOM


def _strokes(direction: Direction) -> Iterator[Stroke]:
    yield from direction.data
    yield from direction.again
    yield from direction.disordered
    yield from direction.probes
    yield from direction.begins
    yield from direction.ends
    yield from direction.resets


def _clipped(panel: Panel, value: float) -> float:
    low, high = panel.axes.get_ylim()
    return min(max(value, low), high)


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
        for layer in _layers(direction, look, connection):
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


TOO_FEW = 3
"""Segments of which a ladder shows all that there is."""
