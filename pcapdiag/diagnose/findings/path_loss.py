"""path.loss: One stretch of the path loses far more than the rest.

What happened
    Segments get lost between the capture point and some host, and have to be sent again.

How pcapdiag can tell
    A data segment that the capture holds and that is sent again was lost behind the capture point;
    one that the capture lacks, and that comes a round trip later, was lost before it. A host stands
    out with 8 lost segments or more, on two connections or more, from 1 % on, at four times the
    rate of all calmer hosts. With nothing to compare with it takes 20 and 2 %. Keep-alives do not
    count, nor what was only late or repeated needlessly: DSACK, timestamps, IP IDs, the time of
    the acknowledgment or the late copy itself show it, with SACK and without.

Usual causes
    - A full link, queue or policer; a cloud instance over its bandwidth.
    - A bad cable, optic or duplex setting.
    - A receiver whose network card or CPU drops.

Fixes
    - First: which stretch is it? The finding says on which side of the capture point, and for whom.
    - Kubernetes: bandwidth limits of pods; nodes that are out of CPU.
    - Linux: `ethtool -S` (drops, errors), `ip -s link`, `nstat -az TcpRetransSegs`, ring size by
      `ethtool -G`, `tc -s qdisc`.
    - Network: errors and drops of each port on the way; policers; `mtr -T -P PORT SERVER`.
    - Cloud: bandwidth and packets per second of the instance type (AWS `bw_out_allowance_exceeded`,
      `pps_allowance_exceeded` in `ethtool -S`).

Can be confused with
    - capture.dropped: the capture lost them, not the network.
    - path.new_flows_dropped: only SYNs are lost.
    - path.mtu: only what is big is lost.
    - tcp.data_timeout: one connection that got nothing through any more.

What would settle it
    - A second capture on the other side of the suspected stretch: `pcapdiag correlate` counts what
      did not arrive (path.lost_between).

References
    - RFC 2018 and RFC 2883 (SACK, DSACK), RFC 8985 (RACK and tail loss probes), RFC 3522 (Eifel
      detection), RFC 7323 (timestamps).
    - docs/verdicts.md, "What the findings about the path rest on"; docs/tcp-analysis.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial
from math import sqrt

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_NAMED, MAX_STREAMS
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.addresses import network_of
from pcapdiag.model.fleet import Fleet, LossFacts
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import SECOND, counted, format_seconds

MIN_LOST = 8
MIN_SHARE = 0.01
TIMES_THE_REST = 4
MIN_REST = 300
"""Segments of the others that make a comparison."""
ALONE_LOST, ALONE_SHARE = 20, 0.02
"""What is plainly high, with nothing to compare with."""
MIN_CONNECTIONS = 2
"""Connections with losses, unless it is plainly high."""
MOST = 0.8
"""Share of all losses from which a host is named, with nothing to compare with."""
SIGMAS = 3
BURST = 10
"""Seconds in which most of the losses make a burst."""
MAX_FINDINGS = 20
EXPLAINED = frozenset(
    {
        "tcp.connection_timeout",
        "tcp.data_timeout",
        "tcp.handshake_stalled",
        "tcp.keepalive_timeout",
        "tls.handshake_timeout",
        "http2.ping_timeout",
    }
)
"""Failures that lost segments explain."""


class Side(msgspec.Struct):
    """What passed in one direction between the capture point and some hosts."""

    to_host: bool
    hosts: list[LossFacts]

    @property
    def segments(self) -> int:
        """Segments that passed, or should have."""
        return sum(h.taken if self.to_host else h.sent for h in self.hosts)

    @property
    def lost(self) -> int:
        """Those that were lost."""
        return sum(h.taken_lost if self.to_host else h.sent_lost for h in self.hosts)

    @property
    def connections(self) -> int:
        """Connections that lost any."""
        return sum(h.taken_lossy if self.to_host else h.sent_lossy for h in self.hosts)

    @property
    def share(self) -> float:
        """Share of the segments that was lost."""
        return self.lost / self.segments if self.segments else 0.0


class PathLoss:
    """Notes the connections that loss may have failed, and compares hosts at the end."""

    def __init__(self) -> None:
        self._failed: defaultdict[str, list[int]] = defaultdict(list)

    def look(self, connection: Connection) -> None:
        """Note a connection that failed for want of answers."""
        if connection.verdict.code not in EXPLAINED or len(self._failed) >= 1_000:
            return
        for address in (connection.initiator.ip, connection.responder.ip):
            if len(self._failed[address]) < MAX_STREAMS:
                self._failed[address].append(connection.stream)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each host or network whose path loses far more than the rest."""
        found = [side for to_host in (True, False) for side in lossy_sides(fleet.losses, to_host)]
        pairs = _both_ways(found)
        pairs.sort(key=lambda sides: -sum(side.lost for side in sides))
        return [self._finding(sides, fleet) for sides in pairs[:MAX_FINDINGS]]

    def _finding(self, sides: list[Side], fleet: Fleet) -> Finding:
        worst = max(sides, key=lambda side: side.share)
        addresses = [host.address for host in worst.hosts]
        everywhere = _is_everything(worst, fleet.losses)
        where = "the whole capture" if everywhere else name_of(addresses)
        seconds: Counter[int] = Counter()
        for host in worst.hosts:
            seconds.update(host.seconds)
        numbers: dict[str, float] = {}
        for side in sides:
            word = "to" if side.to_host else "from"
            numbers[f"segments_{word}"] = side.segments
            numbers[f"lost_{word}"] = side.lost
            numbers[f"share_{word}"] = round(side.share, 4)
        explained = [s for address in addresses for s in self._failed.get(address, [])]
        return Finding(
            code="path.loss",
            severity="warning",
            title=f"the path to {where} loses {worst.share:.1%} of the data segments"
            if not everywhere
            else f"{worst.share:.1%} of all data segments are lost",
            detail=_detail(sides, fleet, everywhere, seconds),
            explanation=(
                "Each lost segment has to be sent again: it costs a round trip at least, 200 ms or "
                "more at the end of a message, and slows the transfer down. TCP repairs it, so "
                "connections get slow before they fail."
            ),
            streams=sorted({*explained} or {s for host in worst.hosts for s in host.streams})[
                :MAX_STREAMS
            ],
            addresses=addresses[:MAX_NAMED],
            first=_moment(min(seconds), fleet) if seconds else msgspec.UNSET,
            last=_moment(max(seconds) + 1, fleet) if seconds else msgspec.UNSET,
            count=sum(side.lost for side in sides),
            numbers=numbers,
            fixes=_FIXES,
            commands=[
                f"mtr -n {_port(addresses[0], fleet)}-c 100 -r {addresses[0]}  # and the way back",
                "ip -s link; ethtool -S eth0 | grep -iE 'drop|err|fifo'; tc -s qdisc  # each hop",
            ],
        )


