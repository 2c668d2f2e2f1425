"""Captures on both sides of a NAT or a load balancer: one connection under two names."""

from __future__ import annotations

from failurelab import behaviours, nat, rules
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.truth import Accepted, Lost, TrueFindings

OFF = 37.251
"""Seconds by which a capturing host's clock is wrong."""
BALANCED = {"upstream2": "router"}
NOTHING_LOST = TrueFindings(forbidden=["path.lost_between"])
_UNTOUCHED = Accepted(["ok", "capture.partial"], ["unknown"], ["unknown"])


def ask(lab: Lab, connection: Connection, path: str = "/", *, close: bool = True) -> Connection:
    """One request and its answer."""
    connection.send(behaviours.get(path)).receive_until()
    if close:
        connection.close()
    lab.sleep(0.05)
    return connection


@scenario(
    "tcp.reset_before_response-points-masqueraded",
    "The upstream resets, seen on both sides of a masquerading router with a clock 37 s off",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=("tcp", "path"),
)
def masqueraded(lab: Lab) -> None:
    """The router masquerades with random ports. Two requests are answered; a third is read and
    the socket closed with linger zero.
    """
    nat.masquerade(lab.router)
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    connection = lab.client.connect(bad.address)
    connection.send(behaviours.get("/c")).receive_all()
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(
        connection,
        "tcp.reset_before_response",
        "responder",
        ended_by=["responder"],
        born={"responder": "responder"},
    )


@scenario(
    "tcp.connection_refused-points-virtual-address",
    "The endpoint behind a virtual address refuses: the RST bears another address at the client",
    points=(Point("client", clock_shift=-OFF), "upstream"),
    layers=("tcp", "path"),
)
def virtual_refused(lab: Lab) -> None:
    """DNAT and MASQUERADE of a virtual address. One request is answered; then the listener is
    closed, and two more connections are refused by the endpoint's kernel.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    service = nat.virtual_address(lab.router, [server.address])
    nat.masquerade(lab.router)
    lab.healthy(ask(lab, lab.client.connect(service)))
    server.close()
    lab.sleep(0.1)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    for _ in range(2):
        refused = lab.client.connect(service)
        lab.judge(
            refused,
            "tcp.connection_refused",
            "responder",
            ended_by=["responder"],
            born={"responder": "responder"},
        )
        lab.sleep(0.05)


@scenario(
    "tcp.state_lost-points-masquerade-expired",
    "A NAT forgets a connection while the server works: only the server sees the RST",
    points=(Point("client", can_tell=False), Point("upstream", clock_shift=-2.5)),
    layers=("tcp", "path"),
)
def masquerade_expired(lab: Lab) -> None:
    """The router masquerades and forgets what is idle for a second; the server answers after
    1.8 s. Its answer is met by the router's own RST in the client's translated name; the client
    hears nothing and still waits when the captures end. A short request works before.
    """
    nat.masquerade(lab.router)
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", 1)
    quick = lab.upstream.serve(8081, behaviours.answer())
    lab.healthy(ask(lab, lab.client.connect(quick.address)))
    slow = lab.upstream.serve(8080, behaviours.slow(1.8))
    connection = lab.client.connect(slow.address)
    connection.send(behaviours.get("/slow")).receive_all(2.5)
    codes = ["tcp.state_lost", "tcp.reset_in_response", "tcp.stale_connection"]
    lab.correlate("client", "upstream", lost=[Lost("upstream", "client", 1, 2)])
    at = {"upstream": Accepted([*codes, "ok"], ["path", "unknown"]), "correlate": Accepted(
        [*codes, "tcp.injected_reset"], ["path"])}  # fmt: skip
    lab.judge(connection, codes, ["path", "unknown"], at=at, born={"initiator": "path"})


@scenario(
    "tcp.stale_connection-points-virtual-address-expired",
    "The router of a virtual address forgets a connection: only the client sees the RST",
    points=("client", Point("upstream", format="pcapng")),
    layers=("tcp", "path"),
)
def virtual_expired(lab: Lab) -> None:
    """DNAT; the router forgets what is idle for a second. After two quiet seconds the next request
    is answered by the router's own RST in the name of the virtual address; the backend sees
    nothing of it. A new connection works.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    service = nat.virtual_address(lab.router, [server.address])
    nat.expire_idle(lab.router, 1)
    connection = ask(lab, lab.client.connect(service), "/first", close=False)
    lab.sleep(2)
    connection.send(behaviours.get("/second")).receive_all(2)
    lab.healthy(ask(lab, lab.client.connect(service), "/second"))
    codes = ["tcp.stale_connection", "tcp.state_lost"]
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    at = {"upstream": _UNTOUCHED, "correlate": Accepted([*codes, "tcp.injected_reset"], ["path"])}
    lab.judge(connection, codes, ["path", "unknown"], at=at, born={"responder": "path"})


