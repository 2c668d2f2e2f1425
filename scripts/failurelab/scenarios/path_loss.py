"""Loss on one way and not on others, and what only looks like loss."""

from __future__ import annotations

import random

from failurelab import behaviours, rules
from failurelab.bump import Bump
from failurelab.capture import Point
from failurelab.connections import Address, Connection
from failurelab.lab import Lab
from failurelab.packets import Packet
from failurelab.registry import scenario
from failurelab.scenes import every

ZIPPED = (Point("client", gzip=True),)
SECOND = {"upstream2": "router"}
COMPLETE = ["capture.dropped", "capture.duplicates"]


def _servers(lab: Lab, size: int) -> list[Address]:
    data = behaviours.reply(b"0123456789abcdef" * (size // 16))
    hosts = [lab.upstream, *(h for name, h in lab.hosts.items() if name == "upstream2")]
    return [host.serve(8080, behaviours.answer(data)).address for host in hosts]


def _download(lab: Lab, rounds: int, size: int = 60_000) -> None:
    """In each round one connection to each server, that fetches `size` bytes."""
    addresses = _servers(lab, size)
    total = len(behaviours.reply(b"0123456789abcdef" * (size // 16)))
    for _ in range(rounds):
        for address in addresses:
            connection = lab.client.connect(address)
            connection.send(behaviours.get("/export")).receive(total, timeout=20)
            connection.close()
            lab.healthy(connection)
    lab.sleep(0.3)


@scenario(
    "path.loss-from-one-upstream",
    "Every thirtieth segment from one of two upstreams is lost",
    points=(*ZIPPED, Point("router", "eth1", gzip=True)),
    branches=SECOND,
    bump="router-upstream",
)
def from_one(lab: Lab) -> None:
    """The bump before the first upstream drops every 30th data segment towards the client, round
    trip 6 ms; the client fetches 60 kB twenty times from each.
    """
    lab.bump.delay = 0.003
    lab.bump.add(rules.drop(rules.Match(direction="back", data=True, test=every(30))))
    _download(lab, 20)
    lab.findings.expected = ["path.loss"]
    lab.findings.forbidden = list(COMPLETE)


@scenario(
    "path.loss-to-the-client",
    "A server's own capture: what it sends is lost behind it",
    points=(Point("upstream", gzip=True),),
    bump="client-router",
)
def to_client(lab: Lab) -> None:
    """The bump before the client drops every 25th packet that is no SYN, both ways, round trip
    6 ms; the client fetches 60 kB twenty times.
    """
    lab.bump.delay = 0.003
    lab.bump.add(rules.drop(rules.Match(test=every(25))))
    _download(lab, 20)
    lab.findings.expected = ["path.loss"]
    lab.findings.forbidden = list(COMPLETE)


@scenario(
    "path.loss-of-uploads-ipv6",
    "IPv6: what the client sends to one of two upstreams is lost, what it gets is not",
    family=6,
    points=ZIPPED,
    branches=SECOND,
    bump="router-upstream",
)
def uploads(lab: Lab) -> None:
    """Requests of 40 kB to each upstream, ten times; the bump before the first drops every 20th
    data segment of them. Round trip 6 ms.
    """
    lab.bump.delay = 0.003
    lab.bump.add(rules.drop(rules.Match(direction="forward", data=True, test=every(20))))
    head = b"POST /in HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 40000\r\n\r\n"

    def take(connection: Connection) -> None:
        connection.receive(len(head) + 40_000, timeout=20)
        connection.send(behaviours.reply(b"stored\n", "201 Created")).receive_all()
        connection.close()

    servers = [host.serve(8080, take) for host in (lab.upstream, lab.hosts["upstream2"])]
    for _ in range(10):
        for server in servers:
            connection = lab.client.connect(server.address)
            connection.send(head + b"row;" * 10_000).receive_until()
            connection.close()
            lab.healthy(connection)
    lab.sleep(0.3)
    lab.findings.expected = ["path.loss"]
    lab.findings.forbidden = list(COMPLETE)


@scenario(
    "healthy-loss-everywhere-alike",
    "Two upstreams, and little loss on the way that both have in common",
    points=ZIPPED,
    branches=SECOND,
    bump="client-router",
    layers=("path", "tcp"),
)
def alike(lab: Lab) -> None:
    """The bump before the client drops every 150th packet; 60 kB ten times from each."""
    lab.bump.delay = 0.003
    lab.bump.add(rules.drop(rules.Match(test=every(150))))
    _download(lab, 10)
    lab.findings.forbidden = ["path.loss", *COMPLETE]


@scenario(
    "healthy-reordering-from-one-upstream",
    "Two upstreams, and segments from one of them are overtaken",
    points=(*ZIPPED, Point("router", "eth1", gzip=True)),
    branches=SECOND,
    bump="router-upstream",
    layers=("path", "tcp"),
)
def reordered(lab: Lab) -> None:
    """The bump before the first upstream holds 15 % of the data segments back by 2 ms, round trip
    10 ms; 60 kB ten times from each.
    """
    lab.bump.delay = 0.005
    held = rules.Match(direction="back", data=True, probability=0.15)
    lab.bump.add(rules.delay(held, 0.002))
    _download(lab, 10)
    lab.findings.forbidden = ["path.loss", *COMPLETE]


def _held(lab: Lab) -> None:
    """Hold many data segments back, each for another time, up to two round trips."""
    dice = random.Random("reordering")

    def rule(bump: Bump, packet: Packet) -> bool:
        if packet.direction != "back" or not packet.payload_size or dice.random() >= 0.3:
            return False
        bump.send(packet.data, packet.direction, bump.delay + dice.uniform(0.002, 0.02))
        return True

    lab.bump.delay = 0.005
    lab.bump.add(rule)


@scenario(
    "healthy-reordering-beyond-a-round-trip",
    "Segments that come up to two round trips late, and are sent again needlessly",
    points=(Point("upstream", gzip=True), Point("client", gzip=True)),
    bump="router-upstream",
    layers=("path", "tcp"),
)
def reordered_far(lab: Lab) -> None:
    """The bump holds 30 % of the data segments back by 2 to 20 ms, round trip 10 ms; 60 kB ten
    times.
    """
    _held(lab)
    _download(lab, 10)
    lab.findings.forbidden = ["path.loss", *COMPLETE]


@scenario(
    "healthy-reordering-without-timestamps",
    "The same between stacks that have neither SACK nor timestamps",
    points=(Point("upstream", gzip=True), Point("client", gzip=True)),
    bump="router-upstream",
    layers=("path", "tcp"),
)
def reordered_plain(lab: Lab) -> None:
    """The bump holds 30 % of the data segments back by 2 to 20 ms, round trip 10 ms; 60 kB ten
    times, with tcp_sack and tcp_timestamps 0.
    """
    for host in (lab.client, lab.upstream):
        host.sysctl("net.ipv4.tcp_sack", 0)
        host.sysctl("net.ipv4.tcp_timestamps", 0)
    _held(lab)
    _download(lab, 10)
    lab.findings.forbidden = ["path.loss", "capture.dropped"]


@scenario(
    "healthy-needless-repeats",
    "One of two upstreams' path stalls now and then: repeats that nobody needed",
    points=(Point("upstream", gzip=True), Point("client", gzip=True)),
    branches=SECOND,
    bump="router-upstream",
    layers=("path", "tcp"),
)
def needless(lab: Lab) -> None:
    """The bump before the first upstream holds every 40th answer segment and all ACKs for 0.4 s
    in turn; the server repeats, the client answers by DSACK. Answers of 6 kB.
    """
    lab.bump.delay = 0.003
    late = rules.Match(direction="forward", data=False, flags="A", probability=0.3)
    lab.bump.add(rules.delay(late, 0.4))
    _download(lab, 15, size=6_000)
    lab.findings.forbidden = ["path.loss", *COMPLETE]