def lossy_sides(losses: list[LossFacts], to_host: bool) -> list[Side]:
    """Return the hosts, or networks of hosts, whose side of the path loses far more."""
    make = partial(Side, to_host)
    hosts = [make([one]) for one in losses]
    found = [side for side in hosts if _stands_out(side, hosts)]
    if not found:
        # Many hosts with little traffic each may show together what none shows alone.
        networks = [make(same) for same in _networks(losses).values()]
        found = [side for side in networks if len(side.hosts) > 1 and _stands_out(side, networks)]
    if found:
        return _joined(found, losses, to_host)
    everything = make([one for one in losses if (one.taken if to_host else one.sent)])
    if not _is_plain(everything):
        return []
    worst = max(hosts, key=lambda side: side.lost)
    return [worst] if worst.lost >= MOST * everything.lost else [everything]


def _stands_out(side: Side, others: list[Side]) -> bool:
    if side.lost < MIN_LOST or side.share < MIN_SHARE:
        return False
    if side.connections < MIN_CONNECTIONS and not _is_plain(side):
        return False
    calm = [one for one in others if one.share * TIMES_THE_REST <= side.share]
    segments, lost = sum(one.segments for one in calm), sum(one.lost for one in calm)
    if segments < MIN_REST:
        return False
    rest = lost / segments
    spread = sqrt(side.share / side.segments + rest / segments)
    return side.share >= TIMES_THE_REST * rest and side.share - rest >= SIGMAS * spread


def _is_plain(side: Side) -> bool:
    return side.lost >= ALONE_LOST and side.share >= ALONE_SHARE


