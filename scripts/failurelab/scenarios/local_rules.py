"""Rules and guards that answer where nobody looks for them: on a host, at a NAT, for a server."""

from __future__ import annotations

import socket

from failurelab import behaviours, nat, rules
from failurelab.bump import Bump, Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.packets import ACK, RST, SYN, TCP, Packet, build_ip, build_tcp
from failurelab.registry import scenario
from failurelab.truth import Accepted

_FAR = "client router router2 router3 upstream"
_WORD = "-m string --algo bm --string /admin"
_ANY = Point("client", "any")


def _ask(lab: Lab, path: str, port: int = 8080, times: int = 1) -> Connection:
    connection = lab.client.connect((lab.upstream.ip, port))
    for _ in range(times):
        connection.send(behaviours.get(path)).receive_until(timeout=1)
    lab.sleep(0.1)
    connection.close()
    return connection


@scenario(
    "tcp.reset_before_response-host-rejects-a-word",
    "The server's own firewall rejects requests with a word by RST, and its socket lives on",
    path=_FAR,
    points=("client", "upstream"),
)
def host_rejects_a_word(lab: Lab) -> None:
    """A rule in the upstream's INPUT chain rejects segments that hold /admin with a TCP reset: a
    bare one, though no queue is full. Other requests pass.
    """
    lab.upstream.iptables(f"-A INPUT -p tcp --dport 8080 {_WORD} -j REJECT --reject-with tcp-reset")
    lab.upstream.serve(8080, behaviours.answer())
    for _ in range(2):
        lab.healthy(_ask(lab, "/cart", times=2))
    for _ in range(2):
        sides = ["responder", "unknown"]
        lab.judge(_ask(lab, "/admin"), ["tcp.reset_before_response", "tcp.state_lost"], sides)


@scenario(
    "tcp.reset_before_request-own-host-rejects",
    "A rule for what leaves the client's own host rejects its request by RST, which only lo shows",
    path=_FAR,
    points=(_ANY,),
)
def own_host_rejects(lab: Lab) -> None:
    """A rule in the client's OUTPUT chain rejects segments that hold /admin with a TCP reset: the
    request never leaves, and the RST comes over the loopback, in the server's name.
    """
    lab.client.iptables(f"-A OUTPUT -p tcp {_WORD} -j REJECT --reject-with tcp-reset")
    lab.upstream.serve(8080, behaviours.answer())
    lab.healthy(_ask(lab, "/cart", times=2))
    for _ in range(2):
        sides = ["initiator", "unknown"]
        born = {"responder": "initiator"}
        lab.judge(_ask(lab, "/admin"), "tcp.reset_before_request", sides, born=born)


@scenario(
    "icmp.unreachable-own-host-rejects-the-syn",
    "A rule for what leaves the client's own host rejects the SYN: only the ICMP error shows it",
    path=_FAR,
    points=(_ANY, Point("client", "lo", name="lo"), Point("client", name="wire")),
)
def own_host_rejects_the_syn(lab: Lab) -> None:
    """A rule in the client's OUTPUT chain rejects SYNs to port 8080 with port unreachable, as
    kube-proxy does for a Service without endpoints. No SYN is captured anywhere; the error comes
    over the loopback and quotes it.
    """
    lab.client.iptables("-A OUTPUT -p tcp --dport 8080 -j REJECT")
    lab.upstream.serve(8081, behaviours.answer())
    lab.healthy(_ask(lab, "/cart", 8081))
    for _ in range(2):
        refused = lab.client.connect((lab.upstream.ip, 8080))
        lab.judge(refused, "icmp.unreachable", ["initiator", "unknown"])


