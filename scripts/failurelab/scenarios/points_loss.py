"""Where packets are lost, in which direction, and by whom: captures at both ends."""

from __future__ import annotations

from failurelab import behaviours, nat, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenarios.mtu_limits import post
from failurelab.scenarios.points_nat import NOTHING_LOST, OFF, ask
from failurelab.scenarios.tcp_refused import works
from failurelab.truth import Accepted, Clock, Lost, TrueFindings

_BETWEEN = TrueFindings(["path.lost_between"])
_PATH = Accepted(sides=["path"])
_LAYERS = ("tcp", "path")
_UNTOUCHED = Accepted(["ok", "capture.partial"], ["unknown"], ["unknown"])


def _chatter(lab: Lab, connection: Connection, count: int) -> None:
    for nth in range(count):
        connection.send(b"log line %04d: all is well here\n" % nth)
        lab.sleep(0.03)


@scenario(
    "tcp.data_timeout-points-towards-upstream",
    "Data leaves the client and never reaches the upstream",
    bump="client-router",
    points=(Point("client", clock_shift=OFF), "upstream"),
    layers=_LAYERS,
)
def towards_upstream(lab: Lab) -> None:
    """After four messages the bump drops everything from the client; two more are repeated for
    four seconds, then the client resets (which is dropped too). Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    works(lab, 8080)
    server = lab.upstream.serve(5044, behaviours.silent())
    connection = lab.client.connect(server.address)
    _chatter(lab, connection, 4)
    lab.bump.add(rules.drop(rules.Match(direction="forward")))
    _chatter(lab, connection, 2)
    connection.receive_all(4)
    connection.reset()
    lab.sleep(0.2)
    lost = [Lost("client", "upstream", 4)]
    lab.correlate("client", "upstream", lost=lost, findings=_BETWEEN)
    at = {"upstream": _UNTOUCHED, "correlate": _PATH}
    lab.judge(connection, "tcp.data_timeout", ["unknown", "path"], at=at)


@scenario(
    "tcp.data_timeout-points-acks-lost",
    "Data arrives again and again; what is lost are the ACKs on their way back",
    bump="router-upstream",
    points=("client", Point("upstream", clock_shift=OFF, can_tell=False)),
    layers=_LAYERS,
    kept_apart=True,
)
def acks_lost(lab: Lab) -> None:
    """After four messages the bump drops everything from the upstream, which got each message and
    acknowledges each repetition. The client resets after four seconds. To the client this looks
    like data lost on its way to the upstream. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    works(lab, 8080)
    server = lab.upstream.serve(5044, behaviours.silent())
    connection = lab.client.connect(server.address)
    _chatter(lab, connection, 4)
    lab.sleep(0.1)
    lab.bump.add(rules.drop(rules.Match(direction="back")))
    _chatter(lab, connection, 2)
    connection.receive_all(4)
    connection.reset()
    lab.sleep(0.2)
    lost = [Lost("upstream", "client", 4)]
    lab.correlate("client", "upstream", lost=lost, findings=_BETWEEN)
    lab.judge(connection, "tcp.data_timeout", ["unknown", "path"], at={"correlate": _PATH})


@scenario(
    "tcp.connection_timeout-points-host-drops",
    "SYNs reach the upstream's capture, and its own firewall drops them behind it",
    points=("client", Point("upstream", clock_shift=-OFF)),
    layers=_LAYERS,
)
def host_drops(lab: Lab) -> None:
    """iptables INPUT on the upstream drops port 6379, behind the capture; port 8080 works. Nothing
    is lost on the path. The client gives up after 3.5 s.
    """
    lab.upstream.iptables("-A INPUT -p tcp --dport 6379 -j DROP")
    works(lab, 8080)
    silent = lab.client.connect((lab.upstream.ip, 6379), timeout=3.5)
    silent.close()
    lab.sleep(0.3)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    at = {"correlate": Accepted(sides=["responder"])}
    sides = ["unknown", "responder"]
    lab.judge(silent, "tcp.connection_timeout", sides, ended_by=[None], at=at)


