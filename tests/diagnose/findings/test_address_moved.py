"""Finding path.address_moved: an address that answers from elsewhere than before."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.address_moved import AddressMoved
from pcapdiag.model.fleet import Fleet, PlaceFacts
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import SECOND
from tests.report.fabricate import START, UPSTREAM, refused

pytestmark = pytest.mark.once
A, B, GATEWAY = 0x02_00_00_00_00_0A, 0x02_00_00_00_00_0B, 0x02_00_00_00_00_01


def place(
    first: float, last: float, mac: int = A, ttl: int = 64, connections: int = 4
) -> PlaceFacts:
    since, until = (round((START + at) * SECOND) for at in (first, last))
    return PlaceFacts(mac, ttl, connections, connections * 5, since, until)


def find(
    *places: PlaceFacts,
    seen: Connection | None = None,
    others: dict[str, list[PlaceFacts]] | None = None,
) -> list[Finding]:
    finder = AddressMoved()
    if seen:
        finder.look(seen)
    return finder.findings(Fleet(places={UPSTREAM: list(places), **(others or {})}))


def test_another_mac_on_the_link() -> None:
    after = place(11, 20, B)
    after.claimed, after.claim_frame = START * SECOND, 33
    (finding,) = find(place(0, 10), after, seen=refused(stream=3, offset=11))
    assert (finding.code, finding.severity) == ("path.address_moved", "warning")
    assert "MAC 02:00:00:00:00:0a, TTL 64 for 4 connections" in finding.detail
    assert "then MAC 02:00:00:00:00:0b" in finding.detail
    assert "claimed the address by ARP; 1 connection failed" in finding.detail
    assert (finding.streams, finding.frames) == ([3], [33])
    assert finding.commands[0].startswith("arping -D")


def test_another_kind_of_system_far_away() -> None:
    (finding,) = find(place(0, 10, GATEWAY, 61), place(11, 20, GATEWAY, 125))
    assert finding.severity == "info"
    assert "MAC" not in finding.detail
    assert "route" not in finding.detail


def test_one_hop_more_may_be_another_route() -> None:
    (finding,) = find(place(0, 10, GATEWAY, 62), place(11, 20, GATEWAY, 61))
    assert "another route to the same host would look the same" in finding.detail


def test_a_failure_long_before_is_not_explained() -> None:
    (finding,) = find(place(100, 110), place(111, 120, B), seen=refused(offset=11))
    assert (finding.severity, finding.streams) == ("info", [])


def test_several_addresses_at_once_are_a_route() -> None:
    both = [place(0, 10, GATEWAY, 62), place(11, 20, GATEWAY, 61)]
    assert find(*both, others={"10.9.9.9": both}) == []


@pytest.mark.parametrize(
    "places",
    [
        [place(0, 12), place(11, 20, B)],
        [place(0, 10, GATEWAY, 62), place(11, 20, B, 62)],
        [place(0, 10), place(11, 20, B, connections=1)],
        [place(0, 10), place(11, 20, 0)],
        [place(0, 1), place(2, 3, B), place(4, 5, GATEWAY), place(6, 7, 0xFF)],
    ],
    ids=["in turn", "another gateway", "few", "no MAC", "often"],
)
def test_no_finding(places: list[PlaceFacts]) -> None:
    assert find(*places) == []
