"""How captures are stored and what the card or the kernel did to them first."""

from __future__ import annotations

import socket

from failurelab import behaviours, envoy, rules, transform
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

PAGE = behaviours.reply(b"<p>price</p>" * 250)


def _keepalive(lab: Lab, *, pause: float = 0.02, ip: str | None = None) -> Connection:
    server = lab.upstream.serve(8080, behaviours.answer(PAGE), ip=ip)
    connection = lab.client.connect(server.address)
    for path in ("/", "/price", "/list"):
        connection.send(behaviours.get(path)).receive(len(PAGE))
        lab.sleep(pause)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)
    return connection


def _reset(lab: Lab) -> None:
    server = lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


def _injected(lab: Lab) -> None:
    """RSTs (TTL 128, IP ID 4242) to both ends in mid transfer; round trip 20 ms."""
    lab.bump.delay = 0.01
    server = lab.upstream.serve(80, behaviours.slow(0, behaviours.reply(b"x" * 9000)))
    late = rules.Match(direction="back", data=True, first=3, times=1)
    lab.bump.add(rules.forge_reset(late, Forge(ttl=128, ip_id=4242, flags="R")))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive_all()
    lab.judge(connection, "tcp.injected_reset", "path")


# offload


def _offloaded(lab: Lab) -> None:
    data = behaviours.reply(b"0123456789abcdef" * 10_000)
    server = lab.upstream.serve(8080, behaviours.answer(data))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive(len(data))
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)
    lab.findings.forbidden = ["path.mtu", "path.loss"]


@scenario(
    "capture-super-segments",
    "Segmentation offload: segments far larger than the MTU, wrong checksums",
    offload=("client", "router", "upstream"),
    points=(Point("upstream", gzip=True), Point("client", gzip=True)),
)
def super_segments(lab: Lab) -> None:
    """A download of 160 kB with TSO, GSO, GRO and checksum offload left on everywhere."""
    _offloaded(lab)


@scenario(
    "capture-super-segments-any-router",
    "Super-segments on a router that captures -i any: twice, and coalesced in between",
    offload=("client", "router", "upstream"),
    points=(Point("router", "any", gzip=True),),
)
def super_segments_any(lab: Lab) -> None:
    """A download of 160 kB with all offload on; the router captures -i any."""
    _offloaded(lab)


@scenario(
    "tcp.reset_in_response-super-segments",
    "A reset in the middle of a response that was sent in super-segments",
    offload=("client", "router", "upstream"),
    points=(Point("upstream", gzip=True), Point("client", gzip=True)),
    layers=("tcp", "capture"),
)
def super_segments_reset(lab: Lab) -> None:
    """The server promises 200 kB, sends 90 kB and resets; all offload on."""
    handler = behaviours.half_response(reset=True, length=200_000, sent=90_000)
    server = lab.upstream.serve(8080, handler)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive_all()
    lab.judge(connection, "tcp.reset_in_response", "responder", ended_by=["responder"])


@scenario(
    "capture-bad-checksums",
    "Checksums left to the card: every packet that the host sends looks damaged",
    offload=("client",),
    points=(Point("client"),),
)
def bad_checksums(lab: Lab) -> None:
    """Three requests on a kept connection, with checksum offload at the client."""
    _keepalive(lab)


@scenario(
    "tcp.connection_refused-bad-checksums",
    "A refused connection where both ends' checksums are left to the card",
    offload=("client", "upstream"),
    points=(Point("client"), Point("upstream")),
    layers=("tcp", "capture"),
)
def bad_checksums_refused(lab: Lab) -> None:
    """Nothing listens on the port."""
    connection = lab.client.connect((lab.upstream.ip, 8443))
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


# formats


@scenario(
    "capture-nanoseconds",
    "Nanosecond timestamps",
    points=(Point("client", nanoseconds=True),),
)
def nanoseconds(lab: Lab) -> None:
    """Three requests, in a nanosecond pcap file."""
    _keepalive(lab)


@scenario(
    "tcp.injected_reset-nanoseconds",
    "Forged RSTs in a nanosecond capture",
    bump="client-router",
    points=(Point("client", nanoseconds=True),),
    layers=("tcp", "capture"),
)
def nanoseconds_injected(lab: Lab) -> None:
    """A device sends RSTs with TTL 128 and IP ID 4242 to both ends in mid transfer."""
    _injected(lab)


