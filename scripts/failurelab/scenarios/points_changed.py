"""What a path changes between two points: sequence numbers, MSS, options, ECN and DSCP."""

from __future__ import annotations

import socket
from dataclasses import replace

from failurelab import behaviours, nat, rules, transform
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenarios.points_nat import NOTHING_LOST, OFF, ask
from failurelab.scenes import accepted
from failurelab.truth import Accepted, Lost

_LAYERS = ("tcp", "path")
_SHIFT = 0x5EC0DE01
"""What the firewall adds to the initiator's sequence numbers (mod 2**32)."""
PAGE = behaviours.reply(b"<p>price</p>" * 800)
_DSCP_AF41 = (socket.IPPROTO_IP, socket.IP_TOS, 0x88)


@scenario(
    "tcp.reset_before_response-points-renumbered",
    "A firewall that randomises sequence numbers stands between, and a NAT: the upstream resets",
    bump="client-router",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def renumbered(lab: Lab) -> None:
    """The bump adds a number to the client's sequence numbers and takes it from ACK and SACK of the
    upstream; the router masquerades with random ports. Two requests on one connection are
    answered; a third, on another, is read and the socket closed with linger zero.
    """
    nat.masquerade(lab.router)
    lab.bump.add(rules.renumber(_SHIFT))
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    fine = lab.client.connect(good.address)
    ask(lab, fine, "/a", close=False)
    ask(lab, fine, "/b")
    lab.healthy(fine, also=accepted(lab, good, 0))
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/c")).receive_all(2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(
        cut,
        "tcp.reset_before_response",
        "responder",
        also=accepted(lab, bad, 0),
        born={"responder": "responder"},
    )


