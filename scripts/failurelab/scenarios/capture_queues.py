"""What a capture hides of traffic that works: a direction, its order, what follows its end."""

from __future__ import annotations

import time

from failurelab import behaviours, nginx, openssl, transform
from failurelab.capture import Point
from failurelab.connections import Address, Connection
from failurelab.lab import Lab
from failurelab.registry import scenario

PROBE = behaviours.get("/readyz", "shop.example", "User-Agent: kube-probe/1.31")
PAGE = behaviours.reply(b"<p>price</p>" * 20)
CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
CONNACK = b"\x20\x02\x00\x00"
PUBLISH = b"\x30\x07\x00\x03a/bhi"
DISCONNECT = b"\xe0\x00"
ABSENCE = ["health.check_failing", "endpoint.down", "path.loss", "path.new_flows_dropped"]
"""Findings that rest on what is not there."""


def _check(lab: Lab, address: Address, times: int = 6) -> None:
    """A Kubernetes probe of HTTP, every 0.4 s."""
    for _ in range(times):
        connection = lab.client.connect(address)
        connection.send(PROBE).receive(len(PAGE))
        connection.close()
        lab.healthy(connection)
        lab.sleep(0.4)


def _take_connect(connection: Connection) -> None:
    """A broker: only CONNECT is answered, what is published at QoS 0 and DISCONNECT are not."""
    connection.receive(len(CONNECT))
    connection.send(CONNACK).receive_all()
    connection.close()


@scenario(
    "capture-two-queues",
    "A mirror port with a queue for each direction: answers stand before their requests",
    points=(Point("client", change=transform.two_queues(3000)),),
)
def two_queues(lab: Lab) -> None:
    """Probes of HTTP every 0.4 s, three requests on one connection, and three MQTT clients that
    publish and leave; then all that the client sent is stored 3 ms later.
    """
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    _check(lab, server.address)
    connection = lab.client.connect(server.address)
    for path in ("/", "/price", "/list"):
        connection.send(behaviours.get(path)).receive(len(PAGE))
        lab.sleep(0.02)
    connection.close()
    lab.healthy(connection)
    broker = lab.upstream.serve(1883, _take_connect)
    for _ in range(3):
        connection = lab.client.connect(broker.address)
        connection.send(CONNECT).receive(len(CONNACK))
        connection.send(PUBLISH).send(DISCONNECT)
        connection.close()
        lab.healthy(connection)
    lab.sleep(0.2)
    lab.findings.forbidden = ["capture.dropped", *ABSENCE]


@scenario(
    "capture-one-direction-checks",
    "Only what the checker sends was captured: no answer, and no failed check",
    points=(Point("client", direction="out"),),
)
def one_direction_checks(lab: Lab) -> None:
    """Probes of HTTP every 0.4 s that work; tcpdump -Q out at the checker."""
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    _check(lab, server.address)
    lab.sleep(0.2)
    lab.findings.expected = ["capture.one_direction"]
    lab.findings.forbidden = list(ABSENCE)


@scenario(
    "capture-ends-early-half-closed",
    "The file ends while a server still works for clients that closed their direction",
)
def half_closed(lab: Lab) -> None:
    """Three clients send a batch and FIN at once. The server answers the first after 0.2 s and the
    others after 4 s; the capture ends after 2.5 s, in which probes work.
    """

    def work(connection: Connection) -> None:
        batch = connection.receive_all()
        time.sleep(0.2 if batch.startswith(b"one") else 4)
        connection.send(b"done\n" * 200)
        connection.close()

    server = lab.upstream.serve(7000, work)
    quick = lab.client.connect(server.address)
    quick.send(b"one row\n").shut().receive_all()
    quick.close()
    lab.healthy(quick)
    connections = [lab.client.connect(server.address) for _ in range(2)]
    for connection in connections:
        connection.send(b"row 1\nrow 2\n" * 100).shut()
    _check(lab, lab.upstream.serve(8080, behaviours.answer(PAGE)).address)
    lab.capture("client").stop()
    for connection in connections:
        connection.receive_all()
        connection.close()
        lab.judge(connection, ["capture.partial", "ok"], "unknown", party="unknown")


@scenario(
    "capture-disorder-refused",
    "Records out of order by up to 200 microseconds: refusals stand before their SYNs",
    points=(Point("client", change=transform.disorder(200)),),
)
def disorder_refused(lab: Lab) -> None:
    """Eight connections to a port where nothing listens, on a path of some 50 microseconds, and two
    good requests to another port; then the records are written in another order, times and all.
    """
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    for nth in range(8):
        refused = lab.client.connect((lab.upstream.ip, 9090))
        lab.judge(refused, "tcp.connection_refused", ["responder", "unknown"])
        lab.sleep(0.05)
        if nth % 4 == 1:
            connection = lab.client.connect(server.address)
            connection.send(behaviours.get("/")).receive(len(PAGE))
            connection.close()
            lab.healthy(connection)
            lab.sleep(0.05)


@scenario(
    "capture-payload-blanked",
    "An anonymizer overwrote all payload with zeros; TLS and HTTP that worked",
    points=(Point("client", change=transform.blank()),),
    kept_apart=False,
)
def payload_blanked(lab: Lab) -> None:
    """Three HTTPS requests to NGINX and three of HTTP, each closed by the client; the payload is
    overwritten afterwards.
    """
    name = "shop.example"
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, name), port=443)
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    for nth in range(3):
        lab.client.curl("-k", *openssl.at((lab.upstream.ip, 443), name), f"https://{name}/")
        unread = lab.leg(lab.upstream, 443, nth)
        lab.judge(unread, ["ok", "capture.partial"], "unknown", party="unknown")
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/")).receive(len(PAGE))
        connection.close()
        lab.healthy(connection)
        lab.sleep(0.1)
    lab.used("curl")
