"""What the capturing host did: offload, fragments, clocks, two points given as one."""

from __future__ import annotations

import socket

from failurelab import behaviours, transform
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenes import PAGE, keepalive, reset_after_request

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
    lab.healthy(keepalive(lab))


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
    lab.healthy(keepalive(lab))


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
    lab.healthy(keepalive(lab))
    lab.findings.expected = ["capture.clock"]


@scenario(
    "capture-clock-steps-forward",
    "The clock of the capturing host is set forward by an hour in the middle",
    points=(Point("client", change=transform.step_clock(3600, at=0.45)),),
)
def clock_forward(lab: Lab) -> None:
    """Three requests on a kept connection; the step is made afterwards."""
    lab.healthy(keepalive(lab))


@scenario(
    "tcp.reset_before_response-clock-steps-back",
    "A reset before the response, the clock set back between request and RST",
    points=(Point("client", filter="tcp", change=transform.step_clock(-2, at=0.9)),),
    layers=("tcp", "capture"),
)
def clock_back_reset(lab: Lab) -> None:
    """The server closes with linger zero after the request; the step is made afterwards."""
    reset_after_request(lab)
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
