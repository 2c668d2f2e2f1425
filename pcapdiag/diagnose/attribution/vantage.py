"""Where the capture was taken: on an end's own host, beside it, or between (measured)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from pcapdiag.diagnose.attribution.ttl import hops
from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.context import Context, HostFacts
from pcapdiag.model.story import Half, Story

Place = Literal["initiator", "responder", "path", "mixed", "unknown"]

ENOUGH = 3
"""Packets of an address before anything is concluded from them."""
MOSTLY = 0.8
"""Share of an address's packets that must show the sign."""
MUCH_NEARER = 4
"""How many times shorter one half of the handshake's round trip must be."""
BOTH_HERE = "both ends are on the capturing host"


class Vantage(msgspec.Struct, frozen=True):
    """Where one connection was captured; ``sure`` where the capture itself says so."""

    place: Place
    sure: bool
    why: str


def capture_hosts(context: Context) -> frozenset[str]:
    """Return the addresses of the capturing host itself, as far as the capture is sure of them."""
    hosts = context.hosts.values()
    clean = any(h.packets >= ENOUGH and not h.bad_checksums for h in hosts)
    return frozenset(h.address for h in hosts if _sends_here(h) or (clean and _offloads(h)))


@lru_cache(maxsize=1)
def vantage(story: Story, context: Context) -> Vantage:
    """Return where this connection was captured, from its two ends' points of view.

    The last answer is kept: it is asked for every RST of a connection.
    """
    if any(is_loopback(half.address) for half in (story.initiator, story.responder)):
        return Vantage("unknown", True, BOTH_HERE)
    here = [
        side
        for side, half in (("initiator", story.initiator), ("responder", story.responder))
        if half.address in context.capture_hosts
    ]
    if len(here) == 1:
        why = "packets leave the capturing host with this address"
        return Vantage("initiator" if here[0] == "initiator" else "responder", True, why)
    if here:
        return Vantage("unknown", True, BOTH_HERE)
    return _by_distance(story, context)


def on_link(half: Half, context: Context) -> bool:
    """Return whether the capture was taken on an end's own link: no router lowered its TTL."""
    return _lowered(half, context) is False


def merge(places: Iterable[Place]) -> Place:
    """Return the place of a whole capture from its connections', the unknown ones left out."""
    known = {place for place in places if place != "unknown"}
    if not known:
        return "unknown"
    return known.pop() if len(known) == 1 else "mixed"


def _by_distance(story: Story, context: Context) -> Vantage:
    initiator = _lowered(story.initiator, context)
    responder = _lowered(story.responder, context)
    if initiator is None or responder is None:
        return Vantage("unknown", False, "")
    if initiator and responder:
        return Vantage("path", False, "the TTLs of both ends had been lowered on the way")
    if responder:
        return Vantage("initiator", False, "the initiator's TTL was never lowered")
    if initiator:
        return Vantage("responder", False, "the responder's TTL was never lowered")
    return _by_round_trip(story)


def _by_round_trip(story: Story) -> Vantage:
    """Tell the nearer end on one link, where no TTL is lowered."""
    to_initiator, to_responder = story.rtt_to_initiator, story.rtt_to_responder
    if to_initiator is None or to_responder is None:
        return Vantage("unknown", False, "")
    why = "its half of the handshake's round trip is by far the shorter"
    if to_initiator * MUCH_NEARER < to_responder:
        return Vantage("initiator", False, why)
    if to_responder * MUCH_NEARER < to_initiator:
        return Vantage("responder", False, why)
    return Vantage("unknown", False, "")


def _lowered(half: Half, context: Context) -> bool | None:
    """Whether routers lowered the TTL of all of an end's packets; None without any packet."""
    ttls = half.ttls or context.host(half.address).ttls
    return all(hops(ttl) > 0 for ttl in ttls) if ttls else None


def _sends_here(host: HostFacts) -> bool:
    """Whether the capturing host sends with this address, more than RSTs, and nothing to it.

    A firewall on it answers with RST in the name of others, and its NAT writes the address of a
    service on what the servers behind send.
    """
    if is_loopback(host.address):
        return True
    if host.translated or host.passed_to:
        return False
    sent, came = host.sent_by_capture_host, host.received_by_capture_host
    spoke = sent > sum(host.reset_ttls.values())
    return spoke and sent >= MOSTLY * (sent + came)


def _offloads(host: HostFacts) -> bool:
    """Whether its checksums are left to the card: so it sends from the capturing host.

    Those of another container of the machine stay unfinished on the way to this one, too: such
    packets came in, or over a router.
    """
    if host.packets < ENOUGH or host.bad_checksums < MOSTLY * host.packets:
        return False
    came = host.received_by_capture_host > host.sent_by_capture_host
    passed = bool(host.ttls) and all(hops(ttl) > 0 for ttl in host.ttls)
    return not came and not passed
