"""What made each failure fail on another leg: one cause, with the tries before it, or none.

A proxy calls at once when it is asked, and tells its client at once when the call has failed: a
call that fits closely at both ends is its. A call that is the only one to explain a failure is
struck out for the others. Where several fit equally well there is no cause rather than a wrong one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from types import MappingProxyType

import msgspec

from pcapdiag.correlate.explanation import Explanation, Options, break_circles, drop_handed_on
from pcapdiag.correlate.fitting import GIVEN_UP, LEFT, REPLIES, STALLS, fits, is_effect
from pcapdiag.correlate.hidden import Reach, behind_hidden
from pcapdiag.correlate.leg_failure import Key, LegFailure
from pcapdiag.correlate.legs import (
    AT_ONCE,
    GAVE_UP,
    MAX_COMPARED,
    SAME_MOMENT,
    Legs,
    asked,
    calls_the_same,
    decided,
    is_same_leg,
    likeness,
    may_cause,
)
from pcapdiag.correlate.queued import failed_with, timed_out
from pcapdiag.model.units import MS
from pcapdiag.protocols.http.local_reply import IN_PLACE

BETWEEN_TRIES = 300 * MS
"""Envoy waits up to 250 ms before a retry (its base interval of 25 ms, ten times)."""
TURN_AROUND = 1_300 * MS
"""HAProxy waits 1 s before it tries a server again that refused (measured: FIN after 3 s)."""
AT_THAT_MOMENT = 10 * MS
"""An answer that no page shows to be a proxy's own comes this soon after its call has failed."""
TIMED_OUT = 504
MAX_TRIES = 16
"""Attempts named for one failure."""
CLOSER = 4
"""How many times more closely one call must fit than the next to be the only one."""
INSTANT = MS // 4
"""Differences below this say nothing."""
EVENLY = 0.2
"""Calls that time out one after the other take equally long, within this share."""
MAX_TIMEOUTS = 6
"""Calls of one request that timed out one after the other."""
ROUNDS = 4
"""How often causes that are taken are struck out, to see what is left for others."""


class Waiting(msgspec.Struct, frozen=True):
    """Failed requests by the host that failed them, in the order in which they were answered."""

    by_host: dict[str, list[LegFailure]]
    legs: Legs

    @classmethod
    def of(cls, effects: Sequence[LegFailure], legs: Legs) -> Waiting:
        """Sort them."""
        found: dict[str, list[LegFailure]] = {}
        for effect in sorted(effects, key=decided):
            found.setdefault(legs.host(effect.answerer), []).append(effect)
        return cls(found, legs)

    def for_another(self, effect: LegFailure, call: LegFailure) -> bool:
        """Return whether a call can just as well have been made for another request."""
        others = self.by_host[self.legs.host(effect.answerer)]
        first = bisect_left(others, call.decided - SAME_MOMENT, key=decided)
        return any(
            other.key != effect.key
            and other.since - SAME_MOMENT <= call.asked
            and fits(other, call)
            and likeness(other, call) >= likeness(effect, call)
            for other in others[first : first + MAX_COMPARED]
        )


class Joined(msgspec.Struct, frozen=True):
    """Why failures failed, for each that another leg explains, and what could not be told.

    ``unclear`` has, for a failure, the calls of which each may be the cause, and none is named.
    """

    explained: dict[Key, Explanation]
    unclear: Options
    handed_on: frozenset[Key] = frozenset()
    """Answers that seemed to be a proxy's own, and came from its upstream."""


