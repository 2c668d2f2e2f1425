"""Healthy TLS, HTTP/2 and gRPC: resumption, retries within the handshake, drains, cancels."""

from __future__ import annotations

import contextlib
import ssl
import time

import h2.config
import h2.connection
import h2.errors
import h2.events

from failurelab import behaviours, envoy, nginx, openssl
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import grpc_shop
from failurelab.registry import PROXIED, scenario

NAME = "shop.example"


def _fetch(lab: Lab, port: int, *options: str, path: str = "/") -> None:
    lab.used("curl")
    where = openssl.at((lab.upstream.ip, port), NAME)
    lab.client.curl("-k", *where, *options, f"https://{NAME}:{port}{path}")
    lab.sleep(0.1)


@scenario("healthy-tls12-nginx", "A good TLS 1.2 handshake and request", layers=("tls",))
def tls12(lab: Lab) -> None:
    """curl with at most TLS 1.2 fetches a page from NGINX."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, NAME), port=443)
    _fetch(lab, 443, "--tls-max", "1.2")
    lab.healthy(lab.leg(lab.upstream, 443))


@scenario("healthy-tls13-nginx-h2", "A good TLS 1.3 handshake, HTTP/2 inside", layers=("tls",))
def tls13(lab: Lab) -> None:
    """curl fetches a page from NGINX by TLS 1.3 and HTTP/2, chosen by ALPN."""
    server = nginx.tls_server(lab, 443, NAME, listen="http2")
    nginx.start(lab, lab.upstream, server, port=443)
    _fetch(lab, 443)
    lab.healthy(lab.leg(lab.upstream, 443))


@scenario(
    "healthy-tls13-hello-retry",
    "The server asks for another key share: HelloRetryRequest, and it works",
    layers=("tls",),
)
def hello_retry(lab: Lab) -> None:
    """NGINX has TLS 1.3 and secp384r1 only; curl has a key share of X25519 alone."""
    more = "ssl_protocols TLSv1.3; ssl_ecdh_curve secp384r1;"
    server = nginx.tls_server(lab, 443, NAME, more=more)
    nginx.start(lab, lab.upstream, server, port=443)
    _fetch(lab, 443, "--curves", "X25519:P-384:P-256")
    lab.healthy(lab.leg(lab.upstream, 443))


def _resumed(lab: Lab, version: str) -> None:
    files = lab.authority.issue(NAME)
    openssl.server(lab, lab.upstream, 8443, files=files)
    ticket = str(lab.directory / "session.pem")
    address = (lab.upstream.ip, 8443)
    openssl.client(lab, lab.client, address, NAME, version, "-sess_out", ticket)
    said = openssl.client(lab, lab.client, address, NAME, version, "-sess_in", ticket)
    if "Reused" not in said:
        raise RuntimeError("the session was not resumed")
    lab.sleep(0.1)
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 8443, nth))


@scenario("healthy-tls12-resumption", "A TLS 1.2 session resumed: no certificate", layers=("tls",))
def resumption_12(lab: Lab) -> None:
    """s_client connects twice, the second time with the ticket of the first."""
    _resumed(lab, "-tls1_2")


@scenario("healthy-tls13-resumption", "A TLS 1.3 session resumed by its ticket", layers=("tls",))
def resumption_13(lab: Lab) -> None:
    """s_client connects twice, the second time with the pre-shared key of the first."""
    _resumed(lab, "-tls1_3")


@scenario(
    "healthy-tls-server-closes-first",
    "The server ends TLS after its answer: close_notify and FIN; the client's own meets a RST",
    layers=("tls", "tcp"),
)
def server_first(lab: Lab) -> None:
    """The server answers, sends close_notify and closes; the client sends its close_notify
    50 ms later to a socket that is gone.
    """
    context = lab.authority.server_context(NAME)

    def handle(connection: Connection) -> None:
        connection.tls(context).receive_until()
        connection.send(behaviours.reply(b"catalogue " * 200, "200 OK", "Connection: close"))
        assert isinstance(connection.sock, ssl.SSLSocket)
        connection.sock.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError, OSError):
            connection.sock.unwrap()
        connection.close()

    server = lab.upstream.serve(8443, handle)
    connection = lab.client.connect(server.address)
    connection.tls(lab.authority.client_context(), NAME)
    connection.send(behaviours.get("/", NAME)).receive_all()
    lab.sleep(0.05)
    assert isinstance(connection.sock, ssl.SSLSocket)
    with contextlib.suppress(OSError):
        connection.sock.unwrap()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-tls-idle-close",
    "A kept TLS connection is closed by the server after its idle time",
    layers=("tls", "tcp"),
)
def tls_idle(lab: Lab) -> None:
    """NGINX (keepalive_timeout 1s) closes the idle connection; the client follows 0.5 s later."""
    server = nginx.tls_server(lab, 443, NAME, more="keepalive_timeout 1s;")
    nginx.start(lab, lab.upstream, server, port=443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(lab.authority.client_context(), NAME)
    for _ in range(3):
        connection.send(behaviours.get("/", NAME)).receive_until(b"fine")
    connection.receive_all()
    lab.sleep(0.5)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-tls13-equal-answers",
    "TLS 1.3 without session tickets: a kept connection's two answers are of one length",
    layers=("tls",),
)
def equal_answers(lab: Lab) -> None:
    """A server that gives no tickets answers twice with 190 bytes; the client says goodbye."""
    context = lab.authority.server_context(NAME, alpn=("http/1.1",))
    context.num_tickets = 0

    def handle(connection: Connection) -> None:
        connection.tls(context)
        for _ in range(2):
            connection.receive_until()
            connection.send(behaviours.reply(b"x" * 150))
        connection.receive_all()
        connection.close()

    server = lab.upstream.serve(8443, handle)
    connection = lab.client.connect(server.address)
    connection.tls(lab.authority.client_context(alpn=("http/1.1",)), NAME)
    for _ in range(2):
        connection.send(behaviours.get("/", NAME)).receive_until(b"x" * 150)
        lab.sleep(0.02)
    assert isinstance(connection.sock, ssl.SSLSocket)
    with contextlib.suppress(OSError):
        connection.sock.unwrap()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-tls-envoy-both-legs",
    "Envoy with TLS on both legs",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("tls", "http"),
)
def envoy_tls(lab: Lab) -> None:
    """curl to Envoy by TLS (BoringSSL), Envoy to NGINX by TLS; two requests."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 9443, NAME), port=9443)
    down = envoy.downstream_tls(lab.authority.issue(NAME), alpn=("h2", "http/1.1"))
    up = envoy.upstream_tls(NAME, trust=lab.authority.cert)
    envoy.simple(lab, (lab.upstream.ip, 9443), listen=8443, up_tls=up, down_tls=down)
    lab.used("curl")
    where = openssl.at((lab.proxy.ip, 8443), NAME)
    lab.client.curl("-k", *where, f"https://{NAME}:8443/a", f"https://{NAME}:8443/b")
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.proxy, 8443))
    lab.healthy(lab.leg(lab.upstream, 9443))


