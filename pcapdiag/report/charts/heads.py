"""The lanes of a ladder: who is at their heads and did it, and the packets that show it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.model.report import Connection
from pcapdiag.report import words
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.look import BODY, LINE, MARGIN, SMALL
from pcapdiag.report.charts.ruler import elided, width

LABEL_ROW = 16.0
"""Points that the verdict takes below the packet that decides."""
_DID, _MAY = "did it", "maybe"


class Lane(msgspec.Struct, frozen=True):
    """Who is at a lane: role, address and name, the colour, and what the verdict says of it."""

    x: float
    role: str
    lines: list[str]
    colour: str
    did: str = ""


def head_height(lane: Lane) -> float:
    """Return how high a head is, points."""
    return (BODY + SMALL * len(lane.lines)) * LINE + 4


def draw_head(canvas: Canvas, lane: Lane, bottom: float, room: float, left: float) -> None:
    """Draw who is at a lane, right of ``left``; the one who did it on the colour of its party."""
    look = canvas.look
    role = f"{lane.role}: {lane.did}" if lane.did else lane.role
    texts = [elided(role, room, BODY, True), *(elided(t, room, SMALL) for t in lane.lines)]
    wide = max(width(texts[0], BODY, True), *(width(t, SMALL) for t in texts[1:]), 20.0) + 14
    x, y = _inside(canvas, lane.x, wide, left), bottom - head_height(lane)
    sure = lane.did == _DID
    back = lane.colour if sure else look.tint(lane.colour)
    gid = "culprit" if sure else None
    canvas.rectangle(x - wide / 2, y, wide, bottom - y, back, edge=lane.colour, gid=gid)
    y += 2 + BODY * LINE / 2
    colour = look.paper if sure else lane.colour
    canvas.text(x, y, texts[0], bold=True, colour=colour, align="center")
    colour = look.paper if sure else look.ink
    for text in texts[1:]:
        y += SMALL * LINE
        canvas.text(x, y, text, size=SMALL, colour=colour, align="center")


def _inside(canvas: Canvas, x: float, wide: float, left: float) -> float:
    """Return where the middle of a head is, so that it is on the page and right of ``left``."""
    low = left + 6 + wide / 2
    return min(max(x, low), canvas.width - MARGIN - wide / 2)


def did_it(connection: Connection, side: str) -> str:
    """Return what the verdict says of a side, in a word or two; empty where it is not named."""
    verdict = connection.verdict
    if not verdict.failed:
        return ""
    if verdict.attribution.side == side:
        return _DID
    for candidate in verdict.attribution.candidates:
        if candidate.side == side and verdict.attribution.side == "unknown":
            return f"{_MAY} {words.confidence(candidate.confidence)}"
    return ""


def decision_of(connection: Connection) -> str:
    """Return what is written at the packet that decides: the code, and who did it."""
    verdict = connection.verdict
    if verdict.attribution.side == "unknown":
        return verdict.code
    return f"{verdict.code} by the {words.PARTY[verdict.attribution.party]}"


def draw_decisive(
    canvas: Canvas,
    frame: int,
    row: tuple[float, float],
    lanes: Sequence[Lane],
    colour: str,
    label: str = "",
) -> None:
    """Lay the colour of who did it behind a packet's row, given by its top and height.

    With a ``label`` it is the packet that decides: the verdict stands at the row's foot.
    """
    top, height = row
    tint, wide = canvas.look.tint(colour, 0.16 if label else 0.07), canvas.width - 2 * MARGIN + 12
    canvas.rectangle(MARGIN - 6, top, wide, height, tint, gid=f"decisive-{frame}")
    canvas.rectangle(MARGIN - 9, top, 3, height, colour)
    if label:
        y = top + height - LABEL_ROW / 2 - 1.5
        _draw_label(canvas, label, (lanes[0].x, lanes[-1].x), y, colour)


def _draw_label(
    canvas: Canvas, label: str, between: tuple[float, float], y: float, colour: str
) -> None:
    middle = sum(between) / 2
    text = elided(label, between[1] - between[0] - 24, BODY, True)
    wide = width(text, BODY, True) + 14
    canvas.rectangle(middle - wide / 2, y - BODY * 0.72, wide, BODY * 1.44, colour, gid="verdict")
    paper = canvas.look.paper
    canvas.text(middle, y, text, bold=True, colour=paper, align="center", gid="verdict-text")
