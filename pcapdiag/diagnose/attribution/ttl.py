"""TTL (IPv4) or hop limit (IPv6): how far away the RST was made (measured)."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.view import MAX_VIEWS, ResetView
from pcapdiag.model.packet import INITIAL_TTLS, RST
from pcapdiag.model.story import IcmpFact

ROUTE_CHANGE = 2
"""Hops by which routes and load balancing change a TTL without any other sender."""
STEADY = 3
"""Packets with one TTL from which on it counts as the host's own."""
SHARED = 3
"""Connections reset with one odd TTL from which on one device, or one system, is behind them."""
OTHER_START = frozenset({"ttl_of_reply", "ttl_other_system"})
"""Signals of a packet from as far away as its address's others, which started otherwise."""
FARTHEST = 40
"""No way has more routers: a TTL that would say so was set so (RFC 5082, BGP's TTL of 1)."""


def distance(view: ResetView) -> Signal | None:
    """Weigh the RST's TTL against the address's other packets; None without any to compare."""
    ttls, whose = baseline(view)
    reset = view.reset
    if not ttls or (hops(reset.ttl) > FARTHEST and ttls.keys() == {reset.ttl}):
        return None
    if _is_of_handshake(view):
        usual = mode({p.ttl: 1 for p in view.own if not p.is_syn_ack})
        detail = (
            f"{view.word} has TTL {reset.ttl} like the SYN-ACK alone; all later packets of "
            f"{view.end.address} have TTL {usual}: what answered the SYN (SYN proxy, load balancer)"
        )
        return signal("ttl_of_handshake", "path", detail, (reset.frame,))
    if reset.ttl in ttls:
        return _same(view, ttls, whose)
    if reset.ttl == 1 and reset.is_rst:
        detail = (
            f"RST has TTL 1, so that no router hands it on: who wants a caller to wait in vain "
            f"sends it so (HAProxy's silent-drop); {_packets(ttls)} of {whose} have {mode(ttls)}"
        )
        return signal("ttl_to_die", view.side, detail, (reset.frame,))
    elsewhere = view.context.host(view.end.address).ttls.get(reset.ttl, 0)
    # Only who does not hold the connection resets it from elsewhere; that one sends no FIN.
    if elsewhere >= STEADY and (reset.is_rst or not view.own):
        return _elsewhere(view, ttls, elsewhere)
    usual = mode(ttls)
    if _only_answered_syns(view) and hops(reset.ttl) > hops(usual):
        return _behind(view, usual)
    detail = (
        f"{view.word} has TTL {reset.ttl} ({hops_text(reset.ttl)}); {_packets(ttls)} of {whose} "
        f"{'has' if sum(ttls.values()) == 1 else 'have'} TTL {usual} ({hops_text(usual)})"
    )
    name = _difference(view, ttls, steady=_steady(view, ttls))
    if name in OTHER_START and _always_so(view, ttls):
        count = sum(view.context.host(view.end.address).reset_ttls.values())
        detail += f"; so have all {count} RSTs of {view.end.address}: its own way, or one device's"
        return signal("ttl_of_resets", view.side, detail, (reset.frame,))
    return signal(name, "path", detail, (reset.frame,), view.has_moved)


def like_icmp(view: ResetView) -> Signal | None:
    """Find a router that sent ICMP errors from just as far away as the RST."""
    error = _icmp_from_there(view)
    if error is None:
        return None
    ttls, whose = baseline(view)
    detail = f"{view.word} has TTL {error.ttl} like the ICMP error of {error.source}"
    detail += f", not {mode(ttls)} like {whose}"
    return signal("ttl_like_icmp", "path", detail, (view.reset.frame, error.frame))


def device_address(view: ResetView) -> str | None:
    """Return the address of a router that may have made the RST; None when none showed itself."""
    error = _icmp_from_there(view)
    return error.source if error else None


