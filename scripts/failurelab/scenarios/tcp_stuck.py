"""Transfers that get stuck: data never acknowledged, windows that stay closed."""

from __future__ import annotations

import socket

from failurelab import behaviours, envoy, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_LOST = "tcp.data_timeout"
_WINDOW = "tcp.zero_window"
_SMALL_BUFFER = (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


@scenario(
    "tcp.data_timeout-upload-cut",
    "The path is cut in mid upload, and the client gives up",
    bump="client-router",
    points=("client", "upstream"),
)
def upload_cut(lab: Lab) -> None:
    """After three small messages have been acknowledged the bump drops everything in both
    directions; two more are repeated for five seconds, then the client resets. Round trip 12 ms.
    """
    lab.bump.delay = 0.006
    server = lab.upstream.serve(5044, behaviours.silent())
    connection = lab.client.connect(server.address)
    for nth in range(5):
        if nth == 3:
            lab.bump.add(rules.drop(rules.Match()))
        connection.send(bytes([nth]) * 400)
        lab.sleep(0.1)
    connection.receive_all(5)
    connection.reset()
    lab.sleep(0.2)
    lab.judge(
        connection,
        _LOST,
        ["unknown", "path"],
        at={"upstream": Accepted(["ok", "capture.partial"], ["unknown"], ["unknown"])},
    )


@scenario(
    "tcp.data_timeout-response-lost",
    "A response is repeated and never acknowledged",
    bump="router-upstream",
    points=("upstream", Point("client", can_tell=False)),
)
def response_lost(lab: Lab) -> None:
    """The bump drops every segment of the server that carries data, small as they are; ACKs pass.
    The client resets after five seconds.
    """

    def handle(connection: Connection) -> None:
        connection.receive_until()
        lab.bump.add(rules.drop(rules.Match(direction="back", data=True)))
        connection.send(behaviours.reply(b"lost\n"))
        connection.receive_all(5)
        connection.close()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/lost")).receive_all(5)
    connection.reset()
    lab.sleep(0.3)
    sides = ["unknown", "path", "responder"]
    at = {"client": Accepted(["tcp.response_timeout"], sides)}
    lab.judge(connection, _LOST, ["unknown", "path"], at=at)


@scenario(
    "tcp.data_timeout-answer-stands-still",
    "An answer stands still: the client's acknowledgments are lost",
    bump="router-upstream",
    points=("client", "upstream"),
)
def stands_still(lab: Lab) -> None:
    """The server gets the request, and nothing of the client from then on. Its first window of an
    answer of 60,000 bytes arrives, and it repeats the first segment of that until the client
    resets after seven seconds.
    """

    def handle(connection: Connection) -> None:
        connection.receive_until()
        lab.bump.add(rules.drop(rules.Match(direction="forward")))
        connection.send(behaviours.reply(b"a" * 60_000))
        connection.receive_all(9)
        connection.close()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive_all(7)
    connection.reset()
    lab.sleep(0.3)
    lab.judge(connection, _LOST, ["unknown", "path"])


@scenario(
    "tcp.data_timeout-envoy-upstream-gone",
    "Envoy answers 504: its request on a kept connection is never acknowledged",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("tcp", "http"),
)
def envoy_gone(lab: Lab) -> None:
    """A first request works; 0.3 s later the upstream's link goes down (the router keeps its
    hardware address). The second request on the kept connection is repeated; Envoy's route
    timeout is 3 s.
    """
    lab.upstream.serve(9000, behaviours.answer())
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=80, route={"timeout": "3s"})
    connection = lab.client.connect((lab.proxy.ip, 80))
    connection.send(behaviours.get("/one")).receive_until()
    lab.sleep(0.3)
    inside = lab.router2.node.interfaces[1].name
    mac = lab.upstream.run("cat /sys/class/net/eth0/address").strip()
    lab.router2.run(f"ip neigh replace {lab.upstream.ip} lladdr {mac} dev {inside} nud permanent")
    lab.upstream.run("ip link set eth0 down")
    connection.send(behaviours.get("/two")).receive_until()
    connection.close()
    lab.sleep(1)
    lost = lab.leg(lab.upstream, 9000)
    lab.judge(connection, "http.local_reply", "responder", caused_by=lost)
    at = {"proxy-upstream": Accepted([_LOST, "capture.partial"])}
    lab.judge(lost, _LOST, ["unknown", "responder"], at=at)


