"""Handshakes that begin and do not end: lost ACKs, full accept queues, ports still held."""

from __future__ import annotations

import threading

from failurelab import behaviours, envoy, haproxy, nginx, rules, sockets
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted, Clock, Lost

_OVERFLOW = "tcp.accept_queue_overflow"
_STALLED = "tcp.handshake_stalled"
_PATH = ["path", "unknown"]


@scenario(
    "tcp.handshake_stalled-final-ack-lost",
    "The final ACK and everything after it is lost on the path",
    bump="client-router",
    points=("client", "upstream"),
)
def final_ack_lost(lab: Lab) -> None:
    """The bump drops everything the client sends but its SYN, on port 7000; port 7001 works. The
    client believes it is connected, sends its request and resets after four seconds. Round trip
    10 ms.
    """
    lab.bump.delay = 0.005
    lab.bump.add(rules.drop(rules.Match(direction="forward", any_flags="A", port=7000)))
    for port in (7000, 7001):
        lab.upstream.serve(port, behaviours.respond(b"+PONG\r\n"))
    fine = lab.client.connect((lab.upstream.ip, 7001))
    fine.send(b"PING\r\n").receive()
    fine.close()
    lost = lab.client.connect((lab.upstream.ip, 7000))
    lost.send(b"PING\r\n").receive(timeout=4)
    lost.reset()
    lab.sleep(0.4)
    lab.healthy(fine)
    at = {"upstream": Accepted([_STALLED], ["unknown", "path"])}
    lab.judge(lost, [_STALLED, _OVERFLOW], ["unknown", "path"], at=at)


@scenario(
    "tcp.handshake_stalled-initiator-firewall",
    "The initiator's own firewall drops the SYN-ACKs behind the capture point",
    points=("client", "upstream"),
)
def initiator_firewall(lab: Lab) -> None:
    """iptables INPUT on the client drops what comes from port 8443; the SYN-ACKs are in its
    capture all the same. It gives up after 4.5 seconds.
    """
    lab.client.iptables("-A INPUT -p tcp --sport 8443 -j DROP")
    lab.upstream.listen(8443)
    stalled = lab.client.connect((lab.upstream.ip, 8443), timeout=4.5)
    stalled.close()
    lab.sleep(0.4)
    lab.judge(
        stalled,
        _STALLED,
        ["initiator", "unknown"],
        at={"upstream": Accepted(sides=["unknown", "initiator"])},
    )


@scenario(
    "tcp.handshake_stalled-proxy-firewall",
    "HAProxy's host drops the SYN-ACKs of its upstream",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("tcp", "http"),
)
def proxy_firewall(lab: Lab) -> None:
    """iptables INPUT on HAProxy's host drops what comes from the upstream's port 8000; HAProxy
    gives up after 2.5 s and answers 503.
    """
    lab.proxy.iptables("-A INPUT -p tcp --sport 8000 -j DROP")
    lab.upstream.serve(8000, behaviours.answer())
    body = haproxy.simple(8080, f"{lab.upstream.ip}:8000", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080, connect="2500ms")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    lab.sleep(0.5)
    stalled = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=stalled)
    lab.judge(stalled, _STALLED, ["initiator", "unknown"])


@scenario(
    "tcp.handshake_stalled-late-syn-ack",
    "The SYN-ACK comes after Envoy gave up, and is met by a RST",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"), "upstream"),
    layers=("tcp", "http"),
)
def late_syn_ack(lab: Lab) -> None:
    """The bump holds the SYN-ACK back for 0.7 s; Envoy's connect timeout is 0.3 s."""
    lab.bump.add(rules.delay(rules.Match(direction="back", flags="SA"), 0.7))
    lab.upstream.serve(9000, behaviours.answer())
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=80, cluster={"connect_timeout": "0.3s"})
    lab.client.curl(f"http://{lab.proxy.ip}/slow")
    lab.sleep(0.8)
    late = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=late)
    lab.judge(late, _STALLED, ["unknown", "path"])


@scenario(
    "tcp.handshake_stalled-syn-ack-dropped",
    "A router drops the SYN-ACKs on their way back",
    points=("client", "upstream", Point("router", "eth1")),
)
def syn_ack_dropped(lab: Lab) -> None:
    """iptables FORWARD on the router drops what comes from port 9100. To the client it is a
    connect timeout, to the upstream a handshake that is never finished.
    """
    lab.router.iptables("-A FORWARD -p tcp --sport 9100 -j DROP")
    lab.upstream.listen(9100)
    stalled = lab.client.connect((lab.upstream.ip, 9100), timeout=4)
    stalled.close()
    lab.sleep(0.5)
    clocks = {"upstream": Clock(None)}
    lost = [Lost("upstream", "client", 3)]
    lab.correlate("client", "upstream", lost=lost, clocks=clocks)
    lab.judge(
        stalled,
        _STALLED,
        ["unknown", "path"],
        at={
            "client": Accepted(["tcp.connection_timeout"], ["unknown", "path"]),
            "correlate": Accepted([_STALLED, "tcp.connection_timeout"], ["path"]),
        },
    )


