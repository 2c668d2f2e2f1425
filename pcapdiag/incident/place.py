"""Where the capture was taken, from some of its connections (``capture.vantage``)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.vantage import Place, merge, vantage
from pcapdiag.incident.surroundings import Surroundings
from pcapdiag.model.story import Story

SAMPLES = 20
"""Connections that are asked: the first ones, whether they failed or not."""


class Places:
    """Keeps the stories of the first connections until the capturing host is known."""

    def __init__(self) -> None:
        self._stories: list[Story] = []

    @property
    def enough(self) -> bool:
        """True when no further connection needs to be looked at."""
        return len(self._stories) >= SAMPLES

    def note(self, story: Story) -> None:
        """Take a connection as a sample, while there are few."""
        if not self.enough:
            self._stories.append(story)

    def conclude(self, surroundings: Surroundings) -> Place:
        """Return the place of the whole capture."""
        return merge(vantage(story, surroundings.context(story)).place for story in self._stories)
