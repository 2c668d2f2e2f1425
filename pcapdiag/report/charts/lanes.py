"""The ladder of several captures: a lane for each point, and which packet was seen at which.

A packet that was sent on and never seen at the next point ends in a cross between the two; one that
was never seen where it should have come from begins between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from pcapdiag.model.report import Connection, PointPassage
from pcapdiag.model.units import counted, parse_seconds
from pcapdiag.report.charts.arrow import Arrow
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.heads import (
    LABEL_ROW,
    Lane,
    decision_of,
    did_it,
    draw_decisive,
    draw_head,
    head_height,
)
from pcapdiag.report.charts.look import MARGIN, SMALL, Look, party_of
from pcapdiag.report.charts.ruler import width
from pcapdiag.report.clock import between
from pcapdiag.report.ladder import chosen, tells

MAX_ROWS = 36
"""Packets shown; those that decide come first, then what is around them."""
TIME, FATE = 60.0, 150.0
"""Widths of the column before the lanes, and of the words behind them, points."""
BEFORE = 46.0
ROW, GONE_ROW = 16.5, 16.0
PILL = 7.0
"""Points around a frame's number at a lane."""
REACH = 0.62
"""Where between two lanes a packet is lost, or comes into being at the rest, as a share."""


class Passage(msgspec.Struct, frozen=True):
    """One row: a packet on its way past the points that have a lane."""

    event: str
    to_right: bool
    seconds: float | None
    frames: list[int | None]
    covers: list[bool]
    fate: str
    decisive: bool
    verdict: bool = False


class Lanes(msgspec.Struct, frozen=True):
    """The lanes of a connection at several points, ready to be drawn."""

    rows: Sequence[Passage | int]
    """Packets, or how many are left out between two."""
    lanes: list[Lane]
    path: Lane | None
    """Where a device between two points did it."""
    culprit: str
    label: str

    @property
    def height(self) -> float:
        """Points that it takes."""
        return self.heads + 8 + sum(map(_row_height, self.rows)) + 6

    @property
    def heads(self) -> float:
        """Points that the lanes' heads take."""
        return max(map(head_height, self.lanes))

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        look, y = canvas.look, top + self.heads
        apart = self.lanes[1].x - self.lanes[0].x
        if self.path is not None:
            draw_head(canvas, self.path, y, apart - 20, MARGIN + TIME)
        for lane in self.lanes:
            canvas.line([(lane.x, y), (lane.x, top + self.height)], lane.colour, width=1.4)
            draw_head(canvas, lane, y, apart - 20, MARGIN + TIME)
        canvas.text(
            MARGIN + TIME, y - SMALL, "seconds", align="right", size=SMALL, colour=look.muted
        )
        y += 8
        for row in self.rows:
            if isinstance(row, int):
                self._draw_left_out(canvas, row, y)
            else:
                self._draw_passage(canvas, row, y)
            y += _row_height(row)

    def _draw_left_out(self, canvas: Canvas, number: int, top: float) -> None:
        middle = (self.lanes[0].x + self.lanes[-1].x) / 2
        text = f"{counted(number, 'packet')} between not shown"
        y = top + GONE_ROW / 2
        canvas.text(middle, y, text, size=SMALL, colour=canvas.look.muted, align="center")

    def _draw_passage(self, canvas: Canvas, row: Passage, top: float) -> None:
        look, y = canvas.look, top + ROW / 2
        if row.decisive:
            band, label = (top, _row_height(row)), self.label if row.verdict else ""
            draw_decisive(canvas, _frame(row), band, self.lanes, self.culprit, label)
        if row.seconds is not None:
            canvas.text(MARGIN + TIME, y, f"{row.seconds:+.6f}", align="right", size=SMALL)
        x = self.lanes[-1].x + 26
        colour = look.ink if row.decisive else look.muted
        canvas.text(x, y, row.fate, size=SMALL, colour=colour, room=canvas.width - MARGIN - x)
        said = False
        pairs = list(pairwise(range(len(self.lanes))))
        for left, right in pairs if row.to_right else reversed(pairs):
            arrow = self._arrow(row, (left, right), look, "" if said else row.event)
            if arrow is not None:
                arrow.draw(canvas, y)
                said = True
        for number, lane in enumerate(self.lanes):
            _draw_pill(canvas, row, number, lane.x, y)

    def _arrow(self, row: Passage, pair: tuple[int, int], look: Look, event: str) -> Arrow | None:
        """Return the arrow between two lanes; None where neither saw the packet."""
        near, far = pair if row.to_right else pair[::-1]
        came, went = row.frames[near] is not None, row.frames[far] is not None
        if not came and not went:
            return None
        first, last = self._edge(row, near, far), self._edge(row, far, near)
        lost = came and not went and row.covers[far]
        made = went and not came and row.covers[near]
        if lost:
            last = first + (last - first) * REACH
        if made:
            first = last - (last - first) * REACH
        colour = look.muted
        if lost or made:
            colour = self.culprit if row.decisive else look.warning
        elif "RST" in event:
            colour = look.bad
        return Arrow(
            first=first, last=last, text=event, colour=colour,
            ink=look.ink if colour == look.muted else colour, bold=row.decisive,
            end="cross" if lost else "head" if went else "unknown", begins=made,
            gid=f"packet-{_frame(row)}",
        )  # fmt: skip

    def _edge(self, row: Passage, at: int, towards: int) -> float:
        """Return where an arrow meets a lane: beside the number that stands there."""
        half = width(_number(row, at), SMALL) / 2 + PILL / 2
        return self.lanes[at].x + (half if towards > at else -half)


