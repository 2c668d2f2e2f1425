"""Addresses that answers hold no longer, families that never work, and slow answers."""

from __future__ import annotations

from failurelab import behaviours, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import dns
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.dns_failures import QUIET, fetch, settings, shop
from failurelab.truth import TrueFindings

_ALL = ["dns.failure", "dns.slow", "dns.stale_address", "dns.family_failing"]
_BRANCHES = {"resolver": "router"}
_REFUSED = "tcp.connection_refused"


def _only(code: str) -> TrueFindings:
    return TrueFindings([code], [one for one in _ALL if one != code])


@scenario(
    "dns.stale_address-nginx",
    "NGINX resolved its upstream once, at its start; the address has changed since",
    path=PROXIED,
    branches={"resolver": "router2", "upstream2": "router2"},
    points=(Point("proxy", "eth1", name="proxy-upstream"),),
    layers=("dns",),
)
def stale_nginx(lab: Lab) -> None:
    """proxy_pass with a plain name. The name moves to another host, the program on the old one
    ends; dig on the proxy sees the new address.
    """
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "app.example"))
    old = lab.upstream.serve(9000, behaviours.answer_and_close())
    lab.hosts["upstream2"].serve(9000, behaviours.answer_and_close())
    resolv = settings(zone.ip)
    http = "server { listen 8080; location / { proxy_pass http://app.example:9000; } }"
    dns.start_resolving(lab, lab.proxy, resolv, nginx.command(lab, lab.proxy, http), 8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    zone.set((lab.hosts["upstream2"].ip, "app.example"))
    old.close()
    lab.sleep(2.5)
    dns.resolving(lab, lab.proxy, resolv, ["getent", "ahostsv4", "app.example"])
    lab.sleep(1.5)
    for nth in range(3):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/")
        lab.judge(lab.leg(lab.upstream, 9000, nth + 1), _REFUSED, "responder")
        lab.sleep(0.2)
    lab.others = "any"
    lab.findings = _only("dns.stale_address")


@scenario(
    "dns.stale_address-client",
    "A client keeps the address that it resolved once",
    branches={"resolver": "router", "upstream2": "router"},
    layers=("dns",),
)
def stale_client(lab: Lab) -> None:
    """A program resolves once and keeps the address for its connections, another one on the same
    host asks again and has the new one. The old host is switched off.
    """
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "app.example"))
    shop(lab)
    lab.hosts["upstream2"].serve(8080, behaviours.answer())
    resolv = settings(zone.ip)
    fetch(lab, resolv, "app.example")
    lab.healthy(lab.leg(lab.upstream, 8080))
    zone.set((lab.hosts["upstream2"].ip, "app.example"))
    lab.upstream.iptables("-A INPUT -p tcp --dport 8080 -j DROP")
    lab.sleep(2)
    fetch(lab, resolv, "app.example")
    lab.healthy(lab.leg(lab.hosts["upstream2"], 8080))
    lab.sleep(1.5)
    for _ in range(2):
        connection = lab.client.connect((lab.upstream.ip, 8080), timeout=4)
        lab.judge(connection, "tcp.connection_timeout", ["path", "responder", "unknown"])
    lab.findings = _only("dns.stale_address")


@scenario(
    "healthy-dns-moved",
    "A name moves to another host; clients follow when its time to live is over",
    branches={"resolver": "router", "upstream2": "router"},
    layers=("dns",),
)
def moved(lab: Lab) -> None:
    """The old host goes on serving; one client still uses it after the change."""
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "app.example"))
    shop(lab)
    lab.hosts["upstream2"].serve(8080, behaviours.answer())
    resolv = settings(zone.ip)
    fetch(lab, resolv, "app.example")
    zone.set((lab.hosts["upstream2"].ip, "app.example"))
    lab.sleep(2)
    fetch(lab, resolv, "app.example")
    lab.sleep(2)
    lab.client.curl(f"http://{lab.upstream.ip}:8080/")
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.healthy(lab.leg(lab.hosts["upstream2"], 8080))
    lab.findings = QUIET


@scenario(
    "healthy-dns-round-robin",
    "A pool whose answers hold one address of three in turn; one host is down",
    branches={"resolver": "router", "upstream2": "router"},
    layers=("dns",),
)
def round_robin(lab: Lab) -> None:
    """Nothing listens on one of three hosts; it stays in the answers' turns. Each lookup gives one
    address, the next one another.
    """
    shop(lab)
    lab.hosts["upstream2"].serve(8080, behaviours.answer())
    resolver = lab.hosts["resolver"]
    zone = dns.Zone(lab, resolver, ttl=0)
    hosts = [lab.upstream.ip, lab.hosts["upstream2"].ip, lab.router.ip]
    for turn in range(9):
        zone.set((hosts[turn % 3], "pool.example"))
        fetch(lab, settings(zone.ip), "pool.example")
        lab.sleep(1)
    for nth in range(3):
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
        lab.healthy(lab.leg(lab.hosts["upstream2"], 8080, nth))
        lab.judge(lab.leg(lab.router, 8080, nth), _REFUSED, ["responder", "path", "unknown"])
    lab.findings = QUIET


