"""The first of each kind: refused, silent, reset, injected, ALPN, a proxy's reply, healthy."""

from __future__ import annotations

from failurelab import behaviours, envoy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import injected


@scenario("tcp.connection_refused-closed-port", "A SYN to a port where nothing listens")
def closed_port(lab: Lab) -> None:
    """Connects to a port of the upstream where nothing listens."""
    connection = lab.client.connect((lab.upstream.ip, 8443))
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.connection_timeout-router-drop",
    "SYNs that a router drops silently",
    points=("client", Point("upstream", can_tell=False)),
)
def router_drop(lab: Lab) -> None:
    """The router drops SYNs to the port (iptables DROP); the client gives up after 4 seconds.
    Another connection, to a port that is let through, works.
    """
    lab.router.iptables("-A FORWARD -p tcp --dport 5432 -j DROP")
    works = lab.upstream.serve(8080, behaviours.answer())
    first = lab.client.connect(works.address)
    first.send(behaviours.get()).receive_until()
    first.close()
    lab.healthy(first)
    silent = lab.client.connect((lab.upstream.ip, 5432), timeout=4)
    silent.close()
    lab.judge(silent, "tcp.connection_timeout", ["unknown", "path"], ended_by=[None])


@scenario(
    "tcp.connection_refused-router-reject-rst",
    "A router's firewall refuses with a RST in the upstream's name",
)
def router_reject(lab: Lab) -> None:
    """The router rejects SYNs to port 6379 with tcp-reset; port 80 of the same host works."""
    lab.router.iptables("-A FORWARD -p tcp --dport 6379 -j REJECT --reject-with tcp-reset")
    works = lab.upstream.serve(80, behaviours.answer())
    first = lab.client.connect(works.address)
    first.send(behaviours.get()).receive_until()
    first.close()
    refused = lab.client.connect((lab.upstream.ip, 6379))
    lab.healthy(first)
    lab.judge(refused, "tcp.connection_refused", ["path", "unknown"])


@scenario(
    "tcp.reset_before_response-linger-zero",
    "The upstream resets after the request, before any response byte",
)
def linger_zero(lab: Lab) -> None:
    """The server reads the request and closes its socket with linger zero."""
    server = lab.upstream.serve(8080, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


@scenario("tls.alpn_mismatch-nginx", "A client that wants h2, a server that has HTTP/1 only")
def alpn_nginx(lab: Lab) -> None:
    """NGINX without http2 gets a ClientHello that offers only h2; it answers with alert 120."""
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "api.example"), port=443)
    connection = lab.client.connect((lab.upstream.ip, 443))
    connection.tls(lab.authority.client_context(alpn=("h2",)), "api.example").close()
    lab.judge(connection, "tls.alpn_mismatch", "responder")


@scenario(
    "http.local_reply-envoy-refused",
    "Envoy answers 503 because the upstream refused its connection",
    path=PROXIED,
    points=(
        Point("proxy", "any"),
        Point("proxy", "eth0", name="proxy-downstream"),
        Point("proxy", "eth1", name="proxy-upstream"),
    ),
    layers=("http", "tcp"),
)
def envoy_refused(lab: Lab) -> None:
    """Envoy's cluster points to a port where nothing listens; curl asks Envoy."""
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/checkout")
    refused = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=refused)
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.injected_reset-fixed-ttl",
    "A device on the path forges RSTs with a TTL of its own in mid transfer",
    bump="client-router",
)
def injected_fixed_ttl(lab: Lab) -> None:
    """The bump sends a RST to both ends (TTL 128, IP ID 4242, no timestamps) when the third data
    segment of the response passes, and lets that segment through; round trip 20 ms.
    """
    injected(lab)


@scenario(
    "healthy-keepalive-http",
    "Several requests on one kept connection, closed by the client",
    bump="router-upstream",
)
def keepalive(lab: Lab) -> None:
    """Three requests and answers, then a FIN by the client and by the server; round trip 6 ms."""
    lab.bump.delay = 0.003
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    for path in ("/", "/style.css", "/logo.svg"):
        connection.send(behaviours.get(path)).receive_until()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-reset-after-response",
    "The client resets after a complete response, as many clients do",
    points=("client",),
)
def reset_after_response(lab: Lab) -> None:
    """The client reads the whole answer (Content-Length) and closes with linger zero."""
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get()).receive(60)
    lab.sleep(0.05)
    connection.reset()
    lab.healthy(connection)