@scenario(
    "tcp.data_timeout-points-nat-expired-silent",
    "A NAT forgets an idle connection and drops what comes later, without a word",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=("tcp", "path"),
)
def expired_silent(lab: Lab) -> None:
    """The router masquerades, forgets what is idle for a second and drops what it does not know.
    After two quiet seconds the next request is repeated and never arrives; the client resets
    after four seconds. A new connection works.
    """
    nat.masquerade(lab.router)
    nat.expire_idle(lab.router, 1)
    lab.router.iptables("-A FORWARD -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = ask(lab, lab.client.connect(server.address), "/first", close=False)
    lab.sleep(2)
    connection.send(behaviours.get("/second")).receive_all(4)
    connection.reset()
    lab.healthy(ask(lab, lab.client.connect(server.address), "/second"))
    codes = ["tcp.stale_connection", "tcp.data_timeout"]
    lab.correlate(
        "client",
        "upstream",
        lost=[Lost("client", "upstream", 3)],
        findings=TrueFindings(["path.lost_between"]),
    )
    at = {"upstream": _UNTOUCHED, "correlate": Accepted(sides=["path"])}
    lab.judge(connection, codes, ["path", "unknown"], at=at)


def _pair(lab: Lab, second: behaviours.Handler) -> tuple[Connection, ...]:
    """Six connections, one after the other, to two endpoints in turn; the same request on each."""
    ends = [
        lab.upstream.serve(8080, behaviours.answer()),
        lab.hosts["upstream2"].serve(8080, second),
    ]
    service = nat.virtual_address(lab.router, [end.address for end in ends])
    nat.masquerade(lab.router)
    lab.router.iptables("-t nat -A POSTROUTING -o eth2 -p tcp -j MASQUERADE --random-fully")
    made = []
    for _ in range(6):
        made.append(lab.client.connect(service))
        made[-1].send(behaviours.get("/same")).receive(400, timeout=0.3)
        made[-1].close()
        lab.sleep(0.05)
    return tuple(made)


@scenario(
    "healthy-points-load-balancer",
    "A load balancer that rewrites addresses and ports, equal requests, three clocks",
    branches=BALANCED,
    points=(
        "client",
        Point("upstream", clock_shift=OFF),
        Point("upstream2", clock_shift=-2.5),
    ),
    layers=("tcp", "path"),
    kept_apart=True,
)
def balanced(lab: Lab) -> None:
    """DNAT in turn to two endpoints and MASQUERADE; six equal requests are answered."""
    for connection in _pair(lab, behaviours.answer()):
        lab.healthy(connection)
    lab.correlate("client", "upstream", "upstream2", lost=[], findings=NOTHING_LOST)


@scenario(
    "tcp.reset_in_response-points-load-balancer",
    "Behind a load balancer one of two endpoints resets in the response",
    branches=BALANCED,
    points=("client", "upstream", Point("upstream2", clock_shift=OFF)),
    layers=("tcp", "path"),
)
def balanced_reset(lab: Lab) -> None:
    """DNAT in turn to two endpoints and MASQUERADE; six equal requests. The second endpoint sends
    300 of 1000 bytes and closes with linger zero.
    """
    made = _pair(lab, behaviours.half_response(reset=True))
    for connection in made[0::2]:
        lab.healthy(connection)
    for connection in made[1::2]:
        lab.judge(
            connection,
            "tcp.reset_in_response",
            "responder",
            at={"correlate": Accepted(parties=["upstream", "proxy"])},
            born={"responder": "responder"},
        )
    lab.correlate("client", "upstream", "upstream2", lost=[], findings=NOTHING_LOST)


@scenario(
    "tcp.injected_reset-points-behind-nat",
    "A RST forged behind a NAT, in every field as the server's next packet would be",
    bump="router-upstream",
    points=(Point("client", can_tell=False), Point("upstream", clock_shift=OFF)),
    layers=("tcp", "path"),
)
def behind_nat(lab: Lab) -> None:
    """The router masquerades. When the third data segment of the answer passes, the client gets a
    RST,ACK with the server's TTL, next IP ID and window; the upstream sees only the RSTs of the
    client's kernel in answer to its own data. Round trip 16 ms, no timestamps.
    """
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)
    nat.masquerade(lab.router)
    lab.bump.delay = 0.008
    match = rules.Match(direction="back", data=True, first=3, times=1)
    lab.bump.add(rules.forge_reset(match, Forge(window=501), to="receiver"))
    server = lab.upstream.serve(80, behaviours.answer(behaviours.reply(b"x" * 9000)))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive_all(2)
    lab.sleep(0.3)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    codes = ["tcp.injected_reset", "tcp.reset_in_response"]
    there = [*codes, "tcp.initiator_abort", "tcp.state_lost"]
    at = {
        "upstream": Accepted(there, ["path", "unknown", "initiator"]),
        "correlate": Accepted(codes, ["path"]),
    }
    born = {"responder": "path", "initiator": "initiator"}
    lab.judge(connection, codes, ["path", "unknown"], at=at, born=born)


