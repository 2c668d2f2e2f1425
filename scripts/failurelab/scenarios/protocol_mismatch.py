"""Two ends that speak different protocols: TLS, plain text, HTTP/1, HTTP/2."""

from __future__ import annotations

import time

from failurelab import behaviours, envoy, haproxy, nginx, openssl
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import grpc, nghttp2, node, python
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_EITHER = ["responder", "initiator"]
"""Both take the other's first bytes for a fault, and both leave."""
_PLAIN = "server { listen %d; location / { return 200 'fine\\n'; } }"


def _reply(lab: Lab, port: int, code: str, side: str | list[str] = "responder") -> None:
    """The proxy's own answer to the client, and the upstream leg that caused it."""
    cause = lab.leg(lab.upstream, port)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, code, side)


def _ask(lab: Lab) -> None:
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/basket")


# TLS to a plain port


@scenario("protocol.tls_to_plaintext-nginx", "A ClientHello to a plain HTTP port: 400 in clear")
def tls_nginx(lab: Lab) -> None:
    """curl asks NGINX's port 80 by https."""
    nginx.start(lab, lab.upstream, _PLAIN % 80, port=80)
    where = openssl.at((lab.upstream.ip, 80), "shop.example")
    openssl.curl(lab, lab.client, *where, "https://shop.example:80/")
    lab.judge(lab.leg(lab.upstream, 80), "protocol.tls_to_plaintext", "responder")


@scenario(
    "protocol.tls_to_plaintext-envoy-nginx",
    "Envoy speaks TLS to an upstream in plain text, and answers 503",
    path=PROXIED,
    points=_BOTH,
)
def tls_envoy(lab: Lab) -> None:
    """Envoy's cluster has TLS, NGINX's port 8000 has not."""
    nginx.start(lab, lab.upstream, _PLAIN % 8000, port=8000)
    envoy.simple(lab, (lab.upstream.ip, 8000), up_tls=envoy.upstream_tls("api.example"))
    _ask(lab)
    _reply(lab, 8000, "protocol.tls_to_plaintext")


@scenario(
    "protocol.tls_to_plaintext-haproxy-python",
    "HAProxy speaks TLS to a Python server, which answers a page without a status line",
    path=PROXIED,
    points=_BOTH,
)
def tls_haproxy(lab: Lab) -> None:
    """HAProxy's server has `ssl verify none` and no retries, Python's http.server has no TLS."""
    python.http_server(lab.upstream, 5000)
    server = "ssl verify none"
    body = haproxy.simple(8080, f"{lab.upstream.ip}:5000", server=server, backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)
    _ask(lab)
    _reply(lab, 5000, "protocol.tls_to_plaintext")


@scenario("protocol.tls_to_plaintext-nghttpd", "TLS to a server of HTTP/2 in plain text")
def tls_nghttpd(lab: Lab) -> None:
    """s_client speaks TLS 1.2 to nghttpd --no-tls, which sends SETTINGS and closes."""
    nghttp2.server(lab, lab.upstream, 8081)
    openssl.client(lab, lab.client, (lab.upstream.ip, 8081), "shop.example", "-tls1_2")
    lab.judge(lab.leg(lab.upstream, 8081), "protocol.tls_to_plaintext", _EITHER)


@scenario("protocol.tls_to_plaintext-smtp", "TLS at once to a mail port that wants STARTTLS")
def tls_smtp(lab: Lab) -> None:
    """A mail server greets on port 587 and answers what it does not know with 500; s_client
    speaks TLS without STARTTLS and refuses the greeting.
    """

    def handle(connection: Connection) -> None:
        connection.send(b"220 mail.example ESMTP ready\r\n")
        while connection.receive(timeout=5):
            connection.send(b"500 5.5.1 command not recognized\r\n")
            time.sleep(0.01)
        connection.close()

    lab.upstream.serve(587, handle)
    openssl.client(lab, lab.client, (lab.upstream.ip, 587), "mail.example")
    lab.judge(lab.leg(lab.upstream, 587), "protocol.tls_to_plaintext", ["initiator", "responder"])


# plain text to a TLS port