@scenario(
    "icmp.prohibited-rule-on-an-open-flow",
    "A router's new rule rejects an open connection by ICMP, until the client gives up",
    path=_FAR,
    points=("client", Point("router2", "any")),
)
def rule_on_an_open_flow(lab: Lab) -> None:
    """After the first answer the second router rejects what goes to port 8080 as administratively
    prohibited. To an open connection that is a soft error: the client repeats its request for some
    seconds, is told so each time, and gives up.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/1")).receive_until()
    lab.router2.iptables(
        "-A FORWARD -p tcp --dport 8080 -j REJECT --reject-with icmp-admin-prohibited"
    )
    connection.send(behaviours.get("/2")).receive_all(5)
    connection.close()
    lab.sleep(3)
    lab.judge(connection, ["icmp.prohibited", "tcp.data_timeout"], "path")


@scenario(
    "tcp.injected_reset-any-masquerade",
    "A filter behind a masquerading router resets; captured on all interfaces of that router",
    path=_FAR,
    bump="router3-upstream",
    points=(Point("router2", "any"),),
)
def any_masquerade(lab: Lab) -> None:
    """router2 gives its own address to what leaves it, so its capture has each connection twice:
    on the client's leg all packets of the server leave the router. A bump beside the server answers
    requests with /admin in them by bare RSTs to both, and swallows them; the server itself resets
    requests to port 8081. Round trip 6 ms.
    """
    lab.bump.delay = 0.003
    nat.masquerade(lab.router2)
    word = rules.Match(direction="forward", contains=b"/admin")
    forge = Forge(flags="R", ttl=64, ip_id=0)
    lab.bump.add(rules.forge_reset(word, forge, swallow=True))
    lab.upstream.serve(8080, behaviours.answer())
    lab.upstream.serve(8081, behaviours.reset_after_request(0.02))
    for _ in range(2):
        lab.healthy(_ask(lab, "/cart", times=2))
    lab.judge(_ask(lab, "/pay", 8081), "tcp.reset_before_response", ["responder", "unknown"])
    codes = ["tcp.injected_reset", "tcp.reset_before_response"]
    lab.judge(_ask(lab, "/admin"), codes, ["path", "unknown"])


@scenario(
    "tcp.injected_reset-both-sides-of-the-router",
    "A router rejects requests with a word by RST; captured on both of its links in one file",
    path=_FAR,
    points=(Point("router2", "eth0 eth1", name="both", format="pcapng"),),
)
def both_sides_of_the_router(lab: Lab) -> None:
    """A rule in router2's FORWARD chain rejects segments that hold /admin with a TCP reset. The
    capture has every packet that it passes on twice, the RST once: it comes out and never went in.
    The server itself resets requests to port 8081.
    """
    reject = "-j REJECT --reject-with tcp-reset"
    lab.router2.iptables(f"-A FORWARD -p tcp --dport 8080 {_WORD} {reject}")
    lab.upstream.serve(8080, behaviours.answer())
    lab.upstream.serve(8081, behaviours.reset_after_request(0.02))
    for _ in range(2):
        lab.healthy(_ask(lab, "/cart", times=2))
    lab.judge(_ask(lab, "/pay", 8081), "tcp.reset_before_response", ["responder", "unknown"])
    codes = ["tcp.injected_reset", "tcp.reset_before_response"]
    for _ in range(2):
        lab.judge(_ask(lab, "/admin"), codes, ["path", "unknown"])


def _guard(ttl: int) -> rules.Rule:
    """Answer a caller's first SYN for the server, reset it at the ACK, and know the caller then."""
    known: set[str] = set()

    def rule(bump: Bump, packet: Packet) -> bool:
        if packet.direction != "forward" or packet.protocol != TCP or packet.src in known:
            return False
        back = (packet.dst, packet.dport, packet.src, packet.sport)
        if packet.flags & SYN:
            options = b"\x02\x04\x05\xb4"
            segment = build_tcp(
                *back,
                seq=0xABCD0000,
                ack=packet.seq + 1,
                flags=SYN | ACK,
                window=8192,
                options=options,
            )
        else:
            segment = build_tcp(*back, seq=packet.ack, ack=0, flags=RST, window=0)
            known.add(packet.src)
        link = packet.data[6:12] + packet.data[:6] + packet.data[12:14]
        bump.send(
            link + build_ip(packet.dst, packet.src, TCP, segment, ttl=ttl), "back", bump.delay
        )
        return True

    return rule


@scenario(
    "tcp.reset_before_request-guard-tries-the-caller",
    "A guard against floods accepts a caller's first connection for the server and resets it",
    path=_FAR,
    bump="router-router2",
    points=("client",),
)
def guard_tries_the_caller(lab: Lab) -> None:
    """The bump answers the client's first SYN in the server's name, with a TTL of its own, and its
    ACK by a bare RST; from then on it lets the client's packets pass, the rest of that connection
    too, which the server resets. Four more connections work. Round trip 6 ms.
    """
    lab.bump.delay = 0.003
    lab.bump.add(_guard(ttl=250))
    lab.upstream.serve(8080, behaviours.answer())
    codes = ["tcp.reset_before_request", "tcp.injected_reset", "tcp.reset_before_response"]
    lab.judge(_ask(lab, "/cart"), codes, ["path", "unknown"])
    for _ in range(4):
        lab.healthy(_ask(lab, "/cart", times=2))


@scenario(
    "healthy-ecn-setup-dropped",
    "A firewall drops SYNs that ask for ECN; the kernel's next ones do not, and are answered",
    path=_FAR,
    bump="router2-router3",
    points=("client",),
)
def ecn_setup_dropped(lab: Lab) -> None:
    """The client asks for ECN; the bump drops SYNs with ECE and CWR. After a second Linux tries
    without (tcp_ecn_fallback), and all works.
    """
    lab.client.sysctl("net.ipv4.tcp_ecn", 1)
    asks = rules.Match(direction="forward", test=lambda p: bool(p.data[p.transport + 13] & 0xC0))
    lab.bump.add(rules.drop(asks))
    lab.upstream.serve(8080, behaviours.answer())
    for _ in range(2):
        lab.healthy(_ask(lab, "/cart", times=2))


@scenario(
    "tcp.keepalive_timeout-path-comes-back",
    "The server's probes get no answer, it gives up, and then the path is whole again",
    path=_FAR,
    bump="client-router",
    points=("client", "upstream"),
)
def path_comes_back(lab: Lab) -> None:
    """The bump drops everything for 5 s. The server probes the idle connection after 1 s, twice,
    and resets it, unheard. Then the client sends its next request, which a bare RST answers.
    """
    probing = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    ]
    probing += [
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
    ]

    def answer(connection: Connection) -> None:
        for option in probing:
            connection.sock.setsockopt(*option)
        behaviours.answer()(connection)

    server = lab.upstream.serve(8080, answer)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/1")).receive_until()
    lab.sleep(0.2)
    lab.bump.add(lambda *_: True)
    lab.sleep(5)
    lab.bump.clear()
    connection.send(behaviours.get("/2")).receive_all(1)
    connection.close()
    at = {"upstream": Accepted(["tcp.keepalive_timeout"], ["path", "initiator", "unknown"])}
    codes = ["tcp.stale_connection", "tcp.keepalive_timeout"]
    lab.judge(connection, codes, ["responder", "path", "unknown"], at=at)
