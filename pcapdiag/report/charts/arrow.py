"""An arrow of a ladder, with what was sent standing in its shaft."""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.report.charts.canvas import HEAD_LENGTH, Canvas
from pcapdiag.report.charts.look import BODY
from pcapdiag.report.charts.ruler import elided, width

GAP = 4.0
"""Points on both sides of a text that stands in a line."""
LEAST_SHAFT = 12.0
DASH = (4.0, 2.5)
THIN, THICK = 1.1, 1.8


class Arrow(msgspec.Struct, frozen=True):
    """From ``first`` to ``last`` (points from the left), with a text; and what is at its end."""

    first: float
    last: float
    text: str
    colour: str
    ink: str
    """Colour of the text."""
    bold: bool = False
    end: Literal["head", "cross", "unknown", "none"] = "head"
    begins: bool = False
    """It came into being where it begins, and not at one of the ends."""
    gid: str | None = None

    def draw(self, canvas: Canvas, y: float) -> None:
        """Draw it at a height of the page."""
        sign = 1 if self.last > self.first else -1
        tip = self.last - sign * (HEAD_LENGTH * 0.7 if self.end == "head" else 0)
        self._draw_shaft(canvas, y, tip)
        if self.begins:
            canvas.rectangle(self.first - 3, y - 3, 6, 6, self.colour)
        if self.end == "head":
            canvas.head(self.last, y, sign > 0, self.colour)
        elif self.end == "cross":
            canvas.cross(self.last, y, self.colour)
        elif self.end == "unknown":
            x = self.last - sign * 5
            canvas.text(x, y, "?", bold=True, colour=self.colour, align="center")

    def _draw_shaft(self, canvas: Canvas, y: float, tip: float) -> None:
        low, high = min(self.first, self.last), max(self.first, self.last)
        left, right = min(self.first, tip), max(self.first, tip)
        text = elided(self.text, high - low - 2 * LEAST_SHAFT, BODY, self.bold)
        middle, half = (low + high) / 2, width(text, BODY, self.bold) / 2 + GAP
        dash = DASH if self.end == "unknown" else ()
        thick = THICK if self.bold else THIN
        shafts = ((left, middle - half), (middle + half, right)) if text else ((left, right),)
        for begin, end in shafts:
            canvas.line([(begin, y), (end, y)], self.colour, width=thick, dash=dash)
        if text:
            canvas.text(
                middle, y, text, bold=self.bold, align="center", colour=self.ink, gid=self.gid
            )
