"""Resets of connections that are not listed, counted in ``summary.resets`` all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pcapdiag.correlate.roles import Roles
from pcapdiag.diagnose.attribution import attribute_reset
from pcapdiag.flow.records import Endpoint
from pcapdiag.flow.story import address_text
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
        pair = story.initiator.address, (story.responder.address, story.responder.port)
        for packet in story.resets:
            self._count(attribute_reset(story, packet, context).side, pair, 1)

    def add_untold(self, endpoints: Iterable[Endpoint]) -> None:
        """Count the harmless resets that never left compiled code."""
        for endpoint in endpoints:
            responder = address_text(endpoint.version, endpoint.high, endpoint.low), endpoint.port
            for host, caller in endpoint.callers.items():
                pair = address_text(host.version, host.high, host.low), responder
                self._count("initiator", pair, caller.own_resets)
                self._count("responder", pair, caller.their_resets)

    def _count(self, side: Side, pair: _Pair, resets: int) -> None:
        if not resets:
            return
        if (side, pair) in self._counts or len(self._counts) < MAX_PAIRS:
            self._counts[side, pair] += resets
        else:
            self._counts["unknown", ("", ("", 0))] += resets

    def by_party(self, roles: Roles) -> Counter[Party]:
        """Return the counts by party."""
        found: Counter[Party] = Counter()
        for (side, (initiator, responder)), count in self._counts.items():
            found[roles.ends((initiator, 0), responder).party(side)] += count
        return found
