"""Captures that lost packets, or the end of each packet."""

from __future__ import annotations

import time

from failurelab import behaviours, nginx, transform
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenes import keepalive

NAME = "shop.example"


def _snapped(lab: Lab) -> None:
    lab.healthy(keepalive(lab))
    lab.findings.expected = ["capture.truncated"]


@scenario(
    "capture-snaplen-64",
    "64 bytes of each packet: headers only",
    points=(Point("client", snaplen=64),),
)
def snaplen_64(lab: Lab) -> None:
    """Three requests on a kept connection; the options of the SYN are cut too."""
    _snapped(lab)


@scenario("capture-snaplen-96", "96 bytes of each packet", points=(Point("client", snaplen=96),))
def snaplen_96(lab: Lab) -> None:
    """Three requests on a kept connection."""
    _snapped(lab)


@scenario("capture-snaplen-128", "128 bytes of each packet", points=(Point("client", snaplen=128),))
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
    _dropped(lab)
