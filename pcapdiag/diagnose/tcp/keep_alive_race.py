"""A request that came just when its server closes idle connections, as others of it show.

The server's kernel takes such a request, and its program closes all the same: by FIN, or by RST, as
bytes lie unread (RFC 2525 section 2.17). So one connection alone looks like a program that refused
the request (measured: half of the races on an asyncio server with a timeout of 1 s).
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending
from pcapdiag.diagnose.timing import IDLE
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

TENTH = 100 * MS
SEVERAL = 5
MOSTLY = 0.8
"""Idle connections that it closed after that quiet time, and their share of all that it closed."""
AT_ONCE = 50 * MS
"""A timer that was due ends the connection this soon after the request."""
LATE_SHARE = 0.01
"""Share by which a timer of tens of seconds runs late."""


def closed_alike(story: Story, end: Ending, context: Context) -> int:
    """Return how many idle connections its responder closed after as long; 0 for no race.

    A request that was answered after a longer quiet time shows that there is no such timer.
    """
    turn, gap = story.turn, quiet_for(story, story.turn.request_time)
    if turn.index < 2 or gap < IDLE - TENTH or end.time - turn.request_last_time > AT_ONCE:
        return 0
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    near = max(TENTH, round(LATE_SHARE * gap))
    if endpoint.longest_idle > gap + near:
        return 0
    closed = endpoint.closed_idle
    alike = sum(n for tenths, n in closed.items() if abs(tenths * TENTH - gap) <= near)
    return alike if alike >= max(SEVERAL, MOSTLY * sum(closed.values())) else 0


def quiet_for(story: Story, time: int) -> int:
    """Return how long no data had come at ``time``: an ACK, a FIN and its ACK are no use of it."""
    before = [p.time for p in story.packets if p.length and p.time < time]
    return time - max(before, default=time)
