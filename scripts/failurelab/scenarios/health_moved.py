"""Endpoints that their checks take out of use and put back."""

from __future__ import annotations

from pathlib import Path

from failurelab import behaviours, haproxy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import grpc, python
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.health_failing import CALM, ask, checked_by_envoy

_ANY = (Point("proxy", "any"),)
_OUT = "health.endpoint_out"
_SERVER = """server {{ listen 9000; location / {{ return 200 'fine\\n'; }}
  location = /healthz {{ if (-f {down}) {{ return 503 'in maintenance\\n'; }}
    return 200 'up\\n'; }} }}
"""


def _maintained(lab: Lab) -> Path:
    """NGINX on the upstream, whose /healthz says 503 while the returned file exists."""
    down = lab.directory / "down"
    nginx.start(lab, lab.upstream, _SERVER.format(down=down), port=9000, main="user root;")
    return down


@scenario(
    "health.endpoint_out-envoy-and-back",
    "The only endpoint fails Envoy's HTTP check for some seconds and comes back",
    path=PROXIED,
    points=_ANY,
    layers=("health", "http"),
)
def envoy_back(lab: Lab) -> None:
    """/healthz says 503 for two seconds; a request before and one after work, the one in
    between finds no healthy upstream.
    """
    down = _maintained(lab)
    check = {"http_health_check": {"path": "/healthz"}}
    checked_by_envoy(lab, (lab.upstream.ip, 9000), check, more=CALM)
    lab.sleep(1.6)
    ask(lab)
    down.touch()
    lab.sleep(2)
    ask(lab)
    down.unlink()
    lab.sleep(1.6)
    ask(lab)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.no_healthy_upstream", "responder")
    lab.healthy(lab.leg(lab.proxy, 8080, 2))
    lab.findings.expected = [_OUT]
    lab.findings.forbidden = ["endpoint.down", "http.server_errors"]


@scenario(
    "health.endpoint_out-haproxy-and-back",
    "One of two servers fails HAProxy's HTTP check for some seconds; no request notices",
    path=PROXIED,
    points=_ANY,
    branches={"upstream2": "router2"},
    layers=("health", "http"),
)
def haproxy_back(lab: Lab) -> None:
    """option httpchk every 300 ms without a user agent; the other server stays up."""
    down = _maintained(lab)
    second = lab.hosts["upstream2"]
    other = second.serve(9000, behaviours.answer_and_close())
    body = f"""
frontend in
  bind :::8080 v4v6
  default_backend out
backend out
  option httpchk GET /healthz
  default-server inter 300ms fall 2 rise 2
  server one {lab.upstream.ip}:9000 check
  server two {other.address[0]}:9000 check
"""
    haproxy.start(lab, lab.proxy, body, port=8080)
    for nth, wait in enumerate((1.5, 1.8, 1.8)):
        lab.sleep(wait)
        ask(lab)
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
        down.unlink() if down.exists() else down.touch()
    lab.findings.expected = [_OUT]
    lab.findings.forbidden = ["endpoint.down", "http.server_errors"]


@scenario(
    "health.endpoint_out-envoy-tcp-restart",
    "A restart: Envoy's TCP check is refused, then works again",
    path=PROXIED,
    points=_ANY,
    layers=("health", "endpoint", "tcp"),
)
def restarted(lab: Lab) -> None:
    """The server gets SIGTERM and is started again two seconds later; requests meanwhile are
    answered 503 by Envoy.
    """
    process = python.http_server(lab.upstream, 9000)
    checked_by_envoy(lab, (lab.upstream.ip, 9000), {"tcp_health_check": {}}, more=CALM)
    lab.sleep(1.8)
    ask(lab)
    process.stop()
    lab.sleep(1.8)
    ask(lab)
    python.http_server(lab.upstream, 9000)
    lab.sleep(1.6)
    ask(lab)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.no_healthy_upstream", "responder")
    lab.healthy(lab.leg(lab.proxy, 8080, 2))
    lab.others = "any"
    lab.findings.expected = [_OUT, "endpoint.down"]


@scenario(
    "health.endpoint_out-envoy-grpc-drain",
    "A gRPC server says NOT_SERVING for some seconds, then SERVING again",
    path=PROXIED,
    points=_ANY,
    layers=("health", "grpc"),
)
def grpc_drain(lab: Lab) -> None:
    """Envoy checks a grpcio server every 0.4 s; nobody asks anything meanwhile."""
    status = lab.file("serving", "1")
    grpc.health(lab, lab.upstream, 50051, status)
    checked_by_envoy(lab, (lab.upstream.ip, 50051), {"grpc_health_check": {}}, h2=True, more=CALM)
    for serving in ("2", "1", "1"):
        lab.sleep(1.7)
        status.write_text(serving)
    lab.healthy(lab.leg(lab.upstream, 50051))
    lab.findings.expected = [_OUT]
    lab.findings.forbidden = ["endpoint.down", "http.server_errors"]
