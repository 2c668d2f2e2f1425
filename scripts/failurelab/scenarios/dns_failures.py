"""Names that do not resolve, and lookups that only look like it."""

from __future__ import annotations

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import dns
from failurelab.registry import scenario
from failurelab.truth import TrueFindings

_FAILURE = "dns.failure"
_ALL = ["dns.failure", "dns.slow", "dns.stale_address", "dns.family_failing"]
_BRANCHES = {"resolver": "router", "resolver2": "router"}
_KUBERNETES = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
QUIET = TrueFindings(forbidden=_ALL)


def settings(*servers: str, more: str = "") -> str:
    """A resolv.conf."""
    return "".join(f"nameserver {one}\n" for one in servers) + more


def shop(lab: Lab) -> None:
    """A web server that everything else is about."""
    lab.upstream.serve(8080, behaviours.answer())


def fetch(lab: Lab, resolv: str, name: str = "api.example", *options: str) -> None:
    """Ask for a page by name, as a program of the client does."""
    dns.curl(lab, lab.client, resolv, f"http://{name}:8080/", *options)


@scenario(
    f"{_FAILURE}-nxdomain",
    "A service name does not exist in any search domain",
    branches=_BRANCHES,
    layers=("dns",),
)
def nxdomain(lab: Lab) -> None:
    """curl asks three times for a service of Kubernetes that was never made; the search list is
    that of a pod. Another name works.
    """
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.shop.svc.cluster.local"))
    resolv = settings(zone.ip, more=_KUBERNETES)
    for name in ("api", "cart", "cart", "cart"):
        fetch(lab, resolv, name)
        lab.sleep(1.2)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.findings = TrueFindings([_FAILURE], _ALL[1:])


@scenario(
    f"{_FAILURE}-unanswered",
    "A firewall drops queries to the only resolver",
    branches=_BRANCHES,
    layers=("dns",),
)
def unanswered(lab: Lab) -> None:
    """The resolver's host drops UDP port 53. getent asks with two attempts of 2 s each, twice; a
    connection by address works meanwhile.
    """
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    lab.hosts["resolver"].iptables("-A INPUT -p udp --dport 53 -j DROP")
    resolv = settings(zone.ip, more="options timeout:2 attempts:2\n")
    for _ in range(2):
        dns.resolving(lab, lab.client, resolv, ["getent", "ahosts", "api.example"])
    lab.client.curl(f"http://{lab.upstream.ip}:8080/")
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.sleep(5.5)
    lab.client.curl(f"http://{lab.upstream.ip}:8080/")
    lab.findings = TrueFindings([_FAILURE], _ALL[1:])


@scenario(
    f"{_FAILURE}-refused",
    "The resolver serves other names only",
    branches=_BRANCHES,
    layers=("dns",),
    points=("client", "resolver"),
)
def refused(lab: Lab) -> None:
    """dnsmasq without a server to forward to answers REFUSED for what it does not hold."""
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"], knows_all=False)
    zone.set((lab.upstream.ip, "api.example"))
    resolv = settings(zone.ip)
    fetch(lab, resolv)
    for _ in range(2):
        fetch(lab, resolv, "web.example")
        lab.sleep(1.5)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.findings = TrueFindings([_FAILURE], _ALL[1:])


@scenario(
    f"{_FAILURE}-servfail",
    "The resolver cannot find a name out",
    branches=_BRANCHES,
    layers=("dns",),
)
def servfail(lab: Lab) -> None:
    """The server answers SERVFAIL for one name, to curl and its retries; another name works."""
    shop(lab)
    resolver = lab.hosts["resolver"]
    rules = {"web.example": {"rcode": 2}, "api.example": {"addresses": [lab.upstream.ip]}}
    dns.peer(lab, resolver, rules)
    resolv = settings(resolver.ip)
    for name in ("api.example", "web.example", "web.example"):
        fetch(lab, resolv, name)
        lab.sleep(1.5)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.findings = TrueFindings([_FAILURE], _ALL[1:])


@scenario(
    f"{_FAILURE}-no-tcp",
    "Cut answers, and TCP port 53 is filtered",
    branches=_BRANCHES,
    layers=("dns",),
)
def no_tcp(lab: Lab) -> None:
    """Answers over UDP have the TC bit; the resolver's host refuses TCP port 53."""
    shop(lab)
    resolver = lab.hosts["resolver"]
    dns.peer(lab, resolver, {"api.example": {"addresses": [lab.upstream.ip], "cut": True}})
    resolver.iptables("-A INPUT -p tcp --dport 53 -j REJECT --reject-with tcp-reset")
    for _ in range(2):
        fetch(lab, settings(resolver.ip))
    lab.client.curl(f"http://{lab.upstream.ip}:8080/")
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.others = "any"
    lab.findings = TrueFindings([_FAILURE], _ALL[1:])


