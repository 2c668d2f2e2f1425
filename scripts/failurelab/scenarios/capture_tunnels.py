"""Connections inside tags, labels and tunnels, working and failing."""

from __future__ import annotations

from failurelab import behaviours, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenes import cut_off
from failurelab.tunnel import Tunnel

DIRECT = "client upstream"
PAGE = behaviours.reply(b"<p>price</p>" * 250)


def _works(lab: Lab, ip: str, port: int = 8080) -> Connection:
    """A request and its answer inside the tunnel."""
    server = lab.upstream.serve(port, behaviours.answer(PAGE), ip=ip)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/price")).receive(len(PAGE))
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)
    return connection


def _refused(lab: Lab, ip: str) -> None:
    connection = lab.client.connect((ip, 8443))
    lab.judge(connection, "tcp.connection_refused", "responder", ended_by=["responder"])


def _reset(lab: Lab, ip: str) -> None:
    server = lab.upstream.serve(9000, behaviours.reset_after_request(0.05), ip=ip)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/cart")).receive_all()
    lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])


def _tunnel(lab: Lab, kind: str) -> str:
    return Tunnel(lab, lab.client, lab.upstream, kind).inner[1]


@scenario("capture-vlan", "Traffic in a VLAN: one request works", path=DIRECT)
def vlan(lab: Lab) -> None:
    """All frames between the hosts carry VLAN tag 100."""
    _works(lab, _tunnel(lab, "vlan"))


@scenario(
    "tcp.connection_refused-in-vlan",
    "A refused connection inside a VLAN",
    path=DIRECT,
    layers=("tcp", "capture"),
)
def vlan_refused(lab: Lab) -> None:
    """All frames between the hosts carry VLAN tag 100; nothing listens on the port."""
    _refused(lab, _tunnel(lab, "vlan"))


@scenario("capture-qinq", "Traffic with two VLAN tags: one request works", path=DIRECT)
def qinq(lab: Lab) -> None:
    """All frames carry an 802.1ad tag 2000 and an 802.1Q tag 100."""
    _works(lab, _tunnel(lab, "qinq"))


@scenario(
    "tcp.reset_before_response-in-qinq",
    "A reset before the response, with two VLAN tags",
    path=DIRECT,
    layers=("tcp", "capture"),
)
def qinq_reset(lab: Lab) -> None:
    """The server closes with linger zero after the request; 802.1ad and 802.1Q tags."""
    _reset(lab, _tunnel(lab, "qinq"))


@scenario("capture-mpls", "Traffic with two MPLS labels: one request works", path=DIRECT)
def mpls(lab: Lab) -> None:
    """All packets travel under a stack of two MPLS labels."""
    _works(lab, _tunnel(lab, "mpls"))


@scenario(
    "tcp.connection_refused-in-mpls",
    "A refused connection under MPLS labels",
    path=DIRECT,
    layers=("tcp", "capture"),
)
def mpls_refused(lab: Lab) -> None:
    """Nothing listens on the port; two MPLS labels."""
    _refused(lab, _tunnel(lab, "mpls"))


@scenario("capture-pppoe", "Traffic in a PPPoE session: one request works", path=DIRECT)
def pppoe(lab: Lab) -> None:
    """All packets travel in PPPoE session frames."""
    _works(lab, _tunnel(lab, "pppoe"))


@scenario(
    "tcp.connection_timeout-in-pppoe",
    "A SYN that a firewall drops, in a PPPoE session",
    path=DIRECT,
    layers=("tcp", "capture"),
)
def pppoe_timeout(lab: Lab) -> None:
    """The upstream's own firewall drops SYNs to the port; the client gives up after 4 s. A
    request to another port works.
    """
    ip = _tunnel(lab, "pppoe")
    lab.upstream.iptables("-A INPUT -p tcp --dport 5432 -j DROP")
    _works(lab, ip)
    silent = lab.client.connect((ip, 5432), timeout=4)
    silent.close()
    sides = ["unknown", "responder"]
    lab.judge(silent, "tcp.connection_timeout", sides, ended_by=[None])


@scenario("capture-gre", "Traffic in GRE with a key: one request works")
def gre(lab: Lab) -> None:
    """IP in GRE (key 4242) between the hosts, over a router."""
    _works(lab, _tunnel(lab, "gre"))