@scenario("protocol.plaintext_to_tls-nginx", "HTTP to NGINX's HTTPS port: 400 that says so")
def plain_nginx(lab: Lab) -> None:
    """curl asks port 443 by http."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "shop.example"), port=443)
    lab.used("curl")
    lab.client.curl(f"http://{lab.upstream.ip}:443/")
    lab.judge(lab.leg(lab.upstream, 443), "protocol.plaintext_to_tls", "responder")


@scenario("protocol.plaintext_to_tls-s_server", "HTTP to a TLS port: closed without a word")
def plain_s_server(lab: Lab) -> None:
    """curl asks s_server on port 9443 by https, which works, then by http: FIN."""
    openssl.server(lab, lab.upstream, 9443)
    where = openssl.at((lab.upstream.ip, 9443), "shop.example")
    openssl.curl(lab, lab.client, *where, "https://shop.example:9443/")
    openssl.curl(lab, lab.client, *where, "http://shop.example:9443/")
    lab.healthy(lab.leg(lab.upstream, 9443))
    lab.judge(
        lab.leg(lab.upstream, 9443, 1),
        "protocol.plaintext_to_tls",
        "responder",
        ended_by=["responder"],
    )


@scenario(
    "protocol.plaintext_to_tls-envoy-haproxy",
    "Envoy speaks plain HTTP to an upstream's HTTPS port, and answers 503",
    path=PROXIED,
    points=_BOTH,
)
def plain_envoy(lab: Lab) -> None:
    """Envoy's cluster has no TLS, HAProxy's port 443 has: FIN without a byte."""
    files = lab.authority.issue("api.example")
    body = f"""
frontend in
  bind :::443 v4v6 ssl crt {files.both}
  http-request return status 200
"""
    haproxy.start(lab, lab.upstream, body, port=443)
    envoy.simple(lab, (lab.upstream.ip, 443))
    _ask(lab)
    _reply(lab, 443, "protocol.plaintext_to_tls")


@scenario(
    "protocol.plaintext_to_tls-haproxy-python",
    "HAProxy speaks plain HTTP to a Python HTTPS server, which resets; 502",
    path=PROXIED,
    points=_BOTH,
)
def plain_haproxy(lab: Lab) -> None:
    """HAProxy's server has no `ssl`, Python's http.server on port 443 has TLS."""
    python.https_server(lab, lab.upstream, 443, "api.example")
    body = haproxy.simple(8080, f"{lab.upstream.ip}:443", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)
    _ask(lab)
    _reply(lab, 443, "protocol.plaintext_to_tls")


@scenario(
    "protocol.plaintext_to_tls-strict-mesh",
    "Plain HTTP to an Envoy that lets TLS in only: RST and not a byte",
)
def plain_strict(lab: Lab) -> None:
    """Envoy's listener has one filter chain, for TLS (as Istio's STRICT mode); Python's client
    by TLS works, curl by http is reset.
    """
    files = lab.authority.issue("shop.example")
    backend = lab.upstream.serve(9000, behaviours.answer(), ip="127.0.0.1")
    listener = envoy.http_listener(8443, tls=envoy.downstream_tls(files))
    envoy.only_for_tls(listener)
    envoy.start(lab, lab.upstream, [listener], [envoy.a_cluster("up", backend.address)], port=8443)
    where = openssl.at((lab.upstream.ip, 8443), "shop.example")
    openssl.curl(lab, lab.client, *where, "https://shop.example:8443/")
    openssl.curl(lab, lab.client, *where, "http://shop.example:8443/")
    lab.healthy(lab.leg(lab.upstream, 8443))
    lab.judge(
        lab.leg(lab.upstream, 8443, 1),
        "protocol.plaintext_to_tls",
        "responder",
        ended_by=["responder"],
    )


# HTTP/2 to HTTP/1


@scenario("protocol.http2_to_http1-nginx", "HTTP/2 with prior knowledge to an HTTP/1 server: 400")
def preface_nginx(lab: Lab) -> None:
    """curl --http2-prior-knowledge asks NGINX without http2."""
    nginx.start(lab, lab.upstream, _PLAIN % 8080, port=8080)
    lab.used("curl")
    lab.client.curl("--http2-prior-knowledge", f"http://{lab.upstream.ip}:8080/")
    lab.judge(lab.leg(lab.upstream, 8080), "protocol.http2_to_http1", "responder")


@scenario(
    "protocol.http2_to_http1-envoy-node",
    "Envoy's h2 cluster meets an HTTP/1 server, and Envoy answers 502",
    path=PROXIED,
    points=_BOTH,
)
def preface_envoy(lab: Lab) -> None:
    """Envoy speaks HTTP/2 in clear text to Node's http server, which answers 400 and closes."""
    node.http(lab, lab.upstream, 3000)
    envoy.simple(lab, (lab.upstream.ip, 3000), h2=True)
    _ask(lab)
    _reply(lab, 3000, "protocol.http2_to_http1")


