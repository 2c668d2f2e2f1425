"""From when until when an endpoint took no new connection, or only a part of them."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import msgspec

from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.fleet import CAME_UP, REFUSED, Served, SpanFacts
from pcapdiag.model.units import SECOND

FEWEST = 2
"""Connections in a row that the endpoint did not take."""
SHORTEST_SILENCE = 2 * SECOND
"""A silence that ended sooner (ns) is a lost SYN or two that were repeated, or a limit on new
connections (path.new_flows_dropped); of one that the file's end cut off sooner nothing is known."""
MIXED = 3
"""Times that some were refused, with others coming up between, that may be by chance."""
BY_CHANCE = 0.4
"""Share of the turns that chance would make, from which on it is chance: a program that restarts
again and again makes few."""
MARGIN = SECOND
"""How long (ns) after an outage's beginning, and before its end, something is still within it."""
SERVED = 5
"""Requests that were answered on older connections, from which on the endpoint was not down."""


class Outage(msgspec.Struct, frozen=True):
    """A time in which an endpoint took no connection; ``until`` 0: to the end of the capture."""

    refused: int
    silent: int
    worked_until: int
    first: int
    last: int
    until: int
    served: Served = Served()
    """What it answered from the last connection that it took on, on those from before."""

    @property
    def went_on(self) -> bool:
        """Whether it answered requests all the time: not before only, or as it woke up."""
        lasted, served = self.last - self.first, self.served
        throughout = served.first <= self.first + MARGIN and served.last >= self.last - MARGIN
        return served.count >= SERVED and throughout and 2 * served.gap <= lasted

    @property
    def only_new_ones(self) -> bool:
        """Whether SYNs went unanswered while older connections were served: the host was up."""
        return not self.refused and self.went_on

    @property
    def count(self) -> int:
        """Connections that it did not take."""
        return self.refused + self.silent


class Part(msgspec.Struct, frozen=True):
    """A time in which an endpoint refused some connections and took others."""

    refused: int
    came_up: int
    first: int
    last: int


def outages(spans: list[SpanFacts], end: int) -> list[Outage]:
    """Return the times in which an endpoint that had taken connections took none.

    ``end`` is the capture's last time (ns).
    """
    found: list[Outage] = []
    ups = [span for span in spans if span.outcome == CAME_UP]
    run: list[SpanFacts] = []
    for span in [*spans, None]:
        if span is not None and span.outcome != CAME_UP:
            run.append(span)
            continue
        outage = _outage(run, ups, end)
        found += [outage] if outage else []
        run = []
    return found


def in_part(spans: list[SpanFacts]) -> Part | None:
    """Return that some were refused while others came up; None where there is an outage or none.

    Of F refusals among U successes in no order, F * U / (F + U) would be the first of a run.
    """
    refusals = [span for span in spans if span.outcome == REFUSED]
    if len(refusals) < MIXED:
        return None
    first, last = refusals[0].first, max(span.last for span in refusals)
    within = [span for span in spans if first <= span.first <= last]
    ups = [span for span in within if span.outcome == CAME_UP]
    turns = sum(one.outcome == CAME_UP != other.outcome for one, other in pairwise(within))
    refused, came_up = sum(one.count for one in refusals), sum(one.count for one in ups)
    by_chance = refused * came_up / (refused + came_up)
    if turns + 1 < max(MIXED, BY_CHANCE * by_chance):
        return None
    return Part(refused, came_up, first, last)


def to_the_end(part: Part, facts: EndpointFacts | None) -> Part:
    """Return it with the refusals that found no room among the spans."""
    if facts is None or facts.refused <= part.refused:
        return part
    came_up = round(part.came_up * facts.refused / part.refused)
    return Part(facts.refused, came_up, part.first, max(part.last, facts.last_refused))


def _outage(run: list[SpanFacts], ups: list[SpanFacts], end: int) -> Outage | None:
    """Return the outage that a run of failures is; None where connections came up meanwhile."""
    count = sum(span.count for span in run)
    if count < FEWEST:
        return None
    first, last = min(span.first for span in run), max(span.last for span in run)
    if any(up.first < last and up.last > first for up in ups):
        return None
    before = [up for up in ups if up.last <= first]
    if not before:
        return None
    latest = max(before, key=lambda up: up.last)
    refused = sum(span.count for span in run if span.outcome == REFUSED)
    after = [up.first for up in ups if up.first >= last]
    if not refused and min(after, default=end) - first < SHORTEST_SILENCE:
        return None
    return Outage(
        refused=refused,
        silent=count - refused,
        worked_until=latest.last,
        first=first,
        last=last,
        until=min(after, default=0),
        served=reduce(Served.and_then, (span.served for span in run), latest.served),
    )
