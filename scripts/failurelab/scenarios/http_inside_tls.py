"""Failures inside TLS: each capture is stored with and without the secrets."""

from __future__ import annotations

import ssl
import time

from failurelab import behaviours, envoy, openssl
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import grpc, http2, node
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_HIDDEN = (Point("client", can_tell=False, notes="only with the secrets can it be told"),)


def _client(lab: Lab, *, alpn: tuple[str, ...] = (), tls12: bool = False) -> ssl.SSLContext:
    context = lab.authority.client_context(alpn=alpn)
    context.keylog_filename = str(lab.key_log)
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _connect(lab: Lab, context: ssl.SSLContext) -> Connection:
    return lab.client.connect((lab.upstream.ip, 443)).tls(context, "api.example")


def _serve(lab: Lab, handler: behaviours.Handler, suites: str = "") -> None:
    """A Python server that speaks TLS first; `suites`: TLS 1.2 with these cipher suites."""
    context = lab.authority.server_context("api.example")
    if suites:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suites)

    def handle(connection: Connection) -> None:
        handler(connection.tls(context))

    lab.upstream.serve(443, handle)


@scenario(
    "http.local_reply-inside-tls",
    "Envoy answers 503 inside the client's TLS because the upstream refused",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth0", name="proxy-downstream")),
    layers=("http", "tls"),
)
def local_reply(lab: Lab) -> None:
    """curl speaks TLS 1.3 (ChaCha20) to Envoy; nothing listens on the upstream's port."""
    files = lab.authority.issue("shop.example")
    down = envoy.downstream_tls(files, alpn=("http/1.1",))
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8443, down_tls=down)
    suite = ("--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256")
    where = openssl.at((lab.proxy.ip, 8443), "shop.example")
    openssl.curl(lab, lab.client, *suite, *where, "https://shop.example:8443/checkout")
    cause = lab.leg(lab.upstream, 9000)
    there = {
        "proxy": Accepted(["http.local_reply", "ok"]),
        "proxy-downstream": Accepted(["ok"]),
    }
    lab.with_keys("proxy", "proxy-downstream")
    front = lab.leg(lab.proxy, 8443)
    lab.judge(front, "http.local_reply", "responder", caused_by=cause, at=there)
    lab.judge(cause, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "http2.rst_stream-inside-tls",
    "A stream reset inside TLS 1.3",
    points=_HIDDEN,
    layers=("http2", "tls"),
)
def stream_reset(lab: Lab) -> None:
    """Node's server over TLS resets each stream with INTERNAL_ERROR; curl asks by HTTP/2."""
    node.http2_resetting_secure(lab, lab.upstream, 443, 2, "api.example")
    where = openssl.at((lab.upstream.ip, 443), "api.example")
    openssl.curl(lab, lab.client, "--http2", *where, "https://api.example/report")
    lab.with_keys("client")
    lab.judge(lab.leg(lab.upstream, 443), "http2.rst_stream", "responder")


@scenario(
    "http2.goaway-inside-tls",
    "GOAWAY with an error inside TLS 1.2",
    points=_HIDDEN,
    layers=("http2", "tls"),
)
def goaway(lab: Lab) -> None:
    """A server answers the second request with GOAWAY INTERNAL_ERROR and closes."""
    context = lab.authority.server_context("api.example", alpn=("h2",))
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def on_request(session: http2.Session, stream: int) -> None:
        if stream == 1:
            session.respond(stream)
        else:
            session.goaway(2, stream, b"out of workers")
            session.connection.close()

    def handle(connection: Connection) -> None:
        http2.server(on_request)(connection.tls(context))

    lab.upstream.serve(443, handle)
    session = http2.Session(_connect(lab, _client(lab, alpn=("h2",))), client=True)
    session.request("/first")
    session.wait(http2.StreamEnded)
    session.request("/second")
    for _ in session.events(2):
        pass
    session.connection.close()
    lab.with_keys("client")
    lab.judge(session.connection, "http2.goaway", "responder")


