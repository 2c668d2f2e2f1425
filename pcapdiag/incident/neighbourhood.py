"""Which addresses are near each other: by network, and by the device that their packets came from.

Of an address that sent nothing but a RST its neighbours are all there is to compare with.
"""

from __future__ import annotations

from collections.abc import Iterable

from pcapdiag.diagnose.attribution.ttl import hops
from pcapdiag.model.addresses import network_of
from pcapdiag.model.context import HostFacts, NeighbourFacts, NetworkFacts

STEADY = 3
"""Packets of an address from which on its distance is known."""


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
