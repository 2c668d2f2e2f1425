"""One of several capture points: its analysis, and what was kept of its connections."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.archive import Archive
from pcapdiag.incident.second_look import SecondLook
from pcapdiag.incident.telling import Told
from pcapdiag.model.points import PointClock, Print


class PointStudy:
    """What one capture shows by itself, connection by connection."""

    def __init__(self, number: int, label: str, analysis: Analysis) -> None:
        self.number = number
        self.label = label
        self.analysis = analysis
        self.clock = PointClock(known=number == 0)
        self.second: SecondLook | None = None
        self._prints: dict[int, int] | None = None

    def candidates(self) -> list[int]:
        """Return the streams that failed, or may have, by this capture alone."""
        return self.analysis.archive.streams()

    def told(self, stream: int) -> Told | None:
        """Return a connection as this capture tells it; None where no story was kept."""
        for stories in self._stories():
            if stream in stories:
                return self.analysis.tell(*stories.read(stream))
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
