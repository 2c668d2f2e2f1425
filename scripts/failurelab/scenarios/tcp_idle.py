"""Idle connections: reset by an end or a device, and keep-alive probes without answer."""

from __future__ import annotations

import socket

from failurelab import behaviours, envoy, rules
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_IDLE = "tcp.idle_reset"
_PROBES = "tcp.keepalive_timeout"
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


def answer_then_idle(seconds: float, data: bytes | None = None) -> behaviours.Handler:
    """Answer until nothing comes for so many seconds, then reset."""

    def handle(connection: Connection) -> None:
        while connection.receive(timeout=seconds):
            connection.send(behaviours.reply() if data is None else data)
        connection.reset()

    return handle


@scenario(
    "tcp.idle_reset-server-timer",
    "A server resets connections that were idle for two seconds",
    points=("client", "upstream"),
)
def server_timer(lab: Lab) -> None:
    """Two requests are answered; after two quiet seconds the server closes with linger zero."""
    server = lab.upstream.serve(8080, answer_then_idle(2))
    connection = lab.client.connect(server.address)
    for path in ("/a", "/b"):
        connection.send(behaviours.get(path)).receive_until()
        lab.sleep(0.3)
    connection.receive_all()
    lab.judge(connection, _IDLE, "responder", ended_by=["responder"])


@scenario(
    "tcp.idle_reset-text-v6",
    "IPv6: a cache server resets an idle connection",
    family=6,
    bump="client-router",
    points=(Point("client", snaplen=128),),
)
def text_v6(lab: Lab) -> None:
    """A text protocol over IPv6; one answer, then RST after three quiet seconds. Round trip
    30 ms.
    """
    lab.bump.delay = 0.015
    server = lab.upstream.serve(11211, answer_then_idle(3, b"VALUE a 0 1\r\n1\r\nEND\r\n"))
    connection = lab.client.connect(server.address)
    connection.send(b"get a\r\n").receive()
    connection.receive_all()
    lab.judge(connection, _IDLE, "responder", ended_by=["responder"])


@scenario(
    "tcp.idle_reset-device-both-ends",
    "A device resets an idle connection towards both ends",
    bump="client-router",
    points=("client", "upstream"),
)
def device_both(lab: Lab) -> None:
    """After 2.5 quiet seconds the bump sends RST,ACK (TTL 255, IP ID 0, no timestamps) to both
    ends, as load balancers do at expiry. Round trip 8 ms.
    """
    lab.bump.delay = 0.004
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/")).receive_until()
    lab.sleep(2.5)
    lab.bump.reset(connection, forge=Forge(flags="RA", ttl=255, ip_id=0))
    lab.sleep(0.3)
    lab.correlate("client", "upstream", lost=[])
    lab.judge(
        connection,
        _IDLE,
        ["path", "unknown"],
        at={"correlate": Accepted(sides=["path"])},
        born={"responder": "path", "initiator": "path"},
    )


@scenario(
    "tcp.idle_reset-device-looks-like-server",
    "A device resets an idle connection and looks like the server",
    bump="router-upstream",
    points=(Point("client", can_tell=False), "upstream"),
)
def device_matched(lab: Lab) -> None:
    """After three quiet seconds the bump sends a RST to the client only, with the server's TTL,
    next IP ID and a plausible window; timestamps are off. The server's capture does not hold it.
    """
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)
    server = lab.upstream.serve(5672, behaviours.respond(b"\x01\x00\x00\x00\x00\x00\x04ok\n\r\xce"))
    connection = lab.client.connect(server.address)
    connection.send(b"AMQP\x00\x00\x09\x01").receive()
    lab.sleep(3)
    lab.bump.reset(connection, to="initiator", forge=Forge(window=64))
    lab.sleep(0.3)
    lab.correlate("client", "upstream", lost=[])
    lab.judge(
        connection,
        _IDLE,
        ["unknown", "path"],
        at={
            "upstream": Accepted(["ok"], ["unknown"], ["unknown"]),
            "correlate": Accepted([_IDLE, "tcp.injected_reset"], ["path"]),
        },
        born={"responder": "path"},
    )


