"""Endpoints that stop taking connections, and a listener that was busy once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from failurelab import behaviours, sockets
from failurelab.capture import Point
from failurelab.connections import Address, Connection, Listener
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.programs import python
from failurelab.registry import PROXIED, scenario

_SECOND = {"upstream2": "router"}
_DOWN = "endpoint.down"
_BACKLOG = 8
Steps = Mapping[int, Callable[[], object]]


def _call(lab: Lab, address: Address, timeout: float = 1.4) -> Connection:
    connection = lab.client.connect(address, timeout=timeout)
    if connection.error is None:
        connection.send(behaviours.get("/stock")).receive_until(b"fine\n", timeout=2)
    connection.close()
    return connection


def _calls(lab: Lab, hosts: tuple[Host, ...], rounds: int, steps: Steps) -> None:
    """In each round a connection to each host; before some rounds something is done."""
    for nth in range(rounds):
        if nth in steps:
            steps[nth]()
        for host in hosts:
            _call(lab, (host.ip, 8080))
        lab.sleep(0.15)


@scenario(
    "endpoint.down-rolling-restart",
    "Two upstreams are restarted one after the other; each refuses for a second",
    branches=_SECOND,
    layers=("endpoint", "tcp"),
)
def rolling(lab: Lab) -> None:
    """A connection to each of two servers every 0.15 s; the first gets SIGTERM and is started
    again a second later, then the second.
    """
    hosts = (lab.upstream, lab.hosts["upstream2"])
    first, second = (python.http_server(host, 8080) for host in hosts)
    steps: Steps = {
        8: first.stop,
        15: lambda: python.http_server(hosts[0], 8080),
        24: second.stop,
        31: lambda: python.http_server(hosts[1], 8080),
    }
    _calls(lab, hosts, 38, steps)
    lab.others = "any"
    lab.findings.expected = [_DOWN]
    lab.findings.forbidden = ["health.check_failing", "path.new_flows_dropped", "path.loss"]


@scenario(
    "endpoint.down-host-vanishes",
    "One of two hosts loses its link for some seconds and comes back",
    branches=_SECOND,
    points=("client",),
    layers=("endpoint", "tcp"),
)
def vanishes(lab: Lab) -> None:
    """The second host's interface is set down and up again; the router soon says that it cannot
    reach it. Each connect is given 1.4 s.
    """
    hosts = (lab.upstream, lab.hosts["upstream2"])
    for host in hosts:
        host.serve(8080, behaviours.answer())
    steps: Steps = {
        8: lambda: hosts[1].run("ip link set eth0 down"),
        13: lambda: _up(hosts[1]),
    }
    _calls(lab, hosts, 22, steps)
    lab.others = "any"
    lab.findings.expected = [_DOWN]
    lab.findings.forbidden = ["path.new_flows_dropped", "tcp.listen_backlog"]


def _up(host: Host) -> None:
    routes = host.run("ip -4 route show default", check=False)
    host.run("ip link set eth0 up")
    if not routes:
        gateway = host.ip.rpartition(".")[0]
        host.run(f"ip route add default via {gateway}.1", check=False)


@scenario(
    "endpoint.down-power-cut-v6",
    "IPv6: the only host loses its link; its router says so, and it does not come back",
    family=6,
    kept_apart=False,
    layers=("endpoint", "icmp"),
)
def power_cut(lab: Lab) -> None:
    """The upstream's interface is set down after eight connections; four more are tried, each
    for up to four seconds.
    """
    lab.upstream.serve(8080, behaviours.answer())
    address = (lab.upstream.ip, 8080)
    for _ in range(8):
        lab.healthy(_call(lab, address))
    lab.upstream.run("ip link set eth0 down")
    for _ in range(4):
        _call(lab, address, timeout=4)
    lab.others = "any"
    lab.findings.expected = [_DOWN]
    lab.findings.forbidden = ["path.new_flows_dropped", "tcp.listen_backlog"]


@scenario(
    "endpoint.down-killed-with-open",
    "A process is killed with connections open; new ones are refused",
    layers=("endpoint", "tcp"),
)
def killed(lab: Lab) -> None:
    """Three kept-alive connections stand when the server gets SIGKILL; one of them has a request
    under way. Then four connects are refused.
    """
    process = lab.upstream.python(_SLOW_SERVER, lab.upstream.ip, 8080, port=8080)
    address = (lab.upstream.ip, 8080)
    for _ in range(3):
        lab.healthy(_call(lab, address))
    standing = [lab.client.connect(address) for _ in range(3)]
    for connection in standing:
        connection.send(behaviours.get("/stock")).receive_until(b"fine\n")
    standing[0].send(behaviours.get("/slow"))
    lab.sleep(0.4)
    process.stop(9)
    standing[0].receive_all(2)
    codes = ["tcp.reset_before_response", "tcp.closed_before_response"]
    lab.judge(standing[0], codes, "responder", ended_by=["responder"])
    for _ in range(4):
        refused = _call(lab, address)
        lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])
        lab.sleep(0.3)
    for connection in standing:
        connection.close()
    lab.others = "any"
    lab.findings.expected = [_DOWN]


_SLOW_SERVER = """
import http.server, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(30)
        body = b"fine\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@scenario(
    "tcp.connection_refused-service-tries-again",
    "A service without its database tries it again at regular times, and serves meanwhile",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("tcp", "endpoint"),
)
def tries_again(lab: Lab) -> None:
    """Every 0.4 s a connect to a closed port 5432, ten times; the service answers its client
    from its memory. It is no health check that fails.
    """
    server = lab.proxy.serve(8080, behaviours.answer())
    for nth in range(10):
        refused = lab.proxy.connect((lab.upstream.ip, 5432))
        lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])
        if nth % 4 == 0:
            lab.healthy(_call(lab, server.address))
        lab.sleep(0.4)
    lab.findings.forbidden = ["health.check_failing", "health.endpoint_out", _DOWN]


@scenario(
    "healthy-accept-slow-once",
    "A program does not accept for half a second: one connection waits, all are served",
    points=("client", Point("upstream")),
    bump="client-router",
    layers=("tcp", "endpoint"),
)
def slow_once(lab: Lab) -> None:
    """Local connections leave one place in the queue; of two connections at once the last finds
    it full and has its SYN-ACK repeated. The program then accepts, and ten more connections are
    served at once. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    listener = lab.upstream.listen(8080, backlog=_BACKLOG)
    for _ in range(_BACKLOG):
        lab.upstream.connect(listener.address)
    waiting = sockets.connect_together(lab.client, listener.address, 2)
    for connection in waiting:
        connection.send(behaviours.get("/stock"))
    lab.sleep(0.5)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    for connection in waiting:
        connection.receive_until(b"fine\n")
        connection.close()
        lab.healthy(connection)
    for _ in range(10):
        lab.healthy(_call(lab, listener.address))
    lab.findings.forbidden = ["tcp.listen_backlog", _DOWN, "path.new_flows_dropped"]


def _accept(listener: Listener) -> None:
    while True:
        try:
            connection = listener.accept()
        except OSError:
            return
        threading.Thread(target=behaviours.answer(), args=(connection,), daemon=True).start()