@scenario(
    "tcp.injected_reset-pcapng",
    "Forged RSTs in a pcapng file with nanosecond timestamps",
    bump="client-router",
    points=(Point("client", format="pcapng"),),
    layers=("tcp", "capture"),
)
def pcapng_injected(lab: Lab) -> None:
    """A device sends RSTs with TTL 128 and IP ID 4242 to both ends in mid transfer."""
    _injected(lab)


@scenario(
    "capture-pcapng-two-interfaces",
    "dumpcap on both interfaces of a proxy: batches of each, out of time order",
    path=PROXIED,
    points=(Point("proxy", "eth0 eth1", format="pcapng"),),
    layers=("capture", "http"),
)
def two_interfaces(lab: Lab) -> None:
    """Envoy answers eight requests by curl; one pcapng file with two interfaces."""
    lab.upstream.serve(9000, behaviours.answer(PAGE))
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    lab.used("curl")
    base = f"http://{lab.proxy.ip}:8080"
    lab.client.curl("-o", "/dev/null", *[f"{base}/{n}" for n in range(8)])
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))
    lab.findings.forbidden = ["capture.clock", "capture.dropped", "path.loss"]


@scenario(
    "http.local_reply-pcapng-two-interfaces",
    "Envoy's 503 for a refused upstream, in a pcapng file of two interfaces",
    path=PROXIED,
    points=(Point("proxy", "eth0 eth1", format="pcapng"),),
    layers=("http", "capture"),
)
def two_interfaces_refused(lab: Lab) -> None:
    """Envoy's cluster points to a port where nothing listens; curl asks Envoy."""
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    lab.used("curl")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/checkout")
    refused = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=refused)
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])
    lab.findings.forbidden = ["capture.clock"]


@scenario(
    "capture-pcapng-router",
    "dumpcap on both interfaces of a router: each packet twice, in batches",
    points=(Point("router", "eth0 eth1", format="pcapng"),),
)
def two_interfaces_router(lab: Lab) -> None:
    """Three requests through a router; one pcapng file with two interfaces."""
    _keepalive(lab)
    lab.findings.expected = ["capture.duplicates"]
    lab.findings.forbidden = ["capture.clock", "path.loss"]


@scenario(
    "capture-rotated-by-packets",
    "A connection that goes on through several files",
    points=(Point("client", rotate_packets=8),),
)
def rotated(lab: Lab) -> None:
    """Three requests; dumpcap begins a new file after eight packets."""
    _keepalive(lab)


@scenario(
    "capture-rotated-by-time",
    "tcpdump -G 1: a new file each second, a connection through all of them",
    points=(Point("client", arguments=("-G", "1")),),
)
def rotated_time(lab: Lab) -> None:
    """Three requests, 1.1 s apart."""
    _keepalive(lab, pause=1.1)


@scenario(
    "tcp.reset_before_response-rotated-by-time",
    "A reset in another file than the request",
    points=(Point("client", arguments=("-G", "1")),),
    layers=("tcp", "capture"),
)
def rotated_reset(lab: Lab) -> None:
    """The server closes with linger zero 1.6 s after the request; tcpdump -G 1."""
    server = lab.upstream.serve(9000, behaviours.reset_after_request(1.6))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


@scenario(
    "capture-rotated-ring",
    "tcpdump -C -W: a ring of two files whose first part was overwritten",
    bump="router-upstream",
    points=(Point("client", gzip=True, arguments=("-C", "1", "-W", "2")),),
)
def ring(lab: Lab) -> None:
    """A download of 3 MB in which the ring (two files of 1 MB) wraps; then a good request. The
    files' names do not tell which is older.
    """
    data = behaviours.reply(bytes(3_000_000))
    server = lab.upstream.serve(8080, behaviours.answer(data))
    lab.bump.delay = 0.001
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/image")).receive(len(data), timeout=20)
    connection.close()
    lab.sleep(0.1)
    lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
    second = lab.upstream.serve(8081, behaviours.answer(PAGE))
    after = lab.client.connect(second.address)
    after.send(behaviours.get("/")).receive(len(PAGE))
    after.close()
    lab.sleep(0.1)
    lab.healthy(after)


@scenario(
    "capture-gzip",
    "A capture compressed by gzip",
    points=(Point("client", gzip=True), Point("upstream", format="pcapng", gzip=True)),
)
def gzipped(lab: Lab) -> None:
    """Three requests."""
    _keepalive(lab)


