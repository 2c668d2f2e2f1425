"""No endpoint to use, limits reached, health checks that fail, and origins with errors."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import grpc, http2
from failurelab.registry import PROXIED, scenario

_ANY = (Point("proxy", "any"),)
_BOTH = (Point("proxy", "any"), Point("client"))
_BROKEN = behaviours.reply(b"down\n", "503 Service Unavailable")


def _ask(lab: Lab, *options: str) -> str:
    lab.used("curl")
    return lab.client.curl(*options, f"http://{lab.proxy.ip}:8080/cart")


# nothing healthy


@scenario(
    "http.no_healthy_upstream-envoy-empty",
    "Envoy's cluster has no endpoints: 503, no healthy upstream",
    path=PROXIED,
    points=_BOTH,
)
def empty(lab: Lab) -> None:
    """A static cluster without endpoints."""
    cluster = envoy.a_cluster("up")
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080)], [cluster], port=8080)
    _ask(lab)
    lab.judge(lab.leg(lab.proxy, 8080), "http.no_healthy_upstream", "responder", party="proxy")


@scenario(
    "http.no_healthy_upstream-envoy-checks",
    "All endpoints failed their health checks and Envoy has no panic mode",
    path=PROXIED,
    points=_ANY,
    layers=("http", "health"),
)
def failing_checks(lab: Lab) -> None:
    """The upstream answers /healthz with 503 every half second; healthy_panic_threshold 0."""
    lab.upstream.serve(9000, behaviours.answer_and_close(_BROKEN))
    cluster = envoy.checked(envoy.a_cluster("up", (lab.upstream.ip, 9000)), "0.5s")
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080)], [cluster], port=8080)
    lab.sleep(2.2)
    _ask(lab)
    lab.judge(lab.leg(lab.proxy, 8080), "http.no_healthy_upstream", "responder")
    lab.findings.expected = ["health.check_failing"]
    lab.others = "any"


@scenario(
    "http.no_healthy_upstream-envoy-ejected",
    "Envoy ejected the only endpoint after two resets",
    path=PROXIED,
    points=_ANY,
)
def ejected(lab: Lab) -> None:
    """Outlier detection: out after two failures, up to 100 percent, no panic mode. The upstream
    resets after each request; the third request finds no endpoint.
    """
    lab.upstream.serve(9000, behaviours.reset_after_request())
    envoy.simple(lab, (lab.upstream.ip, 9000), cluster=envoy.ejecting())
    for _ in range(3):
        _ask(lab)
    for nth in range(2):
        cause = lab.leg(lab.upstream, 9000, nth)
        lab.judge(lab.leg(lab.proxy, 8080, nth), "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, "tcp.reset_before_response", "responder")
    lab.judge(lab.leg(lab.proxy, 8080, 2), "http.no_healthy_upstream", "responder")


@scenario(
    "http.no_healthy_upstream-haproxy-down",
    "HAProxy's only server is down by its checks: 503",
    path=PROXIED,
    points=_ANY,
    layers=("http", "health", "tcp"),
)
def haproxy_down(lab: Lab) -> None:
    """HAProxy checks every 300 ms, out after two failures; the upstream's port is closed. HAProxy
    does not say why it answers 503.
    """
    server = "check inter 300ms fall 2 rise 2"
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", server=server)
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.sleep(1.5)
    _ask(lab)
    codes = ["http.no_healthy_upstream", "http.local_reply"]
    lab.judge(lab.leg(lab.proxy, 8080), codes, "responder")
    lab.findings.expected = ["health.check_failing"]
    lab.others = "any"


# limits


@scenario(
    "http.overflow-envoy-pending",
    "Envoy's circuit breaker: one connection, one request waiting, the third gets 503",
    path=PROXIED,
    points=_BOTH,
)
def pending(lab: Lab) -> None:
    """max_connections 1 and max_pending_requests 1; the upstream needs 0.8 s per answer."""
    server = lab.upstream.serve(9000, behaviours.slow(0.8))
    limits = {"thresholds": [{"max_connections": 1, "max_pending_requests": 1}]}
    envoy.simple(lab, server.address, cluster={"circuit_breakers": limits})
    connections = []
    for number in range(3):
        connection = lab.client.connect((lab.proxy.ip, 8080))
        connections.append(connection.send(behaviours.get(f"/{number}")))
        lab.sleep(0.1)
    for connection in reversed(connections):
        connection.receive_until(timeout=3)
        connection.close()
    lab.healthy(connections[0])
    lab.healthy(connections[1])
    lab.judge(connections[2], "http.overflow", "responder")
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "http.overflow-envoy-requests",
    "Envoy's circuit breaker on an HTTP/2 cluster: one request at a time",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "http2"),
)
def requests(lab: Lab) -> None:
    """max_requests 1; one stream is open for a second while a second request comes."""

    def slowly(session: http2.Session, stream: int) -> None:
        lab.sleep(1)
        session.respond(stream)

    server = lab.upstream.serve(9000, http2.server(slowly))
    limits = {"thresholds": [{"max_requests": 1}]}
    envoy.simple(lab, server.address, h2=True, cluster={"circuit_breakers": limits})
    first = lab.client.connect((lab.proxy.ip, 8080)).send(behaviours.get("/first"))
    lab.sleep(0.2)
    second = lab.client.connect((lab.proxy.ip, 8080)).send(behaviours.get("/second"))
    for connection in (second, first):
        connection.receive_until(timeout=3)
        connection.close()
    lab.healthy(first)
    lab.judge(second, "http.overflow", "responder")
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "http.overflow-envoy-grpc",
    "A gRPC call over Envoy's limit: grpc-status 14, reset reason overflow",
    path=PROXIED,
    points=_ANY,
    layers=("http", "grpc"),
)
def overflow_grpc(lab: Lab) -> None:
    """max_requests 0: every call is over the limit."""
    grpc.server(lab, lab.upstream, 50051)
    limits = {"thresholds": [{"max_requests": 0}]}
    envoy.simple(lab, (lab.upstream.ip, 50051), h2=True, cluster={"circuit_breakers": limits})
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "ok")
    lab.judge(lab.leg(lab.proxy, 8080), "http.overflow", "responder", party="proxy")


@scenario(
    "http.local_reply-haproxy-queue",
    "HAProxy's queue is full of waiting requests: 503 after the queue's timeout",
    path=PROXIED,
    points=_ANY,
)
def queue(lab: Lab) -> None:
    """maxconn 1 on the server, timeout queue 500 ms; the upstream needs 1.5 s per answer."""
    server = lab.upstream.serve(9000, behaviours.slow(1.5))
    body = haproxy.simple(
        8080, f"{lab.upstream.ip}:9000", server="maxconn 1", backend="timeout queue 500ms"
    )
    haproxy.start(lab, lab.proxy, body, port=8080)
    assert server.address
    first = lab.client.connect((lab.proxy.ip, 8080)).send(behaviours.get("/first"))
    lab.sleep(0.1)
    second = lab.client.connect((lab.proxy.ip, 8080)).send(behaviours.get("/second"))
    for connection in (second, first):
        connection.receive_until(timeout=3)
        connection.close()
    lab.healthy(first)
    lab.judge(second, ["http.local_reply", "http.overflow"], "responder")


# findings


@scenario(
    "healthy-health-check-failing-haproxy",
    "Health checks fail by their status while requests work",
    path=PROXIED,
    points=_ANY,
    layers=("health", "http"),
)
def checks_haproxy(lab: Lab) -> None:
    """HAProxy asks /healthz of two servers every 300 ms; one answers 500, the other 200, and all
    requests go to that one.
    """
    good = "location / { return 200 'fine\\n'; }"
    bad = "location / { return 500 'no database\\n'; }"
    text = f"server {{ listen 9000; {good} }} server {{ listen 9001; {bad} }}"
    nginx.start(lab, lab.upstream, text, port=9001)
    body = f"""
