"""Segments past a NAT that should have translated them, and stray ones that are no such thing."""

from __future__ import annotations

from failurelab import behaviours, nat, sockets
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario


def _speak_late(connection: Connection) -> None:
    """Answer at once, and speak once more 0.8 s later."""
    connection.receive_until()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    Lab.sleep(0.8)
    connection.send(b"6\r\nsecond\r\n")
    connection.receive_all(2)
    connection.close()


@scenario(
    "path.nat_leak-entry-lost",
    "A virtual address whose entries are lost: the backend's next words come from its own address",
    layers=("path", "tcp"),
)
def entry_lost(lab: Lab) -> None:
    """The router translates the service's address to the upstream; its table is emptied while three
    answers are on their way. The rest of them reaches the client from the upstream's own address.
    """
    server = lab.upstream.serve(8080, _speak_late)
    service = nat.virtual_address(lab.router, [server.address])
    opened = [lab.client.connect(service) for _ in range(3)]
    for connection in opened:
        connection.send(behaviours.get("/events"))
    lab.sleep(0.4)
    lab.router.forget_connections()
    lab.sleep(1)
    for connection in opened:
        connection.close()
    lab.sleep(0.3)
    lab.others = "any"
    lab.findings.expected = ["path.nat_leak"]


@scenario(
    "path.nat_leak-other-port-ipv6",
    "IPv6: the same where the backend listens on another port, with one connection",
    family=6,
    layers=("path", "tcp"),
)
def other_port(lab: Lab) -> None:
    """Port 80 of the router becomes port 8443 of the upstream, then forgets."""
    lab.upstream.serve(8443, _speak_late)
    rule = f"-t nat -A PREROUTING -d {lab.router.ip} -p tcp --dport 80"
    lab.router.iptables(f"{rule} -j DNAT --to-destination [{lab.upstream.ip}]:8443")
    connection = lab.client.connect((lab.router.ip, 80))
    connection.send(behaviours.get("/events"))
    lab.sleep(0.4)
    lab.router.forget_connections()
    lab.sleep(1)
    connection.close()
    lab.sleep(0.3)
    lab.others = "any"
    lab.findings.expected = ["path.nat_leak"]


@scenario(
    "tcp.state_lost-beside-another-server",
    "A client forgot its connection to one server and has another one: a stray answer, no NAT",
    branches={"upstream2": "router"},
    points=(Point("client", later=True),),
    layers=("path", "tcp"),
)
def stray(lab: Lab) -> None:
    """Both connections are from the same port of the client; the capture starts behind the first
    one's request, which the client's kernel forgets. Its answer is met by a bare RST.
    """
    lab.hosts["upstream2"].serve(8080, behaviours.slow(1.2))
    server = lab.upstream.serve(8080, behaviours.answer())
    lost = lab.client.connect((lab.hosts["upstream2"].ip, 8080), port=45_000)
    lost.send(behaviours.get("/slow"))
    lab.sleep(0.3)
    lab.start_capture("client")
    kept = lab.client.connect(server.address, port=45_000)
    kept.send(behaviours.get("/cart")).receive_until()
    sockets.vanish(lost)
    lab.sleep(1.2)
    kept.send(behaviours.get("/pay")).receive_until()
    kept.close()
    lab.sleep(0.2)
    lab.healthy(kept)
    lab.others = "any"
    lab.findings.forbidden = ["path.nat_leak"]
