"""Connections that stand and end before the first request byte."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_RESET = "tcp.reset_before_request"
_CLOSED = "tcp.closed_before_request"

_NEVER_ACCEPTS = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
time.sleep(60)
"""


def after(seconds: float, then: behaviours.Handler) -> behaviours.Handler:
    """Wait, then go on with another behaviour."""

    def handle(connection: Connection) -> None:
        connection.receive_all(seconds)
        then(connection)

    return handle


@scenario(
    "tcp.reset_before_request-accept-and-reset",
    "A server that resets what it accepts",
    bump="client-router",
    points=("client", "upstream"),
)
def accept_and_reset(lab: Lab) -> None:
    """The server accepts and, 0.2 s later, closes with linger zero; the client had sent nothing.
    Round trip 12 ms.
    """
    lab.bump.delay = 0.006
    handler = after(0.2, behaviours.close_at_once(reset=True))
    server = lab.upstream.serve(3306, handler)
    for _ in range(2):
        connection = lab.client.connect(server.address)
        connection.receive_all()
        lab.judge(connection, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_request-killed-with-full-queue",
    "A process is killed while connections wait to be accepted",
    points=("client", Point("upstream", format="pcapng")),
)
def killed_queue(lab: Lab) -> None:
    """A process listens and never accepts; two connections wait, then it is killed (SIGKILL)."""
    process = lab.upstream.python(_NEVER_ACCEPTS, lab.upstream.ip, 9042, port=9042)
    waiting = [lab.client.connect((lab.upstream.ip, 9042)) for _ in range(2)]
    lab.sleep(0.4)
    process.stop(9)
    lab.sleep(0.2)
    for one in waiting:
        lab.judge(one, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_request-after-greeting",
    "A server that greets first, then resets",
    family=6,
)
def reset_after_greeting(lab: Lab) -> None:
    """A mail server over IPv6 sends its greeting and resets 0.3 s later; the client had sent
    nothing. A second connection, served, shows the same greeting.
    """
    greeting = b"220 mail.example ESMTP ready\r\n"
    good = lab.upstream.serve(587, behaviours.greet(greeting, behaviours.respond(b"250 OK\r\n")))
    first = lab.client.connect(good.address)
    first.receive()
    first.send(b"EHLO client.example\r\n").receive()
    first.close()
    lab.sleep(0.1)
    lab.healthy(first)
    resets = after(0.3, behaviours.close_at_once(reset=True))
    bad = lab.upstream.serve(25, behaviours.greet(greeting, resets))
    second = lab.client.connect(bad.address)
    second.receive_all()
    lab.judge(second, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.closed_before_request-server-at-once",
    "A server that closes what it accepts",
    points=("client", "upstream"),
)
def closes_at_once(lab: Lab) -> None:
    """The server accepts and closes at once; the client (no timestamps) had sent nothing."""
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)
    server = lab.upstream.serve(11211, behaviours.close_at_once())
    connection = lab.client.connect(server.address)
    connection.receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.judge(connection, _CLOSED, "responder")


@scenario(
    "tcp.closed_before_request-too-many-clients",
    "A server says that it is full, and closes",
    family=6,
    bump="router-upstream",
)
def too_many_clients(lab: Lab) -> None:
    """The server greets with an error text, as Redis does when maxclients is reached, and closes;
    the client had sent nothing. IPv6, round trip 6 ms.
    """
    lab.bump.delay = 0.003
    text = b"-ERR max number of clients reached\r\n"
    server = lab.upstream.serve(6379, behaviours.greet(text, behaviours.close_at_once()))
    connection = lab.client.connect(server.address)
    connection.receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.judge(connection, _CLOSED, "responder")


@scenario(
    "tcp.closed_before_request-envoy-tcp-proxy",
    "Envoy as TCP proxy with a dead backend, and a client that waits",
    path=PROXIED,
    points=(Point("proxy", "any"), "client"),
)
def envoy_tcp_waits(lab: Lab) -> None:
    """Envoy's tcp_proxy: nothing listens at the backend. The client connects and waits for the
    server to speak first.
    """
    backend = (lab.upstream.ip, 3306)
    cluster = envoy.a_cluster("up", backend)
    envoy.start(lab, lab.proxy, [envoy.tcp_listener(3306)], [cluster], port=3306)
    connection = lab.client.connect((lab.proxy.ip, 3306))
    connection.receive_all()
    connection.close()
    lab.sleep(0.2)
    refused = lab.leg(lab.upstream, 3306)
    lab.judge(connection, _CLOSED, "responder", caused_by=refused)
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.closed_before_request-haproxy-tcp-mode",
    "HAProxy in TCP mode with a dead backend, and a client that waits",
    path=PROXIED,
    points=(Point("proxy", "any"),),
)
def haproxy_tcp_waits(lab: Lab) -> None:
    """HAProxy in TCP mode, no retries, nothing listens at the backend."""
    body = haproxy.simple(5432, f"{lab.upstream.ip}:5432", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=5432, mode="tcp")
    connection = lab.client.connect((lab.proxy.ip, 5432))
    connection.receive_all()
    connection.close()
    lab.sleep(0.2)
    refused = lab.leg(lab.upstream, 5432)
    lab.judge(connection, _CLOSED, "responder", caused_by=refused)
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.closed_before_request-nginx-header-timeout",
    "NGINX closes a connection on which no request came in time",
)
def nginx_header_timeout(lab: Lab) -> None:
    """NGINX with client_header_timeout 2s; the client connects and sends nothing."""
    conf = """
    client_header_timeout 2s;
    server { listen 80; location / { return 200 "fine\\n"; } }"""
    nginx.start(lab, lab.upstream, conf, port=80)
    connection = lab.client.connect((lab.upstream.ip, 80))
    connection.receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.judge(connection, _CLOSED, "responder")