@scenario(
    "tcp.idle_reset-envoy-pool",
    "An upstream resets Envoy's idle pooled connections",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
)
def envoy_pool(lab: Lab) -> None:
    """Envoy keeps the upstream connection after a good answer; the upstream resets it after 1.5
    quiet seconds. Nothing fails for the client.
    """
    server = lab.upstream.serve(9000, answer_then_idle(1.5))
    envoy.simple(lab, server.address, listen=80)
    lab.client.curl(f"http://{lab.proxy.ip}/")
    lab.sleep(2)
    lab.healthy(lab.leg(lab.proxy, 80))
    lab.judge(lab.leg(lab.upstream, 9000), _IDLE, "responder", ended_by=["responder"])


@scenario(
    "tcp.keepalive_timeout-path-cut",
    "Keep-alive probes that nobody answers: the path is cut",
    bump="client-router",
    points=("client", "upstream"),
)
def probes_path(lab: Lab) -> None:
    """An exchange, then the bump drops everything. The client probes three times, a second
    apart, and resets.
    """
    server = lab.upstream.serve(5672, behaviours.respond(b"pong"))
    connection = lab.client.connect(server.address, options=_KEEPALIVE)
    connection.send(b"ping").receive()
    lab.sleep(0.1)
    lab.bump.add(rules.drop(rules.Match()))
    connection.receive_all()
    lab.sleep(0.3)
    lab.judge(
        connection,
        _PROBES,
        ["unknown", "path"],
        at={"upstream": Accepted(["ok"], ["unknown"], ["unknown"])},
    )


@scenario(
    "tcp.keepalive_timeout-envoy-upstream-frozen",
    "Envoy's keep-alive probes are dropped by the upstream's firewall",
    path=PROXIED,
    points=(Point("proxy", "any"), "upstream"),
)
def probes_envoy(lab: Lab) -> None:
    """Envoy probes its idle pooled connection (1 s, 1 s, 3 probes); the upstream's own firewall
    drops all that comes, after one good answer.
    """
    keepalive = {"keepalive_probes": 3, "keepalive_time": 1, "keepalive_interval": 1}
    options = {"upstream_connection_options": {"tcp_keepalive": keepalive}}
    server = lab.upstream.serve(9000, behaviours.answer())
    envoy.simple(lab, server.address, listen=8080, cluster=options)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    lab.upstream.iptables("-A INPUT -p tcp --dport 9000 -j DROP")
    lab.sleep(5)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(
        lab.leg(lab.upstream, 9000),
        _PROBES,
        ["unknown", "responder"],
        at={"upstream": Accepted(sides=["responder", "unknown"])},
    )


@scenario(
    "tcp.keepalive_timeout-server-probes",
    "A server probes a client whose host is gone",
    points=("upstream",),
)
def probes_server(lab: Lab) -> None:
    """The client's link goes down after one exchange; the router still knows its hardware
    address. The server probes three times, a second apart, and resets.
    """

    def handle(connection: Connection) -> None:
        for option in _KEEPALIVE:
            connection.sock.setsockopt(*option)
        while connection.receive(timeout=20):
            connection.send(b"250 OK\r\n")
        connection.close()

    server = lab.upstream.serve(2525, handler=handle)
    connection = lab.client.connect(server.address)
    connection.send(b"HELO client.example\r\n").receive()
    outside = lab.router.node.interfaces[0].name
    mac = lab.client.run("cat /sys/class/net/eth0/address").strip()
    lab.router.run(f"ip neigh replace {lab.client.ip} lladdr {mac} dev {outside} nud permanent")
    lab.client.run("ip link set eth0 down")
    lab.sleep(5)
    lab.judge(connection, _PROBES, ["unknown", "initiator"])
