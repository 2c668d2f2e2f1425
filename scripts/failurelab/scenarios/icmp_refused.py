"""SYNs and data answered by ICMP: nobody there, not allowed, going round in circles."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.tcp_refused import works
from failurelab.truth import Accepted

_UNREACHABLE = "icmp.unreachable"
_PROHIBITED = "icmp.prohibited"
_EXCEEDED = "icmp.time_exceeded"
_TWO_ROUTERS = "client router router2 upstream"


@scenario(
    "icmp.unreachable-router-reject",
    "A router's REJECT rule: port unreachable",
    points=("client", "router"),
)
def router_reject(lab: Lab) -> None:
    """iptables FORWARD on the router rejects port 9200 (default: ICMP 3/3); port 9201 works."""
    lab.router.iptables("-A FORWARD -p tcp --dport 9200 -j REJECT")
    works(lab, 9201)
    for _ in range(2):
        refused = lab.client.connect((lab.upstream.ip, 9200))
        lab.judge(refused, _UNREACHABLE, "path")


@scenario(
    "icmp.unreachable-host-reject",
    "The upstream's own REJECT rule: port unreachable",
    bump="client-router",
    points=("client", "upstream"),
)
def host_reject(lab: Lab) -> None:
    """iptables INPUT on the upstream rejects port 8443 (ICMP 3/3 from its own address). Round
    trip 16 ms.
    """
    lab.bump.delay = 0.008
    lab.upstream.iptables("-A INPUT -p tcp --dport 8443 -j REJECT")
    refused = lab.client.connect((lab.upstream.ip, 8443))
    lab.judge(refused, _UNREACHABLE, "responder", ended_by=["responder", "initiator", None])


@scenario(
    "icmp.unreachable-no-route",
    "A router without a route to the upstream",
    points=(Point("client", format="pcapng"),),
)
def no_route(lab: Lab) -> None:
    """`ip route add unreachable` on the router: ICMP 3/1 at once. An earlier connection worked."""
    works(lab, 8080)
    lab.router.run(f"ip route add unreachable {lab.upstream.ip}/32")
    refused = lab.client.connect((lab.upstream.ip, 8080))
    lab.judge(refused, _UNREACHABLE, "path")


@scenario(
    "icmp.unreachable-host-does-not-answer-arp",
    "No host has the address: the router says host unreachable after three seconds",
    points=("client", Point("router", "any")),
)
def arp_failure(lab: Lab) -> None:
    """Connects to an address of the upstream's subnet that nobody has. The router asks by ARP and
    answers the queued SYNs with ICMP 3/1.
    """
    nobody = lab.upstream.ip.rsplit(".", 1)[0] + ".251"
    lost = lab.client.connect((nobody, 8080), timeout=6)
    lost.close()
    lab.sleep(0.3)
    lab.judge(lost, _UNREACHABLE, ["path", "responder", "unknown"])


@scenario(
    "icmp.unreachable-v6-no-route",
    "IPv6: a router without a route",
    family=6,
    bump="client-router",
)
def v6_no_route(lab: Lab) -> None:
    """`ip -6 route add unreachable` on the router. Round trip 6 ms to the router."""
    lab.bump.delay = 0.003
    works(lab, 80)
    lab.router.run(f"ip -6 route add unreachable {lab.upstream.ip}/128")
    refused = lab.client.connect((lab.upstream.ip, 80))
    lab.judge(refused, _UNREACHABLE, "path")


@scenario(
    "icmp.unreachable-v6-host-reject",
    "IPv6: the upstream's own REJECT rule",
    family=6,
    points=("client", "upstream"),
)
def v6_host_reject(lab: Lab) -> None:
    """ip6tables INPUT on the upstream rejects port 3000 (ICMPv6 1/4); port 3001 works."""
    lab.upstream.iptables("-A INPUT -p tcp --dport 3000 -j REJECT")
    works(lab, 3001)
    refused = lab.client.connect((lab.upstream.ip, 3000))
    lab.judge(refused, _UNREACHABLE, "responder")


@scenario(
    "icmp.unreachable-in-mid-use",
    "The route goes away in mid use, and stays away",
    points=("client", "upstream"),
)
def mid_use(lab: Lab) -> None:
    """Requests are answered; then the router gets an unreachable route. The next request is
    repeated, each time answered by ICMP 3/1, until the client resets after 3.5 seconds.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    for nth in range(2):
        connection.send(behaviours.get(f"/{nth}")).receive_until()
        lab.sleep(0.1)
    lab.router.run(f"ip route add unreachable {lab.upstream.ip}/32")
    connection.send(behaviours.get("/lost")).receive_all(3.5)
    connection.reset()
    lab.sleep(0.2)
    lab.judge(
        connection,
        [_UNREACHABLE, "tcp.data_timeout"],
        "path",
        at={"upstream": Accepted(["ok"], ["unknown"], ["unknown"])},
    )


@scenario(
    "icmp.unreachable-envoy",
    "Envoy answers 503: a router behind it rejects with ICMP",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("icmp", "http"),
)
def through_envoy(lab: Lab) -> None:
    """The router behind Envoy rejects the upstream's port (ICMP 3/3)."""
    lab.router2.iptables("-A FORWARD -p tcp --dport 9000 -j REJECT")
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/stock")
    lab.sleep(0.2)
    refused = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=refused)
    lab.judge(refused, _UNREACHABLE, "path")


