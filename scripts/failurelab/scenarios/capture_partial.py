"""Captures that began late, ended early, or saw one direction only."""

from __future__ import annotations

import time

from failurelab import behaviours, openssl, transform
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenes import PAGE, ask, keepalive
from failurelab.truth import Accepted

NAME = "shop.example"


# started late


@scenario(
    "capture-starts-late-kept",
    "Connections that were open before the capture began",
    points=(Point("client", later=True),),
)
def late_kept(lab: Lab) -> None:
    """Two kept connections; the capture begins, each makes two more requests, and closes."""
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    connections = [lab.client.connect(server.address) for _ in range(2)]
    for connection in connections:
        ask(connection, "/before")
    lab.start_capture("client")
    for connection in connections:
        ask(connection, "/after", "/last")
        connection.close()
        lab.healthy(connection)
    lab.sleep(0.1)


def _in_pieces(connection: Connection) -> None:
    connection.receive_until()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    for _ in range(5):
        time.sleep(0.25)
        connection.send(b"x" * 1000)
    connection.receive_all()
    connection.close()


@scenario(
    "capture-starts-late-mid-response",
    "The capture begins in the middle of a response",
    points=(Point("client", later=True),),
)
def late_response(lab: Lab) -> None:
    """The answer comes in five pieces within 1.25 s; the capture begins after the second."""
    server = lab.upstream.serve(8080, _in_pieces)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/slow"))
    connection.receive(2000)
    lab.start_capture("client")
    connection.receive_all(1.5)
    connection.close()
    lab.sleep(0.1)
    lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")


@scenario(
    "capture-starts-late-only-the-end",
    "The capture begins just before a connection is reset after its work",
    points=(Point("client", later=True),),
)
def late_end(lab: Lab) -> None:
    """Only the client's RST, after complete answers, is in the capture; and a later connection."""
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    connection = lab.client.connect(server.address)
    ask(connection, "/before")
    lab.start_capture("client")
    connection.reset()
    second = lab.client.connect(server.address)
    ask(second, "/after")
    second.close()
    lab.sleep(0.1)
    lab.judge(connection, ["capture.partial", "ok"], "unknown", party="unknown")
    lab.healthy(second)


@scenario(
    "capture-starts-with-syn_ack",
    "The SYN is just missing: the capture begins with the SYN-ACK",
    points=(Point("client", filter="tcp", change=transform.skip(1)),),
)
def late_syn(lab: Lab) -> None:
    """Three requests on a kept connection."""
    lab.healthy(keepalive(lab))


@scenario(
    "tcp.reset_before_response-starts-late",
    "A reset before the response on a connection that was open before the capture began",
    points=(Point("client", later=True),),
    layers=("tcp", "capture"),
)
def late_reset(lab: Lab) -> None:
    """One good request; the capture begins; at once the next request is met by a RST."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(PAGE)
        behaviours.reset_after_request(0.05)(connection)

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    ask(connection, "/before")
    lab.start_capture("client")
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


# ended early


@scenario(
    "capture-ends-early-syn",
    "The last packet is a SYN: nobody knows whether it was answered",
)
def early_syn(lab: Lab) -> None:
    """One good connection; then a SYN that the router delays for ever, and the capture ends
    0.2 s later.
    """
    lab.healthy(keepalive(lab))
    lab.router.iptables("-A FORWARD -p tcp --dport 5432 -j DROP")
    silent = lab.client.connect((lab.upstream.ip, 5432), timeout=0.2)
    lab.capture("client").stop()
    silent.close()
    lab.judge(silent, "capture.partial", "unknown", party="unknown")


@scenario(
    "capture-ends-early-request",
    "The last request is not answered yet when the capture ends",
)
def early_request(lab: Lab) -> None:
    """The server needs 1.5 s for every answer; the capture ends 0.4 s after the second request."""
    server = lab.upstream.serve(8080, behaviours.slow(1.5))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive_until()
    connection.send(behaviours.get("/report/2"))
    lab.sleep(0.4)
    lab.capture("client").stop()
    lab.judge(connection, "capture.partial", "unknown", party="unknown")


@scenario(
    "capture-ends-early-tls",
    "The capture ends within a TLS handshake",
)
def early_tls(lab: Lab) -> None:
    """OpenSSL's ClientHello is taken and not answered at once; the capture ends 0.3 s later."""
    server = lab.upstream.serve(8443, behaviours.silent(5))
    connection = lab.client.connect(server.address)
    connection.send(openssl.client_hello(NAME))
    lab.sleep(0.3)
    lab.capture("client").stop()
    lab.judge(connection, "capture.partial", "unknown", party="unknown")


