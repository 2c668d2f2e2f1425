"""Which addresses are near each other: by network, and by the device that their packets came from.

Of an address that sent nothing but a RST its neighbours are all there is to compare with.
"""

from __future__ import annotations

from collections.abc import Iterable

from pcapdiag.diagnose.attribution.ttl import hops
from pcapdiag.model.addresses import is_public, network_of
from pcapdiag.model.context import HostFacts, NeighbourFacts, NetworkFacts
from pcapdiag.model.units import MS

STEADY = 3
"""Packets of an address from which on its distance is known."""
AT_ONCE = MS
"""Who answers sooner is on the same link, or on the same host."""
SEVERAL = 3
"""Public networks that no link has (judgement)."""


def networks(hosts: Iterable[HostFacts]) -> dict[str, NetworkFacts]:
    """Return how far away the addresses of each network are."""
    found: dict[str, NetworkFacts] = {}
    for host in hosts:
        if sum(host.ttls.values()) < STEADY:
            continue
        facts = found.setdefault(network_of(host.address), NetworkFacts())
        distances = {hops(ttl) for ttl in host.ttls}
        if len(distances) > 1:
            facts.mixed += 1
        else:
            distance = distances.pop()
            facts.distances[distance] = facts.distances.get(distance, 0) + 1
        if host.min_rtt:
            facts.min_rtts.append(host.min_rtt)
    return found


def neighbours(hosts: Iterable[HostFacts]) -> dict[int, NeighbourFacts]:
    """Return whose packets came from each link-layer address."""
    found: dict[int, NeighbourFacts] = {}
    for host in hosts:
        if not host.ttls:
            continue
        lowered = all(hops(ttl) > 0 for ttl in host.ttls)
        for mac in host.macs:
            facts = found.setdefault(mac, NeighbourFacts())
            if lowered:
                facts.forwarded += 1
            else:
                facts.own += 1
    return found


def one_answers_for_all(hosts: Iterable[HostFacts]) -> bool:
    """Return whether servers of several public networks all seem to be on the capture's own link.

    Their packets pass no router and come at once: a VPN client's own stack makes them, or a
    transparent proxy does.
    """
    near = {
        _wide_network(host.address)
        for host in hosts
        if host.answered
        and all(hops(ttl) == 0 for ttl in host.ttls)
        and 0 < (host.min_rtt or 0) < AT_ONCE
        and is_public(host.address)
    }
    return len(near) >= SEVERAL


def _wide_network(address: str) -> str:
    """Return the first 16 or 32 bits of an address: what few links have three of."""
    return ".".join(address.split(".")[:2]) if "." in address else ":".join(address.split(":")[:2])