@scenario(
    "dns.family_failing-ipv6-dropped",
    "AAAA records whose address is unreachable: each connection waits for IPv4",
    family=46,
    branches=_BRANCHES,
    layers=("dns",),
)
def ipv6_dropped(lab: Lab) -> None:
    """The router drops IPv6 towards the upstream; curl races the families, four times."""
    lab.sleep(2)  # the router answers neighbour solicitations only after a while
    lab.router.run("ip6tables -A FORWARD -p tcp --dport 8080 -j DROP")
    _both_families(lab)
    for nth in range(4):
        fetch(lab, settings(lab.hosts["resolver"].ip))
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.others = "any"
    lab.findings = _only("dns.family_failing")


@scenario(
    "dns.family_failing-ipv6-refused",
    "AAAA records, and a program that listens on IPv4 only",
    family=46,
    branches=_BRANCHES,
    layers=("dns",),
)
def ipv6_refused(lab: Lab) -> None:
    """Nothing listens on the IPv6 address, which curl tries first."""
    lab.sleep(2)
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.example"), (lab.upstream.ip6, "api.example"))
    for nth in range(3):
        fetch(lab, settings(zone.ip))
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.others = "any"
    lab.findings = _only("dns.family_failing")


def _both_families(lab: Lab) -> None:
    shop(lab)
    lab.upstream.serve(8080, behaviours.answer(), ip=lab.upstream.ip6)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.example"), (lab.upstream.ip6, "api.example"))


@scenario(
    "healthy-dns-happy-eyeballs",
    "IPv6 loses the race once and works otherwise",
    family=46,
    branches=_BRANCHES,
    layers=("dns",),
)
def happy_eyeballs(lab: Lab) -> None:
    """The router drops IPv6 during the second of four requests."""
    lab.sleep(2)
    _both_families(lab)
    for nth in range(4):
        if nth == 1:
            lab.router.run("ip6tables -A FORWARD -p tcp --dport 8080 -j DROP")
        fetch(lab, settings(lab.hosts["resolver"].ip))
        if nth == 1:
            lab.router.run("ip6tables -D FORWARD -p tcp --dport 8080 -j DROP")
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.healthy(lab.leg(lab.upstream.ip6, 8080))
    lab.others = "any"
    lab.findings = QUIET


@scenario(
    "dns.slow-server",
    "The resolver takes two seconds for names that it has to ask others for",
    branches=_BRANCHES,
    layers=("dns",),
)
def slow_server(lab: Lab) -> None:
    """Three names are answered after 2 s, one at once."""
    shop(lab)
    resolver = lab.hosts["resolver"]
    address = {"addresses": [lab.upstream.ip]}
    slow = {f"far{n}.example": {**address, "delay": 2} for n in range(3)}
    dns.peer(lab, resolver, {"api.example": address, **slow})
    for nth, name in enumerate(("api.example", *slow, "api.example", "api.example")):
        fetch(lab, settings(resolver.ip), name)
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.findings = _only("dns.slow")


@scenario(
    "dns.slow-first-server-down",
    "The first resolver is down: each lookup waits for the second one",
    branches={"resolver": "router", "resolver2": "router"},
    layers=("dns",),
)
def first_server_down(lab: Lab) -> None:
    """The first server's host drops everything; options timeout:2."""
    shop(lab)
    lab.hosts["resolver"].iptables("-A INPUT -j DROP")
    zone = dns.Zone(lab, lab.hosts["resolver2"])
    zone.set((lab.upstream.ip, "api.example"))
    resolv = settings(lab.hosts["resolver"].ip, zone.ip, more="options timeout:2\n")
    for nth in range(4):
        fetch(lab, resolv)
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.sleep(3.5)
    lab.client.curl(f"http://{lab.upstream.ip}:8080/")
    lab.findings = _only("dns.slow")


@scenario(
    "healthy-dns-cold-cache",
    "One answer of many takes over a second: a cold cache",
    branches=_BRANCHES,
    layers=("dns",),
)
def cold_cache(lab: Lab) -> None:
    """The first of six lookups takes 1.4 s, the others none."""
    shop(lab)
    resolver = lab.hosts["resolver"]
    address = {"addresses": [lab.upstream.ip]}
    dns.peer(lab, resolver, {"api.example": address, "new.example": {**address, "delay": 1.4}})
    for nth, name in enumerate(("new.example", *(["api.example"] * 5))):
        fetch(lab, settings(resolver.ip), name)
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.findings = QUIET


@scenario(
    "dns.slow-lost-queries",
    "Every other query is lost; glibc waits five seconds and asks again",
    branches=_BRANCHES,
    layers=("dns",),
)
def lost_queries(lab: Lab) -> None:
    """A router drops the AAAA query when it follows the A query from the same port, as connection
    tables that race do: three lookups take the default timeout.
    """
    shop(lab)
    resolver = lab.hosts["resolver"]
    zone = dns.Zone(lab, resolver)
    zone.set((lab.upstream.ip, "api.example"))
    lab.router.iptables(
        "-A FORWARD -p udp --dport 53 -m statistic --mode nth --every 3 --packet 1 -j DROP"
    )
    for nth in range(4):
        fetch(lab, settings(zone.ip))
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.findings = _only("dns.slow")
