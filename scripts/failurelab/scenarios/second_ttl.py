"""Hosts whose resets, or whose sockets, start with another TTL than their other packets.

Some systems make resets by a second generator, and a program may set its sockets' TTL (IP_TTL, RFC
5082): the packet is from as far away as the host itself.
"""

from __future__ import annotations

import socket

from failurelab import behaviours, rules, sockets
from failurelab.bump import Forge
from failurelab.connections import Connection, Listener
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenes import accepted

_HONEST = ["responder", "unknown"]
_BEFORE = "tcp.reset_before_response"
_REFUSED = "tcp.connection_refused"


def resets_start_at(host: Host, ttl: int) -> None:
    """Let all RSTs of a host leave with this TTL or hop limit."""
    host.nft(
        "table inet second {\nchain out {\ntype filter hook output priority mangle;\n"
        f"meta nfproto ipv4 tcp flags & rst == rst ip ttl set {ttl}\n"
        f"meta nfproto ipv6 tcp flags & rst == rst ip6 hoplimit set {ttl}\n}}\n}}\n"
    )


def _keep(connection: Connection) -> None:
    """Leave the socket to the scenario."""


def _vanish_idle(lab: Lab, listener: Listener, count: int) -> list[Connection]:
    """Connections that were answered once, then idle, and that the server's kernel forgot."""
    made = []
    for nth in range(count):
        connection = lab.client.connect(listener.address)
        connection.send(behaviours.get(f"/{nth}"))
        server = accepted(lab, listener, nth)
        server.receive_until()
        server.send(behaviours.reply())
        connection.receive_until()
        made.append(connection)
    lab.sleep(1.6)
    for server in listener.accepted[:count]:
        sockets.vanish(server)
    return made


@scenario(
    "tcp.reset_before_response-resets-start-at-255",
    "A server resets after requests; its resets start with TTL 255, its other packets with 64",
    points=("client", "upstream"),
)
def live_255(lab: Lab) -> None:
    """The upstream sends every RST with TTL 255 (nftables, on its way out). Two requests to one
    port are answered; four to another are met by linger zero after 20 ms.
    """
    resets_start_at(lab.upstream, 255)
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.02))
    for nth in range(4):
        if nth < 2:
            works = lab.client.connect(good.address)
            works.send(behaviours.get()).receive_until()
            works.close()
            lab.healthy(works)
        cut = lab.client.connect(bad.address)
        cut.send(behaviours.get(f"/{nth}")).receive_all()
        lab.judge(cut, _BEFORE, _HONEST, ended_by=["responder"])
    lab.findings.forbidden = ["path.reset_device"]
    lab.sleep(0.2)


@scenario(
    "tcp.stale_connection-resets-start-at-128",
    "Pooled connections that the server forgot; its resets start with TTL 128",
    bump="client-router",
)
def late_128(lab: Lab) -> None:
    """Four connections are answered once; after 1.6 s the server's kernel has forgotten them
    (TCP_REPAIR) and meets the next request by a bare RST, which starts with TTL 128. Round trip 8
    ms.
    """
    lab.bump.delay = 0.004
    resets_start_at(lab.upstream, 128)
    listener = lab.upstream.serve(8080, _keep)
    for connection in _vanish_idle(lab, listener, 4):
        connection.send(behaviours.get("/again")).receive_all(1)
        lab.judge(connection, ["tcp.stale_connection", "tcp.state_lost"], _HONEST)
    lab.findings.forbidden = ["path.reset_device"]
    lab.sleep(0.2)


@scenario(
    "tcp.state_lost-resets-start-at-255-v6",
    "IPv6: uploads to a server that forgot them; its resets start with hop limit 255",
    family=6,
)
def lost_255(lab: Lab) -> None:
    """Three uploads of 600 bytes every 50 ms; after the fourth the server's kernel forgets the
    connection (TCP_REPAIR) and answers by a bare RST with hop limit 255.
    """
    resets_start_at(lab.upstream, 255)
    listener = lab.upstream.serve(5044, _keep)
    for nth in range(3):
        connection = lab.client.connect(listener.address)
        server = accepted(lab, listener, nth)
        for part in range(5):
            connection.send(bytes([part]) * 600)
            lab.sleep(0.05)
            server.receive(600, timeout=0.2)
        sockets.vanish(server)
        connection.send(b"x" * 600).receive_all(0.5)
        codes = ["tcp.state_lost", _BEFORE]
        lab.judge(connection, codes, _HONEST)
    lab.findings.forbidden = ["path.reset_device"]
    lab.sleep(0.2)


