"""Resets of connections that are not listed, counted in ``summary.resets`` all the same."""

from __future__ import annotations

from collections import Counter

from pcapdiag.correlate.roles import Roles
from pcapdiag.diagnose.attribution import attribute_reset
from pcapdiag.model.context import Context
from pcapdiag.model.report import Party, Side
from pcapdiag.model.story import Story

MAX_PAIRS = 10_000
"""Pairs of addresses whose resets are counted apart, until the roles are known; others add up."""

_Pair = tuple[str, tuple[str, int]]
"""The initiator's address; the responder's, with its port."""


class UnlistedResets:
    """Counts resets by who sent them; the parties are known when the capture is."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Side, _Pair]] = Counter()

    def add(self, story: Story, context: Context) -> None:
        """Count the resets of a connection."""
        for packet in story.resets:
            side = attribute_reset(story, packet, context).side
            pair = story.initiator.address, (story.responder.address, story.responder.port)
            if (side, pair) in self._counts or len(self._counts) < MAX_PAIRS:
                self._counts[side, pair] += 1
            else:
                self._counts["unknown", ("", ("", 0))] += 1

    def by_party(self, roles: Roles) -> Counter[Party]:
        """Return the counts by party."""
        found: Counter[Party] = Counter()
        for (side, (initiator, responder)), count in self._counts.items():
            found[roles.ends((initiator, 0), responder).party(side)] += count
        return found