# link types


@scenario(
    "capture-loopback",
    "Client and server on one host: lo as Ethernet, and in -i any",
    points=(Point("upstream", "lo", name="lo"), Point("upstream", "any", name="any")),
)
def loopback(lab: Lab) -> None:
    """Three requests to 127.0.0.1."""
    server = lab.upstream.serve(8080, behaviours.answer(PAGE), ip="127.0.0.1")
    connection = lab.upstream.connect(server.address)
    for path in ("/", "/price", "/list"):
        connection.send(behaviours.get(path)).receive(len(PAGE))
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "tcp.connection_refused-loopback",
    "A refused connection on the loopback interface",
    points=(Point("upstream", "lo", name="lo"), Point("upstream", "any", name="any")),
    layers=("tcp", "capture"),
)
def loopback_refused(lab: Lab) -> None:
    """Nothing listens on the port of 127.0.0.1."""
    connection = lab.upstream.connect(("127.0.0.1", 8443))
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "capture-nflog",
    "Packets from iptables -j NFLOG: bare IP in netfilter records",
    points=(Point("router", "nflog:5", name="nflog"),),
)
def nflog(lab: Lab) -> None:
    """The router logs what it forwards to NFLOG group 5; three requests."""
    lab.router.iptables("-A FORWARD -p tcp -j NFLOG --nflog-group 5")
    _keepalive(lab)
    lab.sleep(1.5)  # the kernel hands them over in batches


@scenario(
    "tcp.reset_before_response-nflog",
    "A reset before the response in an NFLOG capture",
    points=(Point("router", "nflog:5", name="nflog"),),
    layers=("tcp", "capture"),
)
def nflog_reset(lab: Lab) -> None:
    """The server closes with linger zero after the request; the router logs to NFLOG."""
    lab.router.iptables("-A FORWARD -p tcp -j NFLOG --nflog-group 5")
    _reset(lab)
    lab.sleep(1.5)  # the kernel hands them over in batches


@scenario(
    "capture-link-null",
    "Link type NULL, as BSD and macOS write it for lo0",
    points=(Point("client", change=transform.relink(0, b"\2\0\0\0", b"\x1e\0\0\0", "NULL")),),
)
def link_null(lab: Lab) -> None:
    """Three requests; the link headers are replaced afterwards."""
    _keepalive(lab)


@scenario(
    "capture-link-loop",
    "Link type LOOP, as OpenBSD writes it",
    points=(Point("client", change=transform.relink(108, b"\0\0\0\2", b"\0\0\0\x18", "LOOP")),),
)
def link_loop(lab: Lab) -> None:
    """Three requests; the link headers are replaced afterwards."""
    _keepalive(lab)


@scenario(
    "tcp.reset_before_response-link-ppp",
    "A reset before the response, link type PPP",
    points=(
        Point("client", change=transform.relink(9, b"\xff\3\0\x21", b"\xff\3\0\x57", "PPP")),
    ),
    layers=("tcp", "capture"),
)
def link_ppp(lab: Lab) -> None:
    """The server closes with linger zero after the request; link headers replaced afterwards."""
    _reset(lab)


@scenario(
    "tcp.connection_refused-link-raw",
    "A refused connection, raw IP without a link header",
    points=(Point("client", change=transform.relink(101, b"", b"", "no")),),
    layers=("tcp", "capture"),
)
def link_raw(lab: Lab) -> None:
    """Nothing listens on the port; link headers taken off afterwards."""
    connection = lab.client.connect((lab.upstream.ip, 8443))
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


# IP


@scenario(
    "capture-ip-fragments",
    "TCP segments in IP fragments",
    points=(Point("client", gzip=True), Point("upstream", gzip=True)),
)
def fragments(lab: Lab) -> None:
    """The upstream does not set DF (ip_no_pmtu_disc), the router's link to the client has an MTU
    of 900: each large segment arrives in two fragments.
    """
    lab.upstream.sysctl("net.ipv4.ip_no_pmtu_disc", 1)
    lab.router.run("ip link set eth0 mtu 900")
    _keepalive(lab)