@scenario(
    "healthy-dns-search-domains",
    "NXDOMAIN in each search domain before the name that works",
    branches=_BRANCHES,
    layers=("dns",),
)
def search_domains(lab: Lab) -> None:
    """A pod's search list and ndots:5: an outside name is tried in three domains first, a name of
    another namespace in one; AAAA has no data.
    """
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.example"), (lab.upstream.ip, "cart.eu.svc.cluster.local"))
    resolv = settings(zone.ip, more=_KUBERNETES)
    for name in ("api.example", "cart.eu", "api.example", "cart.eu"):
        fetch(lab, resolv, name)
        lab.sleep(1.2)
    for nth in range(4):
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.findings = QUIET


@scenario(
    "healthy-dns-second-server",
    "The first resolver loses a query; the second one answers",
    branches=_BRANCHES,
    layers=("dns",),
)
def second_server(lab: Lab) -> None:
    """One lookup loses its queries to the first of two resolvers (timeout 1 s)."""
    shop(lab)
    zones = [dns.Zone(lab, lab.hosts[name]) for name in ("resolver", "resolver2")]
    for zone in zones:
        zone.set((lab.upstream.ip, "api.example"))
    resolv = settings(*(zone.ip for zone in zones), more="options timeout:1\n")
    fetch(lab, resolv)
    lab.hosts["resolver"].iptables("-A INPUT -p udp --dport 53 -j DROP")
    fetch(lab, resolv)
    lab.hosts["resolver"].iptables("-D INPUT -p udp --dport 53 -j DROP")
    fetch(lab, resolv)
    lab.sleep(5.5)
    for nth in range(3):
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    fetch(lab, resolv)
    lab.findings = QUIET


@scenario(
    "healthy-dns-over-tcp",
    "A cut answer is asked for again over TCP",
    branches=_BRANCHES,
    layers=("dns",),
)
def over_tcp(lab: Lab) -> None:
    """Each answer over UDP has the TC bit; the one over TCP is whole."""
    shop(lab)
    resolver = lab.hosts["resolver"]
    dns.peer(lab, resolver, {"api.example": {"addresses": [lab.upstream.ip], "cut": True}})
    for nth in range(2):
        fetch(lab, settings(resolver.ip))
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    lab.findings = QUIET


@scenario(
    "healthy-dns-translated",
    "A router translates queries to a service address; each is seen twice",
    points=(Point("router", "any"),),
    branches=_BRANCHES,
    layers=("dns",),
)
def translated(lab: Lab) -> None:
    """DNAT from a service address to the resolver, captured on all interfaces of the router; a
    name that does not exist is asked for once.
    """
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.example"))
    service = "203.0.113.53"
    lab.router.iptables(
        f"-t nat -A PREROUTING -d {service} -p udp --dport 53 -j DNAT --to-destination {zone.ip}"
    )
    resolv = settings(service)
    for nth in range(2):
        fetch(lab, resolv)
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    fetch(lab, resolv, "typo.example")
    lab.findings = QUIET


@scenario(
    f"{_FAILURE}-nxdomain-removed",
    "A name is taken away while it is used; the resolver has IPv6",
    family=6,
    branches=_BRANCHES,
    layers=("dns",),
)
def removed(lab: Lab) -> None:
    """Two requests work, then the record goes; two more find no host."""
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.example"))
    for nth in range(4):
        if nth == 2:
            zone.set()
            lab.sleep(2)
        fetch(lab, settings(zone.ip))
        lab.sleep(1.2)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.healthy(lab.leg(lab.upstream, 8080, 1))
    lab.findings = TrueFindings([_FAILURE], _ALL[1:])


@scenario(
    "healthy-dns-typos",
    "Names that do not exist, each asked for once; reverse lookups in vain",
    branches=_BRANCHES,
    layers=("dns",),
)
def typos(lab: Lab) -> None:
    """A browser's random names, a mistyped one, and reverse lookups of private addresses."""
    shop(lab)
    zone = dns.Zone(lab, lab.hosts["resolver"])
    zone.set((lab.upstream.ip, "api.example"))
    resolv = settings(zone.ip, more="search corp.example\n")
    for name in ("qzkxvmtr", "wplopykd", "api.exmaple", "api.example"):
        fetch(lab, resolv, name)
    for last in (4, 4, 4):
        words = ["dig", f"@{zone.ip}", "+tries=1", "-x", f"10.9.8.{last}"]
        lab.client.run(words, check=False)
        lab.sleep(1.2)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.findings = QUIET
