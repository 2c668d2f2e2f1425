"""path.reset_device: One device on the path resets many connections.

What happened
    Resets of several connections were made by the same device between the ends, in their names.

How pcapdiag can tell
    Three connections or more whose decisive reset was put to the path with a confidence of 0.5 or
    more, and that share the TTL, or a window or text where the device copies the TTL. The number of
    hops says where it stands.

Usual causes
    - A firewall, intrusion prevention or filter with a reset action.
    - A load balancer or NAT that answers for connections that it has forgotten.

Fixes
    - First: count the hops (in the finding) to find the device; its log has the rule.
    - Linux: where it is a Linux router: rules with `reject with tcp reset`, and `ctstate INVALID`.
    - Network: the rule or idle timeout of that device; session logs (Palo Alto
      `session_end_reason`, FortiGate policy and session logs, F5 `tmsh show net rst-cause`).
    - Cloud: idle timeout of the balancer, if the pauses before are the same (path.idle_timeout).

Can be confused with
    - tcp.injected_reset: one connection cut on purpose.
    - tcp.stale_connection, tcp.state_lost: the device had only forgotten it.
    - path.idle_timeout: what they have in common is the pause.

What would settle it
    - Captures on both sides of the device at once: `pcapdiag correlate` shows resets that were born
      between.

References
    - Weaver, Sommer, Paxson: "Detecting Forged TCP Reset Packets", NDSS 2009.
    - docs/attribution.md: the signals and their weights.
    - F5 K13223; Citrix CTX200852 (reason codes in the window).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TypeVar

import msgspec

from pcapdiag.diagnose.attribution.ttl import hops
from pcapdiag.diagnose.findings.cases import MAX_NAMED, MAX_STREAMS
from pcapdiag.diagnose.timing import duration, how_long
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted, parse_seconds

FEWEST = 3
SURE = 0.5
"""Confidence from which a connection's reset counts as the path's."""
NEARLY_ALL = 0.9
MAX_RESETS = 10_000
MAX_FINDINGS = 20

_T = TypeVar("_T", int, str)


class Cut(msgspec.Struct, frozen=True):
    """One connection that a device reset."""

    stream: int
    frame: int
    start: str
    time: str
    client: str
    server: str
    port: int
    in_name_of: str
    device: str
    ttl: int
    window: int
    quiet: float | None
    text: str

    @property
    def endpoint(self) -> str:
        """Address and port of the responder as one word."""
        return join_port(self.server, self.port)


class ResetDevice:
    """Notes the resets that the path made."""

    def __init__(self) -> None:
        self._cuts: list[Cut] = []

    def look(self, connection: Connection) -> None:
        """Note a failed connection whose decisive reset a device between made."""
        attribution = connection.verdict.attribution
        reset = connection.decisive_reset
        if attribution.side != "path" or reset is None or reset.attribution.side != "path":
            return
        if reset.attribution.confidence < SURE or not connection.verdict.failed:
            return
        if len(self._cuts) >= MAX_RESETS:
            return
        ends = {"initiator": connection.initiator.ip, "responder": connection.responder.ip}
        self._cuts.append(
            Cut(
                stream=connection.stream,
                frame=reset.frame,
                start=connection.start,
                time=reset.time,
                client=connection.initiator.ip,
                server=connection.responder.ip,
                port=connection.responder.port,
                in_name_of=ends.get(reset.from_, ""),
                device=attribution.address or "",
                ttl=reset.ttl,
                window=reset.window,
                quiet=reset.quiet,
                text=reset.text or "",
            )
        )

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return one finding for each device, the busiest first."""
        devices = _devices(self._cuts)
        devices.sort(key=lambda cuts: -len(cuts))
        return [_finding(cuts, fleet) for cuts in devices[:MAX_FINDINGS]]


def _devices(cuts: list[Cut]) -> list[list[Cut]]:
    """Return the cuts by device, each of which cut several connections."""
    found: list[list[Cut]] = []
    rest = cuts
    for key in _SIGNATURES:
        alike: defaultdict[str | int, list[Cut]] = defaultdict(list)
        for cut in rest:
            alike[key(cut)].append(cut)
        devices = [same for value, same in alike.items() if value and len(same) >= FEWEST]
        found += devices
        taken = {cut.stream for same in devices for cut in same}
        rest = [cut for cut in rest if cut.stream not in taken]
    return found


def _finding(cuts: list[Cut], fleet: Fleet) -> Finding:
    ttl = _shared([cut.ttl for cut in cuts])
    window = _shared([cut.window for cut in cuts])
    endpoints = Counter(cut.endpoint for cut in cuts)
    clients = Counter(cut.client for cut in cuts)
    first, last = min(c.time for c in cuts), max(c.time for c in cuts)
    device = _shared([cut.device for cut in cuts])
    numbers: dict[str, float] = {
        "connections": len(cuts),
        "endpoints": len(endpoints),
        "initiators": len(clients),
    }
    numbers |= {} if ttl is None else {"ttl": ttl, "hops": hops(ttl)}
    numbers |= {"window": window} if window else {}
    quiet = sorted(cut.quiet for cut in cuts if cut.quiet is not None)
    numbers |= {"idle": len(quiet), "idle_shortest": quiet[0]} if quiet else {}
    where = f" ({device})" if device else ""
    away = "" if ttl is None else f" {counted(hops(ttl), 'hop')} away"
    return Finding(
        code="path.reset_device",
        severity="failure",
        title=f"one device{away}{where} reset {counted(len(cuts), 'connection')}",
        detail=_detail(cuts, fleet, ttl, window, quiet),
        explanation=(
            "These resets bear an end's address, but neither end made them: a firewall, NAT, load "
            "balancer or filter between them did. Both programs see only a connection reset by "
            "peer."
        ),
        streams=[cut.stream for cut in cuts][:MAX_STREAMS],
        addresses=[a for a in (device, *(cut.server for cut in cuts[:1])) if a],
        endpoint=next(iter(endpoints)) if len(endpoints) == 1 else None,
        frames=[cut.frame for cut in cuts][:MAX_STREAMS],
        first=first,
        last=last,
        count=len(cuts),
        numbers=numbers,
        fixes=_IDLE_FIXES if 2 * len(quiet) > len(cuts) else _FIXES,
        commands=_commands(cuts[0], ttl),
    )