@scenario(
    "grpc.error-inside-tls",
    "grpc-status 13 inside Envoy's TLS to its upstream; in clear on the client's leg",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("grpc", "tls"),
)
def grpc_status(lab: Lab) -> None:
    """The upstream is an Envoy with TLS 1.3 and grpcio's server behind it, on the same host."""
    grpc.server(lab, lab.upstream, 50051)
    files = lab.authority.issue("api.example")
    listener = envoy.http_listener(443, tls=envoy.downstream_tls(files, alpn=("h2",)))
    inner = envoy.a_cluster("up", (lab.upstream.ip, 50051), h2=True)
    envoy.start(lab, lab.upstream, [listener], [inner], port=443)
    tls = envoy.upstream_tls("api.example", alpn=("h2",), key_log=lab.key_log)
    envoy.simple(lab, (lab.upstream.ip, 443), h2=True, up_tls=tls)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "status:13")
    cause = lab.leg(lab.upstream, 443)
    lab.with_keys("proxy")
    either = ["proxy", "upstream"]
    front = lab.leg(lab.proxy, 8080)
    lab.judge(front, "grpc.error", "responder", party=either, caused_by=cause)
    there = {"proxy": Accepted(["ok", "grpc.error"])}
    lab.judge(cause, "grpc.error", "responder", party=either, at=there)


@scenario(
    "http.truncated_response-inside-tls",
    "A cut response inside TLS 1.2, ended without close_notify",
    points=_HIDDEN,
    layers=("http", "tls"),
)
def truncated(lab: Lab) -> None:
    """A server promises 1000 bytes, sends 300 and closes the connection (AES-256-GCM)."""
    _serve(lab, behaviours.half_response(), "ECDHE-ECDSA-AES256-GCM-SHA384")
    connection = _connect(lab, _client(lab))
    connection.send(behaviours.get("/report")).receive_all(2)
    connection.close()
    lab.with_keys("client")
    lab.judge(connection, "http.truncated_response", "responder")


@scenario(
    "tcp.reset_before_response-inside-tls13",
    "A reset after the request inside TLS 1.3: session tickets are not a response",
    layers=("tcp", "tls"),
)
def reset(lab: Lab) -> None:
    """A server sends its tickets with the handshake, reads the request and resets."""
    _serve(lab, behaviours.reset_after_request(0.2))
    connection = _connect(lab, _client(lab))
    connection.send(behaviours.get("/cart")).receive_all(2)
    connection.close()
    lab.with_keys("client")
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


@scenario(
    "tcp.response_timeout-inside-tls12",
    "A request inside TLS 1.2 that is never answered",
    layers=("tcp", "tls"),
)
def silent(lab: Lab) -> None:
    """A server (AES-128-CBC-SHA256) reads the request and is quiet; the client leaves."""
    _serve(lab, behaviours.silent(), "ECDHE-ECDSA-AES128-SHA256")
    connection = _connect(lab, _client(lab, tls12=True))
    connection.send(behaviours.get("/cart")).receive_all(2.5)
    connection.close()
    lab.with_keys("client")
    lab.judge(connection, "tcp.response_timeout", "responder", ended_by=["initiator"])


@scenario(
    "http.malformed_response-inside-tls",
    "An answer that is not HTTP inside TLS 1.2",
    points=_HIDDEN,
    layers=("http", "tls"),
)
def malformed(lab: Lab) -> None:
    """curl asks a server (ChaCha20) that answers like Redis."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(b"-ERR unknown command 'GET'\r\n")
        time.sleep(0.1)
        connection.close()

    _serve(lab, handle, "ECDHE-ECDSA-CHACHA20-POLY1305")
    where = openssl.at((lab.upstream.ip, 443), "api.example")
    openssl.curl(lab, lab.client, *where, "https://api.example/")
    lab.with_keys("client")
    lab.judge(lab.leg(lab.upstream, 443), "http.malformed_response", "responder")


@scenario(
    "healthy-inside-tls13",
    "Requests inside TLS 1.3 that work, with the secrets",
    layers=("http", "tls"),
)
def works(lab: Lab) -> None:
    """curl asks s_server twice, with AES-128 and with AES-256."""
    openssl.server(lab, lab.upstream, 443, files=lab.authority.issue("api.example"))
    where = openssl.at((lab.upstream.ip, 443), "api.example")
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"):
        openssl.curl(lab, lab.client, "--tls13-ciphers", suite, *where, "https://api.example/")
    lab.with_keys("client")
    lab.healthy(lab.leg(lab.upstream, 443))
    lab.healthy(lab.leg(lab.upstream, 443, 1))
