"""Which quiet time ends connections to an endpoint, from those that it ended and those it did not.

A timer shows in one of two ways: connections end by themselves after the same quiet time, or all
that were quiet for longer turn out to be dead, and none that was quiet for less (measured).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pcapdiag.diagnose.idle_defaults import Way
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.units import SECOND

SEVERAL = 3
"""Connections from which on a common quiet time is no chance."""
SURVIVORS = 2
"""Shorter quiet times, outlived, that a threshold takes to be one."""
SEVERAL_CLOSED = 5
"""The same of orderly closes where nothing failed."""
SAME, SAME_SHARE = 1.0, 0.01
"""Quiet times of one timer differ by so many seconds at most, or by this share."""
NARROW = 0.25
"""Where nothing failed by it, a timer must be this exact (s): programs that are reloaded close idle
connections too, after all kinds of quiet times."""
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


def timers(
    name: str, ends: dict[Way, list[Ended]], facts: EndpointFacts, cut: int = 0
) -> list[Timer]:
    """Return the timers that one endpoint's connections show.

    ``cut`` of its closes were no end of an idle connection, but that of an answer cut short.
    """
    gone = [*ends.get("late", ()), *ends.get("lost", ())]
    way: Way = "late" if ends.get("late") else "lost"
    found = (
        _expiry(name, ends.get("at_expiry", []), facts),
        _threshold(name, way, gone, facts),
        _closing(name, ends.get("closed", []), facts, cut),
    )
    return [timer for timer in found if timer is not None]


def _expiry(name: str, ended: list[Ended], facts: EndpointFacts) -> Timer | None:
    """Find that connections were reset by themselves after one quiet time."""
    ended = sorted(ended, key=lambda one: one.quiet)
    first, last = _densest([one.quiet for one in ended], [1] * len(ended))
    same = ended[first:last]
    if len(same) < SEVERAL or 2 * len(same) <= len(ended) or _spread(same) < APART:
        return None
    longest = facts.longest_idle / SECOND
    if longest > same[-1].quiet + SAME:
        return None
    return Timer(
        "at_expiry", same[0].quiet, same[-1].quiet, [name], same, facts.idle_turns, longest
    )


def _threshold(name: str, way: Way, ended: list[Ended], facts: EndpointFacts) -> Timer | None:
    """Find that all quiet times from the shortest of these on were fatal, and no shorter one."""
    if len(ended) < SEVERAL or facts.idle_turns < SURVIVORS or _is_one_event(ended):
        return None
    shortest, longest = min(one.quiet for one in ended), facts.longest_idle / SECOND
    if shortest <= longest:
        return None
    return Timer(way, longest, shortest, [name], ended, facts.idle_turns, longest)


def _closing(name: str, raced: list[Ended], facts: EndpointFacts, cut: int) -> Timer | None:
    """Find that a server closes after one quiet time; ``raced`` are those that lost a request."""
    counts = [(tenths / 10, count) for tenths, count in facts.closed_idle.items()]
    counts += [(one.quiet, 1) for one in raced]
    counts.sort()
    quiet, number_of = [quiet for quiet, _ in counts], [count for _, count in counts]
    first, last = _densest(quiet, number_of, _tolerance if raced else _narrow)
    same, total = counts[first:last], sum(number_of)
    ended = [one for one in raced if same and same[0][0] <= one.quiet <= same[-1][0]]
    number = sum(count for _, count in same) - cut
    total -= cut
    if not same or _is_one_close(same[0][0], same[-1][0], ended, facts):
        return None
    if number < (SEVERAL if ended else SEVERAL_CLOSED) or number < MOSTLY * total:
        return None
    usual = max(same, key=lambda one: one[1])[0]
    return Timer("closed", usual, usual, [name], ended, closed=number - len(ended))


def _is_one_close(low: float, high: float, raced: list[Ended], facts: EndpointFacts) -> bool:
    """Whether all were closed at one moment: a program that stops closes what it holds, too."""
    times = [one.until for one in raced]
    for tenths, when in facts.closed_when.items():
        if low <= tenths / 10 <= high:
            times += [time / SECOND for time in when]
    return not times or max(times) - min(times) < APART


def _densest(
    quiet: list[float], counts: list[int], tolerance: Callable[[float], float] | None = None
) -> tuple[int, int]:
    """Return the span of ascending times with the most that one timer may have ended."""
    apart = tolerance or _tolerance
    best, most, first, number = (0, 0), 0, 0, 0
    for last, time in enumerate(quiet):
        number += counts[last]
        while time - quiet[first] > apart(quiet[first]):
            number -= counts[first]
            first += 1
        if number > most:
            best, most = (first, last + 1), number
    return best


def _tolerance(quiet: float) -> float:
    return max(min(SAME, quiet / 4), SAME_SHARE * quiet)


def _narrow(quiet: float) -> float:
    return max(NARROW, SAME_SHARE * quiet)


def _spread(ended: list[Ended]) -> float:
    times = [one.until for one in ended]
    return max(times) - min(times)


def _is_one_event(ended: list[Ended]) -> bool:
    """Whether all were quiet at one moment: a restart then would explain them as well."""
    return max(one.until - one.quiet for one in ended) < min(one.until for one in ended)
