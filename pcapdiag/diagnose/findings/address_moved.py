"""path.address_moved: An address answers from another MAC or TTL than before.

What happened
    Another host, or another device, has the address now. It knows nothing of the old connections,
    and resets them.

How pcapdiag can tell
    All connections that an address answered came from one place until some moment, and all later
    ones from another; two connections and six packets of each are needed. On the capture's own link
    a place is a MAC, farther away it is a TTL. Places that take turns, a gateway's new MAC, and a
    change for several addresses at once (a new route) are not told.

    It only informs, unless connections failed within five seconds.

Usual causes
    - A failover, or a virtual address that moved.
    - A pod or machine that was replaced.
    - An address that two hosts have.

Fixes
    - First: was it planned? Then drain before, or share the state of connections. If not, who else
      has this address?
    - Application: retry once on a new connection.
    - Envoy: `outlier_detection`, `tcp_keepalive` find the move sooner than the next request does;
      `retry_on: reset`.
    - Istio: `outlierDetection`, `retries.retryOn: reset`.
    - HAProxy: `on-marked-down shutdown-sessions`.
    - Kubernetes: endpoints that still name the old pod: `kubectl get endpointslices`.
    - Linux: conntrackd between two NATs; keepalived with two masters (split brain): `journalctl -u
      keepalived`.
    - Network: duplicate address: `arping -D`, the switch's table of MACs.

Can be confused with
    - path.lost_between: packets do not arrive at all.
    - dns.stale_address: the name moved, and the address stayed.
    - tcp.state_lost: what the connections of that moment look like.

What would settle it
    - `arping ADDRESS` on the link: one MAC or two?

References
    - RFC 5227 (duplicate addresses), RFC 5798 and RFC 9568 (VRRP).
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from pcapdiag.diagnose.attribution.ttl import ROUTE_CHANGE, initial_ttl
from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import Fleet, PlaceFacts
from pcapdiag.model.packet import INITIAL_TTLS
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import SECOND, counted, format_seconds, parse_seconds

MIN_CONNECTIONS = 2
MIN_PACKETS = 6
"""What must have come from each place."""
MAX_MOVES = 2
MIN_FOR_ROUTE = 2
"""Addresses that change together when it is the route."""
AROUND = 5 * SECOND
"""Failures this soon (ns) before or after are the move's."""
MAX_FINDINGS = 20


class Move(msgspec.Struct, frozen=True):
    """One address that answers from elsewhere."""

    address: str
    before: PlaceFacts
    after: PlaceFacts

    @property
    def on_link(self) -> bool:
        """Whether both places are on the capture's own link, where a MAC is a host's."""
        return self.before.ttl in INITIAL_TTLS and self.after.ttl in INITIAL_TTLS

    @property
    def other_mac(self) -> bool:
        """Whether the MAC is another one, and a host's."""
        return self.on_link and 0 not in (self.before.mac, self.after.mac) and self._macs_differ

    @property
    def other_system(self) -> bool:
        """Whether the TTL began elsewhere: another kind of system answers."""
        return initial_ttl(self.before.ttl) != initial_ttl(self.after.ttl)

    @property
    def may_be_route(self) -> bool:
        """Whether another route to the same host explains it."""
        near = abs(self.before.ttl - self.after.ttl) <= ROUTE_CHANGE
        return not self.other_mac and not self.other_system and near

    @property
    def _macs_differ(self) -> bool:
        return self.before.mac != self.after.mac


