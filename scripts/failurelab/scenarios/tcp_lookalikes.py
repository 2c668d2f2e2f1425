"""Genuine RSTs that look forged at first sight."""

from __future__ import annotations

from failurelab import behaviours, rules
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.packets import ACK, RST
from failurelab.registry import scenario

_BEFORE = "tcp.reset_before_response"
_IN = "tcp.reset_in_response"
_HONEST = ["responder", "unknown"]


@scenario(
    "tcp.reset_in_response-overtakes-data",
    "A genuine RST arrives before the last data of its sender",
    bump="router-upstream",
    points=("client", "upstream"),
)
def overtakes(lab: Lab) -> None:
    """The server sends 2000 of 9000 promised bytes and resets 50 ms later; the bump holds the last
    data segment back so that the RST overtakes it. Round trip 12 ms.
    """
    lab.bump.delay = 0.006
    late = rules.Match(direction="back", data=True, first=2, times=1)
    lab.bump.add(rules.delay(late, 0.08))
    server = lab.upstream.serve(80, behaviours.half_response(reset=True, length=9000, sent=2000))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/slow-path")).receive_all()
    lab.sleep(0.2)
    lab.judge(connection, _IN, _HONEST)


@scenario(
    "tcp.reset_before_response-after-route-change",
    "A genuine RST whose TTL differs, for the route changed before it",
    bump="client-router",
    points=("client", "upstream"),
)
def route_change(lab: Lab) -> None:
    """Two requests are answered with TTL 63; then the route gets two hops longer (the bump lowers
    the TTL of all that follows), the third request is acknowledged with TTL 61 and met by the
    server's RST. Round trip 18 ms.
    """
    lab.bump.delay = 0.009

    def handle(connection: Connection) -> None:
        for _ in range(2):
            connection.receive_until()
            connection.send(behaviours.reply())
        connection.receive_until()
        connection.receive_all(0.1)
        connection.reset()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    for nth in range(2):
        connection.send(behaviours.get(f"/{nth}")).receive_until()
        lab.sleep(0.1)
    lab.bump.add(rules.rewrite(rules.Match(direction="back"), ttl=61))
    connection.send(behaviours.get("/2")).receive_all()
    lab.sleep(0.1)
    lab.judge(connection, _BEFORE, _HONEST, ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-ecmp",
    "A genuine RST takes another of several equal paths",
    bump="router-upstream",
    points=("client",),
)
def ecmp(lab: Lab) -> None:
    """Every packet without data of the server, its RST too, takes a path that is one hop longer;
    three connections, of which the first is answered. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    bare = rules.Match(direction="back", data=False, test=lambda p: bool(p.flags & (ACK | RST)))
    lab.bump.add(rules.rewrite(bare, ttl=63))
    good = lab.upstream.serve(8081, behaviours.answer())
    first = lab.client.connect(good.address)
    first.send(behaviours.get("/fine")).receive_until()
    first.close()
    lab.sleep(0.1)
    lab.healthy(first)
    server = lab.upstream.serve(8080, behaviours.reset_after_request(0.06))
    for nth in range(2):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get(f"/{nth}")).receive_all()
        lab.judge(connection, _BEFORE, _HONEST, ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-killed-with-full-buffer",
    "A genuine RST with window 0: the socket is destroyed while its buffer is full",
    points=("client", "upstream"),
)
def full_buffer(lab: Lab) -> None:
    """The server reads nothing and its window is closed; one second later `ss -K` destroys its
    socket: RST,ACK with window 0.
    """
    lab.upstream.sysctl("net.ipv4.tcp_rmem", "4096 4096 8192")
    lab.client.sysctl("net.ipv4.tcp_wmem", "4096 8192 16384")
    server = lab.upstream.serve(9000, behaviours.stop_reading())
    connection = lab.client.connect(server.address)
    connection.sock.settimeout(1)
    head = b"POST /big HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 99000\r\n\r\n"
    connection.send(head + b"u" * 30_000)
    port = connection.local[1]
    lab.upstream.run(f"ss -K dst {lab.client.ip} dport = {port}")
    connection.receive_all(1)
    lab.sleep(0.1)
    codes = [_BEFORE, "tcp.zero_window"]
    lab.judge(connection, codes, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-behind-syn-proxy",
    "A router answers SYNs for the server; the later RST is the server's own",
    points=("client", "upstream"),
)
def syn_proxy(lab: Lab) -> None:
    """SYNPROXY on the router makes the handshake with the client, then with the server: the
    SYN-ACK has another TTL than the server's packets, its RST among them.
    """
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    lab.router.iptables("-t raw -A PREROUTING -p tcp --dport 8080 --syn -j CT --notrack")
    lab.router.iptables(
        "-A FORWARD -p tcp --dport 8080 -m conntrack --ctstate INVALID,UNTRACKED "
        "-j SYNPROXY --sack-perm --timestamp --wscale 10 --mss 1460"
    )
    server = lab.upstream.serve(8080, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/guarded")).receive_all()
    lab.judge(connection, _BEFORE, _HONEST, ended_by=["responder"])
