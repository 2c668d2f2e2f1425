"""What other connections of the capture say about this one (facts 11)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.view import ResetView, duration
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

AT_ONCE = 1_000_000_000
"""A connection to the same endpoint that works within this time (ns) rules a firewall rule out."""


def works_at_once(view: ResetView) -> Signal | None:
    """Find a connection to the same endpoint that worked just after a refused one.

    One that worked before says nothing: a rule may be new, as a process may have died.
    """
    if view.side != "responder" or not view.answers_syn:
        return None
    endpoint = view.context.endpoint(view.end.address, view.end.port)
    times = [t for t in (endpoint.first_established, endpoint.last_established) if t]
    later = [t - view.reset.time for t in times if t > view.reset.time]
    if not later or min(later) > AT_ONCE:
        return None
    detail = (
        f"another connection to {view.end.address} port {view.end.port} worked "
        f"{duration(min(later))} later: not a firewall rule"
    )
    return signal("works_at_once", "responder", detail, (view.reset.frame,))


def host_alive(story: Story, context: Context) -> Signal | None:
    """Note that the silent responder talks on other ports: filtered or full, but not gone."""
    address, port = story.responder.address, story.responder.port
    if context.endpoint(address, port).established or not context.host(address).answered:
        return None
    detail = f"{address} answers on other ports: the host is up and can be reached"
    return signal("host_alive", "responder", detail, story.syn_frames[:1])