class AddressMoved:
    """Notes failed connections by address."""

    def __init__(self) -> None:
        self._failed: dict[str, list[tuple[int, int, int]]] = {}

    def look(self, connection: Connection) -> None:
        """Note when a failed connection to an address began and ended."""
        if not connection.verdict.failed:
            return
        failed = entry(self._failed, connection.responder.ip, MAX_ENDPOINTS, list)
        if failed is not None and len(failed) < MAX_STREAMS:
            start, end = parse_seconds(connection.start), parse_seconds(connection.end)
            failed.append((start, end, connection.stream))

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return one finding for each move, in time order."""
        moves = [move for address in fleet.places for move in moves_of(address, fleet)]
        told = [move for move in moves if not _is_route(move, moves)]
        told.sort(key=lambda move: move.after.first)
        return [self._finding(move) for move in told[:MAX_FINDINGS]]

    def _finding(self, move: Move) -> Finding:
        left, came = move.before.last, move.after.first
        streams = [
            stream
            for start, end, stream in self._failed.get(move.address, [])
            if start <= came + AROUND and end >= left - AROUND
        ]
        numbers: dict[str, float] = {
            "ttl_before": move.before.ttl,
            "ttl_after": move.after.ttl,
            "connections_before": move.before.connections,
            "connections_after": move.after.connections,
            "gap": (came - left) / SECOND,
            "failed": len(streams),
        }
        return Finding(
            code="path.address_moved",
            severity="warning" if streams else "info",
            title=f"{move.address} answers from elsewhere than before",
            detail=_detail(move, len(streams)),
            explanation=(
                "Another host, or another device, has the address now: a failover, a virtual "
                "address that moved, a container that was replaced, or an address used twice. "
                "The new owner knows nothing of the connections of the old one, and resets them."
            ),
            streams=streams,
            addresses=[move.address],
            frames=[move.after.claim_frame] if move.after.claim_frame else [],
            first=format_seconds(left),
            last=format_seconds(came),
            numbers=numbers,
            fixes=_FIXES,
            commands=[
                f"arping -D -c 3 -I eth0 {move.address}  # does a second host claim it?"
                if move.on_link and ":" not in move.address
                else f"traceroute -n {move.address}  # is it where it should be?",
                f"ip neigh show {move.address}",
            ],
        )


def moves_of(address: str, fleet: Fleet) -> list[Move]:
    """Return the moves of one address; none where its places took turns."""
    places = _joined(fleet.places[address])
    if not 1 < len(places) <= MAX_MOVES + 1:
        return []
    if any(p.connections < MIN_CONNECTIONS or p.packets < MIN_PACKETS for p in places):
        return []
    pairs = list(pairwise(places))
    if any(before.last > after.first for before, after in pairs):
        return []
    moves = [Move(address, before, after) for before, after in pairs]
    return moves if all(m.other_mac or m.before.ttl != m.after.ttl for m in moves) else []


def _joined(places: list[PlaceFacts]) -> list[PlaceFacts]:
    """Put places together that only differ in a gateway's MAC."""
    found: dict[tuple[int, int], PlaceFacts] = {}
    for place in places:
        key = place.ttl, place.mac if place.ttl in INITIAL_TTLS else 0
        known = found.get(key)
        if known is None:
            found[key] = place
            continue
        found[key] = PlaceFacts(
            mac=known.mac,
            ttl=known.ttl,
            connections=known.connections + place.connections,
            packets=known.packets + place.packets,
            first=min(known.first, place.first),
            last=max(known.last, place.last),
        )
    return sorted(found.values(), key=lambda place: place.first)


def _is_route(move: Move, moves: list[Move]) -> bool:
    """Whether several addresses changed by as many hops at one time: their route did."""
    if not move.may_be_route:
        return False
    hops = move.after.ttl - move.before.ttl
    same = {
        other.address
        for other in moves
        if other.may_be_route
        and other.after.ttl - other.before.ttl == hops
        and other.before.last <= move.after.first + AROUND
        and move.before.last <= other.after.first + AROUND
    }
    return len(same) >= MIN_FOR_ROUTE


def _detail(move: Move, failed: int) -> str:
    text = (
        f"{_place(move.before, move)} for {counted(move.before.connections, 'connection')}, then "
        f"{_place(move.after, move)} for {counted(move.after.connections, 'connection')}; it "
        f"changed within {duration(move.after.first - move.before.last)}"
    )
    if move.after.claimed:
        text += "; the new MAC claimed the address by ARP"
    if move.may_be_route:
        text += "; another route to the same host would look the same"
    if failed:
        text += f"; {counted(failed, 'connection')} failed around then"
    return text


def _place(place: PlaceFacts, move: Move) -> str:
    ttl = f"TTL {place.ttl}"
    return f"MAC {_mac(place.mac)}, {ttl}" if move.other_mac else ttl


def _mac(mac: int) -> str:
    return ":".join(f"{byte:02x}" for byte in mac.to_bytes(6, "big"))


_FIXES = [
    "if it was a planned failover: drain first, or share connection state (conntrackd, HA pair "
    "session sync); clients should retry once on a reset before the response",
    "if not: who else has this address? duplicate address, two VRRP masters (keepalived, split "
    "brain), a pod or VM that was replaced while DNS or the endpoint list still named it",
    "health checks and short keep-alives (Envoy outlier_detection, tcp_keepalive) find the move "
    "sooner than the next request does",
]