def join_legs(
    failures: Sequence[LegFailure],
    own: frozenset[str] = frozenset(),
    reach: Reach = MappingProxyType({}),
) -> Joined:
    """Join the legs of all failures; ``own`` are the addresses of the capturing host.

    ``reach`` has who opened connections to whom, where several points were captured.
    """
    legs = Legs.of(failures, own)
    effects = [one for one in failures if is_effect(one) and one.decided and _counts(one)]
    timed = timed_out(effects, legs)
    options = {
        effect.key: _best(effect, _candidates(effect, legs))
        for effect in effects
        if effect.key not in timed
    }
    last, unclear = _assign(options, {effect.key: effect for effect in effects})
    _take(timed, last, unclear)
    taken = {cause.key for cause in last.values()}
    waiting = Waiting.of(effects, legs)
    found: dict[Key, Explanation] = {}
    for effect in effects:
        cause = last.get(effect.key)
        if cause is not None:
            before = _tries_before(effect, cause, legs, taken, waiting)
            is_first = cause.is_silent and effect.key not in timed
            after = _timeouts_after(effect, cause, legs, taken) if is_first else []
            found[effect.key] = Explanation([*before, cause, *after])
    waited: dict[Key, LegFailure] = {}
    _take(failed_with(effects, legs, found.keys() | unclear.keys()), waited, unclear)
    found |= {key: Explanation([call]) for key, call in waited.items()}
    break_circles({effect.key: effect for effect in effects}, found)
    explaining = {cause.key for explanation in found.values() for cause in explanation.causes}
    found |= behind_hidden(effects, found.keys() | unclear.keys(), explaining, legs, reach)
    for failure in failures:
        if failure.key not in found and failure.key not in explaining:
            client = _client_behind(failure, legs)
            if client is not None:
                found[failure.key] = Explanation([client], by_client=True)
    dropped = drop_handed_on(effects, found)
    handed_on = frozenset(one.key for one in effects if one.by_name and one.key in dropped)
    return Joined(found, unclear, handed_on)


def _take(options: Options, found: dict[Key, LegFailure], unclear: Options) -> None:
    """Add what explains failures for sure to ``found``, and the others to ``unclear``."""
    for key, calls in options.items():
        if len(calls) == 1:
            found[key] = calls[0]
        else:
            unclear[key] = calls


def _counts(failure: LegFailure) -> bool:
    return not failure.suspected or failure.may_be_own


def _candidates(effect: LegFailure, legs: Legs) -> list[LegFailure]:
    """Return calls that may be why an effect failed.

    What may be an origin's answer is handed on where a call brought the same, and else only what
    failed at that very moment explains it, or the same request passed on.
    """
    calls = legs.candidates(effect)
    same = [call for call in calls if call.code in REPLIES]
    if effect.by_name:
        return [call for call in same if likeness(effect, call) > 0] or [
            call for call in calls if not call.may_be_own
        ]
    if not effect.may_be_own:
        return calls
    return same or [call for call in calls if _ended_it(effect, call)]


def _ended_it(effect: LegFailure, call: LegFailure) -> bool:
    if call.code == LEFT and effect.status != TIMED_OUT:
        return False
    if likeness(effect, call) > 0:
        return True
    if call.suspected or effect.status not in IN_PLACE:
        return False
    apart = call.asked - effect.asked if call.is_silent else effect.decided - call.decided
    return abs(apart) <= AT_THAT_MOMENT


def _best(effect: LegFailure, candidates: list[LegFailure]) -> list[LegFailure]:
    """Return the candidates that nothing tells apart: likeness first, then the moment.

    What surely failed comes before what is only suspected, and what was called and failed within
    the request's time before what seems to lie outside it.
    """
    candidates = [call for call in candidates if not call.suspected] or candidates
    candidates = [call for call in candidates if _is_within(effect, call)] or candidates
    candidates = _most_alike(effect, candidates)
    near = [call for call in candidates if _distance(effect, call) <= SAME_MOMENT]
    return _closest(effect, near or candidates)


def _is_within(effect: LegFailure, call: LegFailure) -> bool:
    before = call.is_silent or call.by == "initiator" or call.decided <= effect.decided
    return before and call.asked >= effect.since