frontend in
  bind :::8080 v4v6
  default_backend out
backend out
  option httpchk GET /healthz
  server good {lab.upstream.ip}:9000 check inter 300ms
  server bad {lab.upstream.ip}:9001 check inter 300ms fall 2
"""
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.sleep(2)
    for nth in range(2):
        _ask(lab)
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    lab.findings.expected = ["health.check_failing"]


@scenario(
    "healthy-origin-errors-one-of-two",
    "One origin of two answers 500 to everything: a finding, no failed connection",
    path=PROXIED,
    branches={"upstream2": "router2"},
    points=_ANY,
    layers=("http",),
)
def origin_errors(lab: Lab) -> None:
    """Envoy shares twenty requests between two NGINX; the second answers 500 each time."""
    second = lab.hosts["upstream2"]
    answers = ((lab.upstream, "200 'fine\\n'"), (second, "500 'exception\\n'"))
    for host, answer in answers:
        text = f"server {{ listen 9000; location / {{ return {answer}; }} }}"
        nginx.start(lab, host, text, port=9000)
    cluster = envoy.a_cluster("up", (lab.upstream.ip, 9000), (second.ip, 9000))
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080)], [cluster], port=8080)
    lab.used("curl")
    lab.client.curl(*[f"http://{lab.proxy.ip}:8080/"] * 20)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))
    lab.healthy(lab.leg(second, 9000))
    lab.findings.expected = ["http.server_errors"]
