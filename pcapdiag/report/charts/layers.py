"""What a panel of the time-sequence chart shows, layer by layer, and how each is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec
from matplotlib.collections import LineCollection

from pcapdiag.model.report import Connection
from pcapdiag.report.charts.legend import Sign
from pcapdiag.report.charts.look import Look, party_of
from pcapdiag.report.charts.panel import Panel
from pcapdiag.report.charts.sequence import Direction, Gap, Stroke

HEADROOM = 0.1
"""Share of a panel's bytes that is free above them."""
FINE = 1500
"""Places along the time: what falls on the same one is drawn as one."""
MARK = 4
"""Such places that a mark takes."""
LEAST = 4.0
"""Points."""
MANY = 250
"""Segments from which on strokes have no ends."""

Item = TypeVar("Item")


class Layer(msgspec.Struct, frozen=True):
    """Strokes or steps of one kind, and how they are drawn."""

    name: str
    sign: Sign
    strokes: list[Stroke] = []
    steps: list[tuple[float, int]] = []


class LayerDrawer(msgspec.Struct, frozen=True):
    """Draws the layers of one direction's panel."""

    panel: Panel
    direction: Direction
    left_out: Gap | None

    def draw(self, layer: Layer) -> None:
        """Draw a layer; what would lie on each other is drawn once."""
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
            at = [clipped(self.panel, (s.low + s.high) / 2) for s in strokes]
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

    def _draw_strokes(self, layer: Layer, gid: str) -> None:
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


def layers(direction: Direction, look: Look, connection: Connection) -> list[Layer]:
    """Return what there is to draw in a panel, from the bottom up."""
    mine = look.party(party_of(connection, direction.sender))
    top = roof(direction)
    edge = direction.edge if any(at <= top for _, at in direction.edge) else []
    layers = [
        Layer("edge", Sign("receiver's window ends", look.muted, "dashed"), steps=edge),
        Layer("acked", Sign("acknowledged", look.ink, "line"), steps=direction.acked),
        Layer("data", Sign("data", mine), direction.data),
        Layer("sacked", Sign("SACK", look.good), direction.sacked),
        Layer("disordered", Sign("out of order", look.warning), direction.disordered),
        Layer("again", Sign("sent again", look.bad), direction.again),
        Layer("probes", Sign("keep-alive or window probe", look.warning, "marker", "d", size=4.5),
               direction.probes),
        Layer("missing", Sign("capture lacks bytes before", look.warning, "marker", "<", True),
               direction.missing),
        Layer("closed", Sign("zero window", look.bad, "marker", "s", True, 8.0), direction.closed),
        Layer("begins", Sign("SYN", look.ink, "marker", "^", True), direction.begins),
        Layer("ends", Sign("FIN", look.ink, "marker", "v"), direction.ends),
        Layer("resets", Sign("RST", look.bad, "marker", "X"), direction.resets),
    ]  # fmt: skip
    return [layer for layer in layers if layer.strokes or len(layer.steps) > 1]


def roof(direction: Direction) -> float:
    """Return the highest byte that a panel has room for; a window beyond it is not drawn."""
    return direction.top + max(direction.top - direction.bottom, 1) * HEADROOM


def clipped(panel: Panel, value: float) -> float:
    """Return a value, or the nearest one that is in a panel."""
    low, high = panel.axes.get_ylim()
    return min(max(value, low), high)
