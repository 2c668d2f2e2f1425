"""Which quiet time ends connections to an endpoint, from those that it ended and those it did not.

A timer shows in one of two ways: connections end by themselves after the same quiet time, or all
that were quiet for longer turn out to be dead, and none that was quiet for less (facts 11).
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.idle_defaults import Way
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.units import NANOSECONDS

SEVERAL = 3
"""Connections from which on a common quiet time is no chance."""
SURVIVORS = 2
"""Shorter quiet times, outlived, that a threshold takes to be one."""
SEVERAL_CLOSED = 5
"""The same of orderly closes where nothing failed."""
SAME, SAME_SHARE = 1.0, 0.01
"""Quiet times of one timer differ by so many seconds at most, or by this share."""
MOSTLY = 0.8
"""Share of an endpoint's orderly closes at one quiet time that makes that its setting."""
APART = 1.0
"""Seconds between the first and the last of the ends, without which they may be one event."""


class Ended(msgspec.Struct, frozen=True):
    """One connection that a quiet time ended; times in seconds."""

    quiet: float
    until: float
    """When the quiet time ended, since the epoch."""
    stream: int
    frame: int


class Timer(msgspec.Struct):
    """A quiet time that ends connections, seconds: longer than ``low``, ``high`` at most."""

    way: Way
    low: float
    high: float
    endpoints: list[str]
    ended: list[Ended]
    """Those that failed by it."""
    survived: int = 0
    """Shorter quiet times that were outlived, the longest of which was ``longest_survived``."""
    longest_survived: float = 0.0
    closed: int = 0
    """Orderly closes by the server, nothing lost."""

    @property
    def is_exact(self) -> bool:
        """Whether the connections ended by themselves at that time."""
        return self.way in ("at_expiry", "closed")

    def agrees(self, other: Timer) -> bool:
        """Return whether both may be one device's, or one setting."""
        if self.way != other.way:
            return False
        if self.is_exact:
            return abs(self.high - other.high) <= _tolerance(self.high)
        return max(self.low, other.low) < min(self.high, other.high)

    def join(self, other: Timer) -> None:
        """Take in another one that agrees."""
        self.low, self.high = max(self.low, other.low), min(self.high, other.high)
        self.endpoints += other.endpoints
        self.ended += other.ended
        self.survived += other.survived
        self.longest_survived = max(self.longest_survived, other.longest_survived)
        self.closed += other.closed


def timers(name: str, ends: dict[Way, list[Ended]], facts: EndpointFacts) -> list[Timer]:
    """Return the timers that one endpoint's connections show."""
    gone = [*ends.get("late", ()), *ends.get("lost", ())]
    way: Way = "late" if ends.get("late") else "lost"
    found = (
        _expiry(name, ends.get("at_expiry", []), facts),
        _threshold(name, way, gone, facts),
        _closing(name, ends.get("closed", []), facts),
    )
    return [timer for timer in found if timer is not None]


def _expiry(name: str, ended: list[Ended], facts: EndpointFacts) -> Timer | None:
    """Find that connections were reset by themselves after one quiet time."""
    same = _densest(sorted(ended, key=lambda one: one.quiet))
    if len(same) < SEVERAL or 2 * len(same) <= len(ended) or _spread(same) < APART:
        return None
    longest = facts.longest_idle / NANOSECONDS
    if longest > same[-1].quiet + SAME:
        return None
    return Timer(
        "at_expiry", same[0].quiet, same[-1].quiet, [name], same, facts.idle_turns, longest
    )


def _threshold(name: str, way: Way, ended: list[Ended], facts: EndpointFacts) -> Timer | None:
    """Find that all quiet times from the shortest of these on were fatal, and no shorter one."""
    if len(ended) < SEVERAL or facts.idle_turns < SURVIVORS or _is_one_event(ended):
        return None
    shortest, longest = min(one.quiet for one in ended), facts.longest_idle / NANOSECONDS
    if shortest <= longest:
        return None
    return Timer(way, longest, shortest, [name], ended, facts.idle_turns, longest)


def _closing(name: str, raced: list[Ended], facts: EndpointFacts) -> Timer | None:
    """Find that a server closes after one quiet time; ``raced`` are those that lost a request."""
    tenths = sorted(t for t, count in facts.closed_idle.items() for _ in range(count))
    closes = [Ended(t / 10, 0.0, -1, 0) for t in tenths]
    ended = sorted([*closes, *raced], key=lambda one: one.quiet)
    same = _densest(ended)
    failed = [one for one in same if one.stream >= 0]
    least = SEVERAL if failed else SEVERAL_CLOSED
    if len(same) < least or len(same) < MOSTLY * len(ended):
        return None
    middle = same[len(same) // 2].quiet
    closed = len(same) - len(failed)
    return Timer("closed", middle, middle, [name], failed, closed=closed)


def _densest(ended: list[Ended]) -> list[Ended]:
    """Return the most of them, in ascending order, that one timer may have ended."""
    best: list[Ended] = []
    first = 0
    for last, one in enumerate(ended):
        while one.quiet - ended[first].quiet > _tolerance(ended[first].quiet):
            first += 1
        if last + 1 - first > len(best):
            best = ended[first : last + 1]
    return best


def _tolerance(quiet: float) -> float:
    return max(min(SAME, quiet / 4), SAME_SHARE * quiet)


def _spread(ended: list[Ended]) -> float:
    times = [one.until for one in ended]
    return max(times) - min(times)


def _is_one_event(ended: list[Ended]) -> bool:
    """Whether all were quiet at one moment: a restart then would explain them as well."""
    return max(one.until - one.quiet for one in ended) < min(one.until for one in ended)
