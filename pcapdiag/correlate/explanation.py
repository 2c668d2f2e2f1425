"""Why a failure failed: the calls that made it, or those of which each may have."""

from __future__ import annotations

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