@scenario(
    "tcp.reset_before_response-in-gre",
    "A reset before the response inside GRE",
    layers=("tcp", "capture"),
)
def gre_reset(lab: Lab) -> None:
    """The server closes with linger zero after the request; IP in GRE over a router."""
    _reset(lab, _tunnel(lab, "gre"))


@scenario("capture-gretap", "Ethernet in GRE: one request works")
def gretap(lab: Lab) -> None:
    """Ethernet frames in GRE (as NVGRE) between the hosts, over a router."""
    _works(lab, _tunnel(lab, "gretap"))


@scenario(
    "capture-ipip",
    "IP in IP: outside on the wire, and inside on the tunnel's own interface",
    points=(Point("client"), Point("client", "tun0", name="inside", later=True)),
)
def ipip(lab: Lab) -> None:
    """IP in IP between the hosts; the inner packets are captured as raw IP too."""
    ip = _tunnel(lab, "ipip")
    lab.start_capture("inside")
    _works(lab, ip)


@scenario(
    "tcp.connection_refused-in-ipip",
    "A refused connection inside IP in IP",
    points=(Point("client"), Point("client", "tun0", name="inside", later=True)),
    layers=("tcp", "capture"),
)
def ipip_refused(lab: Lab) -> None:
    """Nothing listens on the port; captured outside the tunnel, and inside as raw IP."""
    ip = _tunnel(lab, "ipip")
    lab.start_capture("inside")
    _refused(lab, ip)


@scenario("capture-6in4", "IPv6 in IPv4: one request works")
def six_in_four(lab: Lab) -> None:
    """IPv6 packets in IPv4 (protocol 41) between the hosts, over a router."""
    _works(lab, _tunnel(lab, "6in4"))


@scenario(
    "tcp.reset_in_response-in-6in4",
    "A reset in the middle of a response, IPv6 in IPv4",
    layers=("tcp", "capture"),
)
def six_in_four_reset(lab: Lab) -> None:
    """The server promises 1000 bytes, sends 300 and resets; IPv6 in IPv4 over a router."""
    ip = _tunnel(lab, "6in4")
    server = lab.upstream.serve(8080, behaviours.half_response(reset=True), ip=ip)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/export")).receive_all()
    lab.judge(connection, "tcp.reset_in_response", "responder", ended_by=["responder"])


@scenario("capture-geneve", "Traffic in GENEVE with an option: one request works")
def geneve(lab: Lab) -> None:
    """Ethernet in GENEVE (with one option) between the hosts, over a router."""
    _works(lab, _tunnel(lab, "geneve"))


@scenario(
    "tls.alpn_mismatch-in-geneve",
    "No common ALPN protocol, inside GENEVE",
    layers=("tls", "capture"),
)
def geneve_alpn(lab: Lab) -> None:
    """NGINX without http2 gets a ClientHello that offers only h2; Ethernet in GENEVE."""
    ip = _tunnel(lab, "geneve")
    nginx.start(lab, lab.upstream, nginx.tls_server(lab, 443, "api.example"), port=443)
    connection = lab.client.connect((ip, 443))
    connection.tls(lab.authority.client_context(alpn=("h2",)), "api.example").close()
    lab.judge(connection, "tls.alpn_mismatch", "responder")


@scenario("capture-erspan", "Ethernet in ERSPAN type II: one request works")
def erspan(lab: Lab) -> None:
    """Ethernet frames in ERSPAN (GRE, as switches mirror them), over a router."""
    _works(lab, _tunnel(lab, "erspan"))


@scenario(
    "tcp.reset_before_response-in-erspan",
    "A reset after the request, in ERSPAN type II",
    layers=("tcp", "capture"),
)
def erspan_reset(lab: Lab) -> None:
    """The server closes with linger zero after the request; Ethernet in ERSPAN over a router."""
    _reset(lab, _tunnel(lab, "erspan"))


@scenario("capture-gtp", "Traffic of a phone in GTP-U: one request works")
def gtp(lab: Lab) -> None:
    """IP packets in GTP-U between the hosts, over a router."""
    _works(lab, _tunnel(lab, "gtp"))


