"""The same sign over many connections: header values, idle times, a pair that is blocked, a name.

Weaver 2009, measured. One connection alone says little of these.
"""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.view import ResetView, duration
from pcapdiag.diagnose.idle_end import IdleEnd, lost_after_idle, reset_after_idle
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.context import Context, EndpointFacts, Range
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

SEVERAL = 3
"""Connections from which on a common value, or a common time, is no chance."""
SAME_TIME = SECOND
"""Expiry is as exact as this (ns), or as one hundredth of the time."""
BLOCKED = 2
"""Connections refused after one was cut, from which on a pair may be blocked."""


def window_shared(view: ResetView) -> Signal | None:
    """Find one window value in resets of several connections, and in no other packet of them.

    Not of refusals: a stack that puts a window into them always puts the same (measured).
    """
    if view.answers_syn:
        return None
    marks = view.context.host(view.end.address).marks_of_resets
    count = marks.windows.get(view.reset.window, 0) if marks else 0
    if count < SEVERAL or any(p.window == view.reset.window for p in view.own):
        return None
    detail = (
        f"window {view.reset.window} in the resets of {count} connections, and in no other packet "
        f"of {view.end.address} there"
    )
    return signal("window_shared", "path", detail, (view.reset.frame,))


def ip_id_shared(view: ResetView) -> Signal | None:
    """Find one IP ID in resets of several connections: no host counts like that."""
    marks = view.context.host(view.end.address).marks_of_resets
    count = marks.ip_ids.get(view.reset.ip_id, 0) if marks else 0
    if view.story.ip_version != 4 or count < SEVERAL:
        return None
    if any(p.ip_id == view.reset.ip_id for p in view.own):
        return None
    detail = f"IP ID {view.reset.ip_id} in the resets of {count} connections: a fixed value"
    return signal("ip_id_shared", "path", detail, (view.reset.frame,))


def idle_expiry(view: ResetView) -> Signal | None:
    """Find that every connection idle for so long was reset, and none that was idle for less."""
    endpoint = _endpoint(view)
    mine = reset_after_idle(view.story, view.reset) if endpoint.idle else None
    if mine is None or endpoint.idle is None:
        return None
    times = endpoint.idle.at_expiry if mine.how == "at_expiry" else endpoint.idle.late
    if not _is_threshold(endpoint, times, mine.quiet):
        return None
    spread = times.most - times.least
    if mine.how == "at_expiry" and spread > max(SAME_TIME, times.least // 100):
        return None
    return signal("idle_expiry", "path", _expiry(endpoint, times, mine), (view.reset.frame,))


def idle_silence(story: Story, context: Context) -> Signal | None:
    """Find that every connection idle for so long was dead, and nothing said so.

    A host that closed an idle connection, or forgot it, answers the next packet by RST (measured).
    """
    mine = lost_after_idle(story)
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    times = endpoint.idle.lost if endpoint.idle else None
    if mine is None or times is None or not _is_threshold(endpoint, times, mine.quiet):
        return None
    count, least = times.count, duration(times.least)
    detail = (
        f"{count} of {count} connections idle for {least} or more were dead, without a RST; "
        f"{_shorter(endpoint)}: a device forgets them without a word"
    )
    return signal("idle_silence", "path", detail, (story.turn.request_frame or story.first_frame,))


def idle_survived(view: ResetView) -> Signal | None:
    """Find that connections to the endpoint outlived a longer quiet time: nothing expires there."""
    endpoint = _endpoint(view)
    mine = reset_after_idle(view.story, view.reset) if endpoint.idle_turns else None
    if mine is None or endpoint.longest_idle <= mine.quiet + SAME_TIME:
        return None
    detail = (
        f"another connection to {endpoint.address} port {endpoint.port} was quiet for "
        f"{duration(endpoint.longest_idle)} and worked: no timer of {duration(mine.quiet)} there"
    )
    return signal("idle_survived", view.side, detail, (view.reset.frame,))


def name_filtered(view: ResetView) -> Signal | None:
    """Find that the endpoint takes other server names, and this one is always cut off."""
    facts = tls_facts(view.story)
    hello = facts.client_hello if facts else None
    known = _endpoint(view).tls
    if view.side != "responder" or known is None or hello is None or not hello.sni:
        return None
    if facts is None or facts.server_hello is not None or view.reset.time < hello.time:
        return None
    refused, others = known.names_refused.get(hello.sni, 0), sum(known.names_accepted.values())
    if hello.sni in known.names_accepted or not refused or not others:
        return None
    detail = (
        f"{refused} of {refused} ClientHellos for {hello.sni} were cut off, {others} for other "
        f"names to the same endpoint worked: a rule on the name, of a filter or of the server"
    )
    return signal("name_filtered", "path", detail, (hello.frame, view.reset.frame))


def pair_blocked(view: ResetView) -> Signal | None:
    """Find that, after one reset, the pair's next connections were refused, and others' were not.

    So do filters that keep a list of pairs for a while (Clayton and others, 2006).
    """
    endpoint, caller = _endpoint(view), view.story.initiator.address
    blocked = endpoint.blocked.get(caller)
    if view.side != "responder" or blocked is None or blocked.count < BLOCKED:
        return None
    if not blocked.least < endpoint.last_established < blocked.most:
        return None
    detail = (
        f"after a reset in mid use the next {blocked.count} connections of {caller} to "
        f"{endpoint.address} port {endpoint.port} were refused, while the port took another one: "
        "a list of blocked pairs"
    )
    return signal("pair_blocked", "path", detail, (view.reset.frame,))


def _expiry(endpoint: EndpointFacts, times: Range, mine: IdleEnd) -> str:
    count, at = times.count, duration(times.least)
    if mine.how == "at_expiry":
        together = times.most - times.least < SAME_TIME // 10
        at = at if together else f"{at} to {duration(times.most)}"
        what = f"{count} idle connections were reset after {at} of quiet, each"
    else:
        what = f"{count} of {count} connections idle for {at} or more were reset at the next packet"
    return f"{what}; {_shorter(endpoint)}: a timer, of the path or of the far end"


def _is_threshold(endpoint: EndpointFacts, times: Range, quiet: int) -> bool:
    """Whether all quiet times from the shortest of these on were fatal, and no shorter one."""
    if times.count < SEVERAL or not endpoint.idle_turns:
        return False
    return quiet >= times.least > endpoint.longest_idle


def _shorter(endpoint: EndpointFacts) -> str:
    longest = duration(endpoint.longest_idle)
    return f"{endpoint.idle_turns} idle for less (up to {longest}) were not"


def _endpoint(view: ResetView) -> EndpointFacts:
    return view.context.endpoint(view.story.responder.address, view.story.responder.port)
