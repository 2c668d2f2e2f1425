"""Health checks that fail while their endpoint would serve, and what follows."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Address
from failurelab.lab import Lab
from failurelab.programs import grpc
from failurelab.registry import PROXIED, scenario

_ANY = (Point("proxy", "any"),)
_FAILING = "health.check_failing"
CALM = {"common_lb_config": {"healthy_panic_threshold": {"value": 0}}}
"""Envoy uses no endpoint that its checks took out."""


def checked_by_envoy(
    lab: Lab,
    upstream: Address,
    check: envoy.Json,
    *,
    h2: bool = False,
    more: envoy.Json | None = None,
    port: int = 0,
) -> None:
    """Envoy with one endpoint and a check every 0.4 s; `port`: where the check goes instead."""
    times = {
        "timeout": "0.3s",
        "interval": "0.4s",
        "no_traffic_interval": "0.4s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 2,
    }
    cluster = envoy.a_cluster("up", upstream, h2=h2, more=more)
    cluster["health_checks"] = [{**times, **check}]
    if port:
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        endpoint["health_check_config"] = {"port_value": port}
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080)], [cluster], port=8080)


def ask(lab: Lab, path: str = "/cart") -> None:
    """One request through the proxy."""
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080{path}")


def _no_endpoint(lab: Lab, count: int = 1) -> None:
    for nth in range(count):
        ask(lab)
        leg = lab.leg(lab.proxy, 8080, nth)
        lab.judge(leg, ["http.no_healthy_upstream", "http.local_reply"], "responder")


@scenario(
    "health.check_failing-envoy-wrong-path",
    "Envoy checks a path that the origin does not have: 404, then 503 for everybody",
    path=PROXIED,
    points=_ANY,
    layers=("health", "http"),
)
def wrong_path(lab: Lab) -> None:
    """NGINX serves /health; Envoy asks /healthz on one connection, without panic mode."""
    text = """server { listen 9000; location = /cart { return 200 'fine\\n'; }
      location = /health { return 200 'fine\\n'; } location / { return 404; } }"""
    nginx.start(lab, lab.upstream, text, port=9000)
    checked_by_envoy(
        lab, (lab.upstream.ip, 9000), {"http_health_check": {"path": "/healthz"}}, more=CALM
    )
    lab.sleep(2.5)
    _no_endpoint(lab, 2)
    lab.healthy(lab.leg(lab.upstream, 9000))
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["health.endpoint_out", "endpoint.down", "http.server_errors"]


@scenario(
    "health.check_failing-envoy-wrong-port",
    "Envoy's TCP check goes to a closed port while requests work in panic mode",
    path=PROXIED,
    points=_ANY,
    layers=("health", "tcp"),
)
def wrong_port(lab: Lab) -> None:
    """The endpoint listens on 9000, its check asks 9901; all endpoints being out, Envoy uses
    them all the same.
    """
    server = lab.upstream.serve(9000, behaviours.answer())
    checked_by_envoy(lab, server.address, {"tcp_health_check": {}}, port=9901)
    for nth in range(4):
        lab.sleep(0.7)
        ask(lab)
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    lab.others = "any"
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["endpoint.down", "health.endpoint_out"]


@scenario(
    "health.check_failing-envoy-tls-port",
    "Envoy's HTTP check in clear text to a port that wants TLS: 400",
    path=PROXIED,
    points=_ANY,
    layers=("health", "http"),
)
def tls_port(lab: Lab) -> None:
    """NGINX serves 9000 in clear and 9443 with TLS; the check asks 9443. The cluster has no
    panic mode.
    """
    clear = "server { listen 9000; location / { return 200 'fine\\n'; } }"
    nginx.start(lab, lab.upstream, clear + nginx.tls_server(lab, 9443, "shop.example"), port=9443)
    check = {"http_health_check": {"path": "/healthz"}}
    checked_by_envoy(lab, (lab.upstream.ip, 9000), check, port=9443, more=CALM)
    lab.sleep(2.5)
    _no_endpoint(lab)
    lab.others = "any"
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["endpoint.down", "health.endpoint_out"]


@scenario(
    "health.check_failing-envoy-grpc-not-serving",
    "A gRPC server says NOT_SERVING; Envoy answers 503",
    path=PROXIED,
    points=_ANY,
    layers=("health", "grpc"),
)
def not_serving(lab: Lab) -> None:
    """grpc.health.v1.Health/Check of a grpcio server returns NOT_SERVING from the beginning."""
    grpc.health(lab, lab.upstream, 50051, lab.file("serving", "2"))
    check: envoy.Json = {"grpc_health_check": {}}
    checked_by_envoy(lab, (lab.upstream.ip, 50051), check, h2=True, more=CALM)
    lab.sleep(2.5)
    _no_endpoint(lab)
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["endpoint.down", "health.endpoint_out"]


@scenario(
    "health.check_failing-haproxy-too-slow",
    "HAProxy's check gives up before the origin answers it",
    path=PROXIED,
    points=_ANY,
    layers=("health", "http"),
)
def too_slow(lab: Lab) -> None:
    """option httpchk with timeout check 300 ms; the origin needs 0.8 s for every answer."""
    server = lab.upstream.serve(9000, behaviours.slow(0.8))
    body = haproxy.simple(
        8080,
        f"{server.address[0]}:9000",
        server="check inter 500ms fall 2 rise 2",
        backend="option httpchk GET /health\n  timeout check 300ms",
    )
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.sleep(4)
    _no_endpoint(lab)
    lab.others = "any"
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["endpoint.down", "health.endpoint_out"]


def _probe(lab: Lab, agent: str, url: str, times: int) -> None:
    lab.used("curl")
    for _ in range(times):
        lab.client.curl("-A", agent, "-o", "/dev/null", url)
        lab.sleep(0.45)


@scenario(
    "health.check_failing-kubelet-503",
    "A kubelet's readiness probe gets 503 each time; nobody else asks",
    layers=("health", "http"),
)
def kubelet(lab: Lab) -> None:
    """curl as kube-probe/1.31 asks /ready every half second; NGINX answers 503."""
    text = "server { listen 8080; location = /ready { return 503 'no database\\n'; } }"
    nginx.start(lab, lab.upstream, text, port=8080)
    _probe(lab, "kube-probe/1.31", f"http://{lab.upstream.ip}:8080/ready", 6)
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["http.server_errors", "health.endpoint_out"]


@scenario(
    "health.check_failing-elb-401",
    "A load balancer's check is not allowed to ask: 401; its clients are served",
    layers=("health", "http"),
)
def elb(lab: Lab) -> None:
    """curl as ELB-HealthChecker/2.0 asks / every half second without credentials; a client asks
    with them, and gets 200.
    """
    text = """server { listen 8080; location / {
      if ($http_authorization = '') { return 401; } return 200 'fine\\n'; } }"""
    nginx.start(lab, lab.upstream, text, port=8080)
    url = f"http://{lab.upstream.ip}:8080/"
    for _ in range(3):
        _probe(lab, "ELB-HealthChecker/2.0", url, 2)
        lab.client.curl("-u", "shop:shop", "-o", "/dev/null", url)
    lab.findings.expected = [_FAILING]
    lab.findings.forbidden = ["http.server_errors", "health.endpoint_out"]
