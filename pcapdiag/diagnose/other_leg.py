"""What a proxy's other leg says about a connection: who gave up first, and whose failure it was.

A proxy cannot be seen to think, but it is seen to act: it gives up on an upstream and answers its
client itself, or its client leaves and it drops the upstream. The moments come from the tracker,
which keeps a few; where several requests were under way at once, nothing is concluded.
"""

from __future__ import annotations

from pcapdiag.correlate.legs import AT_ONCE
from pcapdiag.model.story import LegMoment, Story
from pcapdiag.model.units import MS

GAVE_UP = 200 * MS
"""No proxy gives up on a new connection sooner; a cached answer comes sooner."""


def told_its_client(story: Story, at: int | None = None) -> LegMoment | None:
    """Return when the initiator, a proxy, answered or dropped its own client by itself.

    No upstream had answered it meanwhile. ``at`` (ns) is the moment around which it must be;
    without it, the initiator must have waited long enough to have given up. What is said to a
    client that has just left (Go's net/http and Caddy write a 502 or an empty 200 then, measured)
    only ends its request.
    """
    asked = _asked(story)
    gone = {word.stream: word.time for word in _of_clients(story, ("left",))}
    words = [
        word
        for word in _of_clients(story, ("answered", "closed"))
        if not 0 <= word.time - gone.get(word.stream, word.time + 1) <= AT_ONCE
    ]
    if at is not None:
        words = [word for word in words if abs(word.time - at) <= AT_ONCE]
    if len(words) != 1 or (at is None and words[0].time - asked < GAVE_UP):
        return None
    helped = (m for m in story.legs_before if m.opened and m.kind == "answered")
    return None if any(m.time <= words[0].time for m in helped) else words[0]


def client_left(story: Story, left: int) -> LegMoment | None:
    """Return when the proxy's own client left, just before the proxy did at ``left`` (ns)."""
    unread = story.turn.response_bytes > 0
    words = [
        word
        for word in _of_clients(story, ("left",))
        if 0 <= left - word.time <= AT_ONCE and (unread or not word.answered)
    ]
    return words[0] if len(words) == 1 else None


def ended_with(story: Story, at: int) -> list[int]:
    """Return what else the initiator's host ended around ``at`` (ns): how far apart it was asked.

    Clients beside the one that it may have asked for, also idle ones, and calls that waited for
    another time. An idle call says nothing: a program may end when one of its calls timed out.
    """
    asked = _asked(story)
    ended = {m.stream: m for m in story.legs_before if abs(m.time - at) <= AT_ONCE}
    clients = [m for m in ended.values() if not m.opened and m.kind == "closed"]
    waiting = [m.since for m in clients if not m.answered and m.since <= asked]
    since = max(waiting, default=asked)
    apart = [abs(m.since - since) for m in clients]
    apart += [
        abs(m.since - asked)
        for m in ended.values()
        if m.opened and m.kind == "left" and not m.answered
    ]
    return [one for one in apart if one > AT_ONCE]


def _asked(story: Story) -> int:
    return story.turn.request_time or story.start


def _of_clients(story: Story, kinds: tuple[str, ...]) -> list[LegMoment]:
    """Return the first such moment of each client that the initiator had not answered yet."""
    asked = _asked(story)
    found: dict[int, LegMoment] = {}
    for moment in story.legs_before:
        answered_before = 0 < moment.answered < asked
        waiting = not moment.opened and moment.since <= asked and not answered_before
        if waiting and moment.kind in kinds:
            found.setdefault(moment.stream, moment)
    return list(found.values())
