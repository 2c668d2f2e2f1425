"""The requests of a connection, where something was read of them."""

from __future__ import annotations

from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story


def broken_off(story: Story) -> Exchange | None:
    """Return the request without a complete answer that the connection's failure hit, if any.

    Of several it is the first: in HTTP/1 of those after the last complete answer, in HTTP/2 of the
    streams that were not reset, or the last one that was.
    """
    known = story.exchanges
    streams = [one for one in known if one.version == "2" and not one.complete]
    if streams:
        return next((one for one in streams if one.ended_by is None), streams[-1])
    found = None
    for one in reversed(known):
        if one.complete or (one.end_unknown and one is not known[-1]):
            break
        found = one
    return found
