"""Which addresses are near each other."""

from __future__ import annotations

from pcapdiag.incident.neighbourhood import neighbours, networks
from pcapdiag.model.context import HostFacts, NeighbourFacts, NetworkFacts


def host(address: str, ttls: dict[int, int], mac: int = 0, rtt: int | None = None) -> HostFacts:
    return HostFacts(address, ttls=ttls, macs={mac: 1} if mac else {}, min_rtt=rtt)


def test_networks_have_the_distances_of_their_addresses() -> None:
    found = networks(
        [
            host("10.0.2.7", {61: 4}, rtt=9),
            host("10.0.2.8", {252: 4}),
            host("10.0.2.9", {61: 4, 62: 4}),
            host("10.0.2.10", {64: 2}),
            host("10.0.3.7", {64: 4}),
            host("2001:db8::1", {60: 4}),
        ]
    )
    assert found == {
        "10.0.2.0/24": NetworkFacts({3: 2}, mixed=1, min_rtts=[9]),
        "10.0.3.0/24": NetworkFacts({0: 1}),
        "2001:db8::/64": NetworkFacts({4: 1}),
    }


def test_a_mac_has_the_addresses_that_came_from_it() -> None:
    found = neighbours(
        [
            host("10.0.2.7", {61: 4}, 1),
            host("10.0.2.8", {64: 4}, 1),
            host("10.0.2.9", {64: 4, 63: 1}, 2),
            host("10.0.2.10", {}, 2),
        ]
    )
    assert found == {1: NeighbourFacts(own=1, forwarded=1), 2: NeighbourFacts(own=1)}
