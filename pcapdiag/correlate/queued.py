"""Requests that Envoy failed with a connection that may have been begun for another one.

Its pool opens connections ahead of what waits: a request that comes while one is being made waits
for that one, and when it fails, all that wait are failed at once (Envoy source,
ConnPoolImplBase::onConnectionEvent and purgePendingStreams). So the call may be older than the
request, and what ties them is the moment: that of the call's failure, or, where nothing answered
the SYN and nobody said so, the connect timeout's after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence

from pcapdiag.correlate.explanation import Options
from pcapdiag.correlate.fitting import fits, reply_of
from pcapdiag.correlate.leg_failure import Key, LegFailure
from pcapdiag.correlate.legs import GAVE_UP, Legs, asked, decided, is_same_leg
from pcapdiag.model.units import MS

AT_THAT_MOMENT = MS
"""What waited is failed this soon after the connection that it waited for."""
LATE = 6 * MS
"""A timer of Envoy's runs this late at most (measured under load: 3 ms)."""
LONGEST = 60_000 * MS
"""Connect timeouts that are looked for."""
SEVERAL = 3
MOSTLY = 0.6
"""Requests, and share of them, that were failed equally long after a call: its connect timeout."""
MAX_AGES = 10_000
"""Pairs of request and call that are compared of one host."""


def timed_out(effects: Sequence[LegFailure], legs: Legs) -> Options:
    """Return, by request that was told of a connect timeout, the calls that were then as old."""
    by_host: dict[str, list[LegFailure]] = {}
    for effect in effects:
        if _is_told(effect, "slow connect"):
            by_host.setdefault(legs.host(effect.answerer), []).append(effect)
    found: Options = {}
    for host, waiting in by_host.items():
        silent = [call for call in legs.silent.get(host, []) if not call.came_up]
        timeout = _connect_timeout(waiting, silent)
        for effect in waiting if timeout else ():
            low, high = effect.decided - timeout - LATE, effect.decided - timeout
            calls = silent[bisect_left(silent, low, key=asked) : _after(silent, high)]
            calls = [call for call in calls if _fits(effect, call)]
            if calls:
                found[effect.key] = calls
    return found


def _connect_timeout(waiting: Sequence[LegFailure], silent: Sequence[LegFailure]) -> int:
    """Return after how long (ns) calls without an answer were given up; 0 where it does not show.

    By chance requests are failed at all ages of other calls, and by their own's end at one.
    """
    ages: list[tuple[int, int]] = []
    for number, effect in enumerate(waiting):
        since, until = effect.decided - LONGEST, effect.decided - GAVE_UP
        calls = silent[bisect_left(silent, since, key=asked) : _after(silent, until)]
        ages += [(effect.decided - call.asked, number) for call in calls]
        if len(ages) > MAX_AGES:
            break
    ages.sort()
    best, timeout, first = 0, 0, 0
    seen: dict[int, int] = {}
    for last, (age, number) in enumerate(ages):
        seen[number] = last
        while age - ages[first][0] > LATE:
            if seen.get(ages[first][1]) == first:
                del seen[ages[first][1]]
            first += 1
        if len(seen) > best:
            best, timeout = len(seen), ages[first][0]
    return timeout if best >= max(SEVERAL, MOSTLY * len(waiting)) else 0


def failed_with(effects: Sequence[LegFailure], legs: Legs, known: Collection[Key]) -> Options:
    """Return the calls with which requests failed that came after them, of no ``known`` cause."""
    found: Options = {}
    for effect in effects:
        if effect.key in known or not _is_told(effect, "connect", "slow connect"):
            continue
        ended = legs.ended.get(legs.host(effect.answerer), [])
        low, high = effect.decided - AT_THAT_MOMENT, effect.decided + AT_THAT_MOMENT
        first = bisect_left(ended, low, key=decided)
        calls = ended[first : bisect_right(ended, high, key=decided)]
        calls = [call for call in calls if call.asked < effect.asked and _fits(effect, call)]
        if calls:
            found[effect.key] = calls
    return found


def _after(silent: Sequence[LegFailure], time: int) -> int:
    return bisect_right(silent, time, key=asked)


def _is_told(effect: LegFailure, *replies: str) -> bool:
    return effect.product == "envoy" and not effect.suspected and reply_of(effect) in replies


def _fits(effect: LegFailure, call: LegFailure) -> bool:
    return not is_same_leg(effect, call) and fits(effect, call)
