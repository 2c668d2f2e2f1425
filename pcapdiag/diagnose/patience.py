"""Whether an initiator that left had lost patience (a timeout) or interest (an abort).

Both look the same: a request, quiet, then FIN or RST by the initiator. What tells them apart is
how long it waited: at a timeout's round value, or longer than this responder ever takes, it is a
timeout; soon, or within the responder's usual time, an abort. So it is where its host ended other
connections in the same moment that had waited for other times: a process that is stopped closes all
it has, a timer one. A probability, for no packet says why.
"""

from __future__ import annotations

import msgspec

from pcapdiag.correlate.legs import AT_ONCE
from pcapdiag.diagnose.other_leg import ended_with
from pcapdiag.diagnose.timing import duration, timeless
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, SECOND, counted

ROUND_SECONDS = (
    1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 45, 50, 60, 75, 90, 100, 120,
    150, 180, 240, 300, 350, 600, 900, 1200, 1800, 3600,
)  # fmt: skip
ROUND_FRACTIONS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8)
EARLY, LATE, LATE_SHARE = 25 * MS, 60 * MS, 0.01
"""How far from its nominal value a proxy's timer may seem to fire: it started a little before the
request was seen, and fires a little late."""
FRACTION_SLACK = 5 * MS
FRESH_TURNS = 3
"""Up to this turn (TLS takes two) the initiator's timer may have begun with the connection."""
KNOWN_ANSWERS = 3
"""Answers seen from an endpoint before a wait may be longer than "its usual time". One that took
longer than this wait is enough to show that initiators wait for it."""

PRIOR_ODDS = ((100 * MS, 0.05), (SECOND, 0.25), (5 * SECOND, 1.0), (30 * SECOND, 2.5))
"""Odds timeout : abort by the time waited alone; judgement, not measured."""
PRIOR_ODDS_LONG = 6.0
ROUND_FACTOR, FRACTION_FACTOR, NOT_ROUND_FACTOR = 12.0, 6.0, 0.5
LONGER_THAN_USUAL_FACTOR, WITHIN_USUAL_FACTOR = 4.0, 0.3
MOST_SURE = 0.97
NOT_AT_ONCE = SECOND // 4
ALIKE, SEVERAL, MOSTLY = 4 * MS, 3, 0.2
"""Waits of one initiator that are so close, so many and this share of all come from a timer: people
and programs that lose interest do so after all kinds of times."""
ALIKE_FACTOR = 8.0
SWEEP, SWEPT_SHARE = 2_200 * MS, 0.4
"""Some proxies look once a second which timers are over (Traffic Server's InactivityCop), or know
the time to the second only (Squid, tinyproxy: waits of 3.4 to 5.5 s for 4 s, measured). So their
waits lie within this time of each other, which tells a timer where it is at most this share of
them."""
TOGETHER_PRIOR, STOPPED_FACTOR, NEARLY_FACTOR = 1.0, 0.1, 0.25
"""For what left in one moment after other waits: the most that a long wait says there, and the last
where the waits differ so little that one such look at the timers can have ended all."""


class Patience(msgspec.Struct, frozen=True):
    """How long the initiator waited and what that says."""

    waited: int
    """From the last byte of the request (or of the answer) until it left, nanoseconds."""
    timeout: float
    """Probability that it was a timeout."""
    round_value: float | None
    """The timeout's value in seconds that it fits."""
    reason: str
    alike: int = 0
    """How many other times it waited as long for this endpoint."""