@scenario(
    "tcp.connection_refused-in-gtp",
    "A refused connection inside GTP-U",
    layers=("tcp", "capture"),
)
def gtp_refused(lab: Lab) -> None:
    """Nothing listens on the port; IP in GTP-U over a router."""
    _refused(lab, _tunnel(lab, "gtp"))


@scenario("capture-l2tp", "PPP in L2TP: one request works")
def l2tp(lab: Lab) -> None:
    """IP packets in PPP in L2TP version 2 between the hosts, over a router."""
    _works(lab, _tunnel(lab, "l2tp"))


def _vxlan(lab: Lab) -> str:
    """The kernel's own VXLAN between client and upstream; returns the upstream's inner address."""
    hosts = (lab.client, lab.upstream)
    for number, (near, far) in enumerate(zip(hosts, hosts[::-1], strict=True), 1):
        near.run(f"ip link add vxlan0 type vxlan id 42 dstport 4789 "
                 f"local {near.ip} remote {far.ip} dev eth0")  # fmt: skip
        near.run(f"ip addr add 10.42.0.{number}/24 dev vxlan0")
        near.run("ip link set vxlan0 mtu 1400 up")
        near.run("ethtool -K vxlan0 tx off tso off gso off gro off", check=False)
    return "10.42.0.2"


@scenario("capture-vxlan", "Traffic in VXLAN: one request works")
def vxlan(lab: Lab) -> None:
    """The kernel's VXLAN between the hosts, over a router."""
    _works(lab, _vxlan(lab))


@scenario(
    "capture-vxlan-any",
    "The same packets bare on vxlan0 and wrapped on eth0: -i any shows each twice",
    points=(Point("client", "any"),),
)
def vxlan_any(lab: Lab) -> None:
    """The kernel's VXLAN between the hosts; -i any at the client has vxlan0 and eth0."""
    _works(lab, _vxlan(lab))
    lab.findings.expected = ["capture.duplicates"]


@scenario(
    "tcp.connection_refused-in-vxlan",
    "A refused connection inside VXLAN",
    points=(Point("client"), Point("router", "eth0", name="router")),
    layers=("tcp", "capture"),
)
def vxlan_refused(lab: Lab) -> None:
    """Nothing listens on the port; captured at the client and on the router between."""
    _refused(lab, _vxlan(lab))


@scenario(
    "tcp.reset_before_response-in-vxlan-any",
    "A reset seen bare and inside VXLAN in one capture: one failure, not two",
    points=(Point("upstream", "any"),),
    layers=("tcp", "capture"),
)
def vxlan_reset_any(lab: Lab) -> None:
    """The server closes with linger zero after the request; -i any at the upstream."""
    _reset(lab, _vxlan(lab))
    lab.findings.expected = ["capture.duplicates"]


@scenario(
    "tcp.injected_reset-in-vxlan",
    "A device forges RSTs on a path whose traffic is seen mirrored in VXLAN",
    path="client router upstream",
    bump="client-router",
    branches={"monitor": "router"},
    points=(Point("monitor"),),
    layers=("tcp", "capture"),
)
def vxlan_mirror(lab: Lab) -> None:
    """The bump forges RSTs (TTL 128, IP ID 4242) to both ends in mid transfer. The router copies
    what it forwards to a monitor, and the copies travel there in VXLAN, as cloud mirrors send
    them: only before routing, so once.
    """
    monitor = lab.hosts["monitor"]
    far = next(i for i in lab.router.node.interfaces if i.name == "eth2")
    lab.router.run(f"ip link add mirror type vxlan id 77 dstport 4789 "
                   f"local {far.ip4} remote {monitor.ip} dev eth2")  # fmt: skip
    lab.router.run("ip addr add 10.77.0.1/24 dev mirror")
    lab.router.run("ip link set mirror up")
    lab.router.run("ip neigh add 10.77.0.2 lladdr 02:00:00:00:77:02 dev mirror")
    lab.router.iptables("-t mangle -A PREROUTING -p tcp -j TEE --gateway 10.77.0.2")
    lab.judge(
        cut_off(lab),
        ["tcp.injected_reset", "tcp.reset_in_response"],
        ["path", "unknown"],
    )
