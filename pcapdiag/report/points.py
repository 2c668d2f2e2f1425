"""Several capture points in the terminal: their clocks, and whose frames and streams are meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.model.report import Connection, Point, PointLabel, Report, label_of
from pcapdiag.model.units import counted
from pcapdiag.report.clock import between
from pcapdiag.report.escape import shown
from pcapdiag.report.layout import Page

HOUR = 3600
LONG_ENOUGH = 10.0
"""Seconds of capture from which on a drift is worth a word."""
_NUMBERED = re.compile(r"\b(?:frames?|streams?) \d")


class Places(msgspec.Struct, frozen=True):
    """Writes frames and streams with the point that they are of; plain where there is one point."""

    labels: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """True when the report has several points."""
        return len(self.labels) > 1

    def label(self, point: PointLabel) -> str:
        """Return a point's label, the first one's where none is named."""
        return label_of(point, self.labels[0] if self.labels else "")

    def frames(self, frames: Sequence[int], point: PointLabel) -> str:
        """Return ``(#118, #121)``, or ``[proxy #118, #121]``."""
        text = ", ".join(f"#{frame}" for frame in frames)
        return f"[{self.label(point)} {text}]" if self.several else f"({text})"

    def frame(self, frame: int, point: PointLabel) -> str:
        """Return ``(frame 118)``, or ``[proxy #118]``."""
        return self.frames([frame], point) if self.several else f"(frame {frame})"

    def streams(self, display_filter: str, point: PointLabel) -> str:
        """Return a display filter, and in which point's capture it is for."""
        return f"{self.label(point)}: {display_filter}" if self.several else display_filter

    def with_source(self, text: str, point: PointLabel) -> str:
        """Return a text, and whose capture its frame and stream numbers are of if it has any."""
        if not self.several or not _NUMBERED.search(text):
            return text
        return f"{text} (Numbers here are of {self.label(point)}'s capture.)"

    def of(self, connection: Connection) -> str:
        """Return the display filter of a connection at every point that has it."""
        if not self.several:
            streams = connection.streams or [connection.stream]
            return stream_filter(streams, len(streams))
        return "   ".join(f"{s.point}: tcp.stream=={s.stream}" for s in connection.seen_at)


MAX_FILTERED = 8
"""Streams that a display filter names."""
ONE_PLACE = Places()
"""The only point of a report of one capture."""


def stream_filter(streams: Sequence[int], total: int) -> str:
    """Return the display filter of the first streams, and how many more there are."""
    if total == 1 and streams:
        return f"tcp.stream=={streams[0]}"
    named = streams[:MAX_FILTERED]
    more = f" and {total - len(named):,} more" if total > len(named) else ""
    return f"tcp.stream in {{{', '.join(map(str, named))}}}{more}"


def point_lines(report: Report, page: Page) -> Iterator[str]:
    """Yield two lines for each point: what was captured there, and how its clock stands."""
    name = "POINTS"
    widest = max(len(point.label) for point in report.points)
    for label, captured, clock in point_texts(report):
        for text in (f"{label:<{widest}}  {captured}", f"{'':<{widest}}  {clock}"):
            yield from page.hanging(name, text, widest + 2)
            name = ""


def point_texts(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield each point's label, what was captured there, and how its clock stands."""
    span, named = _span(report), _short_names(report.points)
    for number, point in enumerate(report.points):
        clock = _clock(point, report.points[0], span) if number else "times are by its clock"
        yield point.label, _captured(point, named[number]), clock


def _span(report: Report) -> float:
    """Return the seconds from the first point's first packet to its last."""
    first, last = report.capture.first_time, report.capture.last_time
    return between(first, last) if first and last else 0.0


def _short_names(points: Sequence[Point]) -> list[str]:
    """Return each point's first file by its name, with the folder where names are the same."""
    paths = [point.files[0] if point.files else "no file" for point in points]
    names = [os.path.basename(path) for path in paths]
    if len(set(names)) < len(names):
        names = [os.path.join(*path.split(os.sep)[-2:]) for path in paths]
    return [shown(name) for name in names]


def _captured(point: Point, files: str) -> str:
    if len(point.files) > 1:
        files += f" and {counted(len(point.files) - 1, 'file')} more"
    return (
        f"{files}: {counted(point.packets, 'packet')}, "
        f"{counted(point.connections, 'connection')}{_shared(point)}"
    )


def _shared(point: Point) -> str:
    if not point.connections:
        return ": another interface or filter, or nothing came there"
    if point.shared == point.connections:
        return ", seen elsewhere too" if point.connections == 1 else ", all seen elsewhere too"
    return f", {point.shared:,} seen elsewhere too" if point.shared else ", none seen elsewhere"


def _clock(point: Point, first: Point, span: float) -> str:
    if point.clock_offset is None or point.clock_error is None:
        return (
            f"its clock cannot be compared with {first.label}'s (no connection has packets both "
            "ways at both): nothing finer than a second is concluded from times between them"
        )
    text = f"its clock {_ahead(point.clock_offset, point.clock_error)} {first.label}'s"
    text += f", \u00b1 {precise(point.clock_error)}"
    if point.drift and span >= LONG_ENOUGH and abs(point.drift) * span > point.clock_error:
        gains = "gains" if point.drift < 0 else "loses"
        text += f"; it {gains} {precise(abs(point.drift) * HOUR)} an hour"
    steps = len(point.clock_steps)
    if steps:
        text += f"; it was set {counted(steps, 'time')} while capturing"
    return text


def _ahead(offset: float, error: float) -> str:
    """Return how a clock stands whose times need ``offset`` seconds added."""
    if abs(offset) <= error:
        return "agrees with"
    return f"is {precise(abs(offset))} {'ahead of' if offset < 0 else 'behind'}"


def precise(seconds: float) -> str:
    """Return a time with the digits that tell clocks apart: ``37.251 s``, ``0.21 ms``."""
    # What would be rounded to 1000 of a unit is one of the next.
    if seconds >= 0.9995:
        return f"{seconds:,.3f} s"
    if seconds >= 0.0009995:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds * 1e6:.3g} us"
