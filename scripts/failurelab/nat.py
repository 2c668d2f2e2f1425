"""Address translation by a router of the lab."""

from __future__ import annotations

from collections.abc import Sequence

from failurelab.connections import Address
from failurelab.hosts import Host

SERVICE = "203.0.113.80"
"""A virtual address that no host of a topology has (RFC 5737)."""
CLIENT_SIDE, UPSTREAM_SIDE = "eth0", "eth1"


def masquerade(router: Host) -> None:
    """Everything that leaves towards the upstream gets the router's address and another port."""
    router.iptables(f"-t nat -A POSTROUTING -o {UPSTREAM_SIDE} -p tcp -j MASQUERADE --random-fully")


def virtual_address(router: Host, backends: Sequence[Address], *, port: int = 80) -> Address:
    """A service address of the router's; connections go to the backends in turn."""
    router.run(f"ip addr add {SERVICE}/32 dev lo")
    for nth, (ip, target) in enumerate(backends):
        left = len(backends) - nth
        turn = f"-m statistic --mode nth --every {left} --packet 0" if left > 1 else ""
        rule = f"-t nat -A PREROUTING -d {SERVICE} -p tcp --dport {port} {turn}"
        router.iptables(f"{rule} -j DNAT --to-destination {ip}:{target}")
    return SERVICE, port


def take_handshakes(router: Host) -> None:
    """The router answers every SYN from the client's side itself, and asks the upstream then."""
    router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    router.iptables(f"-t raw -A PREROUTING -i {CLIENT_SIDE} -p tcp --syn -j CT --notrack")
    proxy = "SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460"
    unknown = "-m conntrack --ctstate INVALID,UNTRACKED"
    router.iptables(f"-A FORWARD -i {CLIENT_SIDE} -p tcp {unknown} -j {proxy}")
    router.iptables("-A FORWARD -m conntrack --ctstate INVALID -j DROP")


def expire_idle(router: Host, seconds: int) -> None:
    """The router forgets a connection that was idle for so long, and takes up none in mid use."""
    router.iptables("-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j ACCEPT")
    router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", seconds)
    router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_max_retrans", seconds)
    router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", seconds)
