"""One chart area: time to the right, something counted upwards, round numbers at both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from pcapdiag.report import words
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.look import SMALL
from pcapdiag.report.charts.ruler import width as text_width
from pcapdiag.report.charts.time_axis import TimeAxis, round_numbers
from pcapdiag.report.clock import duration

NUMBER_ROOM = 34.0
"""Points that a number needs at the upright axis."""
ZIGZAG = 4.0
Rect = tuple[float, float, float, float]
"""Left, top, width and height on the page, points."""


class Panel:
    """An area with matplotlib's axes in seconds and what is counted, and its place on the page."""

    def __init__(
        self, canvas: Canvas, rect: Rect, axis: TimeAxis, values: tuple[float, float]
    ) -> None:
        self.canvas, self.axis = canvas, axis
        self.left, self.top, self.width, self.height = rect
        low, high = values
        self._low, self._high = low, high if high > low else low + 1
        self.axes: Axes = canvas.axes(*rect)
        self.axes.set_xscale("function", functions=_scale(axis))
        self.axes.set_xlim(*axis.limits)
        self.axes.set_ylim(self._low, self._high)
        self.axes.xaxis.set_ticks([])
        self.axes.yaxis.set_ticks([])
        self.axes.xaxis.set_ticks([], minor=True)

    @property
    def bottom(self) -> float:
        """Where it ends on the page."""
        return self.top + self.height

    def x(self, seconds: float) -> float:
        """Return where a moment is on the page; what is outside is at the edge."""
        share = min(max(self.axis.place(seconds), 0.0), 1.0)
        return self.left + share * self.width

    def y(self, value: float) -> float:
        """Return where a value is on the page; what is outside is at the edge."""
        share = (value - self._low) / (self._high - self._low)
        return self.bottom - min(max(share, 0.0), 1.0) * self.height

    def background(self) -> None:
        """Fill it, and cut out the long pauses."""
        look = self.canvas.look
        self.canvas.rectangle(self.left, self.top, self.width, self.height, look.panel)
        for pause in self.axis.pauses:
            x, wide = self.x(pause.first), self.x(pause.last) - self.x(pause.first)
            self.canvas.rectangle(x, self.top - 1, wide, self.height + 2, look.paper, gid="pause")
            for edge in (x, x + wide):
                self._zigzag(edge)

    def _zigzag(self, x: float) -> None:
        steps = max(int(self.height / ZIGZAG / 2), 2)
        points = [
            (x + (ZIGZAG / 2 if n % 2 else -ZIGZAG / 2), self.top + n * self.height / steps)
            for n in range(steps + 1)
        ]
        self.canvas.line(points, self.canvas.look.rule, width=0.8)

    def numbers(self, label: Callable[[float], str], *, whole: bool = False) -> None:
        """Write round numbers beside it, with fine lines across."""
        look = self.canvas.look
        most = max(int(self.height / NUMBER_ROOM), 1)
        ticks = round_numbers(self._low, self._high, most)
        for tick in ticks:
            if whole and tick != int(tick):
                continue
            y = self.y(tick)
            self.canvas.line([(self.left, y), (self.left + self.width, y)], look.rule, width=0.5)
            self.canvas.text(
                self.left - 6, y, label(tick), align="right", size=SMALL, colour=look.muted
            )

    def seconds(self) -> None:
        """Write the moments below it, in the unit that fits, since the start."""
        self.moments(*self.axis.ticks(self.width))

    def moments(self, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """Write marks with their words below it, as many as have room."""
        look, y = self.canvas.look, self.bottom
        free = 0.0
        for tick, label in zip(ticks, labels, strict=True):
            x, half = self.x(tick), text_width(label, SMALL) / 2
            self.canvas.line([(x, y), (x, y + 3.5)], look.muted, width=0.7)
            if x - half >= free:
                self.canvas.text(x, y + 10, label, size=SMALL, colour=look.muted, align="center")
                free = x + half + 6
        self._pauses(y + 21)

    def _pauses(self, y: float) -> None:
        """Write how long each pause is that is cut out."""
        free, size, end = 0.0, SMALL, self.left + self.width
        for pause in self.axis.pauses:
            text = f"{duration(pause.last - pause.first)} of quiet"
            if len(self.axis.pauses) > 1:
                text = text.removesuffix(" of quiet")
            half = text_width(text, size) / 2
            middle = min((self.x(pause.first) + self.x(pause.last)) / 2, end - half)
            if middle - half >= free:
                colour = self.canvas.look.muted
                self.canvas.text(
                    middle, y, text, size=size, colour=colour, align="center", gid="quiet"
                )
                free = middle + half + 4


def _scale(
    axis: TimeAxis,
) -> tuple[Callable[[ArrayLike], NDArray[np.float64]], Callable[[ArrayLike], NDArray[np.float64]]]:
    """Return the axis as matplotlib's scale functions: it asks with arrays, and beyond the ends."""
    seconds = np.array([knot[0] for knot in axis.knots])
    shares = np.array([knot[1] for knot in axis.knots])
    return _line_through(seconds, shares), _line_through(shares, seconds)


def _line_through(
    xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> Callable[[ArrayLike], NDArray[np.float64]]:
    slopes = np.diff(ys) / np.diff(xs)

    def place(values: ArrayLike) -> NDArray[np.float64]:
        at = np.asarray(values, dtype=float)
        piece = np.clip(np.searchsorted(xs, at, side="right") - 1, 0, len(slopes) - 1)
        placed: NDArray[np.float64] = ys[piece] + (at - xs[piece]) * slopes[piece]
        return placed

    return place


def size_label(value: float) -> str:
    """Return bytes at an axis."""
    return words.size(round(value))