@scenario(
    "tcp.injected_reset-points-only-to-upstream",
    "A RST forged in the client's name; the client only gets the upstream's honest answer to it",
    bump="router-upstream",
    points=(Point("client", can_tell=False), Point("upstream", can_tell=False)),
    layers=("tcp", "path"),
)
def only_to_upstream(lab: Lab) -> None:
    """After a first answer the upstream gets a bare RST in the client's name (TTL and IP ID
    match). The client's next request is met by a RST of the upstream's kernel, which
    holds no socket any more. Round trip 12 ms.
    """
    lab.bump.delay = 0.006
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = ask(lab, lab.client.connect(server.address), "/first", close=False)
    lab.bump.reset(connection, to="responder", forge=Forge(flags="R"))
    lab.sleep(0.4)
    connection.send(behaviours.get("/second")).receive_all(2)
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    codes = ["tcp.injected_reset", "tcp.idle_reset", "tcp.state_lost", "tcp.stale_connection",
             "tcp.reset_before_response"]  # fmt: skip
    at = {"correlate": Accepted(codes, ["path"])}
    born = {"initiator": "path", "responder": "responder"}
    lab.judge(connection, codes, ["path", "unknown"], at=at, born=born)


@scenario(
    "tcp.closed_before_response-points-v6-masqueraded",
    "IPv6 behind a masquerading router: the upstream closes without an answer",
    family=6,
    points=("client", Point("upstream", clock_shift=0.75)),
    layers=("tcp", "path"),
)
def v6_masqueraded(lab: Lab) -> None:
    """ip6tables MASQUERADE; one request is answered, the next is read and the connection closed."""
    nat.masquerade(lab.router)
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.close_after_request(0.05))
    lab.healthy(ask(lab, lab.client.connect(good.address)))
    connection = lab.client.connect(bad.address)
    connection.send(behaviours.get("/c")).receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(connection, "tcp.closed_before_response", "responder", ended_by=["responder"])


@scenario(
    "tcp.stale_connection-points-nat-forgot",
    "A masquerading router forgot a quiet connection: the next request arrives untranslated",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=("tcp", "path"),
)
def forgotten(lab: Lab) -> None:
    """The router takes up no connection in mid use. Its table is emptied while one is quiet for
    1.5 s; the upstream's kernel answers the next request, which bears the client's own address.
    """
    nat.masquerade(lab.router)
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    good = lab.upstream.serve(8080, behaviours.answer())
    lab.healthy(ask(lab, lab.client.connect(good.address)))
    quiet = lab.client.connect(good.address)
    ask(lab, quiet, "/a", close=False)
    lab.sleep(1.5)
    lab.router.forget_connections()
    quiet.send(behaviours.get("/b")).receive_all(2)
    lab.correlate(
        "client",
        "upstream",
        lost=[],
        findings=TrueFindings(expected=["path.nat_leak"], forbidden=["path.lost_between"]),
    )
    lab.others = "any"
    at = {"upstream": _UNTOUCHED, "client": Accepted(sides=["path", "unknown"])}
    lab.judge(quiet, ["tcp.stale_connection", "tcp.state_lost"], "path", at=at)


@scenario(
    "tcp.connection_refused-points-syn-proxy",
    "A SYN proxy takes the handshake, then asks the upstream, and that one refuses",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=("tcp", "path"),
)
def syn_proxied(lab: Lab) -> None:
    """The router answers SYNs itself (SYNPROXY), and adds to the upstream's sequence numbers and
    timestamps from then on. Two connections are served, a third goes to a closed port.
    """
    nat.take_handshakes(lab.router)
    good = lab.upstream.serve(8080, behaviours.answer())
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    lab.correlate("client", "upstream", findings=NOTHING_LOST)
    refused = lab.client.connect((lab.upstream.ip, 8081))
    refused.receive_all(2)
    codes = ["tcp.reset_before_request", "tcp.injected_reset", "tcp.connection_refused"]
    at = {"client": Accepted(codes, ["responder", "path", "unknown"])}
    lab.judge(refused, "tcp.connection_refused", "responder", at=at)
