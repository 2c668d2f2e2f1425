"""Origins whose answers are errors of their own, beside others; no connection fails."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from failurelab import behaviours, envoy
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.programs import http2
from failurelab.registry import PROXIED, scenario

_ANY = (Point("proxy", "any"),)
_SECOND = {"upstream2": "router2"}
_ERRORS = "http.server_errors"
_NONE = [_ERRORS, "health.check_failing", "health.endpoint_out", "endpoint.down"]


def _answers(statuses: Sequence[str]) -> behaviours.Handler:
    """HTTP/1: these statuses in turn, over all connections."""
    turns = itertools.cycle(statuses)

    def handle(connection: Connection) -> None:
        while connection.receive_until(timeout=60):
            connection.send(behaviours.reply(b"x\n", next(turns)))
        connection.close()

    return handle


def _h2(status: str) -> behaviours.Handler:
    def respond(session: http2.Session, stream: int) -> None:
        session.h2.send_headers(stream, [(":status", status), ("content-type", "text/plain")])
        session.h2.send_data(stream, b"x\n", end_stream=True)
        session.flush()

    return http2.server(respond)


def _grpc(status: int) -> behaviours.Handler:
    """A gRPC server that ends each call with this status."""

    def respond(session: http2.Session, stream: int) -> None:
        session.h2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        if not status:
            session.h2.send_data(stream, b"\x00\x00\x00\x00\x02ok")
        trailers = [("grpc-status", str(status)), ("grpc-message", "storage is read-only")]
        session.h2.send_headers(stream, trailers, end_stream=True)
        session.flush()

    return http2.server(respond)


def _behind_envoy(lab: Lab, *handlers: behaviours.Handler, h2: bool = False) -> None:
    hosts: list[Host] = [lab.upstream, lab.hosts["upstream2"]]
    servers = [host.serve(9000, handler) for host, handler in zip(hosts, handlers, strict=True)]
    cluster = envoy.a_cluster("up", *(server.address for server in servers), h2=h2)
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080)], [cluster], port=8080)
    lab.used("curl")


def _curl(lab: Lab, count: int) -> None:
    lab.client.curl(*[f"http://{lab.proxy.ip}:8080/"] * count)
    lab.healthy(lab.leg(lab.proxy, 8080))


def _calls(lab: Lab) -> None:
    """24 gRPC calls on one HTTP/2 connection, one after the other."""
    connection = lab.client.connect((lab.proxy.ip, 8080))
    session = http2.Session(connection, client=True)
    for _ in range(24):
        stream = session.h2.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":path", "/shop.Stock/Set")]
        headers += [(":authority", "shop.example"), ("content-type", "application/grpc")]
        headers += [("te", "trailers"), ("user-agent", "grpc-go/1.68.0")]
        session.h2.send_headers(stream, headers)
        session.h2.send_data(stream, b"\x00\x00\x00\x00\x02\x08\x01", end_stream=True)
        session.flush()
        session.wait(http2.StreamEnded)
    connection.close()


@scenario(
    "http.server_errors-h2-one-of-two",
    "One of two HTTP/2 origins answers 500 to everything",
    path=PROXIED,
    branches=_SECOND,
    points=_ANY,
    layers=("http", "http2"),
)
def h2_one(lab: Lab) -> None:
    """Envoy shares 24 requests between two HTTP/2 origins."""
    _behind_envoy(lab, _h2("200"), _h2("500"), h2=True)
    _curl(lab, 24)
    lab.findings.expected = [_ERRORS]
    lab.findings.forbidden = _NONE[1:]


@scenario(
    "http.server_errors-grpc-one-of-two",
    "One of two gRPC servers ends every call with INTERNAL",
    path=PROXIED,
    branches=_SECOND,
    points=_ANY,
    layers=("http", "grpc"),
)
def grpc_one(lab: Lab) -> None:
    """Envoy shares 24 calls of one HTTP/2 client between two gRPC servers; the HTTP status is
    200 each time.
    """
    _behind_envoy(lab, _grpc(0), _grpc(13), h2=True)
    _calls(lab)
    lab.others = "any"
    lab.findings.expected = [_ERRORS]
    lab.findings.forbidden = _NONE[1:]


@scenario(
    "healthy-origin-errors-both-alike",
    "Two origins fail alike: what they have in common fails, no endpoint stands out",
    path=PROXIED,
    branches=_SECOND,
    points=_ANY,
    layers=("http",),
)
def alike(lab: Lab) -> None:
    """Every third answer of either is 500."""
    turns = ("200 OK", "200 OK", "500 Internal Server Error")
    _behind_envoy(lab, _answers(turns), _answers(turns))
    _curl(lab, 36)
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-origin-errors-few",
    "One of two origins answers 500 now and then",
    path=PROXIED,
    branches=_SECOND,
    points=_ANY,
    layers=("http",),
)
def few(lab: Lab) -> None:
    """Two of twenty answers of one origin are 500."""
    turns = ["200 OK"] * 9 + ["500 Internal Server Error"]
    _behind_envoy(lab, _answers(["200 OK"]), _answers(turns))
    _curl(lab, 40)
    lab.findings.forbidden = _NONE


@scenario(
    "http.no_healthy_upstream-envoy-many",
    "Envoy without endpoints answers fifteen requests by itself, seen from the client only",
    path=PROXIED,
    points=("client",),
    layers=("http",),
)
def many_local_replies(lab: Lab) -> None:
    """A static cluster without endpoints; the answers are the proxy's own, no origin's."""
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080)], [envoy.a_cluster("up")], port=8080)
    lab.used("curl")
    for nth in range(15):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
        leg = lab.leg(lab.proxy, 8080, nth)
        lab.judge(leg, "http.no_healthy_upstream", "responder", party="proxy")
    lab.findings.forbidden = _NONE


@scenario(
    "healthy-grpc-errors-of-the-request",
    "One of two gRPC servers is asked for what it does not have: NOT_FOUND is no fault of its own",
    path=PROXIED,
    branches=_SECOND,
    points=_ANY,
    layers=("http", "grpc"),
)
def grpc_not_found(lab: Lab) -> None:
    """Envoy shares 24 calls between two gRPC servers; one answers OK, one NOT_FOUND."""
    _behind_envoy(lab, _grpc(0), _grpc(5), h2=True)
    _calls(lab)
    lab.others = "any"
    lab.findings.forbidden = _NONE
