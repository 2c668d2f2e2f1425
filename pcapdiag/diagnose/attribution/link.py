"""Link layer and capture point: MAC address, cooked direction, vantage (measured)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.ttl import baseline, hops, without
from pcapdiag.diagnose.attribution.vantage import vantage
from pcapdiag.diagnose.attribution.view import ResetView, duration
from pcapdiag.model.addresses import is_loopback
from pcapdiag.model.packet import INITIAL_TTLS
from pcapdiag.model.units import MS

SENT_BY_US = 4
"""Packet type of cooked captures: sent by the capturing host."""
RECEIVED = frozenset({0, 1, 2, 3})
STEADY = 3
MOSTLY = 0.8
"""Share of an address's packets that must have been captured twice."""
CAME = 0.5
"""Packets of an address that came in, for each that left, from which on it is another host's."""
FAR_LINK = 2 * MS
"""Round trip (ns) on one link beyond which it is a tunnel or a provider's network, with devices."""


def mac(view: ResetView) -> Signal | None:
    """Weigh the RST's source MAC address against the address's other packets."""
    reset = view.reset
    macs = without(view.end.macs, reset.mac, view)
    macs = macs or without(view.context.host(view.end.address).macs, reset.mac, view)
    if not reset.mac or not macs or reset.mac in macs:
        return None
    if view.has_moved:
        detail = (
            f"{view.word} came from MAC {mac_text(reset.mac)}, not {mac_text(_mode(macs))}, and "
            f"that device asked for {view.peer.address} by ARP just before: {view.end.address} has "
            "moved"
        )
        return signal("address_moved", view.side, detail, (*view.story.neighbour_arp, reset.frame))
    if _talks_from(view):
        detail = (
            f"{view.word} came from MAC {mac_text(reset.mac)}, not {mac_text(_mode(macs))}, and "
            f"from there {view.end.address} talks on other connections: it has moved, or has two "
            "ways"
        )
        return signal("address_moved", view.side, detail, (reset.frame,), confounded=True)
    detail = (
        f"{view.word} came from MAC {mac_text(reset.mac)}; {sum(macs.values())} other packets of "
        f"{view.end.address} came from {mac_text(_mode(macs))}"
    )
    steady = len(macs) == 1 and sum(macs.values()) >= STEADY
    return signal("mac_differs", "path", detail, (reset.frame,), not steady or _by_router(view))


def interface(view: ResetView) -> Signal | None:
    """Find a RST that was captured on another interface than all of its address's other packets.

    Where the address is known to talk from there, its move explains it.
    """
    own = view.own
    if len(own) < STEADY or own[0].interface == view.reset.interface or view.has_moved:
        return None
    if any(p.interface != own[0].interface for p in own) or _talks_from(view):
        return None
    detail = (
        f"{view.word} was captured on another interface than {len(own)} other packets of "
        f"{view.end.address}"
    )
    return signal("interface_differs", "path", detail, (view.reset.frame, own[-1].frame))


def came_out_only(view: ResetView) -> Signal | None:
    """Find a RST that left a device, captured on both sides of it, and never went in.

    Such a capture has all that the device passes on twice: this is there once, and on the way out.
    """
    end, host = view.end, view.context.host(view.end.address)
    others, twice = host.packets - end.packets, host.duplicates - end.duplicates
    if end.rst_count != 1 or end.duplicates != end.packets - 1 or not view.own:
        return None
    if others < STEADY or twice < MOSTLY * others:
        return None
    here = (view.reset.interface, view.reset.mac)
    if any(here == (packet.interface, packet.mac) for packet in view.own):
        return None
    detail = (
        f"{view.word} was captured once, where the packets of {end.address} come out of a device "
        f"that passes them on; {twice} of {others} others were captured twice, going in first"
    )
    return signal("came_out_only", "path", detail, (view.reset.frame, view.own[-1].frame))


def direction(view: ResetView) -> Signal | None:
    """Weigh whether the capture saw the RST leave its host or come in (measured: decisive).

    An address that the captured host sends to is not its own: its packets on loopback are a
    redirected call's answers, in the name of who was called.
    """
    if is_loopback(view.end.address) or is_loopback(view.peer.address):
        detail = "one end has a loopback address: nothing between two hosts made it"
        return signal("left_captured_host", view.side, detail, (view.reset.frame,))
    sent = view.reset.direction == SENT_BY_US
    if not sent and view.reset.direction not in RECEIVED:
        return None
    others = {p.direction for p in view.own} or _elsewhere(view)
    if sent:
        return _sent(view, others)
    called = any(p.direction == SENT_BY_US for p in (*view.peer_earlier, *view.peer_later))
    if others == {SENT_BY_US} and not called:
        detail = (
            f"{view.word} came in from outside, yet bears the address of the captured host "
            f"{view.end.address}"
        )
        return signal("came_from_outside", "path", detail, (view.reset.frame,))
    return None


