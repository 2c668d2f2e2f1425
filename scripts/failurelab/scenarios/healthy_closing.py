"""Healthy connections whose end looks alarming: resets and closes after the work was done."""

from __future__ import annotations

import contextlib
import ssl
import time

from failurelab import behaviours, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

BODY = behaviours.reply(b"<html>" + b"catalogue " * 300 + b"</html>")


@scenario(
    "healthy-reset-after-response-server",
    "The server resets 20 ms after a complete response",
    bump="client-router",
)
def server_resets(lab: Lab) -> None:
    """The server sends the whole answer (Content-Length), waits 20 ms and closes with linger
    zero. Round trip 4 ms, so the answer is acked before the RST.
    """
    lab.bump.delay = 0.002
    server = lab.upstream.serve(8080, behaviours.answer_and_close(BODY, reset=True))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/catalogue")).receive(len(BODY))
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-reset-after-response-unread",
    "The client closes with a complete response half read: RST",
)
def unread_body(lab: Lab) -> None:
    """The client reads the status line of an answer that arrived whole and closes: its kernel
    resets, because data was unread. Nobody lost anything.
    """
    server = lab.upstream.serve(8080, behaviours.answer(BODY))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/ping"))
    lab.sleep(0.1)
    connection.sock.recv(15)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-reset-after-response-crossing-fin",
    "The server closes after its answer, the client closes with linger zero: FIN, then RST",
)
def crossing_fin(lab: Lab) -> None:
    """The server answers and closes (FIN); the client, 50 ms later, closes with linger zero."""
    server = lab.upstream.serve(8080, behaviours.answer_and_close(BODY))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/catalogue", "shop.example", "Connection: close"))
    connection.receive_all()
    lab.sleep(0.05)
    connection.reset()
    lab.healthy(connection)


def _answer_tls(context: ssl.SSLContext) -> behaviours.Handler:
    """Answer one request inside TLS; close_notify only some time after the client has gone."""

    def handle(connection: Connection) -> None:
        connection.tls(context)
        connection.receive_until()
        connection.send(BODY)
        with contextlib.suppress(OSError):
            connection.sock.recv(100)
        time.sleep(0.05)
        with contextlib.suppress(OSError):
            assert isinstance(connection.sock, ssl.SSLSocket)
            connection.sock.unwrap()
        connection.close()

    return handle


@scenario(
    "healthy-late-close_notify-curl",
    "curl has its answer and is gone; the server's late close_notify meets a RST",
    layers=("tls", "tcp"),
)
def late_close_notify(lab: Lab) -> None:
    """curl fetches a page by TLS 1.3 and closes; the server sends close_notify 50 ms later."""
    context = lab.authority.server_context("shop.example")
    lab.upstream.serve(8443, _answer_tls(context))
    lab.used("curl")
    where = f"https://shop.example:8443/catalogue --connect-to ::{lab.upstream.ip}:"
    lab.client.curl("-k", *where.split())
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 8443))


@scenario(
    "healthy-late-close_notify-tls12",
    "The same with TLS 1.2: FIN, close_notify, RST",
    layers=("tls", "tcp"),
)
def late_close_notify_12(lab: Lab) -> None:
    """curl fetches a page by TLS 1.2 and closes; the server sends close_notify 50 ms later."""
    context = lab.authority.server_context("shop.example")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    lab.upstream.serve(8443, _answer_tls(context))
    lab.used("curl")
    where = f"https://shop.example:8443/catalogue --connect-to ::{lab.upstream.ip}:"
    lab.client.curl("-k", *where.split())
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 8443))


@scenario(
    "healthy-keepalive-closed-by-nginx",
    "The server closes an idle kept connection in time, the client follows later",
)
def nginx_closes_idle(lab: Lab) -> None:
    """NGINX (keepalive_timeout 1s) closes after the idle second; the client closes 1.5 s later."""
    server = 'keepalive_timeout 1s; server { listen 8080; location / { return 200 "fine\\n"; } }'
    nginx.start(lab, lab.upstream, server, port=8080)
    connection = lab.client.connect((lab.upstream.ip, 8080))
    for path in ("/", "/cart"):
        connection.send(behaviours.get(path)).receive(5)
        lab.sleep(0.05)
    connection.receive_all()
    lab.sleep(1.5)
    connection.close()
    lab.healthy(connection)


