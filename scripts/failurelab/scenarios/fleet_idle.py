"""The same quiet time ends many connections: a device's timer, a server's setting, or neither."""

from __future__ import annotations

import threading
from collections.abc import Callable

from failurelab import behaviours, nat, nginx, rules
from failurelab.bump import Forge
from failurelab.connections import Address, Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenarios.tcp_idle import answer_then_idle
from failurelab.scenarios.tcp_stale import idle_close

_FINDING = "path.idle_timeout"
_STALE = "tcp.stale_connection"
_IDLE = "tcp.idle_reset"
_DEVICE = ["path", "unknown"]


def ask_twice(lab: Lab, address: Address, quiet: float, *, wait: float = 2) -> Connection:
    """A request, a pause, and another one on the same connection."""
    connection = lab.client.connect(address)
    connection.send(behaviours.get("/first")).receive_until()
    lab.sleep(quiet)
    connection.send(behaviours.get("/second")).receive_until(timeout=wait)
    connection.close()
    return connection


def _at_once(lab: Lab, starts: list[float], use: Callable[[int], Connection]) -> list[Connection]:
    """Use several connections, each of which begins at its own time; in the order of ``starts``."""
    found: dict[int, Connection] = {}

    def run(number: int) -> None:
        lab.sleep(starts[number])
        found[number] = use(number)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(starts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in sorted(found)]


@scenario(
    "path.idle_timeout-balancer-resets",
    "A load balancer forgets what is idle for two seconds; the next request is reset",
    bump="client-router",
    points=("client",),
)
def balancer_resets(lab: Lab) -> None:
    """The bump forgets what was idle for two seconds and answers later packets with a bare RST
    (TTL 250). Eight connections, begun at different times, pause between two requests: four for
    1.1 to 1.8 s, which work, four for 2.3 to 3 s, which are reset. Round trip 6 ms.
    """
    lab.bump.delay = 0.003
    lab.bump.add(rules.forget_idle(2, "reset", Forge(flags="R", ip_id=0, ttl=250)))
    server = lab.upstream.serve(5432, behaviours.answer())
    quiet = [1.1, 1.4, 1.6, 1.8, 2.3, 2.5, 2.7, 3.0]
    starts = [0.0, 0.5, 1.0, 1.5, 0.2, 1.9, 3.8, 5.4]
    for n, one in enumerate(
        _at_once(lab, starts, lambda n: ask_twice(lab, server.address, quiet[n]))
    ):
        if quiet[n] < 2:
            lab.healthy(one)
        else:
            lab.judge(one, _STALE, _DEVICE)
    lab.findings.expected = [_FINDING]


