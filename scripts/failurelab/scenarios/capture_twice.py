"""The same packet captured more than once: `-i any`, bridges, mirrors. Never a retransmission."""

from __future__ import annotations

from failurelab import behaviours, envoy, transform
from failurelab.capture import Point
from failurelab.connections import Address, Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import cut_off

PAGE = behaviours.reply(b"<p>price</p>" * 250)
SLL2 = ("-y", "LINUX_SLL2")
SLL = ("-y", "LINUX_SLL")


def _keepalive(lab: Lab, *, close: bool = True, ip: str | None = None) -> Connection:
    server = lab.upstream.serve(8080, behaviours.answer(PAGE), ip=ip)
    connection = lab.client.connect(server.address)
    for path in ("/", "/price", "/list"):
        connection.send(behaviours.get(path)).receive(len(PAGE))
        lab.sleep(0.02)
    if close:
        connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)
    return connection


def _twice(lab: Lab) -> None:
    lab.findings.expected = ["capture.duplicates"]
    lab.findings.forbidden = ["path.loss"]


@scenario(
    "capture-any-router-sll2",
    "-i any on a router: each packet in on one interface and out on another, TTL one lower",
    points=(Point("router", "any", arguments=SLL2),),
)
def any_router(lab: Lab) -> None:
    """Three requests through a router that captures with -i any (SLL2)."""
    _keepalive(lab)
    _twice(lab)


@scenario(
    "capture-any-router-sll",
    "The same in the older cooked format, without interface numbers",
    points=(Point("router", "any", arguments=SLL),),
)
def any_router_sll(lab: Lab) -> None:
    """Three requests through a router that captures with -i any (SLL)."""
    _keepalive(lab)
    _twice(lab)


@scenario(
    "capture-any-router-ipv6",
    "-i any on a router, IPv6: hop limit one lower, no IP ID to compare",
    family=6,
    points=(Point("router", "any", arguments=SLL2),),
)
def any_router_6(lab: Lab) -> None:
    """Three requests by IPv6 through a router that captures with -i any (SLL2)."""
    _keepalive(lab)
    _twice(lab)


@scenario(
    "capture-any-nat",
    "-i any on a router that masquerades: the copy has another source address and port",
    points=(Point("router", "any", arguments=SLL2),),
)
def any_nat(lab: Lab) -> None:
    """The router masquerades the client; three requests work. The two sides of the NAT are one
    connection with two names.
    """
    lab.router.iptables("-t nat -A POSTROUTING -o eth1 -p tcp -j MASQUERADE --random")
    _keepalive(lab)


@scenario(
    "tcp.reset_before_response-any-router",
    "A reset in a capture that holds every packet twice: one failure",
    points=(Point("router", "any", arguments=SLL2),),
    layers=("tcp", "capture"),
)
def any_reset(lab: Lab) -> None:
    """The upstream closes with linger zero after the request; the router captures -i any."""
    server = lab.upstream.serve(8080, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])
    _twice(lab)


@scenario(
    "tcp.connection_refused-any-router-reject",
    "A router's own REJECT, in its own -i any capture: the RST was never received, only sent",
    points=(Point("router", "any", arguments=SLL2),),
    layers=("tcp", "capture"),
)
def any_reject(lab: Lab) -> None:
    """The router rejects SYNs to port 6379 with tcp-reset; a request to port 8080 works."""
    lab.router.iptables("-A FORWARD -p tcp --dport 6379 -j REJECT --reject-with tcp-reset")
    _keepalive(lab)
    refused = lab.client.connect((lab.upstream.ip, 6379))
    lab.judge(refused, "tcp.connection_refused", ["path", "unknown"])
    _twice(lab)


@scenario(
    "tcp.injected_reset-any-router",
    "Forged RSTs in a capture that holds every packet twice",
    bump="router-upstream",
    points=(Point("router", "any", arguments=SLL2),),
    layers=("tcp", "capture"),
)
def any_injected(lab: Lab) -> None:
    """A device between router and upstream sends RSTs (TTL 200, IP ID 4242) to both ends in mid
    transfer; the router captures -i any.
    """
    codes = ["tcp.injected_reset", "tcp.reset_in_response"]
    lab.judge(cut_off(lab, ttl=200), codes, ["path", "unknown"])
    _twice(lab)


@scenario(
    "capture-any-proxy-that-forwards",
    "-i any at a proxy that also forwards: some connections twice, its own legs once",
    path=PROXIED,
    points=(Point("proxy", "any", arguments=SLL2),),
    layers=("capture", "http"),
)
def any_forwards(lab: Lab) -> None:
    """The proxy host forwards to the upstream as a router does and runs Envoy besides: the
    forwarded connection is there twice, Envoy's two legs once each.
    """
    lab.proxy.sysctl("net.ipv4.ip_forward", 1)
    lab.router.run(f"ip route replace {lab.upstream.ip} via {lab.proxy.ip}")
    lab.router2.run(f"ip route replace {lab.client.ip} via {lab.proxy.ips[1]}")
    server = lab.upstream.serve(9000, behaviours.answer(PAGE))
    envoy.simple(lab, server.address, listen=8080)
    lab.used("curl")
    lab.client.curl("-o", "/dev/null", f"http://{lab.proxy.ip}:8080/through")
    straight = lab.client.connect(server.address)
    straight.send(behaviours.get("/straight")).receive(len(PAGE))
    straight.close()
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))
    lab.healthy(straight)
    _twice(lab)


