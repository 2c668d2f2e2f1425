"""The legend of a chart: signs and their words in one flow, only of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from matplotlib.lines import Line2D

from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.look import LINE, SMALL
from pcapdiag.report.charts.ruler import width

SIGN, AFTER, APART = 16.0, 5.0, 16.0
"""Points of a sign, after it, and between two entries."""


class Sign(msgspec.Struct, frozen=True):
    """How one thing is drawn, and what it is called."""

    words: str
    colour: str
    kind: Literal["stroke", "line", "dashed", "marker", "fill"] = "stroke"
    marker: str = ""
    hollow: bool = False
    size: float = 5.5
    """Of a marker, points."""


def legend_rows(signs: Sequence[Sign], room: float) -> list[list[Sign]]:
    """Return signs in rows that fit into ``room`` points."""
    rows: list[list[Sign]] = []
    free = 0.0
    for sign in signs:
        wide = SIGN + AFTER + width(sign.words, SMALL) + APART
        if not rows or wide > free:
            rows.append([])
            free = room + APART
        rows[-1].append(sign)
        free -= wide
    return rows


def draw_legend(canvas: Canvas, left: float, top: float, rows: Sequence[Sequence[Sign]]) -> None:
    """Draw rows of signs below each other."""
    for number, row in enumerate(rows):
        x, y = left, top + (number + 0.5) * SMALL * LINE * 1.15
        for sign in row:
            _draw_sign(canvas, sign, x, y)
            x += SIGN + AFTER
            canvas.text(x, y, sign.words, size=SMALL, gid="legend")
            x += width(sign.words, SMALL) + APART


def legend_height(rows: Sequence[Sequence[Sign]]) -> float:
    """Return the points that rows of signs take."""
    return len(rows) * SMALL * LINE * 1.15


def _draw_sign(canvas: Canvas, sign: Sign, x: float, y: float) -> None:
    middle = x + SIGN / 2
    if sign.kind == "fill":
        canvas.rectangle(x + 3, y - 4, SIGN - 6, 8, sign.colour)
    elif sign.kind == "marker":
        face = "none" if sign.hollow else sign.colour
        dot = Line2D(
            [middle], [y], marker=sign.marker, markersize=sign.size, color=sign.colour,
            markerfacecolor=face, linestyle="none",
        )  # fmt: skip
        canvas.page.add_line(dot)
    elif sign.kind == "stroke":
        canvas.line([(middle, y - 5), (middle, y + 5)], sign.colour, width=2)
    else:
        dash = (3.0, 2.0) if sign.kind == "dashed" else ()
        canvas.line([(x, y), (x + SIGN, y)], sign.colour, width=1.2, dash=dash)