_BACKLOG = 5


def _crowd(lab: Lab, port: int, count: int) -> list[Connection]:
    """Handshakes at once to a listener that accepts nothing and has one place left.

    Local connections of the upstream take the others; there are fewer handshakes than the
    backlog, so that no SYN cookies are used.
    """
    listener = lab.upstream.listen(port, backlog=_BACKLOG)
    for _ in range(_BACKLOG):
        lab.upstream.connect(listener.address)
    return sockets.connect_together(lab.client, listener.address, count)


def _send_all(lab: Lab, connections: list[Connection], request: bytes) -> None:
    lab.sleep(0.1)
    for one in connections:
        one.send(request)


@scenario(
    "tcp.accept_queue_overflow-silent",
    "Three of four finished handshakes find the accept queue full",
    bump="client-router",
    points=("client", "upstream"),
)
def overflow_silent(lab: Lab) -> None:
    """A listener accepts nothing and has one place left in its queue. Four connections at once:
    the first fits, the ACKs and requests of the others are ignored, their SYN-ACKs repeated.
    They reset after four seconds. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    first, *rest = _crowd(lab, 8080, 4)
    _send_all(lab, rest, behaviours.get("/queue"))
    lab.sleep(4)
    lab.healthy(first)
    for one in rest:
        one.reset()
        lab.judge(
            one, _OVERFLOW, ["responder", "unknown"], at={"upstream": Accepted(sides=["responder"])}
        )
    lab.sleep(0.2)
    lab.findings.expected.append("tcp.listen_backlog")


@scenario(
    "tcp.accept_queue_overflow-abort",
    "tcp_abort_on_overflow: a RST to the final ACK",
    bump="router-upstream",
    points=("client", "upstream"),
)
def overflow_abort(lab: Lab) -> None:
    """The same with tcp_abort_on_overflow=1 and three connections; round trip 30 ms."""
    lab.upstream.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    lab.bump.delay = 0.015
    first, *rest = _crowd(lab, 5432, 3)
    lab.sleep(0.5)
    lab.healthy(first)
    for one in rest:
        lab.judge(one, _OVERFLOW, "responder", ended_by=["responder"])


@scenario(
    "tcp.accept_queue_overflow-abort-v6-one",
    "IPv6: one connection aborted by a full accept queue",
    family=6,
    bump="client-router",
    points=("client", "upstream"),
)
def overflow_abort_one(lab: Lab) -> None:
    """tcp_abort_on_overflow=1; while the handshake is under way (round trip 40 ms), a local
    connection on the upstream takes the last place in the queue.
    """
    lab.upstream.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    lab.bump.delay = 0.02
    listener = lab.upstream.listen(8080, backlog=0)
    _fill_on_syn_ack(lab, listener.address)
    one = lab.client.connect(listener.address)
    lab.sleep(0.3)
    codes = [_OVERFLOW, "tcp.reset_before_request"]
    lab.judge(one, codes, "responder", at={"upstream": Accepted([_OVERFLOW])})


def _fill_on_syn_ack(lab: Lab, address: tuple[str, int]) -> None:
    """Take the last place in the queue when a SYN-ACK comes by."""

    def fill() -> None:
        threading.Thread(target=lab.upstream.connect, args=(address,), daemon=True).start()

    lab.bump.add(rules.watch(rules.Match(direction="back", flags="SA", times=1), fill))


@scenario(
    "tcp.accept_queue_overflow-nginx-upstream",
    "NGINX's connection to an upstream that no longer accepts",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"), "upstream"),
    layers=("tcp", "http"),
)
def overflow_nginx(lab: Lab) -> None:
    """The upstream accepts nothing; a local connection takes the last place in its queue while
    NGINX's handshake is under way (round trip 30 ms). NGINX sends its request, hears only
    repeated SYN-ACKs, and answers 504 after proxy_read_timeout (4 s).
    """
    lab.bump.delay = 0.015
    listener = lab.upstream.listen(8000, backlog=0)
    _fill_on_syn_ack(lab, listener.address)
    conf = f"""
    proxy_read_timeout 4s;
    server {{ listen 80; location / {{ proxy_pass http://{lab.upstream.ip}:8000; }} }}"""
    nginx.start(lab, lab.proxy, conf, port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/orders")
    lab.sleep(0.3)
    stuck = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=stuck)
    lab.judge(
        stuck,
        [_OVERFLOW, _STALLED],
        ["unknown", "responder"],
        at={"upstream": Accepted([_OVERFLOW], ["responder"])},
    )


@scenario(
    "tcp.accept_queue_overflow-syncookies",
    "SYN cookies and a full accept queue: the request is never acknowledged",
    bump="client-router",
    points=("client", "upstream"),
)
def overflow_cookies(lab: Lab) -> None:
    """tcp_syncookies=2 on the upstream, backlog 0, nothing accepted, three connections at once.
    The ACKs of two are dropped and no SYN-ACK is repeated, so that their requests are repeated
    until the client resets after four seconds. Round trip 16 ms.
    """
    lab.upstream.sysctl("net.ipv4.tcp_syncookies", 2)
    lab.bump.delay = 0.008
    listener = lab.upstream.listen(6379, backlog=0)
    first, *rest = sockets.connect_together(lab.client, listener.address, 3)
    _send_all(lab, rest, b"*1\r\n$4\r\nPING\r\n")
    lab.sleep(4)
    lab.healthy(first)
    codes = [_OVERFLOW, "tcp.data_timeout"]
    for one in rest:
        one.reset()
        at = {"upstream": Accepted(codes, ["responder", "unknown"])}
        lab.judge(one, codes, ["unknown", "responder"], at=at)
    lab.sleep(0.2)


def _stale_server(lab: Lab, port: int) -> Connection:
    """A connection that the client's kernel forgot and the server still holds."""
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address, port=port)
    connection.send(behaviours.get("/before")).receive_until()
    sockets.vanish(connection)
    lab.sleep(0.6)
    lab.healthy(connection)
    return connection


@scenario(
    "tcp.port_reuse-not-cured",
    "A SYN on ports the server still holds, and the RST that would cure it is lost",
    bump="client-router",
    points=("client", "upstream"),
)
def port_reuse_stuck(lab: Lab) -> None:
    """The client forgets a connection without a packet (TCP_REPAIR) and uses its port again. The
    server answers with ACKs of the old connection; the bump drops the client's RSTs.
    """
    old = _stale_server(lab, 40123)
    lab.bump.add(rules.drop(rules.Match(direction="forward", any_flags="R")))
    again = lab.client.connect(old.responder, port=40123, timeout=3.5)
    again.occurrence = 1
    again.close()
    lab.sleep(0.5)
    lab.judge(again, "tcp.port_reuse", ["responder", "unknown", "path"])


@scenario(
    "tcp.port_reuse-one-try",
    "A SYN on ports the server still holds, and the initiator does not try again",
    points=("client", "upstream"),
)
def port_reuse_one_try(lab: Lab) -> None:
    """As after a crash of the client's host: a SYN on an old pair of ports, the server's ACK of
    the old connection, the RST of the client's kernel, and no second SYN.
    """
    old = _stale_server(lab, 45871)
    sockets.send_syn(lab.client, old.local, old.responder, 77_001_234, ttl=64)
    lab.sleep(1.5)
    again = lab.leg(lab.upstream, old.responder[1], 1)
    lab.judge(again, "tcp.port_reuse", ["responder", "unknown"])


@scenario(
    "healthy-port-reuse-cured",
    "A SYN on ports the server still holds; the RST cures it at once",
    bump="client-router",
    points=("client", "upstream"),
)
def port_reuse_cured(lab: Lab) -> None:
    """The client forgets a connection without a packet and uses its port again: challenge ACK,
    RST, SYN again, and everything works. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    old = _stale_server(lab, 41999)
    again = lab.client.connect(old.responder, port=41999)
    again.occurrence = 1
    again.send(behaviours.get("/after")).receive_until()
    again.close()
    lab.sleep(0.2)
    lab.healthy(again)


@scenario(
    "healthy-port-reuse-time-wait",
    "The same ports again while the server's end is in TIME_WAIT",
    points=("client", "upstream"),
)
def port_reuse_time_wait(lab: Lab) -> None:
    """The server closes first; a second connection from the same port follows at once."""
    server = lab.upstream.serve(8080, behaviours.answer_and_close())
    for nth in range(2):
        connection = lab.client.connect(server.address, port=43210)
        connection.occurrence = nth
        connection.send(behaviours.get(f"/{nth}")).receive_all()
        connection.close()
        lab.sleep(0.3)
        lab.healthy(connection)


@scenario(
    "tcp.handshake_stalled-renumbered-one-way",
    "A firewall renumbers SYNs, and their answers take another way: SYN-ACKs with wrong numbers",
    bump="client-router",
    points=("client", "upstream"),
)
def renumbered_one_way(lab: Lab) -> None:
    """The bump adds a number to the client's sequence numbers and leaves the upstream's ACKs as
    they are. The client's kernel answers each SYN-ACK by a bare RST and repeats its SYN. Two
    connections, given up after 3.4 s. Round trip 6 ms.
    """
    lab.bump.delay = 0.003
    lab.bump.add(rules.renumber(0x3A5F_1200, one_way=True))
    lab.upstream.serve(8443, behaviours.answer())
    for _ in range(2):
        lab.client.run(["timeout", "3.4", "nc", lab.upstream.ip, "8443"], check=False)
    lab.sleep(0.5)
    for nth in range(2):
        connection = lab.leg(lab.upstream, 8443, nth)
        at = {"upstream": Accepted([_STALLED, "ok", "capture.partial"], [*_PATH, "initiator"])}
        lab.judge(connection, _STALLED, _PATH, at=at)
    lab.others = "any"