def captured_at_sender(view: ResetView) -> Signal | None:
    """Use that the capture was taken on the end's own host, or beside it (vantage.py)."""
    seen = vantage(view.story, view.context)
    if seen.place != view.side:
        return None
    ttls, _ = baseline(view)
    fresh = view.reset.ttl in INITIAL_TTLS and (seen.sure or not ttls)
    if view.reset.ttl not in ttls and not fresh:
        return None
    if view.reset.mac and view.end.macs and view.reset.mac not in view.end.macs:
        return None
    if seen.sure:
        detail = f"the capture was taken on {view.end.address} itself, and the {view.word} left it"
        return signal("captured_at_sender", view.side, detail, (view.reset.frame,))
    detail = f"the capture was taken on the link of {view.end.address}: {seen.why}"
    far = (view.min_rtt or 0) >= FAR_LINK
    if far:
        detail += f"; but that is {duration(view.min_rtt or 0)} away and back, no mere cable"
    return signal("captured_near_sender", view.side, detail, (view.reset.frame,), confounded=far)


def mac_text(number: int) -> str:
    """Return a MAC address as people write it."""
    return ":".join(f"{byte:02x}" for byte in number.to_bytes(8, "big")[2:])


def _talks_from(view: ResetView) -> bool:
    """Whether the address talks from the RST's MAC on other connections, and not on this one."""
    reset, elsewhere = view.reset, view.context.host(view.end.address).macs
    return reset.mac not in view.end.macs and elsewhere.get(reset.mac, 0) >= STEADY


def _by_router(view: ResetView) -> bool:
    """Whether another router handed the RST on, from as far away as the address's other packets.

    Of two routers with one address either may forward (VRRP, ECMP): the sender's MAC is neither.
    """
    ttls, _ = baseline(view)
    routed = view.reset.ttl in ttls and hops(view.reset.ttl) > 0
    return routed and view.context.neighbour(view.reset.mac).forwarded > 0


def _sent(view: ResetView, others: set[int]) -> Signal | None:
    end, reset = view.end.address, view.reset
    own = end in view.context.capture_hosts
    peers = {p.direction for p in view.peer_earlier}
    # A router that captures what leaves it sends what both ends say.
    ours = others <= {SENT_BY_US} and SENT_BY_US not in peers
    if ours and (own or (others and not _translated(view))):
        detail = f"{view.word} was sent by the captured host, which is {end} itself"
        return signal("left_captured_host", view.side, detail, (reset.frame,))
    if not others or SENT_BY_US in others:
        return None
    peer_is_here = peers == {SENT_BY_US}
    maker = f"{view.peer.address} itself" if peer_is_here else "a device between the two ends"
    detail = (
        f"{view.word} bears the address of {end}, whose other packets came in from outside, but "
        f"was sent by the captured host: {maker}"
    )
    says = view.peer_side if peer_is_here else "path"
    other_connections = not view.own
    return signal("made_by_capturing_host", says, detail, (reset.frame,), other_connections)


def _translated(view: ResetView) -> bool:
    """Whether the capturing host is a NAT: the address's packets come in before they leave it."""
    host = view.context.host(view.end.address)
    return host.received_by_capture_host >= CAME * host.sent_by_capture_host > 0


def _elsewhere(view: ResetView) -> set[int]:
    """Return the direction of the address's packets on other connections, where it is one.

    Its resets are among the packets counted, and prove nothing here. What a router passes on leaves
    it, too, and counts as sent where the capture lost it on its way in.
    """
    host = view.context.host(view.end.address)
    resets = sum(host.reset_ttls.values())
    sent, received = host.sent_by_capture_host, host.received_by_capture_host
    few = (1 - MOSTLY) * (sent + received)
    if received > resets and sent <= max(resets, few):
        return {0}
    return {SENT_BY_US} if sent > resets and received <= max(resets, few) else set()


def _mode(macs: dict[int, int]) -> int:
    return max(macs, key=lambda number: macs[number])
