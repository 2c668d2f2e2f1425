"""Why a failure failed: the calls that made it, or those of which each may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pcapdiag.correlate.leg_failure import Key, LegFailure

Options = dict[Key, list[LegFailure]]
"""By failure: calls of which each may be its cause."""


class Explanation(msgspec.Struct, frozen=True):
    """Why a failure failed: calls of its responder in time order, the last of which ended it.

    ``by_client`` turns it round: the one cause is the failure of a client of its initiator.
    """

    causes: list[LegFailure]
    by_client: bool = False
    hidden: bool = False
    """They are of the proxy behind, to which the responder's own call cannot be read."""

    @property
    def last(self) -> LegFailure:
        """The cause itself; the ones before it were earlier tries."""
        return self.causes[-1]


def break_circles(effects: Mapping[Key, LegFailure], found: dict[Key, Explanation]) -> None:
    """Drop what closes a circle of causes: a call that was made before what it is to explain.

    On one host two legs of one request, a sidecar's and its application's, end within microseconds,
    and each fits the other.
    """
    for start in list(found):
        circle, key = [start], start
        while key in found and (key := found[key].last.key) not in circle:
            circle.append(key)
        if key != start or start not in found:
            continue
        for one in circle:
            effect = effects.get(one)
            if effect is not None and found[one].last.asked < effect.asked:
                del found[one]


def drop_handed_on(effects: Sequence[LegFailure], found: dict[Key, Explanation]) -> set[Key]:
    """Drop answers that were handed on from an upstream that is not known to have failed itself.

    Return those that were dropped.
    """
    own = {effect.key for effect in effects if effect.may_be_own}
    doubtful = own | {effect.key for effect in effects if effect.by_name}
    every = set[Key]()
    unknown = own - found.keys()
    while unknown:
        dropped = {key for key in doubtful & found.keys() if found[key].last.key in unknown}
        for key in dropped:
            del found[key]
        unknown = dropped
        every |= dropped
    return every
