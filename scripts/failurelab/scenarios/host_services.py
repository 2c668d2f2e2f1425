"""Failures at a proxy or by a clock, whose cause a snapshot of the host shows."""

from __future__ import annotations

import socket

from failurelab import behaviours, envoy, nginx, openssl
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_PROXY = (Point("proxy", "any"),)
_ADMIN = 15000


@scenario(
    "tcp.ephemeral_ports_low-snapshot-envoy",
    "Envoy has no port left towards its upstream: 503 with nothing on the wire behind it",
    path=PROXIED,
    points=_PROXY,
    layers=("tcp", "host", "http"),
    kept_apart=False,
)
def envoy_without_ports(lab: Lab) -> None:
    """ip_local_port_range of the proxy has 28 ports, a program there holds them all towards the
    upstream; Envoy's connect() fails with errno 99, and it answers 503 at once.
    """
    server = lab.upstream.serve(9000, behaviours.silent())
    envoy.simple(lab, server.address)
    lab.proxy.sysctl("net.ipv4.ip_local_port_range", "40000 40027")
    held: list[socket.socket] = []
    while len(held) < 28:
        made = lab.proxy.socket(server.address[0])
        made.connect(server.address)
        held.append(made)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
    lab.snapshots.keep(lab.proxy, "host")
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder")
    lab.findings.expected = ["tcp.ephemeral_ports_low"]


def _with_admin() -> envoy.Json:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": _ADMIN}}
    return {"admin": {"address": address}}


@scenario(
    "host.envoy_cluster-ejected",
    "Envoy ejected the only endpoint: its admin interface says which, and why",
    path=PROXIED,
    points=_PROXY,
    layers=("host", "http"),
    kept_apart=False,
)
def ejected(lab: Lab) -> None:
    """Outlier detection: out after two failures, no panic mode; the upstream resets after each
    request, the third one finds no endpoint. The snapshot asks Envoy's admin interface.
    """
    lab.upstream.serve(9000, behaviours.reset_after_request())
    cluster = envoy.a_cluster("shop", (lab.upstream.ip, 9000), more=envoy.ejecting())
    listener = envoy.http_listener(8080, route={"cluster": "shop"})
    envoy.start(lab, lab.proxy, [listener], [cluster], port=8080, base=_with_admin())
    for _ in range(3):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
    # Otherwise what the admin interface says would be in the capture, too.
    lab.capture("proxy").stop()
    lab.snapshots.keep(lab.proxy, "host", "--envoy-admin", f"http://127.0.0.1:{_ADMIN}")
    for nth in range(2):
        cause = lab.leg(lab.upstream, 9000, nth)
        lab.judge(lab.leg(lab.proxy, 8080, nth), "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, "tcp.reset_before_response", "responder")
    lab.judge(lab.leg(lab.proxy, 8080, 2), "http.no_healthy_upstream", "responder")
    lab.findings.expected = ["host.envoy_cluster"]


@scenario(
    "host.envoy_cluster-overflow",
    "Envoy's circuit breaker: its admin interface names the limit and counts",
    path=PROXIED,
    points=_PROXY,
    layers=("host", "http"),
    kept_apart=False,
)
def overflow(lab: Lab) -> None:
    """max_connections 1 and max_pending_requests 1; three requests at once, 0.8 s per answer."""
    server = lab.upstream.serve(9000, behaviours.slow(0.8))
    limits = {"thresholds": [{"max_connections": 1, "max_pending_requests": 1}]}
    cluster = envoy.a_cluster("shop", server.address, more={"circuit_breakers": limits})
    listener = envoy.http_listener(8080, route={"cluster": "shop"})
    envoy.start(lab, lab.proxy, [listener], [cluster], port=8080, base=_with_admin())
    connections = []
    for number in range(3):
        connection = lab.client.connect((lab.proxy.ip, 8080))
        connections.append(connection.send(behaviours.get(f"/{number}")))
        lab.sleep(0.1)
    for connection in reversed(connections):
        connection.receive_until(timeout=3)
        connection.close()
    # Otherwise what the admin interface says would be in the capture, too.
    lab.capture("proxy").stop()
    lab.snapshots.keep(lab.proxy, "host", "--envoy-admin", f"http://127.0.0.1:{_ADMIN}")
    lab.healthy(connections[0])
    lab.healthy(connections[1])
    lab.judge(connections[2], "http.overflow", "responder")
    lab.findings.expected = ["host.envoy_cluster"]


@scenario(
    "host.clock-certificate-refused",
    "A client whose clock nobody keeps refuses a certificate for its dates",
    points=("client", "upstream"),
    layers=("host", "tls"),
    kept_apart=False,
)
def clock(lab: Lab) -> None:
    """NGINX has a certificate that expired ten days ago, curl refuses it; the machine's clock is
    kept by nobody.
    """
    files = lab.authority.issue("shop.example", since=-100, days=90)
    nginx.start(
        lab,
        lab.upstream,
        f"server {{ listen 443 ssl; ssl_certificate {files.cert}; "
        f"ssl_certificate_key {files.key}; return 200; }}",
        port=443,
    )
    where = openssl.at((lab.upstream.ip, 443), "shop.example")
    openssl.curl(lab, lab.client, *where, "https://shop.example/")
    lab.snapshots.keep(lab.client, "host")
    lab.judge(lab.leg(lab.upstream, 443), "tls.certificate_expired", "initiator")
    lab.findings.expected = ["host.clock"]
