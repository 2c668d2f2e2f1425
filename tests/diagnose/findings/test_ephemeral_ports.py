"""When one address has used up its ports to one destination."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.ephemeral_ports import EphemeralPorts
from pcapdiag.model.context import HostFacts
from pcapdiag.model.fleet import CallerFacts, Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds
from tests.report.fabricate import healthy, refused

pytestmark = pytest.mark.once
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def caller(**changes: object) -> CallerFacts:
    facts = CallerFacts(
        caller="10.0.1.5",
        endpoint="10.0.2.7:8443",
        connections=30_000,
        lowest_port=32_770,
        highest_port=60_998,
        first=START,
        last=START + 60 * SECOND,
        most_open=120,
        most_in_use=25_000,
        most_at=START + 55 * SECOND,
    )
    for name, value in changes.items():
        setattr(facts, name, value)
    return facts


def collided(stream: int) -> Connection:
    connection = refused(stream=stream)
    connection.verdict.code = "tcp.port_reuse"
    return connection


def found(fleet: Fleet, *connections: Connection) -> list[Finding]:
    finder = EphemeralPorts()
    for connection in connections:
        finder.look(connection)
    return finder.findings(fleet)


def test_most_of_the_default_range() -> None:
    (finding,) = found(Fleet(callers=[caller()]))
    assert (finding.code, finding.severity) == ("tcp.ephemeral_ports_low", "warning")
    assert (finding.endpoint, finding.addresses) == ("10.0.2.7:8443", ["10.0.1.5"])
    assert finding.title == "10.0.1.5 has used 89% of its ports to 10.0.2.7:8443"
    assert "25,000 of 28,232 ports (32768 to 60999, the default range of Linux)" in finding.detail
    assert "500.0 a second; 120 open at once" in finding.detail
    assert finding.first == finding.last == format_seconds(START + 55 * SECOND)
    assert finding.numbers["per_second"] == pytest.approx(500, 0.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"most_in_use": 20_000},
        {"most_in_use": 24_000, "lowest_port": 20_000},
        {"most_in_use": 12_000, "lowest_port": 49_200, "highest_port": 65_500},
        {"most_in_use": 60, "lowest_port": 40_000, "highest_port": 40_099, "connections": 450},
        {"most_in_use": 99, "lowest_port": 40_000, "highest_port": 40_099, "connections": 150},
        {"most_in_use": 8, "lowest_port": 40_000, "highest_port": 40_007, "connections": 900},
    ],
)
def test_room_enough_says_nothing(changes: dict[str, object]) -> None:
    assert found(Fleet(callers=[caller(**changes)])) == []


def test_a_range_that_was_gone_through_is_all_there_is() -> None:
    facts = caller(most_in_use=90, lowest_port=40_000, highest_port=40_099, connections=450)
    (finding,) = found(Fleet(callers=[facts]))
    assert "90 of 100 ports (40000 to 40099, all that it ever used)" in finding.detail


def test_windows_has_fewer_ports() -> None:
    facts = caller(most_in_use=14_000, lowest_port=49_200, highest_port=65_500)
    assert found(Fleet(callers=[facts]))[0].numbers["range"] == 16_384


def test_collisions_that_failed_are_a_failure_whatever_the_level() -> None:
    fleet = Fleet(callers=[caller(most_in_use=40, cured=2, connections=80)])
    assert found(fleet) == []
    (finding,) = found(fleet, collided(3), healthy())
    assert (finding.severity, finding.count, finding.streams) == ("failure", 1, [3])
    assert "used again too soon" in finding.title
    assert "2 SYNs met one and worked at the next try" in finding.detail


def test_an_address_with_many_ttls_may_be_a_nat() -> None:
    host = HostFacts("10.0.1.5", ttls={61: 10, 62: 10, 125: 3})
    (finding,) = found(Fleet(callers=[caller()], hosts=[host]))
    assert "may be a NAT" in finding.detail
    assert finding.fixes[0].startswith("a NAT: more addresses")
