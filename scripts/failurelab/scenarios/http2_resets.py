"""HTTP/2 streams and connections that one side ends with an error code."""

from __future__ import annotations

import time

from failurelab import behaviours, envoy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import grpc, http2, nghttp2, node
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_HTTP2_PLAIN = "server { listen 8080 http2; %s location / { return 200 'fine\\n'; } }"
_DATA, _HEADERS, _PING = 0, 1, 6


def _client(lab: Lab, port: int = 8080) -> http2.Session:
    connection = lab.client.connect((lab.upstream.ip, port))
    return http2.Session(connection, client=True)


def _end(session: http2.Session) -> None:
    for _ in session.events(1):
        pass
    session.connection.receive_all(0.3)
    session.connection.close()


def _ask(lab: Lab, *options: str) -> None:
    lab.used("curl")
    lab.client.curl(*options, f"http://{lab.proxy.ip}:8080/basket")


def _behind_envoy(lab: Lab, on_request: http2.OnRequest, code: str) -> None:
    """Envoy's h2 cluster has this server; its stream fails with `code`, the client gets a 50x."""
    server = lab.upstream.serve(9000, http2.server(on_request))
    envoy.simple(lab, server.address, h2=True)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, code, "responder")


# GOAWAY with an error


@scenario("http2.goaway-nginx-protocol-error", "NGINX ends a connection that broke the protocol")
def goaway_nginx(lab: Lab) -> None:
    """A client asks once, then opens stream 2, an even number: GOAWAY PROTOCOL_ERROR."""
    nginx.start(lab, lab.upstream, _HTTP2_PLAIN % "", port=8080)
    session = _client(lab)
    session.request()
    lab.sleep(0.1)
    session.send_raw(_HEADERS, 5, 2, session.h2.encoder.encode([(":method", "GET")]))
    _end(session)
    lab.judge(session.connection, "http2.goaway", "responder", ended_by=["responder"])


@scenario("http2.rst_stream-nghttpd-flow-control", "A client sends more than the window allows")
def goaway_window(lab: Lab) -> None:
    """nghttpd gives a window of 4095 bytes, the client sends 8000: FLOW_CONTROL_ERROR."""
    nghttp2.server(lab, lab.upstream, 8080, "--window-bits=12")
    session = _client(lab)
    lab.sleep(0.1)
    session.wait(http2.SettingsAcknowledged, timeout=1)
    stream = session.request("/upload", "POST", end=False)
    session.send_raw(_DATA, 0, stream, b"x" * 8000)
    _end(session)
    lab.judge(session.connection, "http2.rst_stream", "responder")


@scenario(
    "http2.goaway-envoy-frame-size",
    "A client's frame is too large for Envoy: GOAWAY FRAME_SIZE_ERROR",
)
def goaway_frame(lab: Lab) -> None:
    """A client sends a PING of nine bytes to Envoy's listener."""
    backend = lab.upstream.serve(9000, behaviours.slow(3), ip="127.0.0.1")
    cluster = envoy.a_cluster("up", backend.address)
    envoy.start(lab, lab.upstream, [envoy.http_listener(8080)], [cluster], port=8080)
    session = _client(lab)
    session.request()
    lab.sleep(0.1)
    session.send_raw(_PING, 0, 0, b"ninebytes")
    _end(session)
    lab.judge(session.connection, "http2.goaway", "responder", ended_by=["responder"])


@scenario("http2.goaway-node-compression", "Broken header compression: GOAWAY COMPRESSION_ERROR")
def goaway_compression(lab: Lab) -> None:
    """A client sends a header block to Node's server that names an entry that is not there."""
    node.http2_plain(lab, lab.upstream, 8080)
    session = _client(lab)
    lab.sleep(0.1)
    session.send_raw(_HEADERS, 5, 1, b"\xff\xff\xff\x7f")
    _end(session)
    lab.judge(session.connection, "http2.goaway", "responder")


