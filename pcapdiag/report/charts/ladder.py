"""The ladder: two ends, the path between them, and every packet as an arrow in its order.

Down the page is order and not time: when each packet was sent stands beside it, and a long pause is
a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from pcapdiag.model.report import Connection
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
from pcapdiag.report.charts.look import BODY, MARGIN, SMALL, Look, party_of
from pcapdiag.report.charts.ruler import drawable, elided, width
from pcapdiag.report.charts.story import Fate, Packet, Quiet, Row

FRAME, TIME = 38.0, 60.0
"""Widths of the columns before the ladder, points."""
COLUMNS = MARGIN + FRAME + TIME
BEFORE = 20.0
"""Points from them to the first lane."""
DETAIL_SHARE = 0.3
PATH = 30.0
"""Width of the lane in the middle."""
ROW, QUIET_ROW = 15.5, 19.0
_ENDS: dict[Fate, Literal["head", "cross", "unknown"]] = {
    "arrived": "head", "stopped": "head", "lost": "cross", "unknown": "unknown",
}  # fmt: skip


class Ladder(msgspec.Struct, frozen=True):
    """The ladder of one connection, ready to be drawn."""

    rows: Sequence[Row]
    lanes: tuple[Lane, Lane, Lane]
    """The initiator's, the path's, the responder's."""
    culprit: str
    """Colour of the party that the verdict names."""
    label: str
    """What is written at the decisive packet."""

    @property
    def height(self) -> float:
        """Points that it takes."""
        return self.heads + 8 + sum(map(_row_height, self.rows)) + 6

    @property
    def heads(self) -> float:
        """Points that the lanes' heads take."""
        return max(head_height(lane) for lane in self.lanes)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        y, bottom = top + self.heads + 8, top + self.height
        self._draw_lanes(canvas, top, bottom)
        for row in self.rows:
            if isinstance(row, Quiet):
                self._draw_quiet(canvas, row, y)
            else:
                self._draw_packet(canvas, row, y)
            y += _row_height(row)

    def _draw_lanes(self, canvas: Canvas, top: float, bottom: float) -> None:
        look, (left, path, right) = canvas.look, self.lanes
        y = top + self.heads
        canvas.rectangle(path.x - PATH / 2, y, PATH, bottom - y, look.tint(look.muted))
        for lane in (left, right):
            canvas.line([(lane.x, y), (lane.x, bottom)], lane.colour, width=1.4)
        room = path.x - left.x - PATH / 2 - 8
        for lane in self.lanes:
            draw_head(canvas, lane, y, 4 * PATH if lane is path else room - PATH, COLUMNS)
        for x, text in ((MARGIN + FRAME, "frame"), (MARGIN + FRAME + TIME, "seconds")):
            canvas.text(x, y - SMALL, text, align="right", size=SMALL, colour=look.muted)

    def _draw_quiet(self, canvas: Canvas, row: Quiet, top: float) -> None:
        left, path, right = self.lanes
        look, y = canvas.look, top + QUIET_ROW / 2
        for lane in (left, right):
            canvas.rectangle(lane.x - 2, y - 5, 4, 10, look.paper)
            for shift in (-3, 3):
                ends = [(lane.x - 5, y + shift + 2), (lane.x + 5, y + shift - 2)]
                canvas.line(ends, lane.colour, width=1.2)
        room = right.x - left.x - 30
        text = elided(row.text, room, BODY)
        canvas.text(path.x, y, text, colour=look.muted, align="center", gid="quiet")

    def _draw_packet(self, canvas: Canvas, packet: Packet, top: float) -> None:
        look, y = canvas.look, top + ROW / 2
        if packet.decisive:
            row, label = (top, _row_height(packet)), self.label if packet.verdict else ""
            draw_decisive(canvas, packet.frame, row, self.lanes, self.culprit, label)
        number = canvas.text(MARGIN + FRAME, y, f"{packet.frame}", align="right", size=SMALL)
        number.set_color(look.ink if packet.decisive else look.muted)
        time = f"+{packet.seconds:.6f}" if packet.seconds >= 0 else f"{packet.seconds:.6f}"
        canvas.text(MARGIN + FRAME + TIME, y, time, align="right", size=SMALL)
        x = self.lanes[2].x + 12
        room = canvas.width - MARGIN - x
        detail = shortened(packet.detail, room)
        canvas.text(x, y, detail, size=SMALL, colour=look.muted, room=room)
        self._draw_arrow(canvas, packet, y)

    def _draw_arrow(self, canvas: Canvas, packet: Packet, y: float) -> None:
        left, path, right = self.lanes
        colour = self._colour(canvas.look, packet)
        start, end = (left.x, right.x) if packet.sender == "initiator" else (right.x, left.x)
        if packet.forged:
            canvas.line([(start, y), (path.x, y)], colour, width=0.9, dash=(1.5, 2.5))
        begins = packet.forged or packet.sender == "path"
        arrow = Arrow(
            first=path.x if begins else start,
            last=path.x if packet.fate in ("lost", "stopped") else end,
            text=packet.event,
            colour=colour,
            ink=canvas.look.ink if colour == canvas.look.muted else colour,
            bold=packet.decisive,
            end=_ENDS[packet.fate],
            begins=begins,
            gid=f"packet-{packet.frame}",
        )
        arrow.draw(canvas, y)

    def _colour(self, look: Look, packet: Packet) -> str:
        if packet.forged or packet.sender == "path":
            return look.party("middlebox")
        if packet.fate in ("lost", "unknown"):
            return self.culprit
        if packet.is_reset:
            return look.bad
        return look.warning if packet.again else look.muted


def shortened(detail: str, room: float) -> str:
    """Return a detail that fits: numbers of bytes go first, the words about them stay."""
    parts = drawable(detail).split(", ")
    for word in ("ack ", "seq "):
        if width(", ".join(parts), SMALL) > room:
            parts = [part for part in parts if not part.startswith(word)]
    return ", ".join(parts)


def _row_height(row: Row) -> float:
    if isinstance(row, Quiet):
        return QUIET_ROW
    return ROW + LABEL_ROW if row.verdict else ROW


def ladder(connection: Connection, rows: Sequence[Row], look: Look) -> Ladder:
    """Return the ladder of a connection with these rows."""
    left = MARGIN + FRAME + TIME + BEFORE
    wide = look.points - MARGIN - left
    right = left + wide * (1 - DETAIL_SHARE)
    return Ladder(
        rows=rows,
        lanes=(
            _end_lane(connection, "initiator", left, look),
            _path_lane(connection, (left + right) / 2, look),
            _end_lane(connection, "responder", right, look),
        ),
        culprit=look.party(connection.verdict.attribution.party),
        label=decision_of(connection),
    )


def _end_lane(connection: Connection, side: str, x: float, look: Look) -> Lane:
    end = connection.endpoint(side)
    role = "" if end.role == "unknown" else end.role
    lines = [end.host_port, *([end.name] if end.name else [])]
    colour = look.party(party_of(connection, side))
    return Lane(x, role or _ROLES[side], lines, colour, did_it(connection, side))


_ROLES = {"initiator": "caller", "responder": "called"}


def _path_lane(connection: Connection, x: float, look: Look) -> Lane:
    who = connection.verdict.attribution
    lines = [who.address] if who.side == "path" and who.address else []
    did = did_it(connection, "path")
    return Lane(x, "path", lines, look.party("middlebox") if did else look.muted, did)
