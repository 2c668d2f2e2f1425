"""Counters of the kernel: read from their text, and what grew between two readings."""

from __future__ import annotations

import pytest

from pcapdiag.host.counters import grown, growth, paired
from pcapdiag.host.remarks import remarks, span
from pcapdiag.model.snapshot import (
    SCHEMA,
    Counters,
    Interface,
    Listener,
    Neighbours,
    Ports,
    Snapshot,
    Sockets,
)
from pcapdiag.model.snapshot_envoy import Envoy, EnvoyCluster
from pcapdiag.report.layout import Page
from pcapdiag.report.snapshot import render_snapshot

pytestmark = pytest.mark.once


def test_a_line_of_names_and_one_of_values() -> None:
    text = "TcpExt: A B C\nTcpExt: 1 -1 3\nMPTcpExt: A\nMPTcpExt: 9\nTcp: X\nIp: 4\n"
    assert paired(text) == {"TcpExtA": 1, "TcpExtC": 3}


def test_a_counter_that_began_anew() -> None:
    assert grown({"a": 5, "b": 7}, {"a": 9, "b": 3, "c": 1}) == {"a": 4, "b": 3, "c": 1}
    assert grown({"a": 5}, {"a": 5}) == {}


def test_growth_of_everything() -> None:
    before = Counters(time="1.0", interfaces={"eth0": {"rx_errors": 1}}, rules={"r": 2})
    after = Counters(time="3.5", interfaces={"eth0": {"rx_errors": 4}}, rules={"r": 2})
    assert growth(before, after).interfaces == {"eth0": {"rx_errors": 3}}
    assert growth(before, after).rules == {}
    assert span(Snapshot(SCHEMA, "4.0", counters=after, earlier=before)) == 2.5


@pytest.mark.parametrize(
    ("reserved", "size"),
    [([], 1_001), (["900-1100", "1500"], 899), (["odd", "7-x", "5000"], 1_001), (["1-65535"], 0)],
)
def test_ports_to_take(reserved: list[str], size: int) -> None:
    assert Ports(first=1_000, last=2_000, reserved=reserved).size == size
    assert Ports().size == 0


def test_what_stands_out_and_how_it_is_told() -> None:
    snapshot = Snapshot(
        SCHEMA,
        "1700000000.5",
        sockets=Sockets(listeners=[Listener("0.0.0.0", 80, 129, 128), Listener("::1", 81, 0, 5)]),
        counters=Counters(kernel={"TcpExtListenOverflows": 32}),
        interfaces=[Interface("eth\x1b[2J", mtu=1400, state="up")],
        neighbours=Neighbours(failed=[f"10.0.0.{n}" for n in range(7)]),
    )
    found = remarks(snapshot)
    assert [one.what for one in found if one.is_now] == [
        "accept queue of 0.0.0.0:80 is full: 129 of 128",
        "no neighbour answers for 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 2 more",
    ]
    assert [one.what for one in found if not one.is_now] == [
        "32 connections found an accept queue full (TcpExtListenOverflows)"
    ]
    lines = list(render_snapshot(snapshot, found, Page(60)))
    assert all(line.isprintable() and len(line) <= 60 for line in lines)
    text = "\n".join(lines)
    assert "LISTEN  0.0.0.0:80: 129 of 128 wait to be accepted" in text
    assert "since it came up" in text


def test_a_host_without_troubles() -> None:
    snapshot = Snapshot(SCHEMA, "1700000000.5")
    assert remarks(snapshot) == []
    assert "NOTHING stands out" in "\n".join(render_snapshot(snapshot, [], Page()))


def test_an_empty_cluster_of_envoy_stands_out() -> None:
    envoy = Envoy("127.0.0.1:15000", state="LIVE", clusters=[EnvoyCluster("shop")])
    (one,) = remarks(Snapshot(SCHEMA, "1.0", envoy=envoy))
    assert one.what == "Envoy cluster shop: no endpoints"
