"""What a proxy's other leg says about a connection: who gave up first, and whose failure it was.

A proxy cannot be seen to think, but it is seen to act: it gives up on an upstream and answers its
client itself, or its client leaves and it drops the upstream. The moments come from the tracker,
which keeps a few; where several requests were under way at once, nothing is concluded.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.timing import MS
from pcapdiag.model.story import LegMoment, Story

AT_ONCE = 50 * MS
"""A proxy hands a failure from one leg to the other within this time."""
SAME_MOMENT = 5 * MS
"""Two packets of one decision, whichever was captured first."""
GAVE_UP = 200 * MS
"""No proxy gives up on a new connection sooner; a cached answer comes sooner."""
FORWARDED = frozenset(
    {
        "tcp.closed_before_request",
        "tcp.closed_before_response",
        "tcp.reset_before_request",
        "tcp.reset_before_response",
        "tcp.reset_in_response",
        "tcp.response_timeout",
    }
)
"""Failures of a client's leg that a proxy may only have handed on."""


def told_its_client(story: Story, at: int | None = None) -> LegMoment | None:
    """Return when the initiator, a proxy, answered or dropped its own client by itself.

    No upstream had answered it meanwhile. ``at`` (ns) is the moment around which it must be;
    without it, the initiator must have waited long enough to have given up.
    """
    asked = _asked(story)
    words = _of_clients(story, ("answered", "closed"))
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


def cause(story: Story, code: str) -> int | None:
    """Return the stream of the connection on the other leg that made this one fail, if one did."""
    end = ending(story)
    if code == "tcp.initiator_abort" and end is not None:
        left = client_left(story, end.time)
        return left.stream if left else None
    if code not in FORWARDED or end is None:
        return None
    until = end.time + (AT_ONCE if end.by_initiator else SAME_MOMENT)
    failed = [stream for stream, moments in _opened(story) if _failed(moments, end.time, until)]
    return failed[-1] if failed else None


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


def _opened(story: Story) -> list[tuple[int, list[LegMoment]]]:
    """Return the responder's own connections on behalf of this one, by their last moment."""
    since = story.start if story.turn.index <= 1 else story.turn.request_time
    by_stream: dict[int, list[LegMoment]] = {}
    for moment in story.legs_behind:
        if moment.opened and moment.since >= since and not _is_for_another(story, moment, since):
            by_stream.setdefault(moment.stream, []).append(moment)
    return sorted(by_stream.items(), key=lambda item: item[1][-1].time)


def _is_for_another(story: Story, opened: LegMoment, since: int) -> bool:
    """Return whether another client was being served that asked later: it may be that one's."""
    return any(
        not other.opened and since < other.since <= opened.since <= other.time
        for other in story.legs_behind
    )


def _failed(moments: list[LegMoment], end: int, until: int) -> bool:
    """Return whether a connection had failed when the client's ended: unanswered or broken off.

    A client that leaves makes the proxy leave too, so its own end may come first.
    """
    last = moments[-1]
    if last.kind in ("closed", "left"):
        return last.time <= until and (last.kind == "closed" or not last.answered)
    return last.kind == "opened" and end - last.time >= GAVE_UP
