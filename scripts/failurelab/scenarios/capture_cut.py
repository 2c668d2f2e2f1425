"""Captures that do not hold everything: late, early, one-sided, lossy, short snap lengths."""

from __future__ import annotations

import time

from failurelab import behaviours, nginx, openssl, transform
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted

PAGE = behaviours.reply(b"<p>price</p>" * 250)
NAME = "shop.example"


def _ask(connection: Connection, *paths: str) -> None:
    for path in paths:
        connection.send(behaviours.get(path)).receive(len(PAGE))
        time.sleep(0.02)


def _keepalive(lab: Lab) -> Connection:
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    connection = lab.client.connect(server.address)
    _ask(connection, "/", "/price", "/list")
    connection.close()
    lab.sleep(0.1)
    return connection


def _snapped(lab: Lab) -> None:
    lab.healthy(_keepalive(lab))
    lab.findings.expected = ["capture.truncated"]


@scenario(
    "capture-snaplen-64",
    "64 bytes of each packet: headers only",
    points=(Point("client", snaplen=64),),
)
def snaplen_64(lab: Lab) -> None:
    """Three requests on a kept connection; the options of the SYN are cut too."""
    _snapped(lab)


@scenario(
    "capture-snaplen-96", "96 bytes of each packet", points=(Point("client", snaplen=96),)
)
def snaplen_96(lab: Lab) -> None:
    """Three requests on a kept connection."""
    _snapped(lab)


@scenario(
    "capture-snaplen-128", "128 bytes of each packet", points=(Point("client", snaplen=128),)
)
def snaplen_128(lab: Lab) -> None:
    """Three requests on a kept connection; the start of each request and answer is there."""
    _snapped(lab)


@scenario(
    "tcp.connection_refused-snaplen-64",
    "A refused connection, 64 bytes of each packet",
    points=(Point("client", snaplen=64),),
    layers=("tcp", "capture"),
)
def refused_64(lab: Lab) -> None:
    """Nothing listens on the port."""
    connection = lab.client.connect((lab.upstream.ip, 8443))
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-snaplen-96",
    "A reset before the response, 96 bytes of each packet",
    points=(Point("client", snaplen=96),),
    layers=("tcp", "capture"),
)
def reset_96(lab: Lab) -> None:
    """The server closes with linger zero after a request of 900 bytes."""
    server = lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart", NAME, "Cookie: " + "c" * 800)).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


@scenario(
    "tls.alpn_mismatch-snaplen-128",
    "Alert 120 after a ClientHello that was cut",
    points=(Point("client", snaplen=128),),
    layers=("tls", "capture"),
)
def alpn_128(lab: Lab) -> None:
    """NGINX without http2 gets a ClientHello that offers only h2; of it 128 bytes are stored."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, NAME), port=443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(lab.authority.client_context(alpn=("h2",)), NAME).close()
    lab.judge(connection, "tls.alpn_mismatch", "responder")
    lab.findings.expected = ["capture.truncated"]


@scenario(
    "tls.certificate_untrusted-snaplen-128",
    "Alert 48 after a certificate that was cut",
    points=(Point("client", snaplen=128),),
    layers=("tls", "capture"),
)
def untrusted_128(lab: Lab) -> None:
    """A Python client that does not know the authority; the certificate itself is not stored."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, NAME), port=443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    context = lab.authority.client_context()
    empty = type(context)(context.protocol)
    empty.load_default_certs()
    connection.tls(empty, NAME).close()
    lab.judge(connection, "tls.certificate_untrusted", "initiator")
    lab.findings.expected = ["capture.truncated"]


# lost by the capture


def _download(lab: Lab, size: int, wait: float = 0.2) -> Connection:
    data = behaviours.reply(b"0123456789abcdef" * (size // 16))
    server = lab.upstream.serve(8080, behaviours.answer(data))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive(len(data), timeout=20)
    connection.close()
    lab.sleep(wait)
    return connection


def _dropped(lab: Lab) -> None:
    lab.findings.expected = ["capture.dropped"]
    lab.findings.forbidden = ["path.loss"]


@scenario(
    "capture-drops-data",
    "The capture lost every eighth data packet: acked, but never seen",
    points=(Point("client", gzip=True, change=transform.lose(0.12)),),
)
def drops_data(lab: Lab) -> None:
    """A download of 80 kB that went well."""
    lab.healthy(_download(lab, 80_000))
    _dropped(lab)


@scenario(
    "capture-drops-anything",
    "The capture lost a fifth of all packets, ACKs too",
    points=(Point("client", gzip=True, change=transform.lose(0.2, data_only=False)),),
)
def drops_anything(lab: Lab) -> None:
    """A download of 80 kB that went well."""
    lab.healthy(_download(lab, 80_000))
    _dropped(lab)


@scenario(
    "capture-drops-buffer",
    "tcpdump could not keep up: its small buffer overflowed during a download",
    points=(Point("client", gzip=True, arguments=("-B", "128"), may_drop=True),),
)
def drops_buffer(lab: Lab) -> None:
    """tcpdump (-B 128) stands still while the first 300 kB of a download pass, and goes on before
    the other 50 kB. The download went well.
    """

    def in_two(connection: Connection) -> None:
        connection.receive_until()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 350000\r\n\r\n" + bytes(300_000))
        time.sleep(1)
        connection.send(bytes(50_000))
        connection.receive_all()
        connection.close()

    server = lab.upstream.serve(8080, in_two)
    connection = lab.client.connect(server.address)
    lab.sleep(0.1)
    lab.capture("client").pause()
    connection.send(behaviours.get("/export")).receive(300_000)
    lab.sleep(0.2)
    lab.capture("client").resume()
    connection.receive(50_000)
    connection.close()
    lab.sleep(0.3)
    lab.healthy(connection)
    _dropped(lab)


@scenario(
    "tcp.reset_in_response-capture-drops",
    "A reset in the middle of a response, in a capture that lost packets",
    points=(Point("client", gzip=True, change=transform.lose(0.15)),),
    layers=("tcp", "capture"),
)
def drops_reset(lab: Lab) -> None:
    """The server promises 60 kB, sends 40 kB and resets."""
    handler = behaviours.half_response(reset=True, length=60_000, sent=40_000)
    server = lab.upstream.serve(8080, handler)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive_all()
    lab.judge(connection, "tcp.reset_in_response", "responder", ended_by=["responder"])


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
        _ask(connection, "/before")
    lab.start_capture("client")
    for connection in connections:
        _ask(connection, "/after", "/last")
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
    _ask(connection, "/before")
    lab.start_capture("client")
    connection.reset()
    second = lab.client.connect(server.address)
    _ask(second, "/after")
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
    lab.healthy(_keepalive(lab))


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
    _ask(connection, "/before")
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
    lab.healthy(_keepalive(lab))
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
        _ask(connection, "/", "/price", "/list")
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
        _ask(connection, "/", "/price", "/list")
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
        _ask(connection, "/", "/price")
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
        _ask(connection, "/", "/price")
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
