"""RSTs in mid use by a host or device that does not hold the connection."""

from __future__ import annotations

from failurelab import behaviours, sockets
from failurelab.capture import Point
from failurelab.connections import Connection, Listener
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted

_CODE = "tcp.state_lost"
_HOST = ["responder", "unknown"]


def _keep(connection: Connection) -> None:
    """Leave the socket to the scenario."""


def _accepted(lab: Lab, listener: Listener) -> Connection:
    lab.wait_until(lambda: bool(listener.accepted))
    return listener.accepted[0]


@scenario(
    "tcp.state_lost-host-restarted",
    "The upstream loses all its connections in mid upload",
    bump="client-router",
    points=("client", "upstream"),
)
def restarted(lab: Lab) -> None:
    """The client sends 600 bytes every 50 ms; the server's kernel forgets the connection without
    a packet (TCP_REPAIR), and answers what comes next with a bare RST. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    listener = lab.upstream.serve(5044, _keep)
    connection = lab.client.connect(listener.address)
    server = _accepted(lab, listener)
    for nth in range(12):
        connection.send(bytes([nth]) * 600)
        lab.sleep(0.05)
        server.receive(600, timeout=0.2)
        if nth == 7:
            sockets.vanish(server)
    connection.receive_all(0.5)
    lab.sleep(0.2)
    lab.judge(connection, _CODE, _HOST, ended_by=["responder", "path"])


@scenario(
    "tcp.state_lost-during-download-v6",
    "IPv6: the upstream loses its connections in mid download",
    family=6,
    bump="router-upstream",
    points=("client", "upstream"),
)
def during_download(lab: Lab) -> None:
    """The server sends 800 bytes of a response every 60 ms and is gone without a packet after the
    eighth; the client's ACK of it is answered by a bare RST. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    listener = lab.upstream.serve(8080, _keep)
    connection = lab.client.connect(listener.address)
    connection.send(behaviours.get("/archive"))
    server = _accepted(lab, listener)
    server.receive_until()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(8):
        server.send(b"x" * 800)
        lab.sleep(0.06)
    server.send(b"x" * 800)
    sockets.vanish(server)
    connection.receive_all(1)
    lab.sleep(0.2)
    codes = [_CODE, "tcp.reset_in_response"]
    lab.judge(connection, codes, _HOST, ended_by=["responder", "path"])


@scenario(
    "tcp.state_lost-failover",
    "The upstream's address moves to another host in mid use",
    branches={"upstream2": "router"},
    points=("client", Point("router", "any"), "upstream2"),
)
def failover(lab: Lab) -> None:
    """The router sends the address to another host from one moment to the next; that one has the
    address, but not the connection, and answers the next request with a bare RST.
    """
    listener = lab.upstream.serve(5432, behaviours.respond(b"C\x00\x00\x00\x0bSELECT 1\x00"))
    second = lab.hosts["upstream2"]
    second.run(f"ip addr add {lab.upstream.ip}/32 dev lo")
    connection = lab.client.connect(listener.address)
    for _ in range(6):
        connection.send(b"Q\x00\x00\x00\x0dSELECT 1\x00").receive()
        lab.sleep(0.05)
    lab.router.run(f"ip route add {lab.upstream.ip}/32 via {second.ip}")
    connection.send(b"Q\x00\x00\x00\x0dSELECT 2\x00").receive_all(1)
    lab.sleep(0.2)
    lab.judge(
        connection,
        _CODE,
        _HOST,
        at={"upstream2": Accepted([_CODE, "capture.partial"], _HOST)},
    )


@scenario(
    "tcp.state_lost-nat-before-the-answer",
    "A NAT loses a connection while the server works on the answer",
    points=(Point("client", can_tell=False), "upstream", Point("router", "any")),
)
def snat_lost(lab: Lab) -> None:
    """The router masquerades; its table is emptied 0.4 s after the request. The server's answer
    is met by the router's own RST, in the client's (translated) name. The client hears nothing
    and resets after two seconds.
    """
    outside = lab.router.node.interfaces[1].name
    lab.router.iptables(f"-t nat -A POSTROUTING -o {outside} -j MASQUERADE")
    server = lab.upstream.serve(8080, behaviours.slow(0.8))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/slow"))
    lab.sleep(0.4)
    lab.router.forget_connections()
    connection.receive_all(2)
    connection.reset()
    lab.sleep(0.3)
    codes = [_CODE, "tcp.reset_in_response", "tcp.injected_reset"]
    lab.judge(
        connection,
        codes,
        ["path", "unknown"],
        at={
            "upstream": Accepted([_CODE], ["path", "unknown", "initiator"]),
            "client": Accepted(["tcp.response_timeout", _CODE], ["unknown", "path", "responder"]),
        },
    )
