"""Finding path.reset_device: resets that one device between the ends made."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.reset_device import ResetDevice
from pcapdiag.model.context import EndpointFacts, HostFacts, ResetMarks
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Attribution, Connection, Finding, Reset, Side
from tests.report.fabricate import UPSTREAM, refused, seconds

pytestmark = pytest.mark.once


def cut(
    stream: int, ttl: int = 60, window: int = 0, side: Side = "path", confidence: float = 0.9
) -> Connection:
    connection = refused(stream, offset=stream)
    verdict = connection.verdict
    verdict.attribution.side = side
    verdict.attribution.confidence = confidence
    verdict.attribution.address = None
    connection.resets = [
        Reset(
            frame=verdict.frames[1],
            time=seconds(stream),
            from_="responder",
            attribution=verdict.attribution,
            ttl=ttl,
            window=window,
        )
    ]
    return connection


def find(*connections: Connection, fleet: Fleet | None = None) -> list[Finding]:
    finder = ResetDevice()
    for connection in connections:
        finder.look(connection)
    return finder.findings(fleet or Fleet())


def test_resets_from_one_distance_are_one_device() -> None:
    fleet = Fleet(
        hosts=[HostFacts(UPSTREAM, ttls={63: 40}, marks_of_resets=ResetMarks(ip_ids={7: 3}))],
        endpoints=[EndpointFacts(UPSTREAM, 8443, connections=10)],
    )
    (finding,) = find(cut(1), cut(2), cut(3), fleet=fleet)
    assert (finding.code, finding.severity, finding.count) == ("path.reset_device", "failure", 3)
    assert finding.title == "one device 4 hops away reset 3 connections"
    assert "all resets have TTL 60, their alleged senders' other packets 63" in finding.detail
    assert "IP ID 7 in every one" in finding.detail
    assert "7 other connections to the same endpoints were not reset" in finding.detail
    assert finding.streams == [1, 2, 3]
    assert (finding.first, finding.last) == (seconds(1), seconds(3))
    assert finding.numbers["hops"] == 4
    assert finding.commands[0].startswith("traceroute -n -T -p 8443 10.0.2.7")


def test_two_distances_are_two_devices() -> None:
    found = find(*(cut(n) for n in range(3)), *(cut(n, ttl=250) for n in range(5, 9)))
    assert [one.count for one in found] == [4, 3]


def test_a_window_shows_a_device_that_copies_the_ttl() -> None:
    (finding,) = find(*(cut(n, ttl=50 + n, window=2000) for n in range(3)))
    assert "window 2000" in finding.detail
    assert "hops" not in finding.numbers
    assert "hop" not in finding.title


def test_after_idle_times_the_fixes_are_about_those() -> None:
    connections = [cut(n) for n in range(3)]
    for connection in connections:
        connection.resets[0].quiet = 350.0
    (finding,) = find(*connections)
    assert "3 of them after 350 s of quiet" in finding.detail
    assert "keepalive_timeout" in finding.fixes[0]


@pytest.mark.parametrize(
    "connections",
    [
        [cut(1), cut(2)],
        [cut(n, side="responder") for n in range(3)],
        [cut(n, confidence=0.4) for n in range(3)],
        [cut(n, ttl=50 + n) for n in range(3)],
    ],
    ids=["few", "an end did it", "unsure", "nothing in common"],
)
def test_no_finding(connections: list[Connection]) -> None:
    assert find(*connections) == []


def test_an_end_that_gave_up_on_a_silent_path_is_no_device() -> None:
    connections = [cut(n) for n in range(3)]
    for connection in connections:
        connection.resets[0].attribution = Attribution(side="initiator", confidence=0.9)
    assert find(*connections) == []


def test_resets_over_ipv6_have_no_filter_on_the_ttl_byte_of_ipv4() -> None:
    over_ipv4 = find(cut(1), cut(2), cut(3))[0].commands
    assert over_ipv4[-1] == "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0 and ip[8] = 60'"
    connections = [cut(n) for n in range(3)]
    for connection in connections:
        connection.responder.ip = "2001:db8::7"
    assert not any("ip[8]" in text for text in find(*connections)[0].commands)


def test_only_the_resets_in_the_senders_names_count_for_their_ip_id() -> None:
    marks = ResetMarks(ip_ids={7: 3})
    own = Fleet(hosts=[HostFacts(UPSTREAM, ttls={63: 40}, marks_of_resets=marks)])
    assert "IP ID 7" in find(cut(1), cut(2), cut(3), fleet=own)[0].detail
    strangers = Fleet(hosts=[HostFacts("10.0.9.9", ttls={63: 40}, marks_of_resets=marks)])
    assert "IP ID" not in find(cut(1), cut(2), cut(3), fleet=strangers)[0].detail
