"""One of several capture points: its analysis, and what was kept of its connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from pcapdiag.errors import UsageError
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.archive import Archive
from pcapdiag.incident.second_look import SecondLook
from pcapdiag.incident.telling import Told
from pcapdiag.model.harmless import harmless
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.points import PointClock, Print

MAX_POINTS = 8
"""Points of one report: beyond that its ladder has no room for them."""
_LABEL = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


def check_points(points: Sequence[CapturePoint]) -> None:
    """Raise UsageError where points cannot be told apart, or there are too few or too many."""
    labels = [point.label for point in points]
    if len(points) < 2:
        raise UsageError("correlate compares two capture points or more", "for one, use analyze")
    if len(points) > MAX_POINTS:
        raise UsageError(f"{len(points)} points are too many", f"name {MAX_POINTS} at most")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise UsageError(
                f"{harmless(label)!r} is no label", "use up to 32 letters, digits, dots, _ and -"
            )
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise UsageError(f"two points are named {twice[0]}", "give each a name of its own")
    if any(path == "-" for point in points for path in point.paths):
        raise UsageError("standard input cannot be read twice", "save it to a file first")


def options_at_a_point(options: AnalyzeOptions) -> AnalyzeOptions:
    """Return the options of one point's own analysis: filters choose among the joined ones."""
    return replace(options.without_filters(), keep_prints=True, logs=())


class PointStudy:
    """What one capture shows by itself, connection by connection."""

    def __init__(self, number: int, label: str, analysis: Analysis) -> None:
        self.number = number
        self.label = label
        self.analysis = analysis
        self.clock = PointClock(known=number == 0)
        self.second: SecondLook | None = None
        self._prints: dict[int, int] | None = None

    def prints(self) -> Sequence[Print]:
        """Return the prints, what came past a NAT untranslated as a twin of what it continues."""
        prints = self.analysis.prints
        known = {row[2]: row[4] for row in self.analysis.tracker.closing.leaks.found}
        if not known:
            return prints
        return [
            replace(one, same_as=known[one.stream])
            if one.stream in known and one.same_as is None
            else one
            for one in prints
        ]

    def candidates(self) -> list[int]:
        """Return the streams that failed, or may have, by this capture alone."""
        return self.analysis.archive.streams()

    def told(self, stream: int) -> Told | None:
        """Return a connection as this capture tells it; None where no story was kept."""
        for stories in self._stories():
            if stream in stories:
                return self.analysis.tell(stories.read(stream))
        return None

    def print_of(self, stream: int) -> Print | None:
        """Return a connection's print; None for one beyond the limit."""
        prints = self.analysis.prints
        if self._prints is None:
            self._prints = {one: number for number, one in enumerate(prints.streams())}
        number = self._prints.get(stream)
        return None if number is None else prints[number]

    def _stories(self) -> Iterator[Archive]:
        yield self.analysis.archive
        if self.second is not None:
            yield self.second.stories