def _closest(effect: LegFailure, calls: list[LegFailure]) -> list[LegFailure]:
    """Return the one call that fits by far most closely at both ends, else all.

    A last try was called late, and still told at once: what failed by far nearer to the answer is
    not outdone by what was called sooner.
    """
    if len(calls) < 2:
        return calls
    calls = sorted(calls, key=lambda call: _slack(effect, call))
    first, second = _slack(effect, calls[0]), _slack(effect, calls[1])
    told = min(_told_after(effect, call) for call in calls[1:])
    outdone = told * CLOSER <= _told_after(effect, calls[0])
    sure = _is_told_at_once(effect, calls[0])
    return calls[:1] if first * CLOSER <= second and not outdone and sure else calls


def _told_after(effect: LegFailure, call: LegFailure) -> int:
    """Return how long after a call's failure its client was told, or before (ns)."""
    return AT_ONCE if call.is_silent else max(abs(effect.decided - call.decided), INSTANT)


def _slack(effect: LegFailure, call: LegFailure) -> int:
    """Return the longer of the times that the proxy took to call and to tell its client (ns)."""
    called = min(abs(call.asked - effect.asked), abs(call.asked - effect.since))
    return called if call.is_silent else max(called, abs(effect.decided - call.decided))


def _most_alike(effect: LegFailure, calls: list[LegFailure]) -> list[LegFailure]:
    most = max((likeness(effect, call) for call in calls), default=0)
    return [call for call in calls if likeness(effect, call) == most]


def _distance(effect: LegFailure, call: LegFailure) -> int:
    return AT_ONCE if call.is_silent else abs(effect.decided - call.decided)


def _assign(
    options: Options, effects: dict[Key, LegFailure]
) -> tuple[dict[Key, LegFailure], Options]:
    """Give each effect its only candidate; what is taken is struck out for those with several.

    Of several that can only be tries one after the other the last is the cause: for silent ones
    that is found later. What is left is returned, too.
    """
    found: dict[Key, LegFailure] = {}
    several = {key for key, calls in options.items() if len(calls) > 1}
    for _ in range(ROUNDS):
        fresh = {
            key: calls[0]
            for key, calls in options.items()
            if len(calls) == 1 and (key not in several or _is_told_at_once(effects[key], calls[0]))
        }
        if not fresh:
            break
        found |= fresh
        taken = {call.key for call in found.values()}
        options = {
            key: [call for call in calls if call.key not in taken]
            for key, calls in options.items()
            if key not in fresh
        }
    last = {
        key: calls[-1]
        for key, calls in options.items()
        if _in_turn(calls, effects[key].since)
        and not calls[-1].is_silent
        and (len(calls) > 1 or _is_told_at_once(effects[key], calls[-1]))
    }
    claims = Counter(call.key for call in last.values())
    found |= {key: call for key, call in last.items() if claims[call.key] == 1}
    return found, {key: calls for key, calls in options.items() if calls and key not in found}


def _is_told_at_once(effect: LegFailure, call: LegFailure) -> bool:
    """Return whether a call is certain enough to be what is left when others are struck out."""
    return call.is_silent or _told_after(effect, call) <= MS


def _tries_before(
    effect: LegFailure, last: LegFailure, legs: Legs, taken: set[Key], waiting: Waiting
) -> list[LegFailure]:
    """Return the calls that were tried for one request before the last; only what is certain."""
    # Only clocks of several points make a try seem earlier than its request.
    since = effect.since - (SAME_MOMENT if effect.label else 0)
    until = last.asked + SAME_MOMENT
    calls = legs.calls(last.opener, since, until, since, last.asked - GAVE_UP)
    before = [call for call in calls if _may_be_a_try(effect, call, since)]
    before = [call for call in before if call.key not in taken]
    tries: list[LegFailure] = []
    following = last
    while len(tries) < MAX_TRIES:
        fitting = [call for call in before if _is_next_try(call, following, effect.since)]
        fitting = _most_alike(effect, fitting)
        if not _in_turn(fitting, effect.since) or waiting.for_another(effect, fitting[-1]):
            break
        following = fitting[-1]
        tries.insert(0, following)
        before.remove(following)
    return tries


