"""Healthy connections over a path that is not: loss, reordering, duplicates, MTU, soft errors."""

from __future__ import annotations

import socket

from failurelab import behaviours, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenes import every

ZIPPED = (Point("client", gzip=True),)
COMPLETE = ("capture.dropped", "capture.duplicates")
"""What the path did may not be blamed on the capture."""


def _download(lab: Lab, size: int, *, chunk: bytes = b"0123456789abcdef") -> None:
    """One GET of `size` bytes of body, read whole; then the client closes."""
    body = (chunk * (size // len(chunk) + 1))[:size]
    data = behaviours.reply(body)
    server = lab.upstream.serve(8080, behaviours.answer(data))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive(len(data), timeout=20)
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)
    lab.findings.forbidden = list(COMPLETE)


@scenario(
    "healthy-loss-1-percent",
    "A download over a path that loses one packet in a hundred",
    points=ZIPPED,
    bump="router-upstream",
)
def loss_1(lab: Lab) -> None:
    """The bump drops every 80th data segment towards the client; round trip 10 ms, 300 kB."""
    lab.bump.delay = 0.005
    lab.bump.add(rules.drop(rules.Match(direction="back", data=True, test=every(80))))
    _download(lab, 300_000)


@scenario(
    "healthy-loss-3-percent",
    "A download over a path that loses three packets in a hundred, both ways",
    points=(Point("client", gzip=True), Point("upstream", gzip=True)),
    bump="router-upstream",
)
def loss_3(lab: Lab) -> None:
    """The bump drops every 33rd TCP packet, but no SYN; round trip 10 ms, 150 kB."""
    lab.bump.delay = 0.005
    lab.bump.add(rules.drop(rules.Match(test=every(33))))
    _download(lab, 150_000)


@scenario(
    "healthy-loss-10-percent",
    "A download over a path that loses every tenth data segment",
    points=ZIPPED,
    bump="router-upstream",
)
def loss_10(lab: Lab) -> None:
    """The bump drops every tenth data segment towards the client; round trip 10 ms, 100 kB."""
    lab.bump.delay = 0.005
    lab.bump.add(rules.drop(rules.Match(direction="back", data=True, test=every(10))))
    _download(lab, 100_000)


@scenario(
    "healthy-loss-of-the-tail",
    "The last segment of a response is lost once and repeated",
    points=("client", Point("upstream")),
    bump="router-upstream",
)
def tail_loss(lab: Lab) -> None:
    """The bump drops the end of the answer and its first repetition; round trip 10 ms."""
    lab.bump.delay = 0.005
    last = rules.Match(direction="back", contains=b"END-OF-REPORT", times=2)
    lab.bump.add(rules.drop(last))
    body = behaviours.reply(b"line\n" * 700 + b"END-OF-REPORT")
    server = lab.upstream.serve(8080, behaviours.answer(body))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive(len(body))
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)


@scenario(
    "healthy-lost-request",
    "The request is lost twice and delivered the third time",
    points=("client", Point("upstream")),
    bump="client-router",
)
def lost_request(lab: Lab) -> None:
    """The bump drops the request's segment twice; the answer comes after the third."""
    lab.bump.add(rules.drop(rules.Match(direction="forward", data=True, times=2)))
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_until()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-lost-syn-twice",
    "Two SYNs are lost, the third is answered",
    points=("client", Point("upstream")),
    bump="client-router",
)
def lost_syns(lab: Lab) -> None:
    """The bump drops the first two SYNs."""
    lab.bump.add(rules.drop(rules.Match(flags="S", times=2)))
    _exchange(lab)


@scenario(
    "healthy-lost-syn_ack",
    "The first SYN-ACK is lost, the handshake goes on a second later",
    points=("client", Point("upstream")),
    bump="client-router",
)
def lost_syn_ack(lab: Lab) -> None:
    """The bump drops the first SYN-ACK; SYN and SYN-ACK are repeated."""
    lab.bump.add(rules.drop(rules.Match(flags="SA", times=1)))
    _exchange(lab)


@scenario(
    "healthy-lost-final-ack",
    "The ACK of the handshake is lost, the request stands in for it",
    points=("client", Point("upstream")),
    bump="client-router",
)
def lost_final_ack(lab: Lab) -> None:
    """The bump drops the client's first bare ACK."""
    first = rules.Match(direction="forward", flags="A", data=False, times=1)
    lab.bump.add(rules.drop(first))
    _exchange(lab)


