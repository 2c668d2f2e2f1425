"""Hosts of which there are too many: nothing is known of them, and none is taken for another."""

from __future__ import annotations

from pcapdiag.flow.fleet import callers_of
from pcapdiag.flow.table import endpoint_key
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.addresses import key_of
from tests.flow.wire import End, Link, Told, Wire, tell


def full(tracker: Tracker) -> None:
    """Let the capture have shown as many hosts as are kept."""
    number, table = 0, tracker.table
    while table.host(4, 1, number) is not table.other_host:
        number += 1
    table.hosts_left_out = 0


def link(wire: Wire, source: str, target: str, port: int = 40_000) -> Link:
    client = End(source, port, 0x1000, b"\2\0\0\0\0\1")
    return Link(wire, client, End(target, 80, 0x9000, b"\2\0\0\0\0\2"))


def two_strangers() -> Told:
    """One is asked and does not answer; meanwhile another one calls a third and is answered."""
    wire = Wire()
    asked = link(wire, "10.0.1.1", "10.0.2.1")
    asked.handshake(0, rtt=1)
    asked.c(10, "PA", 1, 1, b"question")
    elsewhere = link(wire, "10.0.7.7", "10.0.8.8", 50_000)
    elsewhere.handshake(12, rtt=1)
    elsewhere.c(14, "PA", 1, 1, b"question")
    elsewhere.s(20, "RA", 1, 9)
    asked.s(30, "PA", 1, 9, b"503")
    return tell(wire, prepare=full)


def test_they_are_not_one_proxy() -> None:
    told = two_strangers()
    assert told.tracker.table.hosts_left_out > 0
    assert told.stream(0).legs_behind == told.stream(0).legs_before == ()
    assert told.stream(1).legs_behind == told.stream(1).legs_before == ()


def test_they_are_not_one_caller_and_nobody_s_peer() -> None:
    told = two_strangers()
    tracker = told.tracker
    assert not [one for end in tracker.table.endpoints.values() for one in callers_of(end)]
    assert tracker.callers.left_out == 2
    assert not tracker.table.other_host.peers


def test_a_loopback_that_is_not_kept_calls_inside_all_the_same() -> None:
    wire = Wire()
    link(wire, "127.0.0.6", "10.0.2.1").handshake(0, rtt=1)
    link(wire, "10.0.1.1", "10.0.2.1", 40_001).handshake(10, rtt=1)
    endpoints = tell(wire, prepare=full).tracker.table.endpoints
    for caller in ("127.0.0.6", "10.0.1.1"):
        key = endpoint_key(key_of(caller), key_of("10.0.2.1"), 80)
        assert endpoints[key].connections == 1
