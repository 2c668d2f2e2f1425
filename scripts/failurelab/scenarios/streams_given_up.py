"""Streams and tunnels whose end is not where a first look finds it."""

from __future__ import annotations

from failurelab import nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import caches, grpc, http2
from failurelab.registry import PROXIED, scenario

_PORT = 50051


@scenario(
    "tcp.closed_before_response-grpc-crash",
    "A gRPC server dies in a call; its client answers the FIN by RST_STREAM",
    layers=("tcp", "grpc", "http2"),
)
def crash(lab: Lab) -> None:
    """The method ends the server's process. grpcio's client gives its stream up after the FIN."""
    grpc.server(lab, lab.upstream, _PORT)
    grpc.call(lab, lab.client, (lab.upstream.ip, _PORT), "crash")
    codes = ["tcp.closed_before_response", "tcp.reset_before_response"]
    lab.judge(lab.leg(lab.upstream, _PORT), codes, "responder", ended_by=["responder"])


@scenario(
    "grpc.error-trailers-lost",
    "A whole answer of gRPC without trailers, as behind a proxy that drops them",
    layers=("grpc", "http2"),
)
def trailers_lost(lab: Lab) -> None:
    """An HTTP/2 server (h2) ends the stream with its message: no grpc-status."""

    def handle(session: http2.Session, stream: int) -> None:
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        session.h2.send_headers(stream, headers)
        session.h2.send_data(stream, b"\x00\x00\x00\x00\x03one", end_stream=True)
        session.flush()

    lab.upstream.serve(_PORT, http2.server(handle))
    grpc.call(lab, lab.client, (lab.upstream.ip, _PORT), "ok")
    lab.judge(lab.leg(lab.upstream, _PORT), "grpc.error", "responder")


@scenario(
    "protocol.tls_to_plaintext-connect",
    "TLS through a CONNECT tunnel to a port that speaks plain HTTP",
    path=PROXIED,
    points=(Point("client"),),
    layers=("protocol", "tls", "http"),
)
def tunnel_to_plaintext(lab: Lab) -> None:
    """curl asks Squid for a tunnel to NGINX's port for HTTP, and gets 400 to its ClientHello."""
    caches.squid(lab, lab.proxy, 3128)
    nginx.start(lab, lab.upstream, "server { listen 8080; location / { return 200; } }", port=8080)
    where = f"https://{lab.upstream.ip}:8080/"
    lab.client.curl("-x", f"http://{lab.proxy.ip}:3128", where)
    lab.judge(lab.leg(lab.proxy, 3128), "protocol.tls_to_plaintext", "responder")
