"""One clock against another over a whole capture: lines, and the steps between them."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pcapdiag.correlate.bounds import Bound, Corridor, Line
from pcapdiag.correlate.sightings import Limit

TOLERANCE = 20_000
"""Times in a capture are this (ns) inaccurate between two processors: no step is made of it."""
MAX_STRAY = 6
"""Bounds in a row that may be wrong, as of a packet taken for another, without making a step."""
MIN_BACK = 4
"""Bounds behind wrong ones that have to fit what was before them."""
MAX_STEPS = 16
"""With more of them nothing is said about the clock."""
MAX_LIMITS = 6_000
"""Bounds that steps are looked for in: the narrowest of each part of the time."""
FEW = 20
"""One bound in so many of a short time may be wrong; more of them are a step."""
FIRST_PROBE = 64


class Stretch(msgspec.Struct, frozen=True):
    """A time without a step: the line between ``since`` and ``until`` (the point's clock, ns)."""

    since: int
    until: int
    line: Line


def lay_lines(limits: list[Limit]) -> list[Stretch]:
    """Return the stretches, in order; none when the limits do not tell.

    The limits are in the order of their times. Where that makes steps, the other clock's order is
    tried too: a clock that was set back has the same times twice.
    """
    if _fits(limits):
        return _stretches([limits])
    ways = []
    for whole in (limits, sorted(limits, key=_other_time)):
        ordered = _narrowest(whole)
        kept = _without_strays(ordered)
        parts, found = _divided(kept)
        if found:
            # Of two ways alike the one that is less sure of when the step was.
            doubt = sum(stretch.until for stretch in found)
            strays = len(ordered) - len(kept)
            # A line that leaves out many is no line: a clock that was set back hides in it.
            wild = strays > max(MAX_STRAY, len(ordered) // FEW)
            ways.append((wild, parts, strays, -doubt, found))
    return min(ways, key=lambda way: way[:4])[4] if ways else []


def _narrowest(limits: list[Limit]) -> list[Limit]:
    """Return the narrowest bounds of each part of the time, and its first and last."""
    if len(limits) <= MAX_LIMITS:
        return limits
    size = -(-4 * len(limits) // MAX_LIMITS)
    found: list[Limit] = []
    for at in range(0, len(limits), size):
        part = _without_few(limits[at : at + size])
        lower = [limit for limit in part if not limit[2]]
        upper = [limit for limit in part if limit[2]]
        kept = {min(part), max(part)}
        kept |= {max(lower, key=_difference)} if lower else set()
        kept |= {min(upper, key=_difference)} if upper else set()
        found += [limit for limit in part if limit in kept]
    return found


def _without_few(part: list[Limit]) -> list[Limit]:
    """Leave out bounds that contradict most others of a short time, if they are few."""
    lower = sorted((one for one in part if not one[2]), key=_difference)
    upper = sorted((one for one in part if one[2]), key=_difference, reverse=True)
    middle = sorted(map(_difference, part))[len(part) // 2]
    few = len(part) // FEW
    while lower and upper and lower[-1][1] > upper[-1][1] + 2 * TOLERANCE:
        if not few:
            return part
        few -= 1
        farther = lower if lower[-1][1] - middle > middle - upper[-1][1] else upper
        farther.pop()
    kept = {*lower, *upper}
    return [one for one in part if one in kept]


def _difference(limit: Limit) -> int:
    return limit[1]


def _other_time(limit: Limit) -> int:
    return limit[0] + limit[1]


def _divided(limits: list[Limit]) -> tuple[int, list[Stretch]]:
    """Return in how many parts limits in order fall, and their stretches; none with too many.

    A step that is found from its two sides at two places was somewhere between them: what is
    between them is left out.
    """
    late = _breaks(limits)
    early = _breaks(limits[::-1])
    if late is None or early is None:
        return 0, []
    starts, ends = [0, *late], [*late, len(limits)]
    if len(early) == len(late):
        certain = [*(len(limits) - n for n in reversed(early)), len(limits)]
        pairs = zip(starts, certain, ends, strict=True)
        ends = [one if one > start else end for start, one, end in pairs]
    found: list[Stretch] = []
    for start, end in zip(starts, ends, strict=True):
        found += _stretches([limits[start:end]])
    if len(found) < len(starts):
        return len(starts), found
    between = [limits[end - 1 : start + 1] for end, start in zip(ends, starts[1:], strict=False)]
    return len(starts), _set_back(found, between)


def _set_back(found: list[Stretch], between: list[list[Limit]]) -> list[Stretch]:
    """Let stretches meet where the clock had each time that either may have had at a step back.

    Before it, the clock may have gone on for as long as no packet showed it, and behind it too.
    """
    for n, doubtful in enumerate(between):
        times = [time for time, _, _ in doubtful]
        unseen = max(_true(found[n + 1], times[-1]) - _true(found[n], times[0]), 0)
        unseen += found[n].line.error + found[n + 1].line.error
        in_order = times[0] == min(times) and times[-1] == max(times)
        if in_order and times[-1] - times[0] >= unseen:
            continue
        found[n] = replace(found[n], until=max(times) + unseen)
        found[n + 1] = replace(found[n + 1], since=min(times) - unseen)
    return found


def _true(stretch: Stretch, time: int) -> int:
    """Return a time of a stretch on the other clock, as its line says (give or take its error)."""
    return time + stretch.line.at(time)


def _stretches(parts: list[list[Limit]]) -> list[Stretch]:
    found = []
    for part in parts:
        corridor = _corridor(part)
        if corridor is not None:
            found.append(Stretch(part[0][0], part[-1][0], corridor.line()))
    return found


def _corridor(limits: list[Limit]) -> Corridor | None:
    lower: list[Bound] = sorted((time, x) for time, x, most in limits if not most)
    upper: list[Bound] = sorted((time, x) for time, x, most in limits if most)
    return Corridor(lower, upper) if lower and upper else None


def _fits(limits: list[Limit]) -> bool:
    corridor = _corridor(limits)
    return corridor is None or corridor.fits(TOLERANCE)


def _longest(limits: list[Limit], start: int) -> int:
    """Return where the longest part from ``start`` on that one line fits ends."""
    length = FIRST_PROBE
    while start + length < len(limits) and _fits(limits[start : start + length]):
        length *= 2
    low, high = start + 1, min(start + length, len(limits))
    if _fits(limits[start:high]):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(limits[start:middle]):
            low = middle
        else:
            high = middle
    return low


def _breaks(limits: list[Limit]) -> list[int] | None:
    """Return where a line has to end, going on with each as far as it can; None for too many."""
    found: list[int] = []
    at = _longest(limits, 0)
    while at < len(limits):
        if len(found) == MAX_STEPS:
            return None
        found.append(at)
        at = _longest(limits, at)
    return found


def _without_strays(limits: list[Limit]) -> list[Limit]:
    """Leave out what breaks a line that goes on behind it."""
    kept: list[Limit] = []
    for _ in range(2 * MAX_STEPS):
        end = _longest(limits, 0)
        stray = _strays(limits, end)
        if stray:
            limits = limits[:end] + limits[end + stray :]
        elif end < len(limits):
            kept += limits[:end]
            limits = limits[end:]
        else:
            break
    return kept + limits


def _strays(limits: list[Limit], end: int) -> int:
    """Return how many limits from ``end`` on have to be left out for the line to go on."""
    for count in range(1, MAX_STRAY + 1):
        behind = limits[end + count : end + count + MAX_STRAY + MIN_BACK]
        if len(behind) < MIN_BACK:
            return 0
        if _fits(limits[:end] + behind):
            return count
    return 0