@scenario(
    "tcp.data_timeout-v6-after-firewall-change",
    "IPv6: the upstream's own firewall drops an established connection",
    family=6,
    points=("client", "upstream"),
)
def firewall_change(lab: Lab) -> None:
    """A text protocol in use; the upstream gets an INPUT rule that drops the port. The next
    request arrives there, is repeated for seven seconds, and the client resets.
    """
    server = lab.upstream.serve(6379, behaviours.respond(b"+OK\r\n"))
    connection = lab.client.connect(server.address)
    for nth in range(3):
        connection.send(b"SET key%d 1\r\n" % nth).receive()
        lab.sleep(0.05)
    lab.upstream.iptables("-A INPUT -p tcp --dport 6379 -j DROP")
    connection.send(b"SET key9 1\r\n").receive_all(7)
    connection.reset()
    lab.sleep(0.2)
    at = {"upstream": Accepted(sides=["responder", "unknown"])}
    lab.judge(connection, _LOST, ["unknown", "responder"], at=at)


def _small_window(lab: Lab) -> None:
    """Keep transfers short: small windows on both hosts."""
    for host in (lab.client, lab.upstream):
        host.sysctl("net.ipv4.tcp_rmem", "4096 4096 8192")
        host.sysctl("net.ipv4.tcp_wmem", "4096 8192 16384")


@scenario(
    "tcp.zero_window-server-stops-reading",
    "A server stops reading an upload",
    bump="client-router",
    points=("client", "upstream"),
)
def server_stops(lab: Lab) -> None:
    """The server accepts and reads nothing; its window closes, the client probes it for four
    seconds and resets. Round trip 8 ms.
    """
    _small_window(lab)
    lab.bump.delay = 0.004
    server = lab.upstream.serve(8080, behaviours.stop_reading())
    connection = lab.client.connect(server.address)
    head = b"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 200000\r\n\r\n"
    connection.send(head)
    connection.sock.settimeout(4)
    connection.send(b"u" * 200_000)
    connection.reset()
    lab.sleep(0.2)
    lab.judge(connection, _WINDOW, "responder", ended_by=["initiator"])


@scenario(
    "tcp.zero_window-client-stops-reading",
    "A client stops reading a download, and the server gives up",
    points=("client", "upstream"),
)
def client_stops(lab: Lab) -> None:
    """The client asks and does not read the answer; the server's window probes are answered with
    a closed window until it resets after five seconds.
    """
    _small_window(lab)

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.sock.settimeout(5)
        connection.send(behaviours.reply(b"d" * 200_000))
        connection.reset()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address, options=(_SMALL_BUFFER,))
    connection.send(behaviours.get("/big"))
    lab.sleep(5.8)
    lab.judge(connection, _WINDOW, "initiator", ended_by=["responder"])


@scenario(
    "tcp.zero_window-v6-binary-consumer",
    "IPv6: a hung consumer of a binary stream",
    family=6,
    bump="router-upstream",
    points=(Point("upstream", format="pcapng"),),
)
def consumer_hangs(lab: Lab) -> None:
    """The server pushes records to a subscriber that reads the first and then hangs; after four
    seconds of window probes the server resets. Round trip 16 ms.
    """
    _small_window(lab)
    lab.bump.delay = 0.008

    def handle(connection: Connection) -> None:
        connection.receive()
        connection.send(bytes.fromhex("0000000400000001"))
        connection.receive()
        connection.sock.settimeout(4)
        connection.send(bytes(range(256)) * 400)
        connection.reset()

    server = lab.upstream.serve(9092, handle)
    connection = lab.client.connect(server.address, options=(_SMALL_BUFFER,))
    connection.send(bytes.fromhex("0000000800030001")).receive(8)
    connection.send(bytes.fromhex("0000000800030002"))
    lab.sleep(5)
    lab.judge(connection, _WINDOW, "initiator", ended_by=["responder"])
