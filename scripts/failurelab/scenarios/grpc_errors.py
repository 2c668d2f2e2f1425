"""gRPC calls that end with an error status, made by grpcio."""

from __future__ import annotations

from failurelab import envoy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import grpc, http2
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_PORT = 50051


def _direct(lab: Lab, method: str, *options: str, server: tuple[str, ...] = ()) -> None:
    """The client calls the server itself; the call fails with a status."""
    grpc.server(lab, lab.upstream, _PORT, *server)
    grpc.call(lab, lab.client, (lab.upstream.ip, _PORT), method, *options)
    lab.judge(lab.leg(lab.upstream, _PORT), "grpc.error", "responder")


def _through_envoy(lab: Lab, method: str) -> None:
    """Envoy hands the origin's status on: both legs show it."""
    grpc.server(lab, lab.upstream, _PORT)
    envoy.simple(lab, (lab.upstream.ip, _PORT), h2=True)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), method)
    cause = lab.leg(lab.upstream, _PORT)
    sides = "responder"
    lab.judge(
        lab.leg(lab.proxy, 8080), "grpc.error", sides, party=["proxy", "upstream"], caused_by=cause
    )
    lab.judge(cause, "grpc.error", sides)


@scenario("grpc.error-unknown", "The server's method raises: grpc-status 2")
def unknown(lab: Lab) -> None:
    """grpcio's server has a method that raises an exception."""
    _direct(lab, "fail")


@scenario("grpc.error-deadline", "The server says that its own deadline passed: grpc-status 4")
def deadline(lab: Lab) -> None:
    """The method aborts with DEADLINE_EXCEEDED at once, as for a call behind it."""
    _direct(lab, "status:4")


@scenario("grpc.error-message-too-large", "A message over the server's limit: grpc-status 8")
def too_large(lab: Lab) -> None:
    """The server takes messages of 1000 bytes at most, the client sends 3000."""
    _direct(lab, "echo:3000", server=("grpc.max_receive_message_length=1000",))


@scenario("grpc.error-unimplemented", "A method that the server does not have: grpc-status 12")
def unimplemented(lab: Lab) -> None:
    """The client calls a method that is not there."""
    _direct(lab, "renamed")


@scenario("grpc.error-internal", "The server gives grpc-status 13", family=6)
def internal(lab: Lab) -> None:
    """The method aborts with INTERNAL; IPv6."""
    _direct(lab, "status:13")


@scenario("grpc.error-unavailable", "The server gives grpc-status 14 itself")
def unavailable(lab: Lab) -> None:
    """The method aborts with UNAVAILABLE, as for a database that is down."""
    _direct(lab, "status:14")


@scenario("grpc.error-data-loss", "The server gives grpc-status 15")
def data_loss(lab: Lab) -> None:
    """The method aborts with DATA_LOSS."""
    _direct(lab, "status:15")


@scenario(
    "grpc.error-envoy-unavailable",
    "The origin's grpc-status 14, handed on by Envoy: not Envoy's own answer",
    path=PROXIED,
    points=_BOTH,
)
def envoy_unavailable(lab: Lab) -> None:
    """The method aborts with UNAVAILABLE; Envoy is between."""
    _through_envoy(lab, "status:14")


@scenario(
    "grpc.error-envoy-internal",
    "The origin's grpc-status 13, handed on by Envoy",
    path=PROXIED,
    points=_BOTH,
)
def envoy_internal(lab: Lab) -> None:
    """The method aborts with INTERNAL; Envoy is between."""
    _through_envoy(lab, "status:13")


@scenario(
    "grpc.error-envoy-unknown",
    "An exception in the origin, grpc-status 2, handed on by Envoy",
    path=PROXIED,
    points=_BOTH,
)
def envoy_unknown(lab: Lab) -> None:
    """The method raises an exception; Envoy is between."""
    _through_envoy(lab, "fail")