@scenario(
    "healthy-lost-fin",
    "The closing FIN is lost twice",
    bump="client-router",
)
def lost_fin(lab: Lab) -> None:
    """The bump drops the client's FIN twice."""
    lab.bump.add(rules.drop(rules.Match(direction="forward", any_flags="F", times=2)))
    _exchange(lab, after=1.2)


def _exchange(lab: Lab, after: float = 0.2) -> None:
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_until()
    connection.close()
    lab.sleep(after)
    lab.healthy(connection)
    lab.findings.forbidden = list(COMPLETE)


@scenario(
    "healthy-reordering",
    "A path that lets every seventh segment be overtaken",
    points=ZIPPED,
    bump="router-upstream",
)
def reordering(lab: Lab) -> None:
    """The bump holds about 15 % of the data segments towards the client back by 3 ms; round
    trip 10 ms, 100 kB.
    """
    lab.bump.delay = 0.005
    held = rules.Match(direction="back", data=True, probability=0.15)
    lab.bump.add(rules.delay(held, 0.003))
    _download(lab, 100_000)


@scenario(
    "healthy-duplicates-on-the-path",
    "A path that delivers many packets twice: the receiver answers with DSACK",
    points=(Point("client", gzip=True), Point("upstream", gzip=True)),
    bump="router-upstream",
)
def duplicated(lab: Lab) -> None:
    """The bump delivers a fifth of the data segments towards the client twice, at once; round
    trip 4 ms, 60 kB.
    """
    lab.bump.delay = 0.002
    twice = rules.Match(direction="back", data=True, probability=0.2)
    lab.bump.add(rules.duplicate(twice))
    _download(lab, 60_000)


@scenario(
    "healthy-delay-spike",
    "A path that stalls for 0.6 s: needless retransmissions, answered by DSACK",
    bump="router-upstream",
)
def delay_spike(lab: Lab) -> None:
    """The bump holds the request, its repetitions and all that follows for 0.6 s each; after
    one second it no longer does.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/warm")).receive_until()
    lab.bump.add(rules.delay(rules.Match(direction="forward"), 0.6))
    connection.send(behaviours.get("/cart")).receive_until()
    lab.bump.clear()
    lab.sleep(0.7)
    connection.send(behaviours.get("/pay")).receive_until()
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)


def _upload(lab: Lab, size: int, wait: float = 10) -> None:
    """A POST of `size` bytes that is answered when it is complete."""
    head = f"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {size}\r\n\r\n"

    def take(connection: Connection) -> None:
        connection.receive(len(head) + size, timeout=20)
        connection.send(behaviours.reply(b"stored\n", "201 Created"))
        connection.receive_all()
        connection.close()

    server = lab.upstream.serve(8080, take)
    connection = lab.client.connect(server.address)
    connection.send(head.encode() + b"row;" * (size // 4)).receive_until(timeout=wait)
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)


@scenario(
    "healthy-path-mtu-discovery",
    "A router says packet too big, the client sends smaller segments",
    layers=("mtu", "tcp"),
)
def path_mtu(lab: Lab) -> None:
    """The router's link towards the upstream has an MTU of 1300; the client uploads 9 kB."""
    lab.router.run("ip link set eth1 mtu 1300")
    _upload(lab, 9000)


@scenario(
    "healthy-path-mtu-discovery-ipv6",
    "The same with IPv6: ICMPv6 packet too big, then smaller segments",
    family=6,
    layers=("mtu", "tcp"),
)
def path_mtu_6(lab: Lab) -> None:
    """The router's link towards the upstream has an MTU of 1380; the client uploads 9 kB."""
    lab.router.run("ip link set eth1 mtu 1380")
    _upload(lab, 9000)


@scenario(
    "healthy-path-mtu-response",
    "The server's large response meets packet too big, and is sent again in smaller segments",
    points=(Point("upstream"), Point("client")),
    layers=("mtu", "tcp"),
)
def path_mtu_response(lab: Lab) -> None:
    """The router's link towards the client has an MTU of 1400; a download of 9 kB."""
    lab.router.run("ip link set eth0 mtu 1400")
    _download(lab, 9000)


