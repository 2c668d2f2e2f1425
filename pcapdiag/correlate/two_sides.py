"""The two addresses of a proxy whose sides were captured as if they were two hosts.

``-i any`` shows which addresses are the capturing host's. Two interfaces in one file do not, nor do
two files: there one address only answers clients, and another only calls upstreams.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from pcapdiag.correlate.fitting import REPLIES, reply_of
from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.correlate.legs import MAX_COMPARED, is_same_leg, may_cause
from pcapdiag.model.units import MS

AT_THAT_MOMENT = 10 * MS
"""A proxy tells its client so soon that its call failed."""


def two_sides(
    failures: Sequence[LegFailure], opened: Container[str], answered: Container[str]
) -> frozenset[str]:
    """Return the two addresses, or nothing where the capture shows no such pair, or several.

    ``opened`` and ``answered`` have the addresses that opened and answered connections. Every
    answer of the one in an upstream's place must have a failed call of the other behind it. What
    called a client of the one is that client's own client: a chain, seen from beside its middle.
    """
    replies = [one for one in failures if _is_own(one) and one.answerer not in opened]
    calls = [one for one in failures if not one.is_silent and one.opener not in answered]
    pairs = set()
    for front in {one.answerer for one in replies}:
        said = [one for one in replies if one.answerer == front][:MAX_COMPARED]
        clients = {one.opener for one in said}
        for back in {one.opener for one in calls} - clients:
            made = [one for one in calls if one.opener == back and one.answerer not in clients]
            made = made[:MAX_COMPARED]
            if all(any(_is_behind(reply, call) for call in made) for reply in said):
                pairs.add(frozenset((front, back)))
    return pairs.pop() if len(pairs) == 1 else frozenset()


def _is_own(failure: LegFailure) -> bool:
    """Return whether a proxy says of itself that its call failed."""
    own = failure.code in REPLIES and failure.product and not failure.handed_on
    return bool(own) and failure.decided > 0 and reply_of(failure) != "no attempt"


def _is_behind(reply: LegFailure, call: LegFailure) -> bool:
    near = abs(reply.decided - call.decided) <= AT_THAT_MOMENT
    return near and not is_same_leg(reply, call) and may_cause(reply, call)