@scenario(
    "http2.goaway-envoy-internal-error",
    "The upstream ends the connection with INTERNAL_ERROR, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def goaway_envoy(lab: Lab) -> None:
    """The upstream answers the first request with GOAWAY INTERNAL_ERROR, a text, and FIN."""

    def give_up(session: http2.Session, stream: int) -> None:
        session.goaway(2, stream, b"worker lost its database")
        time.sleep(0.05)
        session.connection.close()

    _behind_envoy(lab, give_up, "http2.goaway")


# RST_STREAM


@scenario("http2.rst_stream-internal-error", "The server resets the stream: INTERNAL_ERROR")
def internal_error(lab: Lab) -> None:
    """A server resets stream 3 with INTERNAL_ERROR before any header; stream 1 worked; nghttp."""

    def handle(session: http2.Session, stream: int) -> None:
        if stream == 1:
            session.respond(stream)
        else:
            session.reset(stream, 2)

    lab.upstream.serve(8080, http2.server(handle))
    session = _client(lab)
    for _ in range(2):
        session.request("/report")
        session.wait(http2.StreamEnded, http2.StreamReset)
    session.connection.close()
    lab.judge(session.connection, "http2.rst_stream", "responder")


@scenario("http2.rst_stream-in-response", "The server resets the stream in mid response")
def in_response(lab: Lab) -> None:
    """A server sends headers and 900 bytes of a body of 5000, then INTERNAL_ERROR; curl."""

    def handle(session: http2.Session, stream: int) -> None:
        session.respond(stream, b"x" * 900, more=[("content-length", "5000")], end=False)
        time.sleep(0.05)
        session.reset(stream, 2)

    lab.upstream.serve(8080, http2.server(handle))
    lab.used("curl")
    lab.client.curl("--http2-prior-knowledge", f"http://{lab.upstream.ip}:8080/report")
    lab.judge(lab.leg(lab.upstream, 8080), "http2.rst_stream", "responder")


@scenario("http2.rst_stream-node-http11-required", "Node's server wants HTTP/1.1 for one path")
def http11_required(lab: Lab) -> None:
    """Node resets the stream with HTTP_1_1_REQUIRED; nghttp asks."""
    node.http2_resetting(lab, lab.upstream, 8080, 13)
    nghttp2.client(lab, lab.client, f"http://{lab.upstream.ip}:8080/login")
    lab.judge(lab.leg(lab.upstream, 8080), "http2.rst_stream", "responder")


@scenario(
    "http2.rst_stream-envoy-protocol-error",
    "The upstream resets with PROTOCOL_ERROR, and Envoy answers 502",
    path=PROXIED,
    points=_BOTH,
)
def envoy_protocol_error(lab: Lab) -> None:
    """An upstream resets each stream with PROTOCOL_ERROR before headers."""
    _behind_envoy(lab, lambda session, stream: session.reset(stream, 1), "http2.rst_stream")


@scenario(
    "http2.rst_stream-envoy-cancel",
    "The upstream resets with CANCEL, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def envoy_cancel(lab: Lab) -> None:
    """An upstream resets each stream with CANCEL before headers."""
    _behind_envoy(lab, lambda session, stream: session.reset(stream, 8), "http2.rst_stream")


@scenario(
    "http2.rst_stream-envoy-downstream",
    "The upstream resets its connection in mid body; the client gets RST_STREAM from Envoy",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
    layers=("http2", "tcp"),
)
def downstream(lab: Lab) -> None:
    """curl speaks HTTP/2 to Envoy, Envoy HTTP/1 to the upstream, which sends 300 of 1000 bytes
    and closes with linger zero.
    """
    server = lab.upstream.serve(9000, behaviours.half_response(reset=True))
    envoy.simple(lab, server.address)
    _ask(lab, "--http2-prior-knowledge")
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http2.rst_stream", "responder", caused_by=cause)
    lab.judge(cause, "tcp.reset_in_response", "responder", ended_by=["responder"])


# REFUSED_STREAM


@scenario("http2.refused_stream-nginx-limit", "More streams at once than NGINX allows")
def refused_nginx(lab: Lab) -> None:
    """NGINX allows two streams at once; a client opens four before it reads the SETTINGS."""
    limit = "http2_max_concurrent_streams 2; limit_rate 300;"
    body = "x" * 250
    text = f"server {{ listen 8080 http2; {limit} location / {{ return 200 '{body}'; }} }}"
    nginx.start(lab, lab.upstream, text, port=8080)
    session = _client(lab)
    for number in range(4):
        session.request(f"/{number}")
    _end(session)
    lab.judge(session.connection, "http2.refused_stream", "responder")


@scenario("http2.refused_stream-nghttpd-limit", "More streams at once than nghttpd allows")
def refused_nghttpd(lab: Lab) -> None:
    """nghttpd allows one stream at once; a client opens three in one segment."""
    nghttp2.server(lab, lab.upstream, 8080, "-m1")
    session = _client(lab)
    for number in range(3):
        session.request(f"/{number}", hold=number < 2)
    _end(session)
    lab.judge(session.connection, "http2.refused_stream", "responder")


@scenario(
    "http2.refused_stream-envoy",
    "The upstream refuses the stream, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def refused_envoy(lab: Lab) -> None:
    """An upstream that is shutting down resets each stream with REFUSED_STREAM."""
    _behind_envoy(lab, lambda session, stream: session.reset(stream, 7), "http2.refused_stream")


@scenario(
    "http2.refused_stream-envoy-retries",
    "The upstream refuses the stream and Envoy's two retries of it, on the same connection",
    path=PROXIED,
    points=_BOTH,
)
def refused_envoy_retries(lab: Lab) -> None:
    """An upstream resets each stream with REFUSED_STREAM; Envoy has retry_on refused-stream."""
    server = lab.upstream.serve(
        9000, http2.server(lambda session, stream: session.reset(stream, 7))
    )
    policy = {"retry_on": "refused-stream", "num_retries": 2}
    envoy.simple(lab, server.address, h2=True, route={"retry_policy": policy})
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "http2.refused_stream", "responder")


# ENHANCE_YOUR_CALM


@scenario("http2.enhance_your_calm-grpc", "A gRPC client pings too often: too_many_pings")
def calm_grpc(lab: Lab) -> None:
    """grpcio's client pings every 200 ms while a stream is open, its server allows a ping in five
    minutes: GOAWAY ENHANCE_YOUR_CALM.
    """
    grpc.server(lab, lab.upstream, 50051)
    options = ("grpc.keepalive_time_ms=200", "grpc.http2.max_pings_without_data=0")
    grpc.call(lab, lab.client, (lab.upstream.ip, 50051), "hang", *options, seconds=5)
    lab.judge(lab.leg(lab.upstream, 50051), "http2.enhance_your_calm", "responder")
    lab.others = "any"


@scenario(
    "http2.enhance_your_calm-envoy-keepalive",
    "Envoy's HTTP/2 keepalive is too eager for a gRPC server",
    path=PROXIED,
    points=_BOTH,
)
def calm_envoy(lab: Lab) -> None:
    """Envoy's cluster pings every 300 ms, grpcio's server allows less; a stream is open."""
    grpc.server(lab, lab.upstream, 50051)
    cluster = envoy.pinging(envoy.a_cluster("up", (lab.upstream.ip, 50051)), "0.3s", "5s")
    listener = envoy.http_listener(8080, route={"timeout": "0s"})
    envoy.start(lab, lab.proxy, [listener], [cluster], port=8080)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "hang", seconds=4)
    cause = lab.leg(lab.upstream, 50051)
    lab.judge(lab.leg(lab.proxy, 8080), "grpc.error", "responder", caused_by=cause)
    lab.judge(cause, "http2.enhance_your_calm", "responder")


@scenario(
    "http2.enhance_your_calm-envoy-stream",
    "The upstream resets a stream with ENHANCE_YOUR_CALM, and Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
)
def calm_stream(lab: Lab) -> None:
    """An upstream under load resets each stream with ENHANCE_YOUR_CALM."""
    _behind_envoy(lab, lambda session, stream: session.reset(stream, 11), "http2.enhance_your_calm")