def shared(view: ResetView) -> Signal | None:
    """Find the same odd TTL in resets of other connections of that address.

    Hardly for refused ports: who owns an address refuses those that it does not forward, or no
    longer, from its own distance; its other packets may come from hosts behind it (NAT by port, a
    container's published port; measured). Not where the RST is from as far away as the host or
    farther, where no device between is: something nearer may speak for the host, except by RST.
    """
    ttl = view.reset.ttl
    host = view.context.host(view.end.address)
    count = host.marks_of_resets.ttls.get(ttl, 0) if host.marks_of_resets else 0
    if count < SHARED or not host.ttls or ttl in host.ttls or ttl in view.end.ttls:
        return None
    if hops(ttl) >= min(map(hops, host.ttls)):
        return None
    detail = (
        f"RSTs of {host.address} on {count} connections have TTL {ttl}, which none of its "
        f"{sum(host.ttls.values())} other packets has: one device"
    )
    if view.answers_syn:
        detail += ", which may own the address"
    name = "ttl_shared_refusing" if view.answers_syn else "ttl_shared"
    return signal(name, "path", detail, (view.reset.frame,), view.has_moved)


@lru_cache(MAX_VIEWS)
def baseline(view: ResetView) -> tuple[dict[int, int], str]:
    """Return the TTLs to compare with, and whose they are: the flow's, else the host's."""
    address = view.end.address
    host = without(view.context.host(address).ttls, view.reset.ttl, view)
    own = without(view.end.ttls, view.reset.ttl, view)
    if not own:
        return host, f"{address} on other connections"
    if host.keys() == own.keys():
        return host, address
    return own, f"{address} on this connection"


def without(counts: dict[int, int], value: int, view: ResetView) -> dict[int, int]:
    """Return how often values were seen, the view's own packet left out. A RST is never counted."""
    if view.reset.flags & RST or value not in counts:
        return counts
    rest = counts | {value: counts[value] - 1}
    return {each: count for each, count in rest.items() if count}


def without_handshakes(counts: dict[int, int], ttl: int, handshakes: int) -> dict[int, int]:
    """Return how often TTLs were seen, so many packets with one of them left out."""
    rest = counts | {ttl: counts.get(ttl, 0) - handshakes}
    return {each: count for each, count in rest.items() if count > 0}


def initial_ttl(ttl: int) -> int:
    """Return the value that a packet most likely started with: 64, 128 or 255."""
    return INITIAL_TTLS[bisect_left(INITIAL_TTLS, ttl)]


def hops(ttl: int) -> int:
    """Return how many routers lowered the TTL, by its most likely initial value."""
    return initial_ttl(ttl) - ttl


def as_far(ttl: int, other: int) -> bool:
    """Whether a packet may be from as far away as its address's others, which started otherwise.

    A device between is nearer than the host. What is from as far away was made by the host, by a
    second generator of it or a socket with a TTL of its own, or by a device at its side.
    """
    return ttl != other and (hops(ttl) == hops(other) or hops(other) > FARTHEST)


def hops_text(ttl: int) -> str:
    """Return the distance in words."""
    count = hops(ttl)
    return "never lowered" if count == 0 else f"{count} hop{'s' if count > 1 else ''} away"


def mode(ttls: dict[int, int]) -> int:
    """Return the most frequent value."""
    return max(ttls, key=ttls.__getitem__)


def _icmp_from_there(view: ResetView) -> IcmpFact | None:
    if not view.story.icmp:
        return None
    ttls, _ = baseline(view)
    if not ttls or view.reset.ttl in ttls:
        return None
    ends = (view.end.address, view.peer.address)
    alike = (e for e in view.story.icmp if e.ttl == view.reset.ttl and e.source not in ends)
    return next(alike, None)


def _is_of_handshake(view: ResetView) -> bool:
    """Whether the RST came from as far as the SYN-ACK, and all else from clearly elsewhere."""
    ttl = view.reset.ttl
    if view.end.ttls.get(ttl) != 1:
        return False
    answers = {p.ttl for p in view.own if p.is_syn_ack}
    later = [p.ttl for p in view.own if not p.is_syn_ack]
    if answers != {ttl} or len(later) < STEADY or len(set(later)) > 1:
        return False
    return abs(later[0] - ttl) > ROUTE_CHANGE and not as_far(ttl, later[0])


def _elsewhere(view: ResetView, ttls: dict[int, int], count: int) -> Signal:
    """Tell that the address has this TTL on other connections: machines, or ways, behind it.

    A balancer without state, or anycast, hands a connection on to one that does not know it.
    """
    address, ttl = view.end.address, view.reset.ttl
    detail = (
        f"{view.word} has TTL {ttl}, like {count} packets of {address} on other connections; on "
        f"this one they have {mode(ttls)}: another machine, or way, behind that address"
    )
    return signal("ttl_elsewhere", view.side, detail, (view.reset.frame,))


