"""Health checks as proxies make them: connections that do little, and end abruptly."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario


@scenario(
    "healthy-haproxy-tcp-check",
    "HAProxy's layer-4 check: SYN, SYN-ACK, RST",
    path=PROXIED,
    points=(Point("proxy", "eth1", name="proxy-upstream"), Point("upstream")),
    layers=("health", "tcp"),
)
def haproxy_check(lab: Lab) -> None:
    """HAProxy checks the server's port each 500 ms and sends no requests."""
    lab.upstream.serve(9000, behaviours.answer())
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", server="check inter 500ms")
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.sleep(1.8)
    for nth in range(3):
        lab.healthy(lab.leg(lab.upstream, 9000, nth))


@scenario(
    "healthy-haproxy-http-check",
    "HAProxy's HTTP checks, each on a connection of its own",
    path=PROXIED,
    points=(Point("proxy", "eth1", name="proxy-upstream"),),
    layers=("health", "http"),
)
def haproxy_http_check(lab: Lab) -> None:
    """option httpchk GET /health each 500 ms; the server answers 200."""
    lab.upstream.serve(9000, behaviours.answer())
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", server="check inter 500ms",
                          backend="option httpchk GET /health")  # fmt: skip
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.sleep(1.8)
    for nth in range(3):
        lab.healthy(lab.leg(lab.upstream, 9000, nth))


def _envoy_checked(lab: Lab, check: envoy.Json) -> None:
    times = {
        "timeout": "0.4s",
        "interval": "0.5s",
        "no_traffic_interval": "0.5s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "reuse_connection": False,
    }
    envoy.simple(lab, (lab.upstream.ip, 9000), cluster={"health_checks": [{**times, **check}]})
    lab.sleep(2)
    for nth in range(3):
        lab.healthy(lab.leg(lab.upstream, 9000, nth))


@scenario(
    "healthy-envoy-http-check",
    "Envoy's HTTP health checks without connection reuse",
    path=PROXIED,
    points=(Point("proxy", "eth1", name="proxy-upstream"),),
    layers=("health", "http"),
)
def envoy_http_check(lab: Lab) -> None:
    """Envoy asks /healthz each half second, closing the connection after each answer."""
    lab.upstream.serve(9000, behaviours.answer())
    _envoy_checked(lab, {"http_health_check": {"path": "/healthz"}})


@scenario(
    "healthy-envoy-tcp-check",
    "Envoy's TCP health checks: connect and close",
    path=PROXIED,
    points=(Point("proxy", "eth1", name="proxy-upstream"),),
    layers=("health", "tcp"),
)
def envoy_tcp_check(lab: Lab) -> None:
    """Envoy connects each half second and closes at once; nothing is sent."""
    lab.upstream.serve(9000, behaviours.silent(10))
    _envoy_checked(lab, {"tcp_health_check": {}})
