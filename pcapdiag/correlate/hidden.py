"""Replies that were handed on over a leg that cannot be read, and the call behind it that failed.

In a mesh the sidecars talk by mutual TLS: a sidecar's 503 for its application comes to the
caller's sidecar as bytes that nobody reads, on a connection that worked. The caller's sidecar hands
the words on in the clear, with x-envoy-upstream-service-time: they say how the call behind failed,
and another capture may have that call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from itertools import pairwise

from pcapdiag.correlate.explanation import Explanation, Options
from pcapdiag.correlate.fitting import fits_words
from pcapdiag.correlate.leg_failure import Key, LegFailure
from pcapdiag.correlate.legs import (
    GAVE_UP,
    SAME_MOMENT,
    Legs,
    asked,
    calls_the_same,
    likeness,
)

Reach = Mapping[str, Set[str]]
"""By host, in the names that failures bear: those that it opened connections to."""


def behind_hidden(
    effects: Sequence[LegFailure], known: Collection[Key], legs: Legs, reach: Reach
) -> dict[Key, Explanation]:
    """Return what explains replies that another proxy made, which the answering one had called.

    ``known`` failures are explained, or explain others. Where calls of several hosts, or for
    several requests, fit there is no cause rather than a wrong one.
    """
    options: Options = {}
    for effect in effects:
        if effect.key in known or not (effect.handed_on and effect.product):
            continue
        calls = [
            call
            for host in sorted(reach.get(legs.host(effect.answerer), ()))
            for call in _calls(effect, host, legs)
            if call.key not in known
        ]
        if calls and _are_tries(calls):
            options[effect.key] = calls
    claims = Counter(call.key for calls in options.values() for call in calls)
    return {
        key: Explanation(calls, hidden=True)
        for key, calls in options.items()
        if all(claims[call.key] == 1 for call in calls)
    }


def _calls(effect: LegFailure, host: str, legs: Legs) -> list[LegFailure]:
    """Return a host's failed calls within a request's time that its words fit."""
    since, until = effect.since - SAME_MOMENT, effect.decided + SAME_MOMENT
    found = legs.calls(host, since, until, since, effect.decided - GAVE_UP)
    return [
        call
        for call in found
        if since <= call.asked <= until
        and not call.suspected
        and fits_words(effect, call)
        and likeness(effect, call) >= 0
    ]


def _are_tries(calls: list[LegFailure]) -> bool:
    """Sort calls; return whether they are tries of one request: one after the other, of one end.

    The last one is what the reply is about.
    """
    calls.sort(key=asked)
    return all(
        calls_the_same(one, other) and 0 < one.decided <= other.asked
        for one, other in pairwise(calls)
    )