@scenario(
    "path.idle_timeout-nat-drops",
    "A NAT forgets idle connections and drops what comes later, time and again",
    points=("client",),
    layers=("tcp", "path"),
)
def nat_drops(lab: Lab) -> None:
    """The router masquerades, forgets what is idle for two seconds and drops what it does not
    know. Of seven connections, begun at different times, three pause for 1.1 s and work; four pause
    for 3.5 s: their next request is repeated, and after three seconds the client resets.
    """
    nat.masquerade(lab.router)
    nat.expire_idle(lab.router, 2)
    lab.router.iptables("-A FORWARD -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer())
    quiet = [1.1, 1.1, 1.1, 3.5, 3.5, 3.5, 3.5]
    starts = [0.0, 0.4, 3.0, 0.2, 2.2, 4.4, 4.8]

    def use(number: int) -> Connection:
        one = lab.client.connect(server.address)
        one.send(behaviours.get("/first")).receive_until()
        lab.sleep(quiet[number])
        one.send(behaviours.get("/second")).receive_until(timeout=3)
        one.reset() if quiet[number] > 2 else one.close()
        return one

    for number, one in enumerate(_at_once(lab, starts, use)):
        if quiet[number] < 2:
            lab.healthy(one)
        else:
            lab.judge(one, ["tcp.data_timeout", _STALE], _DEVICE)
    lab.findings.expected = [_FINDING]


@scenario(
    "path.idle_timeout-server-resets",
    "A server resets every connection that was idle for two seconds",
    points=("client", "upstream"),
)
def server_resets(lab: Lab) -> None:
    """Five connections, begun 0.7 s apart; the server closes each with linger zero after two quiet
    seconds.
    """
    server = lab.upstream.serve(8080, answer_then_idle(2))

    def use(_number: int) -> Connection:
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/a")).receive_until()
        connection.receive_all()
        return connection

    for one in _at_once(lab, [0.7 * number for number in range(5)], use):
        lab.judge(one, _IDLE, "responder", ended_by=["responder"])
    lab.findings.expected = [_FINDING]


@scenario(
    "path.idle_timeout-keepalive-race",
    "A server closes idle connections, mostly unnoticed; one request crosses its FIN",
    bump="client-router",
    points=("client", "upstream"),
)
def keepalive_race(lab: Lab) -> None:
    """NGINX closes what was idle for two seconds (keepalive_timeout 2s). Five connections are
    closed so; on a sixth the next request leaves while the FIN is on its way. Round trip 200 ms.
    """
    lab.bump.delay = 0.1
    nginx.start(
        lab,
        lab.upstream,
        'keepalive_timeout 2s; server { listen 8080; location / { return 200 "fine\\n"; } }',
        port=8080,
    )
    address = (lab.upstream.ip, 8080)

    def use(number: int) -> Connection:
        connection = lab.client.connect(address)
        connection.send(behaviours.get("/a")).receive_until()
        if number == 5:
            lab.sleep(1.9)
            connection.send(behaviours.get("/b")).receive_all(1)
        else:
            connection.receive_all()
        connection.close()
        return connection

    *closed, raced = _at_once(lab, [0.3 * number for number in range(6)], use)
    for one in closed:
        lab.healthy(one)
    lab.judge(raced, _STALE, ["responder", "unknown"])
    lab.findings.expected = [_FINDING]


@scenario(
    "tcp.idle_reset-all-at-one-moment",
    "A server that restarts resets all idle connections at once, however long they were quiet",
    points=("client", "upstream"),
)
def one_moment(lab: Lab) -> None:
    """Five connections, idle for 1.2 to 3.6 s, when the server's sockets are killed (ss -K): no
    timer, though connections that were idle for less work.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    for _ in range(3):
        lab.healthy(ask_twice(lab, server.address, 1.05))
    idle = []
    for _ in range(5):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/a")).receive_until()
        idle.append(connection)
        lab.sleep(0.6)
    lab.sleep(0.7)
    lab.upstream.run("ss -K state established sport = :8080", check=False)
    for connection in idle:
        connection.receive_all(1)
        lab.judge(connection, _IDLE, ["responder", "unknown"])
    lab.findings.forbidden = [_FINDING]


@scenario(
    "healthy-keepalive-different-times",
    "Clients close idle connections at will, and a server those that say so",
    points=("client",),
)
def different_times(lab: Lab) -> None:
    """Eight connections that are quiet for 1.1 to 4 s, used once more and closed by the client, or
    closed by the server after times of their own: nobody has a timer.
    """
    handlers = {}
    for number in range(4):
        handlers[number] = lab.upstream.serve(9000 + number, idle_close(1.2 + 0.7 * number))
    server = lab.upstream.serve(8080, behaviours.answer())

    def use(number: int) -> Connection:
        if number >= 4:
            return ask_twice(lab, server.address, 1.1 + 0.6 * (number - 4))
        connection = lab.client.connect(handlers[number].address)
        connection.send(behaviours.get("/a")).receive_until()
        connection.receive_all()
        connection.close()
        return connection

    for one in _at_once(lab, [0.2 * number for number in range(8)], use):
        lab.healthy(one)
    lab.findings.forbidden = [_FINDING]