@scenario("protocol.http2_to_http1-grpc-python", "A gRPC client at Python's HTTP/1 server")
def preface_grpc(lab: Lab) -> None:
    """grpcio's client calls port 50051, where Python's http.server answers an HTML page without a
    status line.
    """
    python.http_server(lab.upstream, 50051)
    grpc.call(lab, lab.client, (lab.upstream.ip, 50051), "ok", seconds=0.5)
    lab.judge(lab.leg(lab.upstream, 50051), "protocol.http2_to_http1", "responder")
    lab.others = "any"


@scenario(
    "protocol.http2_to_http1-envoy-listener",
    "An HTTP/2 client at an Envoy whose listener speaks HTTP/1 only",
)
def preface_listener(lab: Lab) -> None:
    """curl --http2-prior-knowledge asks an Envoy with codec_type HTTP1: 400."""
    listener = envoy.http_listener(8080, manager={"codec_type": "HTTP1"})
    cluster = envoy.a_cluster("up", ("127.0.0.1", 9))
    envoy.start(lab, lab.upstream, [listener], [cluster], port=8080)
    lab.used("curl")
    lab.client.curl("--http2-prior-knowledge", f"http://{lab.upstream.ip}:8080/")
    lab.judge(
        lab.leg(lab.upstream, 8080),
        "protocol.http2_to_http1",
        "responder",
        party=["proxy", "upstream"],
    )


# HTTP/1 to HTTP/2


@scenario("protocol.http1_to_http2-nghttpd", "An HTTP/1 request to nghttpd: SETTINGS, then FIN")
def request_nghttpd(lab: Lab) -> None:
    """curl --http1.1 asks nghttpd --no-tls."""
    nghttp2.server(lab, lab.upstream, 8081)
    lab.used("curl")
    lab.client.curl("--http1.1", f"http://{lab.upstream.ip}:8081/")
    lab.judge(lab.leg(lab.upstream, 8081), "protocol.http1_to_http2", _EITHER)


@scenario("protocol.http1_to_http2-node", "An HTTP/1 request to Node's http2 server: GOAWAY")
def request_node(lab: Lab) -> None:
    """curl --http1.1 asks Node's http2 server in clear text."""
    node.http2_plain(lab, lab.upstream, 3000)
    lab.used("curl")
    lab.client.curl("--http1.1", f"http://{lab.upstream.ip}:3000/")
    lab.judge(lab.leg(lab.upstream, 3000), "protocol.http1_to_http2", _EITHER)


@scenario(
    "protocol.http1_to_http2-envoy-nginx",
    "Envoy speaks HTTP/1 to an upstream of HTTP/2 only, and answers 502",
    path=PROXIED,
    points=_BOTH,
)
def request_envoy(lab: Lab) -> None:
    """NGINX listens with http2 and without TLS: SETTINGS, WINDOW_UPDATE and GOAWAY."""
    text = "server { listen 8000 http2; location / { return 200 'fine\\n'; } }"
    nginx.start(lab, lab.upstream, text, port=8000)
    envoy.simple(lab, (lab.upstream.ip, 8000))
    _ask(lab)
    _reply(lab, 8000, "protocol.http1_to_http2")


@scenario(
    "protocol.http1_to_http2-haproxy-grpc",
    "HAProxy speaks HTTP/1 to a gRPC server, and answers 502",
    path=PROXIED,
    points=_BOTH,
)
def request_haproxy(lab: Lab) -> None:
    """HAProxy's server lacks `proto h2`; behind it is grpcio's server."""
    grpc.server(lab, lab.upstream, 50051)
    body = haproxy.simple(8080, f"{lab.upstream.ip}:50051", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)
    _ask(lab)
    _reply(lab, 50051, "protocol.http1_to_http2", _EITHER)
