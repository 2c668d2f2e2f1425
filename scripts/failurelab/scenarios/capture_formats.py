"""How captures are stored: formats, several interfaces, several files, link types."""

from __future__ import annotations

from failurelab import behaviours, envoy, transform
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import PAGE, injected, keepalive, reset_after_request


@scenario(
    "capture-nanoseconds",
    "Nanosecond timestamps",
    points=(Point("client", nanoseconds=True),),
)
def nanoseconds(lab: Lab) -> None:
    """Three requests, in a nanosecond pcap file."""
    lab.healthy(keepalive(lab))


@scenario(
    "tcp.injected_reset-nanoseconds",
    "Forged RSTs in a nanosecond capture",
    bump="client-router",
    points=(Point("client", nanoseconds=True),),
    layers=("tcp", "capture"),
)
def nanoseconds_injected(lab: Lab) -> None:
    """A device sends RSTs with TTL 128 and IP ID 4242 to both ends in mid transfer."""
    injected(lab)


@scenario(
    "tcp.injected_reset-pcapng",
    "Forged RSTs in a pcapng file with nanosecond timestamps",
    bump="client-router",
    points=(Point("client", format="pcapng"),),
    layers=("tcp", "capture"),
)
def pcapng_injected(lab: Lab) -> None:
    """A device sends RSTs with TTL 128 and IP ID 4242 to both ends in mid transfer."""
    injected(lab)


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
    lab.healthy(keepalive(lab))
    lab.findings.expected = ["capture.duplicates"]
    lab.findings.forbidden = ["capture.clock", "path.loss"]


@scenario(
    "capture-rotated-by-packets",
    "A connection that goes on through several files",
    points=(Point("client", rotate_packets=8),),
)
def rotated(lab: Lab) -> None:
    """Three requests; dumpcap begins a new file after eight packets."""
    lab.healthy(keepalive(lab))


@scenario(
    "capture-rotated-by-time",
    "tcpdump -G 1: a new file each second, a connection through all of them",
    points=(Point("client", arguments=("-G", "1")),),
)
def rotated_time(lab: Lab) -> None:
    """Three requests, 1.1 s apart."""
    lab.healthy(keepalive(lab, pause=1.1))


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
    lab.healthy(keepalive(lab))


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
    lab.healthy(keepalive(lab))
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
    reset_after_request(lab)
    lab.sleep(1.5)  # the kernel hands them over in batches


@scenario(
    "capture-link-null",
    "Link type NULL, as BSD and macOS write it for lo0",
    points=(Point("client", change=transform.relink(0, b"\2\0\0\0", b"\x1e\0\0\0", "NULL")),),
)
def link_null(lab: Lab) -> None:
    """Three requests; the link headers are replaced afterwards."""
    lab.healthy(keepalive(lab))


@scenario(
    "capture-link-loop",
    "Link type LOOP, as OpenBSD writes it",
    points=(Point("client", change=transform.relink(108, b"\0\0\0\2", b"\0\0\0\x18", "LOOP")),),
)
def link_loop(lab: Lab) -> None:
    """Three requests; the link headers are replaced afterwards."""
    lab.healthy(keepalive(lab))


@scenario(
    "tcp.reset_before_response-link-ppp",
    "A reset before the response, link type PPP",
    points=(Point("client", change=transform.relink(9, b"\xff\3\0\x21", b"\xff\3\0\x57", "PPP")),),
    layers=("tcp", "capture"),
)
def link_ppp(lab: Lab) -> None:
    """The server closes with linger zero after the request; link headers replaced afterwards."""
    reset_after_request(lab)


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