@scenario(
    "tcp.handshake_stalled-points-client-drops",
    "SYN-ACKs reach the client's capture, and its own firewall drops them behind it",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def client_drops(lab: Lab) -> None:
    """iptables INPUT on the client drops what comes from port 8443, behind the capture; port 8080
    works. Nothing is lost on the path. The client gives up after 4.5 s.
    """
    lab.client.iptables("-A INPUT -p tcp --sport 8443 -j DROP")
    works(lab, 8080)
    lab.upstream.listen(8443)
    stalled = lab.client.connect((lab.upstream.ip, 8443), timeout=4.5)
    stalled.close()
    lab.sleep(0.3)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    at = {
        "upstream": Accepted(sides=["unknown", "initiator"]),
        "correlate": Accepted(sides=["initiator"]),
    }
    lab.judge(stalled, "tcp.handshake_stalled", ["initiator", "unknown"], at=at)


@scenario(
    "tcp.handshake_stalled-points-syn-ack-lost-nat",
    "SYN-ACKs are lost behind a NAT on their way back",
    points=(
        Point("client", can_tell=False),
        Point("upstream", clock_shift=OFF),
    ),
    layers=_LAYERS,
)
def syn_ack_lost(lab: Lab) -> None:
    """The router masquerades and drops SYN-ACKs from port 9100; port 8080 works. To the client it
    is a connect timeout.
    """
    nat.masquerade(lab.router)
    lab.router.iptables("-A FORWARD -p tcp --sport 9100 -j DROP")
    works(lab, 8080)
    lab.upstream.listen(9100)
    stalled = lab.client.connect((lab.upstream.ip, 9100), timeout=4)
    stalled.close()
    lab.sleep(0.3)
    lost = [Lost("upstream", "client", 3)]
    lab.correlate("client", "upstream", lost=lost, findings=_BETWEEN)
    codes = ["tcp.handshake_stalled", "tcp.connection_timeout"]
    at = {"correlate": Accepted(codes, ["path"])}
    lab.judge(stalled, codes, ["unknown", "path"], at=at)


@scenario(
    "mtu.black_hole-points-response-nat",
    "Full-size segments of a response leave the upstream and never come out of a NAT",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=("mtu", "path"),
)
def response_hole(lab: Lab) -> None:
    """The router masquerades; its link to the client has MTU 1300 and its ICMP is dropped. A small
    answer arrives; of one of 4500 bytes only the short tail does. The client resets after four
    seconds.
    """
    nat.masquerade(lab.router)
    lab.router.run(f"ip link set {nat.CLIENT_SIDE} mtu 1300")
    lab.router.iptables("-A OUTPUT -p icmp -j DROP")
    works(lab, 8081)
    server = lab.upstream.serve(8080, behaviours.answer(behaviours.reply(b"x" * 4500)))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/large")).receive_all(4)
    connection.reset()
    lab.sleep(0.2)
    lost = [Lost("upstream", "client", 4)]
    lab.correlate("client", "upstream", lost=lost, findings=_BETWEEN)
    lab.judge(connection, "mtu.black_hole", ["path", "unknown"], at={"correlate": _PATH})


@scenario(
    "mtu.black_hole-points-request-v6",
    "IPv6: full-size segments of an upload leave the client and never reach the upstream",
    family=6,
    points=(Point("client", clock_shift=0.5), "upstream"),
    layers=("mtu", "path"),
    kept_apart=True,
)
def request_hole(lab: Lab) -> None:
    """The router's link to the upstream has MTU 1300 and its ICMPv6 "packet too big" is dropped. A
    small request works, a POST of 5000 bytes does not; the client resets after four seconds.
    """
    lab.router.run(f"ip link set {nat.UPSTREAM_SIDE} mtu 1300")
    lab.router.iptables("-A OUTPUT -p icmpv6 --icmpv6-type packet-too-big -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = ask(lab, lab.client.connect(server.address), "/small", close=False)
    connection.send(post(5000)).receive_all(4)
    connection.reset()
    lab.sleep(0.2)
    lost = [Lost("client", "upstream", 4)]
    lab.correlate("client", "upstream", lost=lost, findings=_BETWEEN)
    lab.judge(connection, "mtu.black_hole", ["path", "unknown"], at={"correlate": _PATH})


@scenario(
    "tcp.reset_before_response-points-host-rejects",
    "The upstream's own firewall cuts a connection in use: the RST left the upstream",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def host_rejects(lab: Lab) -> None:
    """Requests every 50 ms; then the upstream gets an INPUT rule that rejects the port with
    tcp-reset. The next request arrives there and is answered by its firewall, with its TTL.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    for nth in range(4):
        ask(lab, connection, f"/{nth}", close=False)
    lab.upstream.iptables("-I INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset")
    connection.send(behaviours.get("/4")).receive_all(2)
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    codes = ["tcp.reset_before_response", "tcp.state_lost"]
    at = {"correlate": Accepted(sides=["responder"])}
    born = {"responder": "responder"}
    lab.judge(connection, codes, ["responder", "unknown"], at=at, born=born)


@scenario(
    "icmp.prohibited-points-router-rejects",
    "A router answers the SYN with ICMP: the upstream never saw it",
    points=("client", Point("upstream", clock_shift=OFF, can_tell=False)),
    layers=("icmp", "path"),
)
def router_rejects(lab: Lab) -> None:
    """The router rejects port 9443 with icmp-admin-prohibited; port 8080 works."""
    rule = "-A FORWARD -p tcp --dport 9443 -j REJECT --reject-with icmp-admin-prohibited"
    lab.router.iptables(rule)
    works(lab, 8080)
    refused = lab.client.connect((lab.upstream.ip, 9443))
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    lab.judge(refused, "icmp.prohibited", "path", at={"correlate": _PATH})


@scenario(
    "healthy-points-repaired-loss",
    "Loss in both directions that TCP repaired: lost between the points, and nothing failed",
    bump="client-router",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def repaired(lab: Lab) -> None:
    """The bump drops the third, the fifth and the ninth data segment from the upstream and the
    second request. Everything is repeated and the download complete. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    for nth in (3, 5, 9):
        late = rules.Match(direction="back", data=True, first=nth, times=1)
        lab.bump.add(rules.drop(late))
    second = rules.Match(direction="forward", contains=b"GET /second", times=1)
    lab.bump.add(rules.drop(second))
    page = behaviours.reply(b"p" * 9000)
    server = lab.upstream.serve(8080, behaviours.answer(page))
    connection = lab.client.connect(server.address)
    for path in ("/first", "/second"):
        connection.send(behaviours.get(path)).receive(len(page))
        lab.sleep(0.05)
    connection.close()
    lab.sleep(0.2)
    lost = [Lost("upstream", "client", 3, 3), Lost("client", "upstream", 1, 1)]
    lab.correlate("client", "upstream", lost=lost)
    lab.healthy(connection)


@scenario(
    "tcp.reset_before_response-points-slow-way-back",
    "A path that is slow in one direction only: the clocks can be told to half the round trip",
    bump="client-router",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def slow_way_back(lab: Lab) -> None:
    """Everything from the upstream is held back for 40 ms. Two requests are answered; after a
    third the upstream closes with linger zero.
    """
    lab.bump.add(rules.delay(rules.Match(direction="back"), 0.04))
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.01))
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    connection = lab.client.connect(bad.address)
    connection.send(behaviours.get("/c")).receive_all(2)
    clocks = {"upstream": Clock(-OFF, 0.022)}
    lab.correlate("client", "upstream", lost=[], clocks=clocks, findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(connection, "tcp.reset_before_response", "responder", born=born)


@scenario(
    "icmp.unreachable-points-host-rejects-nat",
    "The upstream's own firewall answers by ICMP, which a NAT translates on its way to the client",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=("icmp", "path"),
)
def host_rejects_icmp(lab: Lab) -> None:
    """The router masquerades; iptables INPUT on the upstream rejects port 9443 with
    icmp-port-unreachable; port 8080 works. Nothing is lost on the path.
    """
    nat.masquerade(lab.router)
    rule = "-A INPUT -p tcp --dport 9443 -j REJECT --reject-with icmp-port-unreachable"
    lab.upstream.iptables(rule)
    works(lab, 8080)
    refused = lab.client.connect((lab.upstream.ip, 9443))
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(refused, "icmp.unreachable", "responder")
