"""What resembles a failing health check or a lost endpoint, and is neither."""

from __future__ import annotations

import itertools

from failurelab import behaviours, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import grpc, python
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.health_failing import CALM, ask, checked_by_envoy

_ANY = (Point("proxy", "any"),)
_NONE = ["health.check_failing", "health.endpoint_out", "endpoint.down", "http.server_errors"]


@scenario(
    "healthy-polling-status",
    "A client polls /status twice a second and is answered",
    layers=("health", "http"),
)
def polls(lab: Lab) -> None:
    """curl with its own user agent, each time on a connection of its own; 200 each time."""
    server = lab.upstream.serve(8080, behaviours.answer())
    lab.used("curl")
    for _ in range(8):
        lab.client.curl(f"http://{server.address[0]}:8080/status")
        lab.sleep(0.45)
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-polling-absent-orders",
    "A script looks regularly whether orders have arrived: 404 until they have",
    layers=("health", "http"),
)
def orders(lab: Lab) -> None:
    """GET /orders/N/status each half second on connections of their own; three of four are
    404, which is this interface's way to say "not yet".
    """
    server = lab.upstream.serve(8080, _found_when(lambda path: path.startswith(b"/orders/4")))
    agent = "python-requests/2.32.3"
    lab.used("curl")
    for nth in range(12):
        url = f"http://{server.address[0]}:8080/orders/{1 + nth % 4}{nth}/status"
        lab.client.curl("-A", agent, url)
        lab.sleep(0.45)
    lab.findings.forbidden = _NONE


def _found_when(is_found: object) -> behaviours.Handler:
    assert callable(is_found)

    def handle(connection: Connection) -> None:
        path = connection.receive_until().split(b" ")[1]
        status = "200 OK" if is_found(path) else "404 Not Found"
        connection.send(behaviours.reply(b"{}\n", status))
        connection.close()

    return handle


@scenario(
    "healthy-envoy-grpc-check",
    "Envoy's gRPC health check: SERVING",
    path=PROXIED,
    points=_ANY,
    layers=("health", "grpc"),
)
def serving(lab: Lab) -> None:
    """A grpcio server that says SERVING each 0.4 s."""
    grpc.health(lab, lab.upstream, 50051, lab.file("serving", "1"))
    checked_by_envoy(lab, (lab.upstream.ip, 50051), {"grpc_health_check": {}}, h2=True, more=CALM)
    lab.sleep(2.5)
    lab.healthy(lab.leg(lab.upstream, 50051))
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-check-one-timeout",
    "One check of many gets no answer in time; the endpoint stays in use",
    path=PROXIED,
    points=_ANY,
    layers=("health", "http"),
)
def one_timeout(lab: Lab) -> None:
    """Envoy checks every 0.4 s and gives up after 0.3 s; the fourth answer takes half a second,
    as in a pause of a garbage collector. Out after two failures.
    """
    seen = []

    def handle(connection: Connection) -> None:
        while connection.receive_until(timeout=60):
            seen.append(connection)
            if len(seen) == 4:
                lab.sleep(0.5)
            connection.send(behaviours.reply())
        connection.close()

    server = lab.upstream.serve(9000, handle)
    checked_by_envoy(lab, server.address, {"http_health_check": {"path": "/healthz"}}, more=CALM)
    lab.sleep(4)
    ask(lab)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.others = "any"
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-check-single-failures",
    "A check fails three times, each time once: no threshold is met",
    path=PROXIED,
    points=(Point("proxy", "any", gzip=True),),
    layers=("health", "http"),
)
def single_failures(lab: Lab) -> None:
    """HAProxy asks GET /healthz every 200 ms, each time on a new connection; each eighth answer
    is 503. Out after three failures in a row.
    """
    turns = itertools.cycle(["200 OK"] * 7 + ["503 Service Unavailable"])

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(behaviours.reply(b"x\n", next(turns)))
        connection.close()

    server = lab.upstream.serve(9000, handle)
    body = haproxy.simple(
        8080,
        f"{server.address[0]}:9000",
        server="check inter 200ms fall 3 rise 2",
        backend="option httpchk GET /healthz",
    )
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.sleep(6)
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-reconnecting-during-start",
    "A client tries again at a fixed interval until its server has started",
    layers=("endpoint", "tcp"),
)
def starting(lab: Lab) -> None:
    """Every 0.3 s a connect; six are refused, then the server is up and answers the rest."""
    address = (lab.upstream.ip, 8080)
    for nth in range(14):
        if nth == 6:
            python.http_server(lab.upstream, 8080)
        connection = lab.client.connect(address)
        if connection.error is None:
            connection.send(behaviours.get("/cart")).receive_until(b"fine\n")
        connection.close()
        lab.sleep(0.3)
    lab.others = "any"
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-refused-once-among-many",
    "One connection of thirty is refused, as when a listener is handed over",
    layers=("endpoint", "tcp"),
)
def refused_once(lab: Lab) -> None:
    """Every 0.1 s a request; the listener is closed for one of them and opened again."""
    server = lab.upstream.serve(8080, behaviours.answer_and_close())
    for nth in range(30):
        if nth == 12:
            server.close()
        connection = lab.client.connect(server.address)
        if nth == 12:
            lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])
            lab.upstream.serve(8080, behaviours.answer_and_close())
        else:
            connection.send(behaviours.get("/cart")).receive_all()
            lab.healthy(connection)
        connection.close()
        lab.sleep(0.1)
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-irregular-callers",
    "Programs without a user agent ask at irregular times and often get 404 or 503",
    layers=("health", "http"),
)
def irregular(lab: Lab) -> None:
    """GET /ping-pong/results with a Host and nothing else, after 0.05 to 1.3 s; NGINX answers
    404 and, at times, 503.
    """
    text = """server { listen 8080; location / { return 404; }
      location = /ping-pong/results { return 503 'busy\\n'; } }"""
    nginx.start(lab, lab.upstream, text, port=8080)
    pauses = (0.05, 0.9, 0.2, 1.3, 0.4, 0.1, 1.1, 0.6, 0.05, 0.7)
    for nth, pause in enumerate(pauses):
        path = "/ping-pong/results" if nth % 3 == 0 else f"/ping-pong/results/{nth}"
        connection = lab.client.connect((lab.upstream.ip, 8080))
        connection.send(behaviours.get(path)).receive()
        connection.close()
        lab.sleep(pause)
    lab.findings.forbidden = _NONE
