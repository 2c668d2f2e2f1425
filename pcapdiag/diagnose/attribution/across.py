"""What other connections of the capture say about this one (measured)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.ttl import ROUTE_CHANGE, STEADY, hops_text, without_handshakes
from pcapdiag.diagnose.attribution.view import ResetView, duration
from pcapdiag.model.context import Context, EndpointFacts
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

AT_ONCE = SECOND
"""A connection to the same endpoint that works within this time (ns) rules a firewall rule out.

Refusals had begun no longer before: the end of a long outage may be that of a rule."""


def works_at_once(view: ResetView) -> Signal | None:
    """Find a connection to the same endpoint that worked just after a refused one.

    One that worked before says nothing: a rule may be new, as a process may have died.
    """
    if view.side != "responder" or not view.answers_syn:
        return None
    endpoint = view.context.endpoint(view.end.address, view.end.port)
    times = [t for t in (endpoint.first_established, endpoint.last_established) if t]
    later = [t - view.reset.time for t in times if t > view.reset.time]
    if not later or min(later) > AT_ONCE or _refused_for_long(endpoint, view.reset.time):
        return None
    detail = (
        f"another connection to {view.end.address} port {view.end.port} worked "
        f"{duration(min(later))} later: not a firewall rule"
    )
    return signal("works_at_once", "responder", detail, (view.reset.frame,))


def _refused_for_long(endpoint: EndpointFacts, time: int) -> bool:
    return 0 < endpoint.first_refused < time - AT_ONCE


def host_alive(story: Story, context: Context) -> Signal | None:
    """Note that the silent responder talks on other ports: filtered or full, but not gone."""
    address, port = story.responder.address, story.responder.port
    if context.endpoint(address, port).established or not context.host(address).answered:
        return None
    detail = f"{address} answers on other ports: the host is up and can be reached"
    return signal("host_alive", "responder", detail, story.syn_frames[:1])


def answered_elsewhere(story: Story, context: Context) -> bool:
    """Return whether the SYN-ACK came from clearly elsewhere than all else of that address.

    A guard answers the SYN of a caller that it does not know yet, and lets its next ones pass.
    """
    answers = [p.ttl for p in story.packets if p.is_syn_ack]
    if len(set(answers)) != 1:
        return False
    others = without_handshakes(
        context.host(story.responder.address).ttls, answers[0], len(answers)
    )
    near = any(abs(ttl - answers[0]) <= ROUTE_CHANGE for ttl in others)
    return sum(others.values()) >= STEADY and not near


def handshake_elsewhere(story: Story) -> Signal | None:
    """Note that the SYN was answered from elsewhere than all that came later: a SYN proxy's way."""
    own = [p for p in story.packets if not p.from_initiator and not p.is_rst]
    answers = {p.ttl for p in own if p.is_syn_ack}
    later = {p.ttl for p in own if not p.is_syn_ack}
    if len(answers) != 1 or len(later) != 1 or len(own) - story.syn_ack_count < STEADY:
        return None
    near, far = answers.pop(), later.pop()
    if abs(near - far) <= ROUTE_CHANGE:
        return None
    detail = (
        f"the SYN-ACK has TTL {near} ({hops_text(near)}), all later packets of "
        f"{story.responder.address} {far} ({hops_text(far)}): something between answers SYNs for it"
    )
    return signal("handshake_elsewhere", "path", detail, story.syn_ack_frames[:1])