@scenario(
    "healthy-h2-goaway-nginx",
    "NGINX ends an HTTP/2 connection after its last request: GOAWAY NO_ERROR, nothing lost",
    layers=("http2",),
)
def goaway_nginx(lab: Lab) -> None:
    """keepalive_requests 4; twice h2load makes four requests, one after the other."""
    answer = 'location / { return 200 "fine\\n"; }'
    server = f"server {{ listen 8080 http2; keepalive_requests 4; {answer} }}"
    nginx.start(lab, lab.upstream, server, port=8080)
    lab.used("h2load")
    for _ in range(2):
        lab.client.run(f"h2load -n 4 -c 1 -m 1 http://{lab.upstream.ip}:8080/stock")
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.healthy(lab.leg(lab.upstream, 8080, 1))


@scenario(
    "healthy-h2-drain-envoy",
    "Envoy drains: GOAWAY NO_ERROR twice, the requests in flight are answered",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
    layers=("http2",),
)
def drain_envoy(lab: Lab) -> None:
    """max_requests_per_connection 3 at the listener; twice h2load asks three times by HTTP/2."""
    lab.upstream.serve(9000, behaviours.answer())
    limits = {"common_http_protocol_options": {"max_requests_per_connection": 3},
              "drain_timeout": "0.5s"}  # fmt: skip
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080, manager=limits)
    lab.used("h2load")
    for _ in range(2):
        lab.client.run(f"h2load -n 3 -c 1 -m 1 http://{lab.proxy.ip}:8080/stock")
    lab.sleep(0.8)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.proxy, 8080, 1))
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "healthy-h2load-nghttpd",
    "Many streams at once on two HTTP/2 connections",
    points=(Point("client", gzip=True),),
    layers=("http2",),
)
def h2load(lab: Lab) -> None:
    """h2load: 40 requests, 2 connections, 8 streams at a time, nghttpd serving a 2 kB file."""
    lab.used("nghttpd")
    lab.file("page.txt", b"0123456789abcdef" * 128)
    command = ["nghttpd", "--no-tls", "-d", str(lab.directory), "-a", lab.upstream.ip, "8080"]
    lab.upstream.spawn(command, port=8080)
    url = f"http://{lab.upstream.ip}:8080/page.txt"
    lab.client.run(["h2load", "-n", "40", "-c", "2", "-m", "8", url])
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.healthy(lab.leg(lab.upstream, 8080, 1))


