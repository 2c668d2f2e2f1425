"""dns.stale_address: Connections go to an address that the answers no longer hold.

What happened
    A name moved to other addresses, and a client still uses an old one, which fails.

How pcapdiag can tell
    The address was among the answers for a name. A newer answer of the same server does not hold
    it, its time to live is over, and two new connections to it or more fail, with none that works
    after them. Old addresses that still work are left alone; so are pools whose answers hold a few
    addresses of many in turn.

Usual causes
    - A client that resolves once, at its start.
    - A cache that keeps addresses longer than their time to live.
    - An address in a configuration instead of a name.

Fixes
    - First: let the client resolve again. Until then, restart it.
    - Application: JVM `networkaddress.cache.ttl=30`; close pooled connections after some minutes.
    - Envoy: STRICT_DNS or LOGICAL_DNS instead of an address; `dns_refresh_rate`, `respect_dns_ttl`.
    - Istio: ServiceEntry with `resolution: DNS`.
    - NGINX: `resolver ... valid=10s` with a variable in `proxy_pass`, or `server ... resolve`. A
      plain `proxy_pass` resolves once.
    - HAProxy: `resolvers` section with `hold valid`; `server ... resolvers`.
    - Kubernetes: a Service in front instead of pod addresses.
    - DNS servers: lower the time to live before a change, and keep the old address alive for a
      while.

Can be confused with
    - endpoint.down: the answers still hold it.
    - path.address_moved: the address itself went to another host.

What would settle it
    - `dig NAME` on the client, and the client's own list of addresses (Envoy `/clusters`).

References
    - RFC 1035 section 3.2.1 (time to live).
    - NGINX ngx_http_core_module, `resolver`; Envoy's documentation, "Service discovery".
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.bounded import entry
from pcapdiag.model.dns import AAAA, A, HeldAddress, HeldAnswers
from pcapdiag.model.ends import host_in_url
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import SECOND, counted, format_seconds, parse_seconds

FEWEST = 2
"""Connections that failed after the address was gone."""
GRACE = SECOND
"""How long (ns) after a newer answer a client may still use the old one."""
ROTATES = 4
"""Times as many addresses as one answer holds, from which on a name has a pool of them."""


class _Failed(msgspec.Struct):
    """A failed connection."""

    client: str
    stream: int
    start: int


class _Stale(msgspec.Struct):
    """An address that is used though it is gone."""

    address: str
    book: HeldAnswers
    held: HeldAddress
    failed: list[_Failed]

    @property
    def first(self) -> int:
        """When the first connection to it began that failed, ns."""
        return min(failed.start for failed in self.failed)


class DnsStaleAddress:
    """Notes the failed connections by the address that they went to."""

    def __init__(self) -> None:
        self._failed: dict[str, list[_Failed]] = {}

    def look(self, connection: Connection) -> None:
        """Note a failed connection."""
        if not connection.verdict.failed:
            return
        failed = entry(self._failed, connection.responder.ip, MAX_ENDPOINTS, list)
        if failed is not None and len(failed) < MAX_STREAMS:
            start = parse_seconds(connection.start)
            failed.append(_Failed(connection.initiator.ip, connection.stream, start))

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return one finding for each address that is gone, the most connections first."""
        came_up: dict[str, int] = {}
        for endpoint in fleet.endpoints:
            if endpoint.established:
                last = came_up.get(endpoint.address, 0)
                came_up[endpoint.address] = max(last, endpoint.last_established)
        valid = {
            address
            for book in fleet.dns.answers
            for address, held in book.held.items()
            if not held.gone
        }
        found: dict[str, _Stale] = {}
        for book in fleet.dns.answers:
            for address in self._failed.keys() & book.held.keys() - valid - found.keys():
                stale = self._stale(address, book, came_up.get(address, 0))
                if stale is not None:
                    found[address] = stale
        ordered = sorted(found.values(), key=lambda one: -len(one.failed))
        return [_finding(one, fleet) for one in ordered]

    def _stale(self, address: str, book: HeldAnswers, came_up: int) -> _Stale | None:
        held = book.held[address]
        since = max(held.gone + GRACE, held.last + held.ttl * SECOND, came_up)
        failed = [one for one in self._failed[address] if one.start > since]
        if len(failed) < FEWEST or _rotates(book, address):
            return None
        return _Stale(address, book, held, failed)


def _rotates(book: HeldAnswers, address: str) -> bool:
    """Return whether the answers for a name hold some of its addresses in turn."""
    alike = [held for one, held in book.held.items() if (":" in one) == (":" in address)]
    away = max(held.longest_away for held in alike)
    current = _current(book, address)
    if book.held[address].without <= 2 * away:
        return True
    return len(alike) > ROTATES * max(len(current), 1)


def _current(book: HeldAnswers, address: str) -> tuple[str, ...]:
    """Return the addresses of the same family that the name has now."""
    return book.current.get(AAAA if ":" in address else A, ())


def _detail(one: _Stale, fleet: Fleet, clients: list[str]) -> str:
    book, held = one.book, one.held
    now = _current(book, one.address)
    asked = {name.client: name.last_good for name in fleet.dns.failed if name.name == book.name}
    asked_again = any(asked.get(client, 0) >= held.gone for client in clients)
    return (
        f"{book.server} last gave {one.address} for {shown(book.name)} with a TTL of "
        f"{held.ttl:,} s; since frame {held.gone_frame} it gives "
        f"{listed(now) if now else 'no address'}. "
        f"{counted(len(one.failed), 'connection')} of {listed(clients)} went to the old address "
        f"after that and failed, the first {duration(one.first - held.gone)} after the newer answer"
        + (
            "; a program on its host had the newer answer"
            if asked_again
            else "; it did not ask again since"
        )
    )


def _finding(one: _Stale, fleet: Fleet) -> Finding:
    book, held = one.book, one.held
    clients = sorted({failed.client for failed in one.failed})
    return Finding(
        code="dns.stale_address",
        severity="failure",
        title=f"connections go to {one.address}, which {shown(book.name)} no longer has",
        detail=_detail(one, fleet, clients),
        explanation=(
            "The name has moved on and the client has not: it keeps addresses longer than their "
            "time to live allows, resolved the name only once, or was given the address itself."
        ),
        streams=[failed.stream for failed in one.failed],
        addresses=[one.address, *_current(book, one.address)],
        frames=[frame for frame in (held.frame, held.gone_frame) if frame],
        first=format_seconds(one.first),
        last=format_seconds(max(failed.start for failed in one.failed)),
        count=len(one.failed),
        numbers={
            "connections": len(one.failed),
            "ttl": held.ttl,
            "answers_without": held.without,
            "seconds_after": (one.first - held.gone) / SECOND,
        },
        fixes=[
            "Envoy: dns_refresh_rate, respect_dns_ttl, STRICT_DNS instead of an address; Istio: "
            "ServiceEntry with resolution DNS",
            "NGINX: resolver ... valid=10s with a variable in proxy_pass (or server ... resolve); "
            "a plain proxy_pass resolves once, at the start",
            "HAProxy: resolvers section, init-addr, hold valid; JVM: networkaddress.cache.ttl=30; "
            "close pooled connections after some minutes",
            "keep the old address alive for a while after a change, and lower the TTL before it",
        ],
        commands=[
            *dig(book.server, book.name, "AAAA" if ":" in one.address else "A"),
            f"getent ahosts {book.name}  # on {clients[0]}: what the client sees"
            if dig(book.server, book.name)
            else f"ss -tn 'dst {host_in_url(one.address)}'  # on {clients[0]}",
        ],
    )