@scenario(
    "icmp.prohibited-router-admin",
    "A router's firewall says administratively prohibited",
    bump="router-upstream",
    points=("client",),
)
def router_admin(lab: Lab) -> None:
    """iptables FORWARD rejects port 1521 with icmp-admin-prohibited (3/13); port 80 works."""
    rule = "-A FORWARD -p tcp --dport 1521 -j REJECT --reject-with icmp-admin-prohibited"
    lab.router.iptables(rule)
    works(lab, 80)
    refused = lab.client.connect((lab.upstream.ip, 1521))
    lab.judge(refused, _PROHIBITED, "path")


@scenario(
    "icmp.prohibited-route",
    "A prohibit route on the second router",
    path=_TWO_ROUTERS,
    points=("client", "router2"),
)
def prohibit_route(lab: Lab) -> None:
    """`ip route add prohibit` on the second of two routers: ICMP 3/13 from it."""
    works(lab, 8080)
    lab.router2.run(f"ip route add prohibit {lab.upstream.ip}/32")
    refused = lab.client.connect((lab.upstream.ip, 8080))
    lab.judge(refused, _PROHIBITED, "path")


@scenario(
    "icmp.prohibited-host-default-firewall",
    "A host's default firewall: host prohibited",
    points=("client", "upstream"),
)
def host_prohibited(lab: Lab) -> None:
    """iptables INPUT on the upstream rejects with icmp-host-prohibited (3/10), as the default
    rules of some distributions do; port 22 is open.
    """
    lab.upstream.iptables("-A INPUT -p tcp --dport 22 -j ACCEPT")
    lab.upstream.iptables("-A INPUT -p tcp -j REJECT --reject-with icmp-host-prohibited")
    banner = b"SSH-2.0-OpenSSH_9.2\r\n"
    server = lab.upstream.serve(22, behaviours.greet(banner, behaviours.respond(banner)))
    first = lab.client.connect(server.address)
    first.receive()
    first.send(banner).receive()
    first.close()
    lab.sleep(0.1)
    lab.healthy(first)
    refused = lab.client.connect((lab.upstream.ip, 8080))
    lab.judge(refused, _PROHIBITED, "responder")


@scenario(
    "icmp.prohibited-v6-haproxy",
    "IPv6: HAProxy answers 503, a router behind it prohibits",
    path=PROXIED,
    family=6,
    points=(Point("proxy", "any"), "client"),
    layers=("icmp", "http"),
)
def v6_haproxy(lab: Lab) -> None:
    """ip6tables FORWARD on the router behind HAProxy rejects with icmp6-adm-prohibited (1/1)."""
    rule = "-A FORWARD -p tcp --dport 8000 -j REJECT --reject-with icmp6-adm-prohibited"
    lab.router2.iptables(rule)
    body = haproxy.simple(80, f"[{lab.upstream.ip}]:8000", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=80)
    lab.client.curl(f"http://[{lab.proxy.ip}]/")
    lab.sleep(0.2)
    refused = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=refused)
    lab.judge(refused, _PROHIBITED, "path")


@scenario(
    "icmp.time_exceeded-loop",
    "Two routers send a packet to each other until its TTL ends",
    path=_TWO_ROUTERS,
    points=("client", Point("router", "eth1")),
)
def loop(lab: Lab) -> None:
    """The second router has a route for the upstream back to the first one: ICMP 11/0. Two tries;
    the first ICMP ends each.
    """
    works(lab, 8080)
    _loop(lab, "ip route add", "/32")
    for _ in range(2):
        lost = lab.client.connect((lab.upstream.ip, 8080), timeout=1.5)
        lost.close()
        lab.judge(lost, _EXCEEDED, "path")
    lab.sleep(0.3)


def _loop(lab: Lab, command: str, prefix: str) -> None:
    """The second router sends what is for the upstream back to the first."""
    back = lab.router.node.interfaces[1]
    gateway = back.ip6 if ":" in lab.upstream.ip else back.ip4
    lab.router2.run(f"{command} {lab.upstream.ip}{prefix} via {gateway}")
    lab.router2.sysctl("net.ipv4.conf.all.send_redirects", 0)
    lab.router2.sysctl("net.ipv4.conf.eth0.send_redirects", 0)


@scenario(
    "icmp.time_exceeded-v6-loop",
    "IPv6: a routing loop, seen from the client",
    path=_TWO_ROUTERS,
    family=6,
    points=("client",),
)
def loop_v6(lab: Lab) -> None:
    """The same over IPv6 (ICMPv6 3/0); one try."""
    works(lab, 443)
    _loop(lab, "ip -6 route add", "/128")
    lost = lab.client.connect((lab.upstream.ip, 443), timeout=2.5)
    lost.close()
    lab.sleep(0.3)
    lab.judge(lost, _EXCEEDED, "path")


@scenario(
    "icmp.time_exceeded-nginx",
    "NGINX answers 502: a routing loop behind it",
    path="client router proxy router2 router3 upstream",
    points=(Point("proxy", "any"),),
    layers=("icmp", "http"),
)
def loop_nginx(lab: Lab) -> None:
    """Two routers behind NGINX send the upstream's packets to each other."""
    back = lab.router2.node.interfaces[1].ip4
    third = lab.hosts["router3"]
    third.run(f"ip route add {lab.upstream.ip}/32 via {back}")
    for name in ("all", "eth0"):
        third.sysctl(f"net.ipv4.conf.{name}.send_redirects", 0)
    conf = f"server {{ listen 80; location / {{ proxy_pass http://{lab.upstream.ip}:8000; }} }}"
    nginx.start(lab, lab.proxy, conf, port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/")
    lab.sleep(0.5)
    lost = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=lost)
    lab.judge(lost, _EXCEEDED, "path")