@scenario(
    "healthy-points-renumbered-upload",
    "Sequence numbers rewritten between the points, in SACK too: an upload with repaired loss",
    bump="client-router",
    points=("client", Point("upstream", clock_shift=-OFF)),
    layers=_LAYERS,
    kept_apart=True,
)
def renumbered_upload(lab: Lab) -> None:
    """The bump adds a number to the client's sequence numbers and takes it from ACK
    and SACK of the upstream. It drops the second and the fourth data segment; SACK has them
    repeated. Two uploads of ten kilobytes are answered. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    for nth in (2, 4):
        late = rules.Match(direction="forward", data=True, first=nth, times=1)
        lab.bump.add(rules.drop(late))
    lab.bump.add(rules.renumber(_SHIFT))

    def handle(connection: Connection) -> None:
        for _ in range(2):
            connection.receive(10_000)
            connection.send(behaviours.reply())
        connection.receive_all(2)
        connection.close()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    for letter in (b"a", b"b"):
        connection.send(letter * 10_000).receive_until()
        lab.sleep(0.05)
    connection.close()
    lab.sleep(0.1)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 2, 2)])
    lab.healthy(connection, also=accepted(lab, server, 0))


@scenario(
    "healthy-points-clamped-and-bleached",
    "A router clamps the MSS, strips options, clears ECN and DSCP: changed, and nothing lost",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def clamped(lab: Lab) -> None:
    """On the router: TCPMSS 1200, TCPOPTSTRIP of timestamps and SACK permission on SYNs, ECN bits
    of TCP removed, DSCP set to 0. The client asks for ECN and marks AF41. Two downloads of ten
    kilobytes work.
    """
    for host in (lab.client, lab.upstream):
        host.sysctl("net.ipv4.tcp_ecn", 1)
    chain = "-t mangle -A FORWARD -p tcp"
    syns = "--tcp-flags SYN SYN"
    lab.router.iptables(f"{chain} {syns} -j TCPMSS --set-mss 1200")
    strip = "-j TCPOPTSTRIP --strip-options timestamp,sack-permitted"
    lab.router.iptables(f"{chain} {syns} {strip}")
    lab.router.iptables("-t mangle -A PREROUTING -p tcp -j ECN --ecn-tcp-remove")
    lab.router.iptables("-t mangle -A POSTROUTING -p tcp -j DSCP --set-dscp 0")
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    for _ in range(2):
        connection = lab.client.connect(server.address, options=[_DSCP_AF41])
        connection.send(behaviours.get("/price")).receive(len(PAGE))
        connection.close()
        lab.sleep(0.1)
        lab.healthy(connection)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)


@scenario(
    "tcp.reset_in_response-points-clamped-nat",
    "Behind a NAT that clamps the MSS and strips timestamps the upstream resets in the response",
    points=(Point("client", clock_shift=12.5), "upstream"),
    layers=_LAYERS,
)
def clamped_nat(lab: Lab) -> None:
    """The router masquerades, clamps the MSS to 1360 and strips timestamps; the upstream marks its
    packets, and the router sets DSCP to 0. The upstream sends 5000 of 9000 bytes and closes with
    linger zero; a download works before.
    """
    nat.masquerade(lab.router)
    chain = "-t mangle -A FORWARD -p tcp --tcp-flags SYN SYN"
    lab.router.iptables(f"{chain} -j TCPMSS --set-mss 1360")
    lab.router.iptables(f"{chain} -j TCPOPTSTRIP --strip-options timestamp")
    lab.upstream.iptables("-t mangle -A POSTROUTING -p tcp -j DSCP --set-dscp-class EF")
    lab.router.iptables("-t mangle -A POSTROUTING -p tcp -j DSCP --set-dscp 0")
    good = lab.upstream.serve(8080, behaviours.answer(PAGE))
    handler = behaviours.half_response(reset=True, length=9000, sent=5000)
    bad = lab.upstream.serve(8081, handler)
    fine = lab.client.connect(good.address)
    fine.send(behaviours.get("/price")).receive(len(PAGE))
    fine.close()
    lab.healthy(fine)
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/report")).receive_all(2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(cut, "tcp.reset_in_response", "responder", born=born)


_INSIDE = Point("router", nat.CLIENT_SIDE, name="fw-inside")
_OUTSIDE = Point("router", nat.UPSTREAM_SIDE, name="fw-outside", clock_shift=OFF)


@scenario(
    "tcp.injected_reset-points-inside-outside",
    "A firewall captured on both its sides: it cut a connection in use itself",
    points=(_INSIDE, replace(_OUTSIDE, can_tell=False)),
    layers=_LAYERS,
)
def inside_outside(lab: Lab) -> None:
    """The router masquerades. Requests every 50 ms; then it gets a rule that rejects the port with
    tcp-reset. The next request is answered by a RST that is on its inner side only.
    """
    nat.masquerade(lab.router)
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    for nth in range(4):
        ask(lab, connection, f"/{nth}", close=False)
    lab.router.iptables("-I FORWARD -p tcp --dport 8080 -j REJECT --reject-with tcp-reset")
    connection.send(behaviours.get("/4")).receive_all(2)
    lab.sleep(0.1)
    lab.correlate("fw-inside", "fw-outside", lost=[Lost("fw-inside", "fw-outside", 1, 1)])
    codes = ["tcp.injected_reset", "tcp.reset_before_response", "tcp.state_lost"]
    at = {"correlate": Accepted(codes, ["path"])}
    lab.judge(connection, codes, ["path", "unknown"], at=at, born={"responder": "path"})


@scenario(
    "tcp.reset_before_response-points-inside-outside",
    "A firewall captured on both its sides: it only passed the upstream's reset on",
    points=(_INSIDE, _OUTSIDE),
    layers=_LAYERS,
)
def passed_on(lab: Lab) -> None:
    """The router masquerades. Two requests are answered, a third is read by the upstream and its
    socket closed with linger zero.
    """
    nat.masquerade(lab.router)
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/c")).receive_all(2)
    lab.correlate("fw-inside", "fw-outside", lost=[], findings=NOTHING_LOST)
    at = {"correlate": Accepted(sides=["responder", "unknown"])}
    lab.judge(cut, "tcp.reset_before_response", "responder", at=at)


@scenario(
    "tcp.reset_before_response-points-reused-ports",
    "The same ports five times, equal requests, a clock 37 s off: which one was reset?",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def reused_ports(lab: Lab) -> None:
    """Five connections from one port of the client, each closed with linger zero after its answer
    and used again 0.1 s later; the upstream resets the fourth after its request.
    """

    def handle(connection: Connection) -> None:
        connection.receive_until()
        if len(server.accepted) == 4:
            connection.reset()
            return
        connection.send(behaviours.reply())
        connection.receive_all(1)
        connection.close()

    server = lab.upstream.serve(8080, handle)
    for nth in range(5):
        connection = lab.client.connect(server.address, port=40404)
        connection.occurrence = nth
        connection.send(behaviours.get("/same")).receive_until()
        connection.reset()
        lab.sleep(0.1)
        if nth == 3:
            born = {"responder": "responder"}
            lab.judge(connection, "tcp.reset_before_response", "responder", born=born)
        else:
            lab.healthy(connection)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)


@scenario(
    "tcp.reset_before_response-points-mirrored",
    "The upstream's side from a mirror port that delivers each packet twice, once with a VLAN tag",
    points=(
        "client",
        Point("upstream", clock_shift=-OFF, change=transform.mirror(vlan=200, ttl_less=1)),
    ),
    layers=("tcp", "capture", "path"),
)
def mirrored(lab: Lab) -> None:
    """Two requests are answered, a third is read and the socket closed with linger zero."""
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/c")).receive_all(2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(cut, "tcp.reset_before_response", "responder", born=born)


@scenario(
    "healthy-points-ecn-bleached",
    "A router clears the ECN bits of IP: negotiated by both ends, and gone on the way",
    points=("client", Point("upstream", clock_shift=OFF)),
    layers=_LAYERS,
)
def ecn_bleached(lab: Lab) -> None:
    """Both ends use ECN; the router sets the whole TOS byte to 0. Two downloads of ten kilobytes
    work.
    """
    for host in (lab.client, lab.upstream):
        host.sysctl("net.ipv4.tcp_ecn", 1)
    lab.router.iptables("-t mangle -A POSTROUTING -p tcp -j TOS --set-tos 0x00/0xff")
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    for _ in range(2):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/price")).receive(len(PAGE))
        connection.close()
        lab.sleep(0.1)
        lab.healthy(connection)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