@scenario(
    "healthy-mtu-probing-cure",
    "A black hole for large packets, cured by the sender's own probing",
    points=ZIPPED,
    bump="router-upstream",
    layers=("mtu", "tcp"),
)
def mtu_probing(lab: Lab) -> None:
    """Nothing above 1300 bytes passes towards the upstream, silently; the client has
    tcp_mtu_probing=1 and after some timeouts sends segments of 1024 bytes.
    """
    lab.client.sysctl("net.ipv4.tcp_mtu_probing", 1)
    lab.bump.add(rules.mtu(1300, direction="forward"))
    _upload(lab, 12_000, wait=30)


@scenario(
    "healthy-mss-clamped",
    "A router clamps the MSS, so that nothing is too big",
    layers=("mtu", "tcp"),
)
def mss_clamped(lab: Lab) -> None:
    """The router sets the MSS of every SYN to 1200 and has an MTU of 1240 behind it."""
    lab.router.run("ip link set eth1 mtu 1240")
    lab.router.iptables("-t mangle -A FORWARD -p tcp --syn -j TCPMSS --set-mss 1200")
    lab.router.iptables("-t mangle -A FORWARD -p tcp --tcp-flags SYN,ACK SYN,ACK "
                        "-j TCPMSS --set-mss 1200")  # fmt: skip
    _upload(lab, 9000)


@scenario(
    "healthy-icmp-soft-error",
    "ICMP host unreachable on an established connection, which then goes on",
    layers=("icmp", "tcp"),
)
def soft_error(lab: Lab) -> None:
    """For 0.9 s the router rejects the request's segments with host unreachable; the client's
    kernel takes it as a soft error and repeats them, and the request is served.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/warm")).receive_until()
    rule = "FORWARD -p tcp --dport 8080 -j REJECT --reject-with icmp-host-unreachable"
    lab.router.iptables(f"-I {rule}")
    connection.send(behaviours.get("/cart"))
    lab.sleep(0.9)
    lab.router.iptables(f"-D {rule}")
    connection.receive_until()
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)


@scenario(
    "healthy-icmp-soft-error-ipv6",
    "ICMPv6 no route on an established connection, which then goes on",
    family=6,
    layers=("icmp", "tcp"),
)
def soft_error_6(lab: Lab) -> None:
    """For 0.9 s the router has an unreachable route to the upstream; then the request is served."""
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/warm")).receive_until()
    lab.router.run(f"ip -6 route add unreachable {lab.upstream.ip}/128")
    connection.send(behaviours.get("/cart"))
    lab.sleep(0.9)
    lab.router.run(f"ip -6 route del unreachable {lab.upstream.ip}/128")
    connection.receive_until()
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)


@scenario(
    "healthy-happy-eyeballs",
    "IPv6 is lost on the path; curl goes on with IPv4 after 0.2 s and has its answer",
    family=46,
    layers=("tcp", "path"),
)
def happy_eyeballs(lab: Lab) -> None:
    """The router drops IPv6 towards the upstream; curl tries both families of one name."""
    lab.sleep(2)  # the router answers neighbour solicitations only after a while
    lab.router.run("ip6tables -A FORWARD -p tcp --dport 8080 -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer())
    lab.upstream.serve(8080, behaviours.answer(), ip=lab.upstream.ip6)
    lab.used("curl")
    both = f"shop.example:8080:[{lab.upstream.ip6}],{lab.upstream.ip}"
    lab.client.curl("--resolve", both, "http://shop.example:8080/")
    lab.healthy(lab.leg(lab.upstream, server.address[1]))
    lost = lab.leg(lab.upstream.ip6, 8080)
    lab.judge(lost, ["ok", "capture.partial"], "unknown", party="unknown")


@scenario("healthy-fast-open", "Data in the SYN: TCP Fast Open")
def fast_open(lab: Lab) -> None:
    """Both ends have tcp_fastopen=3; the first connection gets a cookie, the second sends its
    request in the SYN and is answered.
    """
    for host in (lab.client, lab.upstream):
        host.sysctl("net.ipv4.tcp_fastopen", 3)
    server = lab.upstream.listen(8080)
    server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    for path in ("/first", "/second"):
        made = lab.client.socket(lab.upstream.ip)
        made.setblocking(True)
        made.sendto(behaviours.get(path), socket.MSG_FASTOPEN, server.address)
        taken = server.accept()
        taken.receive_until()
        taken.send(behaviours.reply())
        made.recv(500)
        made.close()
        lab.sleep(0.1)
        taken.close()
        lab.healthy(taken)