def _answer_early(connection: Connection) -> None:
    """An HTTP/2 server that answers each request as soon as its headers are there."""
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    state.initiate_connection()
    connection.send(state.data_to_send())
    while data := connection.receive(timeout=30):
        for event in state.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                number = event.stream_id
                state.send_headers(number, [(":status", "200"), ("content-length", "5")])
                state.send_data(number, b"fine\n", end_stream=True)
        connection.send(state.data_to_send())
    connection.close()


@scenario(
    "healthy-h2-cancel-after-answer",
    "The client cancels its upload once it has the whole answer",
    layers=("http2",),
)
def cancel_after_answer(lab: Lab) -> None:
    """Two streams: the client sends headers and part of a body, gets the complete answer
    (END_STREAM), sends RST_STREAM(CANCEL) for its half, and closes with GOAWAY NO_ERROR.
    """
    server = lab.upstream.serve(8080, _answer_early)
    connection = lab.client.connect(server.address)
    state = h2.connection.H2Connection()
    state.initiate_connection()
    for number in (1, 3):
        head = [(":method", "POST"), (":scheme", "http"), (":path", "/search"),
                (":authority", NAME)]  # fmt: skip
        state.send_headers(number, head)
        state.send_data(number, b"x" * 500)
        connection.send(state.data_to_send())
        ended = False
        while not ended:
            seen = state.receive_data(connection.receive())
            ended = any(isinstance(event, h2.events.StreamEnded) for event in seen)
        state.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        connection.send(state.data_to_send())
        time.sleep(0.1)
    state.close_connection()
    connection.send(state.data_to_send())
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario("healthy-grpc-calls", "gRPC calls, unary and streaming, all OK", layers=("grpc",))
def grpc_calls(lab: Lab) -> None:
    """grpcio: two unary calls and a stream of three messages, then the channel is closed."""
    grpc_shop.server(lab, lab.upstream, 50051)
    said = grpc_shop.client(lab.client, f"{lab.upstream.ip}:50051", "a", "b", "watch")
    if "price 2" not in said:
        raise RuntimeError(said)
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 50051))


@scenario(
    "healthy-grpc-own-errors",
    "gRPC calls answered with NOT_FOUND and ALREADY_EXISTS: the application's own words",
    layers=("grpc",),
)
def grpc_not_found(lab: Lab) -> None:
    """grpcio: one call gives NOT_FOUND, one ALREADY_EXISTS, one OK."""
    grpc_shop.server(lab, lab.upstream, 50051)
    target = f"{lab.upstream.ip}:50051"
    said = grpc_shop.client(lab.client, target, "missing", "taken", "a")
    if "NOT_FOUND" not in said:
        raise RuntimeError(said)
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 50051))


@scenario(
    "healthy-grpc-through-envoy",
    "gRPC through Envoy, an application's NOT_FOUND handed on",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("grpc", "http2"),
)
def grpc_envoy(lab: Lab) -> None:
    """grpcio client, Envoy with HTTP/2 to the upstream, grpcio server."""
    grpc_shop.server(lab, lab.upstream, 50051)
    envoy.simple(lab, (lab.upstream.ip, 50051), listen=8080, h2=True, route={"timeout": "5s"})
    said = grpc_shop.client(lab.client, f"{lab.proxy.ip}:8080", "a", "missing", "watch")
    if "NOT_FOUND" not in said or "price 2" not in said:
        raise RuntimeError(said)
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 50051))