@scenario(
    "tcp.reset_in_response-ip-fragments",
    "A reset in the middle of a response that arrives in fragments",
    points=(Point("client", gzip=True),),
    layers=("tcp", "capture"),
)
def fragments_reset(lab: Lab) -> None:
    """As above; the server promises 9000 bytes, sends 5000 and resets."""
    lab.upstream.sysctl("net.ipv4.ip_no_pmtu_disc", 1)
    lab.router.run("ip link set eth0 mtu 900")
    handler = behaviours.half_response(reset=True, length=9000, sent=5000)
    server = lab.upstream.serve(8080, handler)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive_all()
    lab.judge(connection, "tcp.reset_in_response", "responder", ended_by=["responder"])


_PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])
EXTENSIONS = (
    (socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, _PADDING),
    (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, _PADDING),
)


@scenario(
    "capture-ipv6-extension-headers",
    "IPv6 with hop-by-hop and destination options before TCP",
    family=6,
)
def extension_headers(lab: Lab) -> None:
    """The client's socket adds both headers to every packet; three requests."""
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    connection = lab.client.connect(server.address, options=EXTENSIONS)
    for path in ("/", "/price", "/list"):
        connection.send(behaviours.get(path)).receive(len(PAGE))
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "tcp.connection_refused-ipv6-extension-headers",
    "A refused connection whose SYN carries IPv6 extension headers",
    family=6,
    layers=("tcp", "capture"),
)
def extension_headers_refused(lab: Lab) -> None:
    """Nothing listens on the port; hop-by-hop and destination options in the SYN."""
    connection = lab.client.connect((lab.upstream.ip, 8443), options=EXTENSIONS)
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


# time


@scenario(
    "capture-clock-steps-back",
    "The clock of the capturing host is set back by 40 s in the middle",
    points=(Point("client", change=transform.step_clock(-40)),),
)
def clock_back(lab: Lab) -> None:
    """Three requests on a kept connection; the step is made afterwards."""
    _keepalive(lab)
    lab.findings.expected = ["capture.clock"]


@scenario(
    "capture-clock-steps-forward",
    "The clock of the capturing host is set forward by an hour in the middle",
    points=(Point("client", change=transform.step_clock(3600, at=0.45)),),
)
def clock_forward(lab: Lab) -> None:
    """Three requests on a kept connection; the step is made afterwards."""
    _keepalive(lab)


@scenario(
    "tcp.reset_before_response-clock-steps-back",
    "A reset before the response, the clock set back between request and RST",
    points=(Point("client", filter="tcp", change=transform.step_clock(-2, at=0.9)),),
    layers=("tcp", "capture"),
)
def clock_back_reset(lab: Lab) -> None:
    """The server closes with linger zero after the request; the step is made afterwards."""
    _reset(lab)
    lab.findings.expected = ["capture.clock"]


@scenario(
    "capture-slight-disorder",
    "Records written out of order by up to 300 microseconds, as several queues do",
    points=(Point("client", gzip=True, change=transform.disorder(300)),),
)
def slight_disorder(lab: Lab) -> None:
    """A download of 60 kB with a round trip of 2 ms; the order is changed afterwards."""
    data = behaviours.reply(b"0123456789abcdef" * 3750)
    server = lab.upstream.serve(8080, behaviours.answer(data))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive(len(data))
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)
    lab.findings.forbidden = ["capture.clock", "path.loss"]


# two points as one


def _mixed(lab: Lab) -> None:
    server = lab.upstream.serve(8080, behaviours.answer(PAGE))
    for _ in range(3):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/price")).receive(len(PAGE))
        connection.close()
        lab.sleep(0.05)
        lab.judge(connection, ["ok", "capture.partial"], "unknown", party="unknown")
    lab.mix("client", "upstream")
    lab.findings.expected = ["capture.mixed_points"]
    lab.findings.forbidden = ["path.loss"]


@scenario(
    "capture-mixed-points",
    "The captures of client and upstream given as if they were one",
    bump="router-upstream",
    points=(Point("client"), Point("upstream")),
)
def mixed(lab: Lab) -> None:
    """Three good connections, captured at both ends; both files are given to analyze."""
    lab.bump.delay = 0.004
    _mixed(lab)


@scenario(
    "capture-mixed-points-clocks-apart",
    "The same with clocks that differ by two seconds",
    points=(Point("client"), Point("upstream", clock_shift=2.0)),
)
def mixed_clocks(lab: Lab) -> None:
    """Three good connections; the upstream's clock is two seconds ahead."""
    _mixed(lab)
