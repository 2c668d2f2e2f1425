"""A ladder with one lane per capture point: which packet was seen where, lost or made on the way.

Lanes run from the initiator's end to the responder's::

            client                      proxy
    +0.000   #3  --- SYN ------------->  #2
    +0.126  #10  --- GET /cut ----X       -     never arrived
    +0.131  #11  <------ RST,ACK -*       -     came into being between
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.report import Connection, PointPassage
from pcapdiag.model.units import parse_seconds
from pcapdiag.report.clock import between
from pcapdiag.report.escape import shown

MAX_ROWS = 12
"""Packets shown; those that decide come first, then what is around them."""
TIME = 11
MIN_SPAN, MAX_SPAN = 9, 36
"""Columns between two lanes: with fewer an arrow has no room, more do not read better."""
EVENT, GAP = 16, 1
"""Columns of the event, and between lanes, where arrows have no room."""
_LEGEND = {
    "X": "X: sent on, and never seen at the next point",
    "*": "*: never seen where it would have come from",
    "?": "?: that capture may have missed it",
    "-": "-: that capture did not miss it: it was not there",
}


def ladder(connection: Connection, labels: tuple[str, ...], room: int) -> list[str]:
    """Return the lines of a ladder; none where it has no room, or nothing to show."""
    passages, numbers = connection.passages, chosen(connection.passages, MAX_ROWS)
    rows = [passages[number] for number in numbers]
    lanes = [labels.index(label) for label in connection.path_order if label in labels]
    lanes = [lane for lane in lanes if tells(lane, passages)]
    if len(lanes) < 2 or not rows:
        return []
    frames = [f for passage in rows for f in passage.frames if f is not None]
    cell = max(*(len(str(frame)) + 1 for frame in frames), *(len(labels[n]) for n in lanes))
    span = min((room - TIME - cell * len(lanes)) // (len(lanes) - 1) - 2, MAX_SPAN)
    writer = _Writer(lanes, cell, span, _start(rows))
    if span < MIN_SPAN:
        writer = _TableWriter(lanes, cell, GAP, _start(rows))
        if writer.width > room:
            return []
    lines = [writer.head(labels), *_body(writer, passages, numbers)]
    used = {mark for passage in rows for mark in writer.marks(passage)}
    lines += [f"{'':{TIME}}{text}" for mark, text in _LEGEND.items() if mark in used]
    return [line.rstrip() for line in lines]


def _body(writer: _Writer, passages: list[PointPassage], numbers: list[int]) -> Iterator[str]:
    """Yield a line for each packet chosen, and dots where some are left out between."""
    for before, number in zip([None, *numbers], numbers, strict=False):
        if before is not None and number > before + 1:
            yield f"{'':{TIME}}{'...':>{writer.cell}}"
        yield writer.row(passages[number])


def tells(lane: int, passages: list[PointPassage]) -> bool:
    """Return whether a point shows any of the packets, or would have."""
    return any(p.frames[lane] is not None or p.covers[lane] for p in passages)


def chosen(passages: list[PointPassage], most: int) -> list[int]:
    """Return the numbers of the ``most`` packets that say most, in their order."""
    last = len(passages) - 1
    ranked = sorted(
        range(len(passages)),
        key=lambda n: (
            not passages[n].decisive,
            passages[n].fate not in ("lost", "appeared"),
            min(n, last - n),
        ),
    )
    return sorted(ranked[:most])


def _start(rows: list[PointPassage]) -> str:
    times = [time for passage in rows for time in passage.times if time is not None]
    return min(times, key=parse_seconds, default="0")


class _Writer(msgspec.Struct, frozen=True):
    lanes: list[int]
    cell: int
    span: int
    start: str

    def head(self, labels: tuple[str, ...]) -> str:
        gap = " " * (self.span + 2)
        return f"{'':{TIME}}" + gap.join(f"{labels[lane]:^{self.cell}}" for lane in self.lanes)

    def row(self, passage: PointPassage) -> str:
        text = f"{self._when(passage):<{TIME}}{self._cell(passage, self.lanes[0])}"
        said = False
        for left, right in zip(self.lanes, self.lanes[1:], strict=False):
            event = "" if said else shown(passage.event)
            drawn = self._arrow(passage, left, right, event)
            said = said or bool(drawn.strip())
            text += f" {drawn} {self._cell(passage, right)}"
        return text + _notes(passage)

    def _when(self, passage: PointPassage) -> str:
        times = [time for time in passage.times if time is not None]
        return f"+{between(self.start, min(times, key=parse_seconds)):.6f}" if times else ""

    def _cell(self, passage: PointPassage, lane: int) -> str:
        frame = passage.frames[lane]
        text = f"#{frame}" if frame is not None else "-" if passage.covers[lane] else "?"
        return f"{text:^{self.cell}}"

    def marks(self, passage: PointPassage) -> set[str]:
        """Return which signs of the legend the packet's row has."""
        pairs = zip(self.lanes, self.lanes[1:], strict=False)
        return {mark for pair in pairs for mark in _tail_and_head(passage, *pair)} - {"-"}

    def _arrow(self, passage: PointPassage, left: int, right: int, event: str) -> str:
        tail, head = _tail_and_head(passage, left, right)
        if not tail:
            return " " * self.span
        first, last = (tail, head) if passage.from_ == "initiator" else (head, tail)
        inner = self.span - 2
        middle = f"-- {_cut(event, inner - 4)} " if event else ""
        return f"{first}{middle:-<{inner}}{last}"


def _tail_and_head(passage: PointPassage, left: int, right: int) -> tuple[str, str]:
    """Return the signs where an arrow between two lanes begins and ends; empty for no arrow."""
    to_right = passage.from_ == "initiator"
    near, far = (left, right) if to_right else (right, left)
    came, went = passage.frames[near] is not None, passage.frames[far] is not None
    if not came and not went:
        return "", ""
    tail = "" if came else "*" if passage.covers[near] else "?"
    head = "" if went else "X" if passage.covers[far] else "?"
    return tail or "-", head or (">" if to_right else "<")


class _TableWriter(_Writer, frozen=True):
    """Where arrows have no room between the lanes: direction and event before them."""

    @property
    def width(self) -> int:
        return TIME + EVENT + len(self.lanes) * (self.cell + self.span)

    def head(self, labels: tuple[str, ...]) -> str:
        return f"{'':{TIME + EVENT}}" + "".join(self._padded(labels[n]) for n in self.lanes)

    def marks(self, passage: PointPassage) -> set[str]:
        return {self._cell(passage, lane).strip() for lane in self.lanes}

    def row(self, passage: PointPassage) -> str:
        arrow = "->" if passage.from_ == "initiator" else "<-"
        event = _cut(f"{arrow} {shown(passage.event)}", EVENT - 1)
        cells = "".join(self._padded(self._cell(passage, lane)) for lane in self.lanes)
        return f"{self._when(passage):<{TIME}}{event:<{EVENT}}{cells}" + _notes(passage)

    def _padded(self, text: str) -> str:
        return f"{text:^{self.cell}}{'':{self.span}}"


def _cut(text: str, room: int) -> str:
    """Return what fits; a mark says where more was: half a name is not the name."""
    return text if len(text) <= room else f"{text[: max(room - 2, 0)]}.."


def _notes(passage: PointPassage) -> str:
    return f"  {', '.join(passage.changed)} changed" if passage.changed else ""