def _joined(found: list[Side], losses: list[LossFacts], to_host: bool) -> list[Side]:
    """Put hosts of one network together when all of it that says anything loses alike."""
    by_network: dict[str, list[LossFacts]] = defaultdict(list)
    for side in found:
        for host in side.hosts:
            by_network[network_of(host.address)].append(host)
    everyone = _networks(losses)
    sides: list[Side] = []
    for network, lossy in by_network.items():
        whole = Side(to_host, everyone[network])
        if len(lossy) > 1 and whole.share * 2 >= Side(to_host, lossy).share:
            sides.append(whole)
        else:
            sides += [Side(to_host, [host]) for host in lossy]
    return sides


def _both_ways(found: list[Side]) -> list[list[Side]]:
    """Put both directions of the same hosts together."""
    pairs: dict[frozenset[str], list[Side]] = defaultdict(list)
    for side in found:
        pairs[frozenset(host.address for host in side.hosts)].append(side)
    return list(pairs.values())


def _networks(losses: list[LossFacts]) -> dict[str, list[LossFacts]]:
    networks: dict[str, list[LossFacts]] = defaultdict(list)
    for one in losses:
        networks[network_of(one.address)].append(one)
    return networks


def name_of(addresses: list[str]) -> str:
    """Return an address, or the network of several."""
    return addresses[0] if len(addresses) == 1 else network_of(addresses[0])


def _moment(second: int, fleet: Fleet) -> str:
    last = max(fleet.first_time, fleet.last_time)
    return format_seconds(min(max(second * SECOND, fleet.first_time), last))


def _port(address: str, fleet: Fleet) -> str:
    """Return mtr's options for the busiest port of an address; none where it listens on none."""
    ports = {one.port: one.established for one in fleet.endpoints if one.address == address}
    return f"-T -P {max(ports, key=lambda port: ports[port])} " if ports else ""


def _is_everything(side: Side, losses: list[LossFacts]) -> bool:
    total = sum(one.taken if side.to_host else one.sent for one in losses)
    return len(side.hosts) > 1 and side.segments == total


def _detail(sides: list[Side], fleet: Fleet, everywhere: bool, seconds: Counter[int]) -> str:
    parts = []
    for side in sides:
        way = "towards it" if side.to_host else "from it"
        if everywhere:
            way = "behind the capture point" if side.to_host else "before the capture point"
        parts.append(
            f"{way} {side.lost:,} of {counted(side.segments, 'data segment')} ({side.share:.1%}) "
            f"were lost, on {counted(side.connections, 'connection')}"
        )
    text = "; ".join(parts)
    if not everywhere:
        text += f"; they got lost between the capture point and {_far_end(sides[0])}"
        text += "".join(f"; {part}" for part in _rest(sides, fleet))
    return f"{text}{_burst(seconds, fleet.first_time)}"


def _far_end(side: Side) -> str:
    return "these hosts" if len(side.hosts) > 1 else "this host"


def _rest(sides: list[Side], fleet: Fleet) -> list[str]:
    side = max(sides, key=lambda one: one.lost)
    own = {host.address for host in side.hosts}
    rest = Side(side.to_host, [one for one in fleet.losses if one.address not in own])
    if rest.segments < MIN_REST:
        return []
    way = "to" if side.to_host else "from"
    return [f"{way} all others it was {rest.share:.2%} of {rest.segments:,}"]


def _burst(seconds: Counter[int], first_time: int) -> str:
    total = sum(seconds.values())
    if total < MIN_LOST or max(seconds) - min(seconds) < 2 * BURST:
        return ""
    best, start = max(
        (sum(seconds[second + i] for i in range(BURST)), -second) for second in seconds
    )
    if best * 2 < total:
        return ""
    into = max(0, -start * SECOND - first_time)
    return f"; most of it ({best / total:.0%}) within {BURST} s, {duration(into)} into the capture"


_FIXES = [
    "look for drops along this path: interface errors, full queues, policers, a bad cable or "
    "duplex mismatch, a saturated VPN or Wi-Fi link (a second capture and pcapdiag correlate "
    "halve the stretch)",
    "cloud hosts: bandwidth and packets-per-second allowance of the instance "
    "(ethtool -S: bw_in_allowance_exceeded, pps_allowance_exceeded), NAT gateway limits",
    "make it hurt less: keep connections open (Envoy and NGINX keepalive pools), Linux "
    "net.ipv4.tcp_congestion_control=bbr with fq, retries with a per-try timeout above 1 s",
]
