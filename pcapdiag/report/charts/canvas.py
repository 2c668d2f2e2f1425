"""The page that a picture is drawn on: places are in points from its upper left corner."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from pcapdiag.report.charts.look import BODY, LINE, POINTS_PER_INCH, Form, Look
from pcapdiag.report.charts.ruler import drawable, elided, font

Align = Literal["left", "center", "right"]

HEAD_LENGTH, HEAD_WIDTH = 6.5, 5.0
"""Of an arrow's head, points."""
CROSS = 4.0
"""Points from a cross's middle to its tips, across and down."""
MAX_PIXELS = 100_000_000
"""Of a PNG; one that would have more gets fewer per inch."""
_SETTINGS: dict[Any, Any] = {
    "text.hinting": "none",  # as wide at every size as the ruler says
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pcapdiag",
    "pdf.fonttype": 42,
    "path.simplify": False,
    "axes.unicode_minus": True,
}
_METADATA: dict[Form, dict[str, str | None]] = {
    "png": {"Software": "pcapdiag"},
    "svg": {"Creator": "pcapdiag", "Date": None},
    "pdf": {"Creator": "pcapdiag", "Producer": "pcapdiag", "CreationDate": None},
}
"""No date and no version of another program: the same capture gives the same bytes."""


class Block(Protocol):
    """A part of a page as wide as it is; blocks stand below each other."""

    @property
    def height(self) -> float:
        """Points that it takes."""

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""


class Canvas:
    """A figure, and one drawing area over all of it whose units are points, downwards."""

    def __init__(self, look: Look, height: float) -> None:
        self.look = look
        self.width, self.height = look.points, height
        inches = look.width, height / POINTS_PER_INCH
        self.figure = Figure(figsize=inches, facecolor=look.paper)
        self.page: Axes = self.figure.add_axes((0, 0, 1, 1), zorder=1)
        self.page.set(xlim=(0, self.width), ylim=(height, 0))
        self.page.set_axis_off()

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return a chart's own area, whose units are its own; nothing is drawn around it yet."""
        x, y = left / self.width, 1 - (top + height) / self.height
        axes = self.figure.add_axes((x, y, width / self.width, height / self.height), zorder=2)
        axes.set_facecolor("none")
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0, labelsize=0, labelbottom=False, labelleft=False)
        return axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = BODY,
        colour: str = "",
        bold: bool = False,
        align: Align = "left",
        room: float = 0,
        gid: str | None = None,
    ) -> Text:
        """Write a line whose middle height is ``y``; ``room``: points after which it is elided."""
        text = elided(text, room, size, bold) if room else drawable(text)
        return self.page.text(
            x, y, text, fontproperties=font(bold), fontsize=size, color=colour or self.look.ink,
            ha=align, va="center_baseline", parse_math=False, gid=gid,
        )  # fmt: skip

    def lines(
        self,
        x: float,
        y: float,
        texts: Sequence[str],
        *,
        size: float = BODY,
        colour: str = "",
        bold: bool = False,
    ) -> float:
        """Write lines of which the first one's top is ``y``; return where the next one's is."""
        for text in texts:
            self.text(x, y + size * LINE / 2, text, size=size, colour=colour, bold=bold)
            y += size * LINE
        return y

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        *,
        width: float = 1.0,
        dash: tuple[float, ...] = (),
        gid: str | None = None,
        zorder: float = 2,
    ) -> None:
        """Draw a line through points."""
        line = Line2D(
            [x for x, _ in points], [y for _, y in points], color=colour, linewidth=width,
            linestyle=(0, dash) if dash else "-", solid_capstyle="butt", gid=gid, zorder=zorder,
        )  # fmt: skip
        self.page.add_line(line)

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str,
        *,
        edge: str = "none",
        hatch: str | None = None,
        gid: str | None = None,
        zorder: float = 1,
    ) -> None:
        """Fill an area; it lies below lines and text unless ``zorder`` lifts it."""
        patch = Rectangle(
            (x, y), width, height, facecolor=colour, edgecolor=edge, linewidth=0.8, hatch=hatch,
            gid=gid, zorder=zorder,
        )  # fmt: skip
        self.page.add_patch(patch)

    def head(self, x: float, y: float, to_right: bool, colour: str) -> None:
        """Draw an arrow's head with its tip at a point."""
        back = x - HEAD_LENGTH if to_right else x + HEAD_LENGTH
        corners = [(x, y), (back, y - HEAD_WIDTH / 2), (back, y + HEAD_WIDTH / 2)]
        self.page.add_patch(Polygon(corners, facecolor=colour, edgecolor="none", zorder=3))

    def cross(self, x: float, y: float, colour: str) -> None:
        """Draw a cross: something ends here."""
        for sign in (1, -1):
            ends = [(x - CROSS, y - sign * CROSS), (x + CROSS, y + sign * CROSS)]
            self.line(ends, colour, width=2, zorder=4)


def encode(figure: Figure, form: Form, dpi: float) -> bytes:
    """Return a figure as a file's bytes; the same ones for the same figure."""
    target = io.BytesIO()
    width, height = figure.get_size_inches()
    dpi = min(dpi, math.sqrt(MAX_PIXELS / (width * height)))
    figure.savefig(target, format=form, dpi=dpi, metadata=_METADATA[form])
    return target.getvalue()


@contextmanager
def drawing() -> Iterator[None]:
    """Let matplotlib draw by its defaults and ours, whatever a user's own file of settings says.

    Its settings are those of the whole process: they are given back at the end.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def page(look: Look, blocks: Sequence[Block], gap: float) -> Figure:
    """Return the figure of blocks below each other, with ``gap`` points around each."""
    canvas = Canvas(look, sum(block.height + gap for block in blocks) + gap)
    top = gap
    for block in blocks:
        block.draw(canvas, top)
        top += block.height + gap
    return canvas.figure
