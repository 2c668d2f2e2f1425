"""An address that goes to another host, and what only resembles it."""

from __future__ import annotations

from failurelab import behaviours, nat
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import scenario

FARTHER = "client router router3 upstream"
SECOND = {"upstream2": "router"}


def _ask(lab: Lab, ip: str, count: int, port: int = 8080) -> None:
    for _ in range(count):
        connection = lab.client.connect((ip, port), timeout=1.5)
        connection.send(behaviours.get("/stock")).receive_until(timeout=1.5)
        connection.close()
        lab.sleep(0.05)
        lab.healthy(connection)


def _both_serve(lab: Lab) -> None:
    """The second host has the first one's address, too; nothing leads there yet."""
    lab.upstream.serve(8080, behaviours.answer())
    second = lab.hosts["upstream2"]
    second.run(f"ip addr add {lab.upstream.ip}/32 dev lo")
    second.serve(8080, behaviours.answer(), ip=lab.upstream.ip)


@scenario(
    "path.address_moved-to-another-mac",
    "A service's address goes to another host of the router's own links",
    points=(Point("router", "any"),),
    branches=SECOND,
    layers=("path", "tcp"),
)
def other_mac(lab: Lab) -> None:
    """Five connections are served by the first upstream; then the router sends the address to the
    second one, which serves five more. A connection that stood through it is reset.
    """
    _both_serve(lab)
    _ask(lab, lab.upstream.ip, 5)
    standing = lab.client.connect((lab.upstream.ip, 8080))
    standing.send(behaviours.get("/warm")).receive_until()
    lab.router.run(f"ip route add {lab.upstream.ip}/32 via {lab.hosts['upstream2'].ip}")
    lab.sleep(0.2)
    standing.send(behaviours.get("/cart")).receive_all(1)
    _ask(lab, lab.upstream.ip, 5)
    codes = ["tcp.state_lost", "tcp.reset_before_response"]
    lab.judge(standing, codes, ["responder", "unknown"])
    lab.findings.expected = ["path.address_moved"]


@scenario(
    "path.address_moved-nearer",
    "A service's address goes to a host two hops nearer, seen by its TTL alone",
    path="client router router3 router4 router5 upstream",
    branches=SECOND,
    layers=("path", "tcp"),
)
def nearer(lab: Lab) -> None:
    """Five connections are served across four routers; then the first router sends the address to
    a host of its own, which serves five more.
    """
    _both_serve(lab)
    _ask(lab, lab.upstream.ip, 5)
    lab.router.run(f"ip route add {lab.upstream.ip}/32 via {lab.hosts['upstream2'].ip}")
    lab.sleep(0.2)
    _ask(lab, lab.upstream.ip, 5)
    lab.findings.expected = ["path.address_moved"]


@scenario(
    "healthy-another-gateway",
    "The client's gateway is replaced by another one: a new MAC, the same distance",
    layers=("path", "tcp"),
)
def gateway(lab: Lab) -> None:
    """The router's interface gets another MAC, as when a VRRP pair changes over; the client asks
    for it by ARP. Five connections before, five after.
    """
    lab.upstream.serve(8080, behaviours.answer())
    _ask(lab, lab.upstream.ip, 5)
    lab.router.run("ip link set eth0 address 02:00:5e:00:01:0a")
    lab.client.run("ip neigh flush all")
    lab.sleep(0.2)
    _ask(lab, lab.upstream.ip, 5)
    lab.findings.forbidden = ["path.address_moved"]


@scenario(
    "healthy-backends-in-turn",
    "A virtual address whose two backends are at different distances",
    path=FARTHER,
    branches=SECOND,
    points=("client", Point("router", "any")),
    layers=("path", "tcp"),
)
def in_turn(lab: Lab) -> None:
    """The router gives connections to a near and a far backend in turn; ten connections."""
    backends = (lab.upstream, lab.hosts["upstream2"])
    for host in backends:
        host.serve(8080, behaviours.answer())
    ip, port = nat.virtual_address(lab.router, [(host.ip, 8080) for host in backends])
    _ask(lab, ip, 10, port)
    lab.findings.forbidden = ["path.address_moved"]


@scenario(
    "healthy-route-one-hop-longer",
    "The route to two upstreams gets longer by a hop, at one time",
    path="client router router3 upstream",
    branches={"upstream2": "router3"},
    layers=("path", "tcp"),
)
def longer_route(lab: Lab) -> None:
    """The router lowers the TTL of what comes back by one more, as another hop would; five
    connections to each upstream before, five after.
    """
    hosts = (lab.upstream, lab.hosts["upstream2"])
    for host in hosts:
        host.serve(8080, behaviours.answer())
    for nth in range(2):
        if nth:
            lab.router.iptables("-t mangle -A FORWARD -o eth0 -j TTL --ttl-dec 1")
        for host in hosts:
            _ask(lab, host.ip, 5)
    lab.findings.forbidden = ["path.address_moved"]
