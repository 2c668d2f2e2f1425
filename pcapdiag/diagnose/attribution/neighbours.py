"""A RST from an address of which nothing else is seen, against its neighbours (judgement).

Addresses of one /24 or /64 are mostly as far away as each other; a router that refuses for one of
them is nearer, and faster.
"""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.timing import clock_unit, too_fast
from pcapdiag.diagnose.attribution.ttl import baseline, hops, hops_text
from pcapdiag.diagnose.attribution.view import ResetView, duration
from pcapdiag.model.addresses import is_public, network_of
from pcapdiag.model.context import Context
from pcapdiag.model.packet import INITIAL_TTLS
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, counted

SLOW, SOONER = 5 * MS, 10
"""A handshake on one link takes less; an ACK that comes so many times sooner than the SYN-ACK came
another way, or the SYN-ACK waited for something (judgement)."""
ENOUGH = 2
"""Neighbours at one distance, or behind one router, before anything is said against an address."""


def distance(view: ResetView) -> Signal | None:
    """Compare the RST's distance with that of the address's neighbours.

    Another network that is no hop away says nothing: there no router lowers a TTL (a cloud's own
    network), or one relay speaks for all (passt, measured).
    """
    known, _ = baseline(view)
    if known:
        return None
    facts = view.context.network(view.end.address)
    if facts.mixed or len(facts.distances) != 1:
        return _at_gateway(view)
    ((away, count),) = facts.distances.items()
    reset, network = view.reset, network_of(view.end.address)
    if away == 0 and network != network_of(view.peer.address):
        return _at_gateway(view)
    others = f"{count} other address{'es' if count > 1 else ''} of {network}"
    if hops(reset.ttl) == away:
        detail = f"RST has TTL {reset.ttl} ({hops_text(reset.ttl)}): as far away as {others}"
        return signal("ttl_like_neighbours", view.side, detail, (reset.frame,))
    if hops(reset.ttl) < away and count >= ENOUGH:
        detail = (
            f"RST has TTL {reset.ttl} ({hops_text(reset.ttl)}); {others} are "
            f"{counted(away, 'hop')} away: made before it gets there, or by that network's router"
        )
        return signal("ttl_before_neighbours", "path", detail, (reset.frame,))
    return _at_gateway(view)


def answer_time(view: ResetView) -> Signal | None:
    """Find that a SYN was refused faster than any neighbour could have answered."""
    syn, rtts = view.trigger, view.context.network(view.end.address).min_rtts
    if syn is None or not view.answers_syn or view.min_rtt or len(rtts) < ENOUGH:
        return None
    nearest, delay = min(rtts), view.reset.time - syn.time
    if not too_fast(delay, nearest, clock_unit(view.story)):
        return None
    detail = (
        f"RST came {duration(delay)} after the SYN; {len(rtts)} other addresses of "
        f"{network_of(view.end.address)} never took less than {duration(nearest)}"
    )
    return signal("too_fast_for_neighbours", "path", detail, (syn.frame, view.reset.frame))


def answered_for_all(story: Story, context: Context) -> Signal | None:
    """Find that the responder's acknowledgments are made on the initiator's own link.

    They show then that something there took the segments, and nothing of the server. One
    connection alone shows it where its SYN-ACK took far longer than its ACKs: a relay that connects
    onwards first, or a host that was slow that once.
    """
    on_link = all(p.ttl in INITIAL_TTLS for p in story.packets)
    address = story.responder.address
    several = context.one_answers_for_all
    if not on_link or not is_public(address) or not (several or _connects_onwards(story, context)):
        return None
    last = next((p for p in reversed(story.packets) if not p.from_initiator), None)
    if last is None:
        return None
    alike = (
        "as those of several other networks do"
        if several
        else f"{SOONER} times sooner than its SYN-ACK and more"
    )
    detail = (
        f"ACKs of {address} come from the capture's own link (TTL {last.ttl}, never lowered), "
        f"{alike}: a VPN client's own stack or a transparent proxy makes them, and they do not "
        "show that the server had anything"
    )
    return signal("answered_for_all", "path", detail, (last.frame,), confounded=not several)


def _connects_onwards(story: Story, context: Context) -> bool:
    """Return whether a host that is known by this connection alone shook hands slowly, once."""
    host = context.host(story.responder.address)
    if host.answered > 1 or story.syn_count != 1 or not story.syn_ack_times or not host.min_rtt:
        return False
    shook = story.syn_ack_times[0] - story.start
    return shook >= SLOW and shook >= SOONER * host.min_rtt


def _at_gateway(view: ResetView) -> Signal | None:
    """Find a RST that a router made, as no router lowered its TTL and it came from a router.

    Where a router lowers no TTL (clouds' own networks) it shows by other addresses.
    """
    reset = view.reset
    beside = view.context.neighbour(reset.mac) if reset.mac else None
    if beside is None or reset.ttl not in INITIAL_TTLS:
        return None
    if beside.own or beside.forwarded < ENOUGH:
        return None
    if network_of(view.end.address) == network_of(view.peer.address):
        return None
    detail = (
        f"RST has TTL {reset.ttl} (never lowered), and came from a router's MAC: all "
        f"{beside.forwarded} other addresses from there are behind it. So the router made it, in "
        f"the name of {view.end.address} or as that address is its own"
    )
    return signal("made_at_gateway", "path", detail, (reset.frame,))
