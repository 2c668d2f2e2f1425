"""PROXY protocol headers where none is expected, and none where one is."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx, openssl
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))
_PLAIN = "server { listen %s; location / { return 200 'fine\\n'; } }"
_UNEXPECTED = "protocol.unexpected_proxy_header"
_MISSING = "protocol.missing_proxy_header"


@scenario("protocol.unexpected_proxy_header-nginx", "A PROXY line to a server that expects none")
def unexpected_nginx(lab: Lab) -> None:
    """curl --haproxy-protocol asks NGINX without proxy_protocol: 400."""
    nginx.start(lab, lab.upstream, _PLAIN % 80, port=80)
    lab.used("curl")
    lab.client.curl("--haproxy-protocol", f"http://{lab.upstream.ip}/")
    lab.judge(lab.leg(lab.upstream, 80), _UNEXPECTED, "responder")


@scenario(
    "protocol.unexpected_proxy_header-haproxy-v2",
    "HAProxy sends the binary header; the upstream's 400 is handed on to the client",
    path=PROXIED,
    points=_BOTH,
)
def unexpected_v2(lab: Lab) -> None:
    """HAProxy's server has send-proxy-v2, NGINX has no proxy_protocol."""
    nginx.start(lab, lab.upstream, _PLAIN % 8000, port=8000)
    body = haproxy.simple(8080, f"{lab.upstream.ip}:8000", server="send-proxy-v2")
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    lab.judge(lab.leg(lab.upstream, 8000), _UNEXPECTED, "responder")
    lab.healthy(lab.leg(lab.proxy, 8080))


@scenario(
    "protocol.unexpected_proxy_header-envoy-tls",
    "Envoy sends a PROXY line before its ClientHello; the upstream's TLS refuses it",
    path=PROXIED,
    points=_BOTH,
)
def unexpected_tls(lab: Lab) -> None:
    """Envoy's cluster has PROXY protocol over TLS, the upstream is an Envoy that has TLS only:
    its alert 70. The client gets 503.
    """
    files = lab.authority.issue("api.example")
    listener = envoy.http_listener(443, tls=envoy.downstream_tls(files))
    behind = [listener], [envoy.a_cluster("up", ("127.0.0.1", 9))]
    envoy.start(lab, lab.upstream, *behind, port=443)
    cluster = envoy.a_cluster(
        "up", (lab.upstream.ip, 443), tls=envoy.upstream_tls("api.example", newest="TLSv1_2")
    )
    envoy.start(
        lab, lab.proxy, [envoy.http_listener(8080)], [envoy.proxy_header(cluster)], port=8080
    )
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, _UNEXPECTED, "responder")


@scenario(
    "protocol.unexpected_proxy_header-haproxy-nginx-tls",
    "HAProxy sends a PROXY line before TLS; NGINX answers 400 in clear",
    path=PROXIED,
    points=_BOTH,
)
def unexpected_nginx_tls(lab: Lab) -> None:
    """HAProxy's server has send-proxy and ssl, NGINX's port 443 no proxy_protocol; 503."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "api.example"), port=443)
    server = "send-proxy ssl verify none"
    body = haproxy.simple(8080, f"{lab.upstream.ip}:443", server=server, backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    cause = lab.leg(lab.upstream, 443)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, _UNEXPECTED, "responder")


@scenario("protocol.missing_proxy_header-nginx", "No PROXY line for a server that wants one: FIN")
def missing_nginx(lab: Lab) -> None:
    """NGINX listens with proxy_protocol. curl with the line works twice, without it fails."""
    nginx.start(lab, lab.upstream, _PLAIN % "80 proxy_protocol", port=80)
    lab.used("curl")
    for options in (["--haproxy-protocol"], [], ["--haproxy-protocol"]):
        lab.client.curl(*options, f"http://{lab.upstream.ip}/")
    for nth in (0, 2):
        lab.healthy(lab.leg(lab.upstream, 80, nth))
    leg = lab.leg(lab.upstream, 80, 1)
    lab.judge(leg, _MISSING, "responder", ended_by=["responder"])


@scenario(
    "protocol.missing_proxy_header-haproxy-haproxy",
    "One backend of HAProxy sends the header, the other does not: RST, and 502",
    path=PROXIED,
    points=_BOTH,
)
def missing_haproxy(lab: Lab) -> None:
    """The upstream HAProxy binds with accept-proxy. The proxy's backend for /new has send-proxy,
    the one for /old has not.
    """
    front = "frontend in\n  bind :::9000 v4v6 accept-proxy\n  http-request return status 200\n"
    haproxy.start(lab, lab.upstream, front, port=9000)
    body = f"""
frontend in
  bind :::8080 v4v6
  use_backend old if {{ path /old }}
  default_backend new
backend old
  retries 0
  server one {lab.upstream.ip}:9000
backend new
  server one {lab.upstream.ip}:9000 send-proxy
"""
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.used("curl")
    for path in ("new", "old", "new"):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/{path}")
    cause = lab.leg(lab.upstream, 9000, 1)
    lab.healthy(lab.leg(lab.upstream, 9000))
    lab.judge(cause, _MISSING, "responder", ended_by=["responder"])
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.local_reply", "responder", caused_by=cause)
    lab.healthy(lab.leg(lab.proxy, 8080))


@scenario("protocol.missing_proxy_header-envoy", "No PROXY line for an Envoy that wants one: RST")
def missing_envoy(lab: Lab) -> None:
    """Envoy's listener has the proxy_protocol filter; curl with the line works, without fails."""
    backend = lab.upstream.serve(9000, behaviours.answer(), ip="127.0.0.1")
    listener = envoy.wants_proxy_header(envoy.http_listener(8080))
    cluster = envoy.a_cluster("up", backend.address)
    envoy.start(lab, lab.upstream, [listener], [cluster], port=8080)
    where = openssl.at((lab.upstream.ip, 8080), "shop.example")
    for options in (["--haproxy-protocol"], []):
        openssl.curl(lab, lab.client, *options, *where, "http://shop.example:8080/")
    lab.healthy(lab.leg(lab.upstream, 8080))
    leg = lab.leg(lab.upstream, 8080, 1)
    lab.judge(leg, _MISSING, "responder", party=["proxy", "upstream"], ended_by=["responder"])
