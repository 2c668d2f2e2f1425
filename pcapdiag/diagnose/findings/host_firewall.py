"""host.firewall: A rule of the host's own firewall dropped or rejected these packets.

What happened
    A rule of nftables or iptables on the host, or the policy of a chain, dropped or rejected what
    belonged to the connection. Dropping looks like silence, rejecting like a refusal or a reset.

How pcapdiag can tell
    A snapshot of the host, taken as root, lists a rule that drops or rejects, whose conditions fit
    the packets that were not answered or were refused, and that counted packets. One without a
    counter, as nft makes them by default, is named only where it has the very port, and all of its
    conditions are understood; an earlier rule may still have let the packets pass.

Usual causes
    - A port that nobody opened, or a policy of DROP.
    - A rule for one network that hits another.
    - A NetworkPolicy, which becomes rules on the node.
    - INVALID packets: the connection's entry has expired (tcp.stale_connection).

Fixes
    - First: is the rule meant for this? Its comment and its neighbours say whose it is.
    - Kubernetes: NetworkPolicy of the namespace; the CNI's own policies.
    - Linux: allow the port before the rule (`nft insert rule`, `iptables -I`), in what manages the
      firewall (firewalld, ufw), not by hand.
    - Cloud: security groups are elsewhere: the host does not show them.

Can be confused with
    - tcp.connection_timeout: what a client sees of a dropped SYN.
    - tcp.connection_refused: a port where nothing listens says the same as REJECT with a reset.
    - host.conntrack_full: dropped, too, and by no rule.

What would settle it
    - The rule's counter twice while it fails: `nft list ruleset`, `iptables-save -c`. Without one,
      `nft monitor trace` (nft(8)), or a rule with `counter` before it.

References
    - nft(8), iptables-extensions(8): DROP, REJECT.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import RESETS, SILENCE, Failure, host_finding
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.harmless import is_command_word
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.snapshot import Rule
from pcapdiag.model.units import counted

MAX_FINDINGS = 5
REFUSED = RESETS | frozenset({"tcp.connection_refused", "icmp.unreachable", "icmp.prohibited"})
DROPPED = SILENCE | frozenset({"tcp.stale_connection"})
_TCP = frozenset({"", "tcp", "6", "all"})

Packet = tuple[str, int, str, int]
"""Source, its port, destination, its port."""


def hit_rules(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each rule that counted packets and fits failures, the best fits first."""
    found = []
    for rule in state.snapshot.firewall.rules:
        packets = state.counters.rules.get(rule.id, 0)
        if packets or (state.fresh and _is_exact(rule)):
            codes = DROPPED if rule.action == "drop" else REFUSED
            hit = [one for one in failures if one.is_of(codes) and _fits(state, rule, one)]
            if hit:
                found.append((rule, packets, hit))
    found.sort(key=lambda item: (not item[1], _is_general(item[0]), len(item[2])))
    for rule, packets, hit in found[:MAX_FINDINGS]:
        yield _finding(state, rule, packets, hit)


def _is_general(rule: Rule) -> bool:
    """Return whether a rule would fit any connection as well, as a chain's policy does."""
    return not (rule.sources or rule.destinations or rule.destination_ports or rule.source_ports)


def _is_exact(rule: Rule) -> bool:
    """Return whether a rule has no counter, as nft's have by default, and all else says what it is.

    It names the ports, and has no condition that is not understood.
    """
    named = bool(rule.destination_ports or rule.source_ports)
    return named and not rule.counted and not rule.partly


def _fits(state: HostState, rule: Rule, one: Failure) -> bool:
    ways: tuple[Packet, Packet] = (
        (one.initiator, one.initiator_port, one.responder, one.port),
        (one.responder, one.port, one.initiator, one.initiator_port),
    )
    return any(_passes(state, rule.hook, way) and _matches(rule, way) for way in ways)


def _passes(state: HostState, hook: str, packet: Packet) -> bool:
    """Return whether a packet comes by a hook of this host."""
    source, _, destination, _ = packet
    to_us, from_us = destination in state.own, source in state.own
    if hook == "input":
        return to_us
    if hook == "output":
        return from_us
    if hook == "forward":
        return state.on_path and not to_us and not from_us
    return to_us or from_us or state.on_path


def _matches(rule: Rule, packet: Packet) -> bool:
    source, source_port, destination, port = packet
    if rule.protocol not in _TCP or rule.family not in _families(source):
        return False
    return (
        _is_in(source, rule.sources)
        and _is_in(destination, rule.destinations)
        and _is_among(source_port, rule.source_ports)
        and _is_among(port, rule.destination_ports)
    )


def _families(address: str) -> tuple[str, ...]:
    return ("ip6" if ":" in address else "ip", "inet", "bridge", "netdev")


def _is_in(address: str, networks: Sequence[str]) -> bool:
    if not networks:
        return True
    for text in networks:
        try:
            if ipaddress.ip_address(address) in ipaddress.ip_network(text, strict=False):
                return True
        except ValueError:
            continue
    return False


def _is_among(port: int, ranges: Sequence[str]) -> bool:
    if not ranges:
        return True
    for text in ranges:
        low, _, high = text.partition("-")
        if low.isdecimal() and (high or low).isdecimal() and int(low) <= port <= int(high or low):
            return True
    return False


def _finding(state: HostState, rule: Rule, packets: int, hit: list[Failure]) -> Finding:
    general = _is_general(rule) or rule.partly
    does = "drops" if rule.action == "drop" else "rejects"
    if not rule.counted:
        does = f"would {does.removesuffix('s')}"
    did = "dropped" if rule.action == "drop" else "rejected"
    place = f"{rule.family} {rule.table} {rule.chain}"
    more = state.after.rules.get(rule.id, 0) if state.after else 0
    still = f" ({more:,} more {state.after_over})" if more else ""
    further = "; it has further conditions" if rule.partly else ""
    shown = "silence" if rule.action == "drop" else "a refusal"
    met = f"{counted(packets, 'packet')} {did} {state.over}{still}"
    if not rule.counted:
        met = "it has no counter"
    return host_finding(
        state,
        hit,
        code="host.firewall",
        severity=state.severity(strong=rule.counted and (state.within or more > 0 or not general)),
        title=f"a firewall rule of {state.name} {does} these packets",
        detail=(
            f"{place}: {rule.text}: {met}, and "
            f"it fits {counted(len(hit), 'connection')} of the capture that met {shown}{further}"
        ),
        explanation=(
            "The host's own firewall answers or drops before a program sees the packet. A capture "
            "on the host shows packets that come in before its firewall drops them."
        ),
        addresses=sorted({one.responder for one in hit if one.responder in state.own}),
        numbers={"packets": packets, "connections": len(hit)},
        fixes=[
            f"allow it before that rule, in what manages the firewall of {state.name} (firewalld, "
            "ufw, a NetworkPolicy, the CNI)",
            "or leave the rule, and do not connect there",
        ],
        commands=[f"nft list chain {rule.family} {rule.table} {rule.chain}  # on {state.name}"]
        if _is_plain(rule)
        else [f"iptables-save -c  # on {state.name}"],
    )


def _is_plain(rule: Rule) -> bool:
    return all(map(is_command_word, (rule.family, rule.table, rule.chain)))
