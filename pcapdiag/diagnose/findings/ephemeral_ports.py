"""tcp.ephemeral_ports_low: One address runs out of source ports towards one destination.

What happened
    One source address has nearly all of its ports in use towards one destination, or ports collide
    with connections that are not forgotten yet. When none is left, connect() fails and nothing is
    on the wire.

How pcapdiag can tell
    Ports in use, or in TIME_WAIT for a minute, towards one address and port, against the range that
    the source uses: from 80 % on. Or SYNs on ports that the other side still held (tcp.port_reuse),
    three or more.

    Behind a NAT many clients share the ports of one address; TTLs of the connections show it.

Usual causes
    - A new connection for every request.
    - One proxy or NAT address in front of many clients.
    - The end that closes first is the client: its ports rest in TIME_WAIT for a minute.

Fixes
    - First: keep connections open instead of opening new ones.
    - Application: a pool of connections, keep-alive on; let the server close last only where it
      must.
    - Envoy: leave `max_requests_per_connection` unset; HTTP/2 to the upstream;
      `upstream_bind_config` with more addresses.
    - Istio: `connectionPool.http.maxRequestsPerConnection: 0`, `connectionPool.http.idleTimeout`.
    - NGINX: upstream `keepalive` with `proxy_http_version 1.1` and `proxy_set_header Connection
      ""`; several addresses in `proxy_bind`.
    - HAProxy: `http-reuse safe` or `always`; several `source` addresses.
    - Linux: `net.ipv4.ip_local_port_range`; `net.ipv4.tcp_tw_reuse=1` for clients, with timestamps
      on.
    - Network: more addresses in the SNAT pool; `--random-fully` against collisions.
    - Cloud: Azure outbound rules with more ports, more NAT gateway addresses (AWS
      `ErrorPortAllocation`), GCP `--min-ports-per-vm`.

Can be confused with
    - path.new_flows_dropped: a NAT that has no port left drops SYNs.
    - tcp.port_reuse: what a single collision looks like.

What would settle it
    - On the client: `ss -tan dst SERVER | awk '{print $1}' | sort | uniq -c`, and its log for errno
      99.

References
    - RFC 9293 section 3.6.1 (TIME_WAIT), RFC 6056 (port selection).
    - Linux ip(7), `ip_local_port_range`. Measured in the lab (docs/lab.md): with no port left
      nothing is sent, errno 99.
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, Cases
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import CallerFacts, Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import SECOND, counted, format_seconds

MOST_OF_IT = 0.8
"""Share of the range that is in use from which it is low."""
COLLISIONS = 3
"""Collisions between one address and one destination from which they are no chance."""
FEWEST_PORTS = 16
"""Ports of a range that was narrowed; a program may have fewer of its own choice."""
TURNS = 4
"""Times that a range has been gone through when what was seen of it is all of it."""
RANGES = (
    (49_152, 65_535, "the range of Windows, macOS and the IANA"),
    (32_768, 60_999, "the default range of Linux"),
)
ALL_PORTS = (1_024, 65_535, "all unprivileged ports")
COLLIDED = "tcp.port_reuse"
MAX_FINDINGS = 100
NAT_TTLS = 3
"""Different TTLs of one address from which it may stand for several hosts."""


class EphemeralPorts:
    """Compares the ports in use with the range that they are taken from."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], Cases] = {}

    def look(self, connection: Connection) -> None:
        """Note a connection that failed because its ports were still in use."""
        verdict = connection.verdict
        if verdict.code != COLLIDED:
            return
        endpoint = connection.responder.host_port
        key = connection.initiator.ip, endpoint
        pair = entry(self._pairs, key, MAX_ENDPOINTS, Cases)
        if pair is not None:
            pair.add(connection.stream, verdict.frames[:1], connection.start, connection.end)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each pair whose ports are low or collide, failures first."""
        several = {host.address for host in fleet.hosts if len(host.ttls) >= NAT_TTLS}
        found: list[Finding] = []
        for caller in fleet.callers:
            pair = self._pairs.get((caller.caller, caller.endpoint))
            collisions = caller.cured + (pair.count if pair else 0)
            if collisions >= COLLISIONS or _is_low(caller):
                is_nat = caller.caller in several
                found.append(_finding(caller, pair or Cases(), is_nat=is_nat))
        found.sort(key=lambda one: (one.severity != "failure", -one.numbers["share"]))
        return found[:MAX_FINDINGS]


def _range(caller: CallerFacts) -> tuple[int, int, str]:
    """Return the range of ports that a caller seems to choose from, and what it is."""
    lowest, highest = caller.lowest_port, caller.highest_port
    span = highest - lowest + 1
    if span >= FEWEST_PORTS and caller.connections >= TURNS * span:
        return lowest, highest, f"{lowest} to {highest}, all that it ever used"
    for first, last, what in RANGES:
        if first <= lowest and highest <= last:
            return first, last, f"{first} to {last}, {what}"
    first, last, what = ALL_PORTS
    return min(first, lowest), last, f"{first} to {last}, {what}"


def _share(caller: CallerFacts) -> float:
    first, last, _ = _range(caller)
    return caller.most_in_use / (last - first + 1)


def _is_low(caller: CallerFacts) -> bool:
    """Return whether most of a range is in use; none is smaller than FEWEST_PORTS."""
    return caller.most_in_use >= MOST_OF_IT * FEWEST_PORTS and _share(caller) >= MOST_OF_IT


def _finding(caller: CallerFacts, pair: Cases, *, is_nat: bool) -> Finding:
    first, last, what = _range(caller)
    share, size = _share(caller), last - first + 1
    low = share >= MOST_OF_IT
    when = [format_seconds(caller.most_at)] if low else []
    when += [pair.first, pair.last] if pair.count else []
    if not when:
        when = [format_seconds(caller.first), format_seconds(caller.last)]
    address, destination = caller.caller, caller.endpoint
    return Finding(
        code="tcp.ephemeral_ports_low",
        severity="failure" if pair.count else "warning",
        title=(
            f"{address} has used {min(share, 1.0):.0%} of its ports to {destination}"
            if low
            else f"ports of {address} to {destination} are used again too soon"
        ),
        detail=_detail(caller, pair, f"{size:,} ports ({what})", is_nat=is_nat),
        explanation=(
            "Each connection of one address to one destination needs a port of its own, and Linux "
            "keeps it for 60 s after the end that closes first. With none left connect() fails "
            "(EADDRNOTAVAIL), and the capture shows nothing of it; a NAT drops the SYN, or takes a "
            "port that the destination still holds."
        ),
        streams=pair.streams,
        addresses=[address],
        endpoint=destination,
        frames=pair.frames,
        first=min(when, key=float),
        last=max(when, key=float),
        count=max(1, pair.count),
        numbers={
            "ports_in_use": caller.most_in_use,
            "range": size,
            "share": round(share, 4),
            "connections": caller.connections,
            "open_at_once": caller.most_open,
            "per_second": round(_rate(caller), 2),
            "collisions_failed": pair.count,
            "collisions_cured": caller.cured,
        },
        fixes=_fixes(address, is_nat=is_nat),
        commands=[
            f"ss -tan 'dst {destination.rpartition(':')[0]}' | awk '{{print $1}}' | sort | uniq -c"
            f"  # on {address}",
            "sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse  # there",
            f"conntrack -S | grep -o 'insert_failed=[0-9]*'  # where {address} is a NAT's",
        ],
    )


def _detail(caller: CallerFacts, pair: Cases, ports: str, *, is_nat: bool) -> str:
    parts: list[str] = []
    if caller.most_in_use:
        parts.append(
            f"{caller.most_in_use:,} of {ports} in use at once, those in TIME_WAIT included"
        )
    parts.append(f"{counted(caller.connections, 'connection')}, {_rate(caller):,.1f} a second")
    if caller.most_open:
        parts.append(f"{caller.most_open:,} open at once")
    if pair.count:
        parts.append(f"{counted(pair.count, 'SYN')} met an old connection and failed")
    if caller.cured:
        parts.append(f"{counted(caller.cured, 'SYN')} met one and worked at the next try")
    if is_nat:
        parts.append("its TTLs differ: it may be a NAT for several hosts")
    return "; ".join(parts)


def _fixes(address: str, *, is_nat: bool) -> list[str]:
    fixes = [
        "keep connections and use them again: Envoy and Istio connection pools (HTTP/2, "
        "max_requests_per_connection), NGINX upstream keepalive, HAProxy http-reuse",
        f"more ports on {address}: net.ipv4.ip_local_port_range; more source addresses; or more "
        "addresses or ports of the destination",
        "net.ipv4.tcp_tw_reuse=1, with timestamps at both ends",
    ]
    nat = (
        "a NAT: more addresses, or more ports for each client (AWS NAT gateway secondary "
        "addresses, Azure outbound rules, GCP Cloud NAT minPortsPerVm, iptables SNAT with a range "
        "and --random-fully)"
    )
    return [nat, *fixes] if is_nat else [*fixes, nat]


def _rate(caller: CallerFacts) -> float:
    """Return the mean number of new connections a second."""
    return (caller.connections - 1) * SECOND / max(caller.last - caller.first, SECOND)