@scenario(
    "capture-ends-early-mid-response",
    "The capture ends in the middle of a response that goes on",
)
def early_response(lab: Lab) -> None:
    """The answer comes in five pieces within 1.25 s; the capture ends after the third."""
    server = lab.upstream.serve(8080, _in_pieces)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/slow"))
    connection.receive(3000)
    lab.capture("client").stop()
    lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")


@scenario(
    "capture-killed",
    "tcpdump buffered and was killed: the file ends in the middle of a record",
    points=(Point("client", flush=False),),
)
def killed(lab: Lab) -> None:
    """Three connections of three requests; tcpdump is killed outright (SIGKILL) after a second."""
    for number in range(3):
        server = lab.upstream.serve(8080 + number, behaviours.answer(PAGE))
        connection = lab.client.connect(server.address)
        ask(connection, "/", "/price", "/list")
        connection.close()
        lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
    lab.sleep(1.2)


# one direction

IN_OUT = (
    Point("client", direction="out", name="client-out"),
    Point("client", direction="in", name="client-in"),
)


@scenario(
    "capture-one-direction",
    "Only what the client sent, or only what it received",
    points=IN_OUT,
)
def one_direction(lab: Lab) -> None:
    """Three connections of three requests each, captured with tcpdump -Q out and -Q in."""
    for number in range(3):
        server = lab.upstream.serve(8080 + number, behaviours.answer(PAGE))
        connection = lab.client.connect(server.address)
        ask(connection, "/", "/price", "/list")
        connection.close()
        lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
    lab.sleep(0.1)
    lab.findings.expected = ["capture.one_direction"]
    lab.findings.forbidden = ["path.loss", "capture.dropped"]


@scenario(
    "capture-one-direction-reset",
    "A reset before the response, seen from one direction only",
    points=IN_OUT,
)
def one_direction_reset(lab: Lab) -> None:
    """Two good connections and one whose request is met by a RST, captured with -Q out and -Q in.
    What was sent does not show the RST at all; what was received does.
    """
    for number in range(2):
        server = lab.upstream.serve(8080 + number, behaviours.answer(PAGE))
        connection = lab.client.connect(server.address)
        ask(connection, "/", "/price")
        connection.close()
        lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
    server = lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(
        connection,
        ["capture.partial", "tcp.reset_before_response"],
        ["responder", "unknown"],
        at={"client-out": Accepted(["capture.partial", "ok"], ["unknown"], ["unknown"])},
    )
    lab.findings.expected = ["capture.one_direction"]


@scenario(
    "capture-one-direction-refused",
    "A refused connection, seen from one direction only",
    points=IN_OUT,
)
def one_direction_refused(lab: Lab) -> None:
    """Two good connections and a refused one, captured with -Q out and -Q in. What was received
    holds the RST; what was sent holds one SYN that nobody seems to answer.
    """
    for number in range(2):
        server = lab.upstream.serve(8080 + number, behaviours.answer(PAGE))
        connection = lab.client.connect(server.address)
        ask(connection, "/", "/price")
        connection.close()
        lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
    connection = lab.client.connect((lab.upstream.ip, 8443))
    lab.sleep(1.5)
    lab.judge(
        connection,
        ["capture.partial", "tcp.connection_refused"],
        ["responder", "unknown"],
        at={"client-out": Accepted(["capture.partial"], ["unknown"], ["unknown"])},
    )
    lab.findings.expected = ["capture.one_direction"]