@scenario(
    "healthy-keepalive-closed-late-reset",
    "The client closes long after the server's FIN and gets a RST for it",
)
def late_fin_gets_reset(lab: Lab) -> None:
    """The server (tcp_fin_timeout 1) closes an idle kept connection; the client closes 2.5 s
    later, when the server's kernel has forgotten the connection: its FIN is answered by RST.
    """
    lab.upstream.sysctl("net.ipv4.tcp_fin_timeout", 1)
    server = lab.upstream.serve(8080, behaviours.answer_and_close())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get()).receive_all()
    lab.sleep(2.5)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-keepalive-closed-by-client",
    "The client closes an idle kept connection after its own timeout",
    points=("client", Point("upstream")),
)
def client_closes_idle(lab: Lab) -> None:
    """Two requests with a pause, then 1.2 s of quiet, then the client closes by FIN."""
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get()).receive_until()
    lab.sleep(0.4)
    connection.send(behaviours.get("/next")).receive_until()
    lab.sleep(1.2)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-half-close",
    "The client shuts down writing after its request and reads the whole answer",
)
def half_close(lab: Lab) -> None:
    """The client sends its request and FIN; the server answers 0.3 s later, and closes."""

    def whole(connection: Connection) -> None:
        connection.receive_all()
        time.sleep(0.3)
        connection.send(BODY)
        connection.close()

    server = lab.upstream.serve(8080, whole)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).shut().receive_all()
    connection.close()
    lab.healthy(connection)


@scenario(
    "healthy-half-close-unknown-protocol",
    "A client that sends, shuts down writing and reads: no protocol that can be read",
)
def half_close_binary(lab: Lab) -> None:
    """40 binary bytes and FIN by the client, 400 bytes and FIN by the server 0.2 s later."""

    def whole(connection: Connection) -> None:
        connection.receive_all()
        time.sleep(0.2)
        connection.send(bytes(range(200)) * 2)
        connection.close()

    server = lab.upstream.serve(9000, whole)
    connection = lab.client.connect(server.address)
    connection.send(bytes(range(40))).shut().receive_all()
    connection.close()
    lab.healthy(connection)


_BOTH_LEGS = (
    Point("proxy", "any"),
    Point("proxy", "eth1", name="proxy-upstream"),
)


@scenario(
    "healthy-haproxy-reuse-never",
    "HAProxy resets its connection to the server once the answer is complete",
    path=PROXIED,
    points=_BOTH_LEGS,
    layers=("tcp", "http"),
)
def reuse_never(lab: Lab) -> None:
    """HAProxy with http-reuse never; curl asks twice. Both upstream connections end so."""
    lab.upstream.serve(9000, behaviours.answer())
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend="http-reuse never")
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.used("curl")
    for nth in range(2):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
        lab.sleep(0.1)
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
        lab.healthy(lab.leg(lab.upstream, 9000, nth))


@scenario(
    "healthy-haproxy-idle-tunnel",
    "HAProxy ends an idle TCP tunnel: FIN, and at once RST towards the server",
    path=PROXIED,
    points=_BOTH_LEGS,
)
def idle_tunnel(lab: Lab) -> None:
    """HAProxy in TCP mode with client and server timeouts of 1 s; one exchange, then quiet."""
    lab.upstream.serve(9000, behaviours.answer(b"pong\r\n\r\n"))
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000")
    haproxy.start(lab, lab.proxy, body, port=8080, mode="tcp", client="1s", server="1s")
    connection = lab.client.connect((lab.proxy.ip, 8080))
    connection.send(b"ping\r\n\r\n").receive_until()
    connection.receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "healthy-port-check-fin",
    "A check that only connects and closes",
)
def port_check(lab: Lab) -> None:
    """Three times, half a second apart, the client connects and closes without a byte."""
    server = lab.upstream.serve(5432, behaviours.close_unread(0.05))
    for _ in range(3):
        connection = lab.client.connect(server.address)
        connection.close()
        lab.sleep(0.5)
        lab.healthy(connection)


@scenario(
    "healthy-port-check-reset",
    "A check that connects and resets, as many load balancers do",
)
def port_check_reset(lab: Lab) -> None:
    """Three times, half a second apart, the client connects and closes with linger zero."""
    server = lab.upstream.serve(5432, behaviours.silent(2))
    for _ in range(3):
        connection = lab.client.connect(server.address)
        connection.reset()
        lab.sleep(0.5)
        lab.healthy(connection)


@scenario(
    "healthy-simultaneous-close",
    "Both sides close at the same moment after the work was done",
    bump="client-router",
)
def simultaneous(lab: Lab) -> None:
    """Round trip 60 ms; the server closes 20 ms after its answer, the client as soon as it has
    the answer: the FINs cross.
    """
    lab.bump.delay = 0.03
    server = lab.upstream.serve(8080, behaviours.answer_and_close(BODY))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get()).receive(len(BODY))
    connection.close()
    lab.sleep(0.3)
    lab.healthy(connection)


@scenario(
    "healthy-late-bytes-after-answer",
    "A server writes on after its whole answer, when the client has left: RST",
)
def late_bytes(lab: Lab) -> None:
    """The client reads an answer with Content-Length and closes; 0.8 s later the server writes an
    empty line more, which meets a RST.
    """

    def careless(connection: Connection) -> None:
        connection.receive_until()
        connection.send(BODY)
        time.sleep(0.8)
        connection.send(b"\r\n")
        connection.close()

    server = lab.upstream.serve(8080, careless)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/catalogue")).receive(len(BODY))
    lab.sleep(0.05)
    connection.close()
    lab.sleep(1)
    lab.healthy(connection)
