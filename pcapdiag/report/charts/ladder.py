"""The ladder: two ends, the path between them, and every packet as an arrow in its order.

Down the page is order and not time: when each packet was sent stands beside it, and a long pause is
a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.model.ends import join_port
from pcapdiag.model.report import Connection
from pcapdiag.report import words
from pcapdiag.report.charts.canvas import HEAD_LENGTH, Canvas
from pcapdiag.report.charts.look import BODY, LINE, MARGIN, SMALL, Look, party_of
from pcapdiag.report.charts.ruler import drawable, elided, width
from pcapdiag.report.charts.story import Packet, Quiet, Row

FRAME, TIME = 38.0, 60.0
"""Widths of the columns before the ladder, points."""
BEFORE = 20.0
"""Points from them to the first lane."""
DETAIL_SHARE = 0.3
PATH = 30.0
"""Width of the lane in the middle."""
ROW, QUIET_ROW, LABEL_ROW = 15.5, 19.0, 16.0
GAP = 4.0
"""Around a text that stands in a line."""
_DID, _MAY = "did it", "maybe"


class Lane(msgspec.Struct, frozen=True):
    """Who is at a lane: role, address and name, the colour, and what the verdict says of it."""

    x: float
    role: str
    lines: list[str]
    colour: str
    did: str = ""


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
        return max(_head_height(lane) for lane in self.lanes)

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
            _draw_head(canvas, lane, y, 4 * PATH if lane is path else room - PATH)
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
            self._highlight(canvas, packet, top)
        number = canvas.text(MARGIN + FRAME, y, f"{packet.frame}", align="right", size=SMALL)
        number.set_color(look.ink if packet.decisive else look.muted)
        time = f"+{packet.seconds:.6f}" if packet.seconds >= 0 else f"{packet.seconds:.6f}"
        canvas.text(MARGIN + FRAME + TIME, y, time, align="right", size=SMALL)
        x = self.lanes[2].x + 12
        room = canvas.width - MARGIN - x
        detail = shortened(packet.detail, room)
        canvas.text(x, y, detail, size=SMALL, colour=look.muted, room=room)
        self._draw_arrow(canvas, packet, y)

    def _highlight(self, canvas: Canvas, packet: Packet, top: float) -> None:
        look, height = canvas.look, _row_height(packet)
        wide = canvas.width - 2 * MARGIN + 12
        tint = look.tint(self.culprit, 0.16 if packet.verdict else 0.07)
        canvas.rectangle(
            MARGIN - 6, top, wide, height, tint, gid=f"decisive-{packet.frame}"
        )
        canvas.rectangle(MARGIN - 9, top, 3, height, self.culprit)
        if packet.verdict:
            left, path, right = self.lanes
            y = top + ROW + LABEL_ROW / 2 - 1.5
            text = elided(self.label, right.x - left.x - 24, BODY, True)
            wide = width(text, BODY, True) + 14
            canvas.rectangle(
                path.x - wide / 2, y - BODY * 0.72, wide, BODY * 1.44, self.culprit, gid="verdict"
            )
            canvas.text(
                path.x, y, text, bold=True, colour=look.paper, align="center", gid="verdict-text"
            )

    def _draw_arrow(self, canvas: Canvas, packet: Packet, y: float) -> None:
        left, path, right = self.lanes
        to_right = packet.sender == "initiator"
        colour = self._colour(canvas.look, packet)
        start, end = (left.x, right.x) if to_right else (right.x, left.x)
        if packet.sender == "path":
            start = path.x
            to_right = False
            end = left.x
        sign = 1 if end > start else -1
        thick = 1.8 if packet.decisive else 1.1
        first, last = start, end
        if packet.forged:
            canvas.line([(start, y), (path.x, y)], colour, width=0.9, dash=(1.5, 2.5))
            first = path.x
        if packet.fate in ("lost", "stopped"):
            last = path.x
        self._draw_line(canvas, packet, (first, last - sign * HEAD_LENGTH * 0.7), y, colour, thick)
        if first == path.x:
            _dot(canvas, path.x, y, colour)
        if packet.fate == "lost":
            canvas.cross(path.x, y, colour)
        elif packet.fate == "unknown":
            canvas.text(end - sign * 5, y, "?", bold=True, colour=colour, align="center")
        else:
            canvas.head(last, y, sign > 0, colour)

    def _draw_line(
        self,
        canvas: Canvas,
        packet: Packet,
        ends: tuple[float, float],
        y: float,
        colour: str,
        thick: float,
    ) -> None:
        """Draw the arrow's shaft with the event standing in it."""
        low, high = min(ends), max(ends)
        text = elided(packet.event, high - low - 24, BODY, packet.decisive)
        middle, half = (low + high) / 2, width(text, BODY, packet.decisive) / 2 + GAP
        dash = (4.0, 2.5) if packet.fate == "unknown" else ()
        for shaft in ((low, middle - half), (middle + half, high)):
            canvas.line([(shaft[0], y), (shaft[1], y)], colour, width=thick, dash=dash)
        canvas.text(
            middle, y, text, bold=packet.decisive, align="center",
            colour=colour if colour != canvas.look.muted else canvas.look.ink,
            gid=f"packet-{packet.frame}",
        )  # fmt: skip

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