@scenario(
    "tcp.connection_refused-resets-start-at-255",
    "Closed ports of a host whose resets start with TTL 255",
)
def refused_255(lab: Lab) -> None:
    """Two requests to a port that is served; then four connections to ports where nothing listens,
    and one more to the first port, which is closed by then.
    """
    resets_start_at(lab.upstream, 255)
    server = lab.upstream.serve(8080, behaviours.answer())
    for _ in range(2):
        works = lab.client.connect(server.address)
        works.send(behaviours.get()).receive_until()
        works.close()
        lab.healthy(works)
    server.close()
    lab.sleep(0.2)
    for port in (9090, 9091, 9092, 9093, 8080):
        refused = lab.client.connect((lab.upstream.ip, port))
        lab.judge(refused, _REFUSED, _HONEST, ended_by=["responder"])
    lab.findings.forbidden = ["path.reset_device"]
    lab.sleep(0.2)


@scenario(
    "tcp.state_lost-ttl-of-the-socket",
    "A program sets its sockets' TTL; resets by the kernel have the host's default",
)
def socket_ttl(lab: Lab) -> None:
    """The server sets IP_TTL 255 on the connections that it accepted (as in RFC 5082), answers
    three times, and its kernel forgets the connection: the bare RST has TTL 64, like the SYN-ACK.
    """
    listener = lab.upstream.serve(1790, _keep)
    for nth in range(3):
        connection = lab.client.connect(listener.address)
        server = accepted(lab, listener, nth)
        server.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        for part in range(3):
            connection.send(bytes([part]) * 19)
            server.receive(19)
            server.send(bytes([part]) * 19)
            connection.receive(19)
        sockets.vanish(server)
        connection.send(b"keepalive").receive_all(0.5)
        codes = ["tcp.state_lost", "tcp.stale_connection", _BEFORE]
        lab.judge(connection, codes, _HONEST)
    lab.findings.forbidden = ["path.reset_device"]
    lab.sleep(0.2)


@scenario(
    "tcp.connection_refused-published-port-gone",
    "A container's published port: when the container goes, its host refuses by itself",
    path="client router router2 upstream",
)
def published_port_gone(lab: Lab) -> None:
    """Port 80 of a host is forwarded to a container behind it (DNAT); three requests are answered
    from there. Then container and rule go, and the host refuses four tries: its TTL is one higher.
    """
    ip, port = lab.upstream.serve(8080, behaviours.answer()).address
    rule = f"PREROUTING -d {lab.router2.ip} -p tcp --dport 80 -j DNAT --to-destination {ip}:{port}"
    lab.router2.iptables(f"-t nat -A {rule}")
    for _ in range(3):
        works = lab.client.connect((lab.router2.ip, 80))
        works.send(behaviours.get()).receive_until()
        works.close()
        lab.sleep(0.1)
        lab.healthy(works)
    lab.router2.iptables(f"-t nat -D {rule}")
    for _ in range(4):
        refused = lab.client.connect((lab.router2.ip, 80))
        lab.judge(refused, _REFUSED, _HONEST, ended_by=["responder"])
    lab.findings.forbidden = ["path.reset_device"]
    lab.sleep(0.2)


@scenario(
    "tcp.injected_reset-from-as-far-as-the-server",
    "A bridge beside the server resets requests that hold a word, with TTL 255",
    bump="router-upstream",
)
def bridge_255(lab: Lab) -> None:
    """A bare RST with TTL 255 answers three requests, which pass; their answers come after it. The
    bridge lowers no TTL, so that it is as far away as the server. Round trip 8 ms.
    """
    lab.bump.delay = 0.004
    word = rules.Match(direction="forward", contains=b"GET /cut")
    lab.bump.add(rules.forge_reset(word, Forge(flags="R", ttl=255, ip_id=0), to="sender"))
    server = lab.upstream.serve(8080, behaviours.answer())
    for nth in range(3):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get(f"/cut/{nth}")).receive_all()
        lab.sleep(0.15)
        lab.judge(connection, ["tcp.injected_reset", _BEFORE], ["path", "unknown"])
    lab.sleep(0.1)