def _steady(view: ResetView, ttls: dict[int, int]) -> bool:
    return sum(ttls.values()) >= STEADY and not _only_answered_syns(view)


def _only_answered_syns(view: ResetView) -> bool:
    """Whether hardly more than SYN-ACKs is seen of the address: a SYN proxy may have sent them."""
    host = view.context.host(view.end.address)
    several = sum(host.ttls.values()) >= host.answered + STEADY
    return bool(view.own) and all(p.is_syn_ack for p in view.own) and not several


def _behind(view: ResetView, usual: int) -> Signal:
    """Tell that the RST is from behind what answered the SYN: that one is a SYN proxy then."""
    ttl = view.reset.ttl
    detail = (
        f"{view.word} has TTL {ttl} ({hops_text(ttl)}), the SYN-ACK {usual} ({hops_text(usual)}): "
        "from behind what answered the SYN (SYN proxy, balancer), so it may be the host's"
    )
    return signal("ttl_behind_handshake", view.side, detail, (view.reset.frame,))


def _always_so(view: ResetView, ttls: dict[int, int]) -> bool:
    """Whether resets of several connections have this TTL, and none the address's own."""
    host = view.context.host(view.end.address)
    marks = host.marks_of_resets
    several = marks is not None and marks.ttls.get(view.reset.ttl, 0) >= SHARED
    return several and not host.reset_ttls.keys() & (ttls.keys() | host.ttls.keys())


def _same(view: ResetView, ttls: dict[int, int], whose: str) -> Signal:
    steady = _steady(view, ttls) and view.reset.ttl == mode(ttls)
    elsewhere = _elsewhere_but_handshake(view)
    if elsewhere is not None:
        return _of_guard(view, elsewhere)
    same = {view.reset.ttl: ttls[view.reset.ttl]}
    detail = f"{view.word} has TTL {view.reset.ttl} like {_packets(same)} of {whose}"
    name = "ttl_same" if steady else "ttl_same_once"
    return signal(name, view.side, detail, (view.reset.frame,))


def _elsewhere_but_handshake(view: ResetView) -> dict[int, int] | None:
    """Return the one TTL of the address's other packets, where but a SYN-ACK came from as far."""
    ttl = view.reset.ttl
    others = without_handshakes(view.context.host(view.end.address).ttls, ttl, len(view.own))
    answered = bool(view.own) and all(p.is_syn_ack for p in view.own)
    steady = len(others) == 1 and sum(others.values()) >= STEADY and ttl not in others
    return others if answered and steady else None


def _of_guard(view: ResetView, others: dict[int, int]) -> Signal:
    """Tell that what accepted the connection, and reset it, is not where the address's others are.

    A guard against floods tries a new caller so; so does a pool's one odd machine.
    """
    ttl, usual = view.reset.ttl, mode(others)
    detail = (
        f"{view.word} has TTL {ttl} ({hops_text(ttl)}) like the SYN-ACK; all {_packets(others)} of "
        f"{view.end.address} {usual} ({hops_text(usual)}): a guard, or another machine, answered "
        "for that address"
    )
    if as_far(ttl, usual):
        return signal("ttl_same_once", view.side, detail, (view.reset.frame,), confounded=True)
    name = "ttl_near" if abs(ttl - usual) <= ROUTE_CHANGE else "ttl_of_guard"
    return signal(name, "path", detail, (view.reset.frame,))


def _difference(view: ResetView, ttls: dict[int, int], *, steady: bool) -> str:
    ttl = view.reset.ttl
    nearest = min(ttls, key=lambda other: abs(other - ttl))
    if abs(ttl - nearest) > ROUTE_CHANGE and as_far(ttl, nearest):
        return "ttl_of_reply" if view.bare or view.answers_syn else "ttl_other_system"
    if ttl in INITIAL_TTLS and all(hops(t) > 0 and initial_ttl(t) == ttl for t in ttls):
        return "ttl_on_link"
    if abs(ttl - nearest) <= ROUTE_CHANGE:
        return "ttl_near"
    return "ttl_differs" if steady and len(ttls) == 1 else "ttl_varies"


def _packets(ttls: dict[int, int]) -> str:
    count = sum(ttls.values())
    return f"{count} other packet{'s' if count > 1 else ''}"