def _draw_pill(canvas: Canvas, row: Passage, number: int, x: float, y: float) -> None:
    look, text = canvas.look, _number(row, number)
    wide = width(text, SMALL) + PILL
    back = look.tint(look.muted, 0.12) if row.frames[number] is not None else look.paper
    canvas.rectangle(x - wide / 2, y - 5.5, wide, 11, back, zorder=2.5)
    colour = look.ink if row.frames[number] is not None else look.muted
    canvas.text(x, y, text, size=SMALL, colour=colour, align="center")


def _number(row: Passage, at: int) -> str:
    frame = row.frames[at]
    return f"#{frame}" if frame is not None else "not seen" if row.covers[at] else "?"


def _frame(row: Passage) -> int:
    return next((frame for frame in row.frames if frame is not None), 0)


def _row_height(row: Passage | int) -> float:
    if isinstance(row, int):
        return GONE_ROW
    return ROW + LABEL_ROW if row.verdict else ROW


def lanes(connection: Connection, labels: Sequence[str], look: Look) -> Lanes | None:
    """Return the lanes of a connection; None where it was not seen at two points."""
    passages = connection.passages
    order = [labels.index(label) for label in connection.path_order if label in labels]
    order = [lane for lane in order if tells(lane, passages)]
    if len(order) < 2 or not passages:
        return None
    numbers = chosen(passages, MAX_ROWS)
    rows = [_passage(connection, passages[number], order) for number in numbers]
    deciding = [n for n, row in enumerate(rows) if row.decisive]
    if deciding and connection.verdict.failed:
        rows[deciding[-1]] = msgspec.structs.replace(rows[deciding[-1]], verdict=True)
    drawn = _lanes(connection, [labels[n] for n in order], look)
    return Lanes(
        rows=_with_gaps(rows, numbers),
        lanes=drawn,
        path=_path(connection, rows, drawn, look),
        culprit=look.party(connection.verdict.attribution.party),
        label=decision_of(connection),
    )


def _path(
    connection: Connection, rows: Sequence[Passage], drawn: Sequence[Lane], look: Look
) -> Lane | None:
    """Return the head of what is between the two lanes where a packet was lost or made."""
    who = connection.verdict.attribution
    if who.side != "path" or not connection.verdict.failed:
        return None
    for row in rows:
        seen = [frame is not None for frame in row.frames]
        if row.decisive and True in seen and False in seen:
            at = next(n for n in range(len(seen) - 1) if seen[n] != seen[n + 1])
            x = (drawn[at].x + drawn[at + 1].x) / 2
            lines = [who.address] if who.address else []
            return Lane(x, "path", lines, look.party(who.party), did_it(connection, "path"))
    return None


def _passage(connection: Connection, passage: PointPassage, order: Sequence[int]) -> Passage:
    times = [time for time in passage.times if time is not None]
    first = min(times, key=parse_seconds, default=None)
    frames = [passage.frames[n] for n in order]
    fate = _FATES.get(passage.fate, "") if None in frames else ""
    if passage.changed:
        changed = f"{', '.join(passage.changed)} changed"
        fate = f"{fate}, {changed}" if fate else changed
    return Passage(
        event=passage.event,
        to_right=passage.from_ == "initiator",
        seconds=between(connection.start, first) if first else None,
        frames=frames,
        covers=[passage.covers[n] for n in order],
        fate=fate,
        decisive=passage.decisive and connection.verdict.failed,
    )


_FATES = {
    "lost": "sent on, never arrived",
    "appeared": "came into being between",
    "unknown": "a capture may have missed it",
}


def _with_gaps(rows: list[Passage], numbers: Sequence[int]) -> list[Passage | int]:
    found: list[Passage | int] = []
    before = -1
    for row, number in zip(rows, numbers, strict=True):
        if number > before + 1:
            found.append(number - before - 1)
        found.append(row)
        before = number
    return found


def _lanes(connection: Connection, labels: Sequence[str], look: Look) -> list[Lane]:
    left = MARGIN + TIME + BEFORE
    right = look.points - MARGIN - FATE
    apart = (right - left) / (len(labels) - 1)
    seen = {sighting.point: sighting for sighting in connection.seen_at}
    made = []
    for number, label in enumerate(labels):
        side = "initiator" if number == 0 else "responder" if number == len(labels) - 1 else ""
        lines = []
        if side:
            end = connection.endpoint(side)
            role = "" if end.role in ("unknown", label) else f"{end.role} "
            lines.append(role + end.host_port)
        if label in seen:
            lines.append(f"tcp.stream=={seen[label].stream}")
        colour = look.party(party_of(connection, side)) if side else look.muted
        did = did_it(connection, side) if side else ""
        made.append(Lane(left + number * apart, label, lines, colour, did))
    return made
