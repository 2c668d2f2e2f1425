"""Proxies that pass bytes: what becomes of the client's connection when the backend fails."""

from __future__ import annotations

import time

from failurelab import behaviours, envoy, haproxy
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_BOTH = (Point("proxy", "any"), Point("client"))
_FRONT = 5432


def _envoy(lab: Lab, *, tcp: envoy.Json | None = None) -> None:
    listener = envoy.tcp_listener(_FRONT, tcp=tcp)
    cluster = envoy.a_cluster("up", (lab.upstream.ip, 9000))
    envoy.start(lab, lab.proxy, [listener], [cluster], port=_FRONT)


def _haproxy(lab: Lab, server: str = "2s") -> None:
    body = haproxy.simple(_FRONT, f"{lab.upstream.ip}:9000", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=_FRONT, mode="tcp", server=server)


def _connect(lab: Lab) -> Connection:
    return lab.client.connect((lab.proxy.ip, _FRONT))


@scenario(
    "tcp.closed_before_request-envoy-tcp-refused",
    "Envoy's TCP proxy ends a waiting client because its backend refuses",
    path=PROXIED,
    points=_BOTH,
)
def envoy_refused(lab: Lab) -> None:
    """The client connects and waits for a greeting; the backend's port is closed: FIN."""
    _envoy(lab)
    connection = _connect(lab)
    connection.receive_all(3)
    connection.close()
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(
        connection,
        "tcp.closed_before_request",
        "responder",
        ended_by=["responder", "initiator"],
        caused_by=cause,
    )
    lab.judge(cause, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-envoy-tcp-timeout",
    "Envoy's TCP proxy resets a client whose request waits, because its backend never answers",
    path=PROXIED,
    points=_BOTH,
)
def envoy_timeout(lab: Lab) -> None:
    """The router drops SYNs to the backend; the client's request waits unread in Envoy. Two
    clients, two seconds apart.
    """
    lab.router2.iptables("-A FORWARD -p tcp --dport 9000 -j DROP")
    _envoy(lab)
    code = "tcp.connection_timeout"
    for nth, codes in enumerate(([code], [code, "capture.partial"])):
        connection = _connect(lab)
        connection.send(b"login shop\n").receive_all(3)
        connection.close()
        lab.sleep(2 - 2 * nth)
        cause = lab.leg(lab.upstream, 9000, nth)
        lab.judge(
            connection,
            "tcp.reset_before_response",
            "responder",
            ended_by=["responder"],
            caused_by=cause,
        )
        lab.judge(cause, codes, ["unknown", "path"], ended_by=[None])


@scenario(
    "tcp.closed_before_request-haproxy-tcp-refused",
    "HAProxy in TCP mode ends a waiting client because its backend refuses",
    path=PROXIED,
    points=_BOTH,
)
def haproxy_refused(lab: Lab) -> None:
    """The client connects and waits for a greeting; the backend's port is closed."""
    _haproxy(lab)
    connection = _connect(lab)
    connection.receive_all(3)
    connection.close()
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(
        connection,
        "tcp.closed_before_request",
        "responder",
        ended_by=["responder", "initiator"],
        caused_by=cause,
    )
    lab.judge(cause, "tcp.connection_refused", "responder", ended_by=["responder"])


def _half(connection: Connection) -> None:
    """Half of a result set, then RST."""
    connection.receive(4)
    connection.send(b"row 1\nrow 2\nrow")
    time.sleep(0.1)
    connection.reset()


@scenario(
    "tcp.reset_in_response-envoy-tcp",
    "The backend resets in mid response; Envoy's TCP proxy resets the client too",
    path=PROXIED,
    points=_BOTH,
)
def envoy_reset(lab: Lab) -> None:
    """The backend sends a part of its answer and closes with linger zero."""
    lab.upstream.serve(9000, _half)
    _envoy(lab)
    connection = _connect(lab)
    connection.send(b"select all\n").receive_all(3)
    connection.close()
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(connection, "tcp.reset_in_response", "responder", caused_by=cause)
    lab.judge(cause, "tcp.reset_in_response", "responder", ended_by=["responder"])


@scenario(
    "tcp.closed_before_response-haproxy-tcp-timeout",
    "HAProxy in TCP mode gives up on a silent backend and closes the client's connection",
    path=PROXIED,
    points=_BOTH,
)
def haproxy_timeout(lab: Lab) -> None:
    """The backend reads the request and never answers; timeout server 1 s."""
    lab.upstream.serve(9000, behaviours.silent())
    _haproxy(lab, "1s")
    connection = _connect(lab)
    connection.send(b"select all\n").receive_all(3)
    connection.close()
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(connection, "tcp.closed_before_response", "responder", caused_by=cause)
    lab.judge(cause, "tcp.response_timeout", "responder", ended_by=["initiator"])


@scenario(
    "tcp.initiator_abort-envoy-tcp-both-legs",
    "The client leaves soon after its request; Envoy's TCP proxy ends the other leg",
    path=PROXIED,
    points=(Point("proxy", "any"),),
)
def abort(lab: Lab) -> None:
    """The backend needs 0.8 s, which a first client waits for; the second resets after 200 ms."""
    lab.upstream.serve(9000, behaviours.slow(0.8))
    _envoy(lab)
    first = _connect(lab)
    first.send(behaviours.get("/report")).receive_until()
    first.close()
    lab.healthy(first)
    connection = _connect(lab)
    connection.send(behaviours.get("/report"))
    lab.sleep(0.2)
    connection.reset()
    lab.sleep(0.3)
    lab.judge(connection, "tcp.initiator_abort", "initiator", ended_by=["initiator"])
    leg = lab.leg(lab.upstream, 9000, 1)
    lab.judge(
        leg,
        "tcp.initiator_abort",
        "initiator",
        party=["proxy", "client"],
        caused_by=connection,
    )


@scenario(
    "healthy-envoy-tcp-idle",
    "Envoy's TCP proxy ends an idle connection on both legs after the work was done",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("tcp",),
)
def idle(lab: Lab) -> None:
    """One request and answer, then a second of quiet; idle_timeout 1 s."""
    lab.upstream.serve(9000, behaviours.answer())
    _envoy(lab, tcp={"idle_timeout": "1s"})
    connection = _connect(lab)
    connection.send(behaviours.get()).receive_until()
    connection.receive_all(4)
    connection.close()
    lab.healthy(connection)
    lab.healthy(lab.leg(lab.upstream, 9000))