def _dot(canvas: Canvas, x: float, y: float, colour: str) -> None:
    canvas.rectangle(x - 3, y - 3, 6, 6, colour)


def _row_height(row: Row) -> float:
    if isinstance(row, Quiet):
        return QUIET_ROW
    return ROW + LABEL_ROW if row.verdict else ROW


def _head_height(lane: Lane) -> float:
    return (BODY + SMALL * len(lane.lines)) * LINE + 4


def _draw_head(canvas: Canvas, lane: Lane, bottom: float, room: float) -> None:
    """Draw who is at a lane; the one who did it stands on the colour of its party."""
    look = canvas.look
    role = f"{lane.role}: {lane.did}" if lane.did else lane.role
    texts = [elided(role, room, BODY, True), *(elided(t, room, SMALL) for t in lane.lines)]
    wide = max(width(texts[0], BODY, True), *(width(t, SMALL) for t in texts[1:]), 20.0) + 14
    x, y = _inside(canvas, lane.x, wide), bottom - _head_height(lane)
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


def _inside(canvas: Canvas, x: float, wide: float) -> float:
    """Return where the middle of a head is, so that it is on the page and right of the columns."""
    low = MARGIN + FRAME + TIME + 6 + wide / 2
    return min(max(x, low), canvas.width - MARGIN - wide / 2)


def ladder(connection: Connection, rows: Sequence[Row], look: Look) -> Ladder:
    """Return the ladder of a connection with these rows."""
    left = MARGIN + FRAME + TIME + BEFORE
    wide = look.points - MARGIN - left
    right = left + wide * (1 - DETAIL_SHARE)
    verdict = connection.verdict
    who = verdict.attribution
    party = words.PARTY[who.party]
    label = verdict.code if who.side == "unknown" else f"{verdict.code} by the {party}"
    return Ladder(
        rows=rows,
        lanes=(
            _end_lane(connection, "initiator", left, look),
            _path_lane(connection, (left + right) / 2, look),
            _end_lane(connection, "responder", right, look),
        ),
        culprit=look.party(who.party),
        label=label,
    )


def _end_lane(connection: Connection, side: str, x: float, look: Look) -> Lane:
    end = connection.initiator if side == "initiator" else connection.responder
    role = "" if end.role == "unknown" else end.role
    lines = [join_port(end.ip, end.port), *([end.name] if end.name else [])]
    colour = look.party(party_of(connection, side))
    return Lane(x, role or _ROLES[side], lines, colour, _did(connection, side))


_ROLES = {"initiator": "caller", "responder": "called"}


def _path_lane(connection: Connection, x: float, look: Look) -> Lane:
    who = connection.verdict.attribution
    lines = [who.address] if who.side == "path" and who.address else []
    did = _did(connection, "path")
    return Lane(x, "path", lines, look.party("middlebox") if did else look.muted, did)


def _did(connection: Connection, side: str) -> str:
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