def _bridge(lab: Lab) -> Address:
    """Make the router a bridge; client and upstream in one subnet. The upstream's address."""
    lab.router.run("ip link add br0 type bridge")
    for name in ("eth0", "eth1"):
        lab.router.run(f"ip addr flush dev {name}")
        lab.router.run(f"ip link set {name} master br0")
    lab.router.run("ip link set br0 up")
    for number, host in enumerate((lab.client, lab.upstream), 1):
        host.run("ip addr flush dev eth0")
        host.run(f"ip addr add 10.60.0.{number}/24 dev eth0")
    return ("10.60.0.2", 8080)


@scenario(
    "capture-any-bridge",
    "-i any on a bridge: each packet in and out, with the same TTL",
    points=(Point("router", "any", arguments=SLL2, later=True),),
)
def any_bridge(lab: Lab) -> None:
    """The host in the middle is a Linux bridge; three requests work."""
    where = _bridge(lab)
    lab.start_capture("router")
    _keepalive(lab, ip=where[0])
    _twice(lab)


@scenario(
    "tcp.connection_refused-any-bridge",
    "A refused connection, captured twice on a bridge",
    points=(Point("router", "any", arguments=SLL, later=True),),
    layers=("tcp", "capture"),
)
def any_bridge_refused(lab: Lab) -> None:
    """The host in the middle is a Linux bridge; nothing listens on the port."""
    where = _bridge(lab)
    lab.start_capture("router")
    connection = lab.client.connect(where)
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])
    _twice(lab)


def _mirror(lab: Lab) -> None:
    """The router copies what it forwards, before and after routing, to the monitor."""
    monitor = lab.hosts["monitor"]
    for hook in ("PREROUTING", "POSTROUTING"):
        lab.router.iptables(f"-t mangle -A {hook} -p tcp -j TEE --gateway {monitor.ip}")


@scenario(
    "capture-mirror-both-sides",
    "A mirror port that delivers each packet twice, before and after routing",
    branches={"monitor": "router"},
    points=(Point("monitor"),),
)
def mirror(lab: Lab) -> None:
    """The router mirrors every packet twice (TEE in PREROUTING and POSTROUTING) to a monitor."""
    _mirror(lab)
    _keepalive(lab)
    _twice(lab)


@scenario(
    "tcp.reset_in_response-mirror",
    "A reset in the middle of a response, seen twice by a mirror",
    branches={"monitor": "router"},
    points=(Point("monitor"),),
    layers=("tcp", "capture"),
)
def mirror_reset(lab: Lab) -> None:
    """The server promises 1000 bytes, sends 300 and resets; the router mirrors both sides."""
    _mirror(lab)
    server = lab.upstream.serve(8080, behaviours.half_response(reset=True))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive_all()
    lab.judge(connection, "tcp.reset_in_response", "responder", ended_by=["responder"])
    _twice(lab)


@scenario(
    "capture-mirror-vlan-copies",
    "Each packet twice, the copy with a VLAN tag",
    points=(Point("client", change=transform.mirror(vlan=200)),),
)
def mirror_vlan(lab: Lab) -> None:
    """Three requests; a mirror of access port and trunk is imitated afterwards."""
    _keepalive(lab)
    _twice(lab)


@scenario(
    "capture-mirror-late-copies",
    "Each packet twice, the copy two milliseconds later with a lower TTL",
    points=(Point("client", change=transform.mirror(ttl_less=1, after=2000)),),
)
def mirror_late(lab: Lab) -> None:
    """Three requests; a slow mirror of both sides of a router is imitated afterwards."""
    _keepalive(lab)
    _twice(lab)


@scenario(
    "tcp.connection_timeout-mirror-copies",
    "Unanswered SYNs, each captured twice: repeated by the client, copied by the mirror",
    points=(Point("client", change=transform.mirror(vlan=200, after=12)),),
    layers=("tcp", "capture"),
)
def mirror_timeout(lab: Lab) -> None:
    """The router drops SYNs to the port; the client gives up after 4 s. Another request works."""
    lab.router.iptables("-A FORWARD -p tcp --dport 5432 -j DROP")
    _keepalive(lab)
    silent = lab.client.connect((lab.upstream.ip, 5432), timeout=4)
    silent.close()
    lab.judge(silent, "tcp.connection_timeout", ["unknown", "path"], ended_by=[None])
    _twice(lab)


@scenario(
    "capture-plain-copies",
    "Each packet twice, byte for byte, some microseconds apart",
    points=(Point("client", change=transform.mirror(after=3)),),
)
def plain_copies(lab: Lab) -> None:
    """Three requests; two capture rules that overlap are imitated afterwards."""
    _keepalive(lab)
    _twice(lab)
