"""An ACK of a VPN client's own stack, on the capturing host, says nothing of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

import pcapdiag
from tests.flow.wire import End, Link, Wire

PUBLIC = ("93.184.216.34", "151.101.1.69", "142.250.74.36")
CLIENT_MAC, OTHER_MAC = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def silent_after_others(path: Path, servers: tuple[str, ...], ttl: int, answer: float) -> Path:
    """The last server acknowledges a request within 0.2 ms, and is silent for 30 s."""
    wire = Wire()
    asked, told = 1 + len(REQUEST), 1 + len(ANSWER)
    for number, server in enumerate(servers):
        at = number * 1000
        client = End("10.8.0.2", 40000 + number, 0x1000, CLIENT_MAC)
        link = Link(wire, client, End(server, 80, 0x9000, OTHER_MAC, ttl))
        link.handshake(at, rtt=answer)
        link.c(at + 5, "PA", 1, 1, REQUEST)
        link.s(at + 5 + answer, "A", 1, asked)
        if server is servers[-1]:
            link.c(at + 30_005, "FA", asked, 1)
            continue
        link.s(at + 45, "PA", 1, asked, ANSWER)
        link.c(at + 46, "FA", asked, told)
        link.s(at + 46 + answer, "FA", told, asked + 1)
        link.c(at + 47 + answer, "A", asked + 1, told + 1)
    return wire.save(path)


@pytest.mark.parametrize(
    ("servers", "ttl", "answer", "side"),
    [
        (PUBLIC, 64, 0.2, "unknown"),
        (PUBLIC, 52, 0.2, "responder"),
        (PUBLIC, 64, 20, "responder"),
        (PUBLIC[1:], 64, 0.2, "responder"),
        (("10.1.0.9", "10.2.0.9", "10.3.0.9"), 64, 0.2, "responder"),
    ],
    ids=["own stack", "behind routers", "no router lowers", "a neighbour", "private"],
)
def test_who_is_blamed(
    servers: tuple[str, ...], ttl: int, answer: float, side: str, tmp_path: Path
) -> None:
    path = silent_after_others(tmp_path / "a.pcap", servers, ttl, answer)
    (one,) = pcapdiag.analyze(path).connections
    assert one.verdict.code == "tcp.response_timeout"
    told = one.verdict.attribution
    assert told.side == side
    assert ("answered_for_all" in [e.signal for e in told.evidence]) == (side == "unknown")


@pytest.mark.parametrize(("shook", "is_relay"), [(40, True), (0.3, False)])
def test_one_connection_shows_a_relay_by_its_slow_handshake(
    shook: float, is_relay: bool, tmp_path: Path
) -> None:
    wire = Wire()
    asked = 1 + len(REQUEST)
    link = Link(wire, End("10.8.0.2", 40000, 1, CLIENT_MAC), End(PUBLIC[0], 80, 1, OTHER_MAC))
    link.handshake(0, rtt=shook)
    link.c(45, "PA", 1, 1, REQUEST)
    link.s(45.2, "A", 1, asked)
    link.c(30_045, "FA", asked, 1)
    (one,) = pcapdiag.analyze(wire.save(tmp_path / "a.pcap")).connections
    told = one.verdict.attribution
    assert ("answered_for_all" in [e.signal for e in told.evidence]) == is_relay
    assert told.side == "responder"
    assert (told.confidence < 0.93) == is_relay
