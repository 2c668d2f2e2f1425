"""Ports that run out, or collide, and many short connections that do neither."""

from __future__ import annotations

import errno

from failurelab import behaviours, sockets
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario

_FINDING = "tcp.ephemeral_ports_low"
_COLLIDED = "tcp.port_reuse"


def _short(lab: Lab, address: tuple[str, int], *, client_closes: bool = True) -> Connection | None:
    """One short exchange; None where the kernel had no port left."""
    made = lab.client.socket(address[0])
    try:
        made.connect(address)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        made.close()
        return None
    connection = Connection(made, accepted=False)
    connection.send(behaviours.get("/"))
    if client_closes:
        connection.receive_until()
    else:
        connection.receive_all()
    connection.close()
    return connection


@scenario(
    "tcp.ephemeral_ports_low-narrow-range",
    "A client with 28 ports opens connections as fast as ports come free again",
    points=("client",),
)
def narrow_range(lab: Lab) -> None:
    """ip_local_port_range is 40000 to 40027; the client closes first, and tcp_tw_reuse lets it have
    a port again after a second. Connections are opened until none is left, then after a pause
    again: connect() says EADDRNOTAVAIL, which is on no wire.
    """
    lab.client.sysctl("net.ipv4.ip_local_port_range", "40000 40027")
    lab.client.sysctl("net.ipv4.tcp_tw_reuse", 1)
    server = lab.upstream.serve(8080, behaviours.answer())
    made = 0
    while made < 200:
        if _short(lab, server.address) is None:
            lab.sleep(0.3)
        else:
            made += 1
    lab.findings.expected = [_FINDING]


@scenario(
    "tcp.ephemeral_ports_low-collisions",
    "A host that lost its connections uses ports that the server still holds, again and again",
    points=("client", "upstream"),
)
def collisions(lab: Lab) -> None:
    """Four times: the client's kernel forgets a connection without a packet (TCP_REPAIR), as a NAT
    does that reuses ports too soon; a SYN on the same ports meets the server's ACK of the old
    connection, the client's kernel answers with RST, and no second SYN follows.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    for number, port in enumerate((45871, 41033, 52210, 38119)):
        old = lab.client.connect(server.address, port=port)
        old.send(behaviours.get("/before")).receive_until()
        sockets.vanish(old)
        lab.sleep(0.4)
        lab.healthy(old)
        isn = 77_001_234 + 1_000_003 * number
        sockets.send_syn(lab.client, old.local, old.responder, isn, ttl=64)
        lab.sleep(0.4)
        again = lab.leg(lab.upstream, old.responder[1], 2 * number + 1)
        lab.judge(again, _COLLIDED, ["responder", "unknown"])
    lab.sleep(1.5)
    lab.findings.expected = [_FINDING]


@scenario(
    "healthy-many-short-connections",
    "Many short connections, far from using up the ports",
    points=("client",),
)
def many_short(lab: Lab) -> None:
    """150 connections that the client closes, with the usual range of ports."""
    server = lab.upstream.serve(8080, behaviours.answer())
    for _ in range(150):
        _short(lab, server.address)
    lab.findings.forbidden = [_FINDING]


@scenario(
    "healthy-narrow-ports-server-closes",
    "A narrow range of ports is enough where the server closes first",
    points=("client",),
)
def server_closes(lab: Lab) -> None:
    """ip_local_port_range is 40000 to 40027, the server closes each of 150 connections: the ports
    of the client are free again at once.
    """
    lab.client.sysctl("net.ipv4.ip_local_port_range", "40000 40027")
    server = lab.upstream.serve(8080, behaviours.answer_and_close())
    for _ in range(150):
        _short(lab, server.address, client_closes=False)
    lab.findings.forbidden = [_FINDING]


@scenario(
    "tcp.ephemeral_ports_low-snat-few-ports",
    "A NAT has 28 ports for all clients, and goes through them again and again",
    points=("upstream",),
    layers=("tcp", "path"),
)
def snat_few_ports(lab: Lab) -> None:
    """The router gives connections its address and a port from 40000 to 40027, and forgets closed
    ones after a second. Seven at a time are opened, used and closed by the client, 210 in all.
    """
    lab.router.iptables("-t nat -A POSTROUTING -o eth1 -p tcp -j MASQUERADE --to-ports 40000-40027")
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_time_wait", 1)
    server = lab.upstream.serve(8080, behaviours.answer())
    for _ in range(30):
        made = sockets.connect_together(lab.client, server.address, 7)
        for connection in made:
            connection.send(behaviours.get("/")).receive_until()
        for connection in made:
            connection.close()
        lab.sleep(0.3)
    lab.findings.expected = [_FINDING]