@scenario("grpc.error-after-messages", "A stream that fails after its messages, in trailers")
def after_messages(lab: Lab) -> None:
    """An HTTP/2 server (h2) sends two gRPC messages and trailers with grpc-status 8."""

    def handle(session: http2.Session, stream: int) -> None:
        message = b"\x00\x00\x00\x00\x03one"
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        session.h2.send_headers(stream, headers)
        session.h2.send_data(stream, message * 2)
        trailers = [("grpc-status", "8"), ("grpc-message", "quota used up")]
        session.h2.send_headers(stream, trailers, end_stream=True)
        session.flush()

    lab.upstream.serve(_PORT, http2.server(handle))
    grpc.call(lab, lab.client, (lab.upstream.ip, _PORT), "stream")
    lab.judge(lab.leg(lab.upstream, _PORT), "grpc.error", "responder")


@scenario(
    "http.local_reply-nginx-grpc",
    "NGINX cannot reach its gRPC upstream: HTTP 502 to a gRPC client",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "grpc", "tcp"),
)
def nginx_grpc(lab: Lab) -> None:
    """NGINX with grpc_pass; nothing listens on the upstream's port."""
    location = f"grpc_pass grpc://{lab.upstream.ip}:{_PORT};"
    text = f"server {{ listen 8080 http2; location / {{ {location} }} }}"
    nginx.start(lab, lab.proxy, text, port=8080)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "ok")
    cause = lab.leg(lab.upstream, _PORT)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.response_timeout-grpc-deadline",
    "The client's deadline passes and it cancels the stream",
    layers=("grpc", "http2"),
)
def client_deadline(lab: Lab) -> None:
    """An HTTP/2 server (h2) never answers grpcio's call; grpc-timeout 1.5 s, then CANCEL."""
    lab.upstream.serve(_PORT, http2.server(lambda _session, _stream: None))
    grpc.call(lab, lab.client, (lab.upstream.ip, _PORT), "ok", seconds=1.5)
    lab.judge(lab.leg(lab.upstream, _PORT), "tcp.response_timeout", "responder")


@scenario(
    "healthy-grpc-other-statuses",
    "grpc-status 5 and 3 are answers, not failures",
    layers=("grpc",),
    path=PROXIED,
    points=(Point("proxy", "any"),),
)
def not_found(lab: Lab) -> None:
    """Three calls through Envoy: NOT_FOUND, INVALID_ARGUMENT and a good one."""
    grpc.server(lab, lab.upstream, _PORT)
    envoy.simple(lab, (lab.upstream.ip, _PORT), h2=True)
    for nth, method in enumerate(("status:5", "status:3", "ok:x")):
        grpc.call(lab, lab.client, (lab.proxy.ip, 8080), method)
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    lab.healthy(lab.leg(lab.upstream, _PORT))


@scenario(
    "http.stream_idle_timeout-envoy-grpc",
    "Envoy cuts a gRPC stream after a second of quiet",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("http", "grpc", "http2"),
)
def idle_stream(lab: Lab) -> None:
    """The server streams one message and is quiet; stream_idle_timeout 1 s, no route timeout."""
    grpc.server(lab, lab.upstream, _PORT)
    manager = {"stream_idle_timeout": "1s"}
    envoy.simple(lab, (lab.upstream.ip, _PORT), h2=True, route={"timeout": "0s"}, manager=manager)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "hang", seconds=4)
    code = "http.stream_idle_timeout"
    lab.judge(lab.leg(lab.proxy, 8080), code, "responder")
    lab.judge(lab.leg(lab.upstream, _PORT), code, "initiator")


@scenario(
    "tls.alpn_mismatch-grpc-nginx",
    "Envoy cannot speak HTTP/2 to its upstream; a gRPC call gets status 14",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("tls", "grpc"),
)
def grpc_alpn(lab: Lab) -> None:
    """Envoy's h2 cluster offers h2 by TLS 1.3 to NGINX without http2: alert 120. The client's
    gRPC call gets grpc-status 14 from Envoy.
    """
    more = "ssl_protocols TLSv1.3;"
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "api.example", more=more), port=443)
    tls = envoy.upstream_tls("api.example", alpn=("h2",))
    envoy.simple(lab, (lab.upstream.ip, 443), h2=True, up_tls=tls)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "ok")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "tls.alpn_mismatch", "responder", ended_by=["responder"])
