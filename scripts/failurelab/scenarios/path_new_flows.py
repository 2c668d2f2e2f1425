"""New connections are dropped and established ones go on; and what resembles it."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable

from failurelab import behaviours, nat, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.packets import Packet
from failurelab.registry import scenario

SECOND = {"upstream2": "router"}
BODY = behaviours.reply(b"0123456789abcdef" * 400)


def _every(nth: int) -> Callable[[Packet], bool]:
    count = itertools.count(1)
    return lambda _: next(count) % nth == 0


def _use(connection: Connection) -> None:
    connection.send(behaviours.get("/stock")).receive(len(BODY), timeout=3)


def _begin(lab: Lab, count: int) -> list[socket.socket]:
    made = []
    for _ in range(count):
        sock = lab.client.socket(lab.upstream.ip)
        sock.bind((lab.client.ip, 0))
        sock.setblocking(False)
        sock.connect_ex((lab.upstream.ip, 8080))
        made.append(sock)
    return made


def _is_up(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _rounds(lab: Lab, standing: list[Connection], rounds: int, at_once: int) -> None:
    """In each round some new connections at once, and a request on each that stands."""
    for _ in range(rounds):
        begun = _begin(lab, at_once)
        for connection in standing:
            _use(connection)
        lab.sleep(0.3)
        for sock in filter(_is_up, begun):
            sock.settimeout(3)
            sock.sendall(behaviours.get("/cart"))
            sock.recv(10_000)
            sock.close()
        lab.sleep(1.2)
        for sock in begun:
            sock.close()


@scenario(
    "path.new_flows_dropped-snat-ports",
    "A NAT with few ports for its address: new connections are dropped, those that stand go on",
    points=("client", Point("router", "eth0")),
    layers=("path", "tcp"),
)
def snat_ports(lab: Lab) -> None:
    """The router masquerades with eight ports; six connections stand and are used, four more at
    once are tried six times. A port is free again one second after its connection was closed.
    """
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_time_wait", 1)
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_last_ack", 1)
    lab.router.iptables(
        f"-t nat -A POSTROUTING -o {nat.UPSTREAM_SIDE} -p tcp -j MASQUERADE --to-ports 40000-40007"
    )
    server = lab.upstream.serve(8080, behaviours.answer(BODY))
    standing = [lab.client.connect(server.address) for _ in range(6)]
    _rounds(lab, standing, 6, 4)
    for connection in standing:
        lab.healthy(connection)
        connection.close()
    lab.others = "any"
    lab.findings.expected = ["path.new_flows_dropped"]
    lab.findings.forbidden = ["path.loss", "endpoint.down", "tcp.listen_backlog"]


@scenario(
    "path.new_flows_dropped-rate-limit",
    "A firewall takes few new connections a second",
    branches=SECOND,
    layers=("path", "tcp"),
)
def rate_limit(lab: Lab) -> None:
    """The router drops SYNs above two in a second (hashlimit, burst 2), and nothing else; five
    connections stand and are used, four more at once are tried six times.
    """
    limit = "-m hashlimit --hashlimit-name new --hashlimit-above 2/sec --hashlimit-burst 2"
    servers = [
        h.serve(8080, behaviours.answer(BODY)) for h in (lab.upstream, lab.hosts["upstream2"])
    ]
    standing = [lab.client.connect(s.address) for s in (*servers, *servers, servers[0])]
    lab.router.iptables(f"-A FORWARD -p tcp --syn {limit} -j DROP")
    _rounds(lab, standing, 6, 4)
    for connection in standing:
        lab.healthy(connection)
        connection.close()
    lab.others = "any"
    lab.findings.expected = ["path.new_flows_dropped"]
    lab.findings.forbidden = ["path.loss", "endpoint.down", "tcp.listen_backlog"]


@scenario(
    "path.loss-of-syns-too",
    "Every seventh packet is lost, SYNs and data alike",
    points=(Point("client", gzip=True),),
    bump="router-upstream",
    layers=("path", "tcp"),
)
def all_alike(lab: Lab) -> None:
    """The bump drops every seventh packet towards the upstream and every seventh data segment
    back; forty connections fetch 6 kB each.
    """
    lab.bump.delay = 0.002
    lab.bump.add(rules.drop(rules.Match(direction="forward", test=_every(7))))
    lab.bump.add(rules.drop(rules.Match(direction="back", data=True, test=_every(7))))
    server = lab.upstream.serve(8080, behaviours.answer(BODY))
    for _ in range(40):
        connection = lab.client.connect(server.address)
        _use(connection)
        connection.close()
    lab.others = "any"
    lab.sleep(0.5)
    lab.findings.expected = ["path.loss"]
    lab.findings.forbidden = ["path.new_flows_dropped"]


@scenario(
    "endpoint.down-silent-for-a-while",
    "One of two endpoints does not answer for some seconds, then it does again",
    branches=SECOND,
    layers=("endpoint", "tcp"),
)
def silent(lab: Lab) -> None:
    """Every 0.2 s a connection to each of two upstreams; for some seconds the second one's
    host drops everything. Each is given 1.4 s.
    """
    hosts = (lab.upstream, lab.hosts["upstream2"])
    servers = [host.serve(8080, behaviours.answer(BODY)) for host in hosts]
    for nth in range(22):
        if nth == 8:
            hosts[1].iptables("-A INPUT -j DROP")
        if nth == 12:
            hosts[1].iptables("-D INPUT -j DROP")
        for server in servers:
            connection = lab.client.connect(server.address, timeout=1.4)
            if connection.error is None:
                _use(connection)
            connection.close()
        lab.sleep(0.05)
    lab.others = "any"
    lab.findings.expected = ["endpoint.down"]
    lab.findings.forbidden = ["path.new_flows_dropped", "path.loss"]