def _detail(
    cuts: list[Cut], fleet: Fleet, ttl: int | None, window: int | None, quiet: list[float]
) -> str:
    endpoints = Counter(cut.endpoint for cut in cuts)
    clients = len({cut.client for cut in cuts})
    span = parse_seconds(max(c.time for c in cuts)) - parse_seconds(min(c.time for c in cuts))
    text = f"{counted(len(cuts), 'connection')} of {counted(clients, 'initiator')} to "
    text += _listed(endpoints)
    text += f" within {duration(span)}" if span else " at once"
    text += f"; {_signature(cuts, fleet, ttl, window)}"
    if quiet:
        shortest, longest = (how_long(q) for q in (quiet[0], quiet[-1]))
        how = shortest if shortest == longest else f"{shortest} to {longest}"
        text += f"; {len(quiet):,} of them after {how} of quiet"
    known = {(one.address, one.port): one.connections for one in fleet.endpoints}
    total = sum(known.get(pair, 0) for pair in {(cut.server, cut.port) for cut in cuts})
    if total > len(cuts):
        text += f"; {total - len(cuts):,} other connections to the same endpoints were not reset"
    return text


def _signature(cuts: list[Cut], fleet: Fleet, ttl: int | None, window: int | None) -> str:
    signs = []
    if ttl is not None:
        names = {cut.in_name_of for cut in cuts} - {""}
        usual = Counter[int]()
        for host in fleet.hosts:
            if host.address in names:
                usual.update(host.ttls)
        signs.append(f"all resets have TTL {ttl}")
        if usual and ttl not in usual:
            signs[-1] += f", their alleged senders' other packets {usual.most_common(1)[0][0]}"
    if window:
        signs.append(f"window {window}")
    ip_id = _fixed_ip_id(cuts, fleet)
    if ip_id is not None:
        signs.append(f"IP ID {ip_id} in every one")
    if any(cut.text for cut in cuts):
        signs.append("a text inside")
    return ", ".join(signs) or "in other respects they differ"


def _fixed_ip_id(cuts: list[Cut], fleet: Fleet) -> int | None:
    """Return the IP ID that the resets of several connections share, and no other packet has."""
    names = {cut.in_name_of for cut in cuts}
    counts: Counter[int] = Counter()
    for host in fleet.hosts:
        if host.address in names and host.marks_of_resets is not None:
            counts.update(host.marks_of_resets.ip_ids)
    value, count = counts.most_common(1)[0] if counts else (0, 0)
    return value if count >= FEWEST and count >= NEARLY_ALL * len(cuts) else None


def _shared(values: list[_T]) -> _T | None:
    """Return the value that nearly all have; None for none."""
    value, count = Counter(values).most_common(1)[0]
    return value if count >= NEARLY_ALL * len(values) else None


def _listed(endpoints: Counter[str]) -> str:
    named = [name for name, _ in endpoints.most_common(MAX_NAMED)]
    more = len(endpoints) - len(named)
    return ", ".join(named) + (f" and {counted(more, 'other endpoint')}" if more else "")


def _commands(cut: Cut, ttl: int | None) -> list[str]:
    found = []
    if ttl is not None and cut.in_name_of == cut.server:
        found.append(
            f"traceroute -n -T -p {cut.port} {cut.server}  # from where the capture was taken: "
            f"the device is at about hop {hops(ttl) + 1}"
        )
    if ttl is not None and ":" not in cut.server:
        found.append(f"tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0 and ip[8] = {ttl}'")
    return found


_SIGNATURES: tuple[Callable[[Cut], str | int], ...] = (
    lambda cut: cut.text,
    lambda cut: cut.ttl,
    lambda cut: cut.window,
)
_FIXES = [
    "ask who runs the device at that distance: its log of denied or reset sessions for these "
    "addresses and times (IPS or URL filter block, policy change, failover, session table full)",
    "let it drop or log in place of a reset while looking for the rule: iptables REJECT "
    "--reject-with tcp-reset, Palo Alto reset-both, FortiGate and ASA reset options",
    "capture on both sides of it and compare: pcapdiag correlate",
]
_IDLE_FIXES = [
    "keep connections shorter idle than the device does: Envoy idle_timeout, NGINX "
    "keepalive_timeout, HAProxy timeout http-keep-alive below the shortest quiet time seen",
    "or keep them alive: TCP keep-alive (Envoy tcp_keepalive, Linux net.ipv4.tcp_keepalive_time) "
    "at less than half of that time",
    "or raise its session timeout: load balancer idle timeout, firewall session TTL, conntrack "
    "nf_conntrack_tcp_timeout_established",
]