def patience(story: Story, context: Context, since: int, left: int) -> Patience:
    """Weigh whether an initiator that waited from ``since`` until ``left`` had timed out."""
    waited = max(0, left - since)
    if timeless(story):
        return Patience(waited, 0.5, None, "the capture's times are made up, so nobody knows")
    starts = [since, story.turn.request_time]
    if story.turn.index <= FRESH_TURNS:
        starts.append(story.start)
    value, whole = _round_value(starts, left)
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    waits = endpoint.left_after.get(story.initiator.address, {})
    others = _waited_alike(waited, list(waits.values()))
    beside = [wait for stream, wait in waits.items() if stream != story.stream]
    apart = max(_left_together(waited, left, beside), ended_with(story, left), key=len)
    odds = min(_prior(waited), TOGETHER_PRIOR) if apart and not others else _prior(waited)
    reason = f"it waited {duration(waited)}"
    if value is None:
        odds *= NOT_ROUND_FACTOR
        reason += ", which is no usual timeout"
    else:
        odds *= ROUND_FACTOR if value >= 1 else FRACTION_FACTOR
        reason += (
            f", the value of a {value:g} s timeout"
            if not whole
            else (f" and left {value:g} s after it had begun, the value of a timeout")
        )
    if others:
        odds *= ALIKE_FACTOR if value is not None else ALIKE_FACTOR / NOT_ROUND_FACTOR
        reason += f", and as long as {others:,} other times"
    elif apart:
        odds *= STOPPED_FACTOR if max(apart) > SWEEP else 1 if value is None else NEARLY_FACTOR
        ended = counted(len(apart), "other connection")
        reason += f", but it ended {ended} in that moment that had waited for another time"
    longer = endpoint.turns >= KNOWN_ANSWERS and waited > 2 * endpoint.longest_answer
    if longer or waited <= endpoint.longest_answer:
        odds *= LONGER_THAN_USUAL_FACTOR if longer else WITHIN_USUAL_FACTOR
        usual = duration(endpoint.longest_answer)
        reason += f"; answers here took {usual} at most"
    probability = min(MOST_SURE, max(1 - MOST_SURE, odds / (1 + odds)))
    return Patience(waited, probability, value, reason, others)


def _waited_alike(waited: int, waits: list[tuple[int, int]]) -> int:
    """Return how many other times an initiator waited as long for this endpoint; 0 for chance.

    What left at one moment was stopped, however long it had waited.
    """
    moments = [moment for one, moment in waits if abs(one - waited) <= _slack(waited)]
    if len(moments) <= max(SEVERAL, MOSTLY * len(waits)):
        moments = [moment for _, moment in waits] if _are_swept(waits) else []
    return len(moments) - 1 if _are_apart(moments) else 0


def _slack(waited: int) -> int:
    return max(ALIKE, int(waited * LATE_SHARE))


def _are_swept(waits: list[tuple[int, int]]) -> bool:
    times = [waited for waited, _ in waits]
    if len(times) <= SEVERAL or min(times) < SWEEP:
        return False
    return max(times) - min(times) <= min(SWEEP, SWEPT_SHARE * min(times))


def _are_apart(moments: list[int]) -> bool:
    return bool(moments) and max(moments) - min(moments) >= NOT_AT_ONCE


def _left_together(waited: int, left: int, waits: list[tuple[int, int]]) -> list[int]:
    """Return by how much (ns) the waits differ of others that left in one moment with this one."""
    then = [abs(one - waited) for one, moment in waits if abs(moment - left) <= AT_ONCE]
    several = len(then) + 1 > MOSTLY * (len(waits) + 1)
    return [one for one in then if one > max(AT_ONCE, _slack(waited))] if several else []


def _prior(waited: int) -> float:
    for limit, odds in PRIOR_ODDS:
        if waited < limit:
            return odds
    return PRIOR_ODDS_LONG


def round_seconds(waited: int) -> float | None:
    """Return the usual timer value, seconds, that a wait in nanoseconds fits; None for no such."""
    for value in ROUND_SECONDS:
        nominal = int(value * SECOND)
        if -EARLY <= waited - nominal <= max(LATE, nominal * LATE_SHARE):
            return value
    return None


def _round_value(starts: list[int], left: int) -> tuple[float | None, bool]:
    """Return the timeout value that fits the wait from one of the possible starts of the timer.

    True with it where that is an earlier one than the first.
    """
    waited = left - starts[0]
    value = round_seconds(waited)
    if value is not None:
        return value, False
    for value in ROUND_FRACTIONS:
        if abs(waited - int(value * SECOND)) <= FRACTION_SLACK:
            return value, False
    earlier = (round_seconds(left - start) for start in starts[1:])
    value = next((value for value in earlier if value is not None), None)
    return value, value is not None