def _timeouts_after(
    effect: LegFailure, first: LegFailure, legs: Legs, taken: set[Key]
) -> list[LegFailure]:
    """Return the calls that timed out after a first one, for the same request.

    They and the wait after the last took equally long: that is the proxy's connect timeout. A
    connection that had come up does not run into that.
    """
    if first.came_up:
        return []
    calls = legs.calls(first.opener, 0, 0, first.asked + GAVE_UP, effect.decided - GAVE_UP)
    free = [call for call in calls if call.key not in taken and may_cause(effect, call)]
    free = _most_alike(effect, free)
    for number in range(MAX_TIMEOUTS, 1, -1):
        each = (effect.decided - first.asked) // number
        due = [first.asked + each * n for n in range(1, number)]
        found = [[c for c in free if abs(c.asked - at) <= each * EVENLY] for at in due]
        if all(len(calls) == 1 for calls in found):
            return [calls[0] for calls in found]
    return []


def _in_turn(calls: list[LegFailure], since: int) -> bool:
    """Sort calls by their beginning; return whether each can be a try after the one before."""
    calls.sort(key=asked)
    return bool(calls) and all(_is_next_try(one, other, since) for one, other in pairwise(calls))


def _may_be_a_try(effect: LegFailure, call: LegFailure, since: int) -> bool:
    return call.asked >= since and call.code != LEFT and not is_same_leg(effect, call)


def _is_next_try(call: LegFailure, following: LegFailure, since: int) -> bool:
    """Return whether a call can have been followed by another one for the same request.

    The request came at ``since``: a connection that was opened for it before the first call had
    failed carries no retry, but the same request beside it, as a copy for a mirror.
    """
    if call.is_silent:
        return following.asked - max(call.last_try, call.asked + GAVE_UP) >= 0
    pause = following.asked - call.decided
    longest = TURN_AROUND if calls_the_same(call, following) else BETWEEN_TRIES
    # A proxy that gives up may call the next before it closes the last.
    shortest = -SAME_MOMENT if call.by == "initiator" else 0
    if since - SAME_MOMENT <= following.opened < call.decided + shortest:
        return False
    return following.asked > call.asked and shortest <= pause <= longest


def _client_behind(failure: LegFailure, legs: Legs) -> LegFailure | None:
    """Return the client's failure that made the proxy fail its upstream: it left, or read late."""
    stalled = failure.code in STALLS and failure.side == "initiator"
    went = failure.code in {LEFT, GIVEN_UP} and failure.by == "initiator"
    if not (went or stalled):
        return None
    clients = legs.clients.get(legs.host(failure.opener), [])
    low, high = 0, len(clients)
    if not stalled:
        low = bisect_left(clients, failure.decided - AT_ONCE, key=decided)
        high = bisect_right(clients, failure.decided + SAME_MOMENT, key=decided)
    if high - low > MAX_COMPARED:
        return None
    found = [
        client
        for client in clients[low:high]
        if not is_same_leg(failure, client)
        and client.asked <= failure.asked + SAME_MOMENT
        and _left_or_stalled(client, failure)
    ]
    return _called_next(failure, found)


def _called_next(failure: LegFailure, clients: list[LegFailure]) -> LegFailure | None:
    """Return the client for whom a call was made by far soonest after it had asked."""
    if len(clients) < 2:
        return clients[0] if clients else None
    most = max(likeness(client, failure) for client in clients)
    alike = [client for client in clients if likeness(client, failure) == most]
    waits = sorted((abs(failure.asked - client.asked), n) for n, client in enumerate(alike))
    if len(alike) > 1 and max(waits[0][0], INSTANT) * CLOSER > waits[1][0]:
        return None
    return alike[waits[0][1]] if most >= 0 else None


def _left_or_stalled(client: LegFailure, failure: LegFailure) -> bool:
    if failure.code in {LEFT, GIVEN_UP}:
        return client.code == LEFT and client.decided > 0
    slow = client.code in STALLS and client.side == "initiator"
    return slow and (client.is_silent or client.decided >= failure.asked)
