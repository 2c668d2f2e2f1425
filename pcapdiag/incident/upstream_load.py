"""How many connections a proxy had to its upstreams when its circuit breaker was open.

A breaker's limit is in no packet; how near the connections came to it is.
"""

from __future__ import annotations

from pcapdiag.flow.callers import Caller
from pcapdiag.flow.fleet import endpoint_name, most_open, open_at
from pcapdiag.flow.records import Endpoint
from pcapdiag.flow.story import address_text
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.failed_request import listed_exchange
from pcapdiag.model.report import Connection, Verdict
from pcapdiag.model.units import counted, parse_seconds

OVERFLOW = "http.overflow"
MAX_NAMED = 2
"""Upstreams named in one note, those with the most connections."""


class UpstreamLoad:
    """Adds to a breaker's reply what the proxy had open at that moment."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._called: dict[str, list[tuple[Endpoint, Caller]]] | None = None

    def add(self, connection: Connection, own: frozenset[str]) -> None:
        """Add a note to every verdict that is a breaker's reply.

        ``own`` are the addresses of the capturing host, which may be the proxy under another name.
        """
        proxy = connection.responder.ip
        addresses = sorted(own) if proxy in own else [proxy]
        for verdict in (connection.verdict, *connection.other_failures):
            if verdict.code == OVERFLOW:
                verdict.notes += self._notes(addresses, _time(connection, verdict))

    def _notes(self, addresses: list[str], time: int) -> list[str]:
        called = [one for address in addresses for one in self._calls().get(address, ())]
        counts = [
            (open_at(caller, time) or 0, caller.connections, endpoint_name(endpoint), caller)
            for endpoint, caller in called
        ]
        counts.sort(key=lambda one: (-one[0], -one[1], one[2]))
        return [
            f"the proxy had {counted(now, 'connection')} to {endpoint} open at that second; "
            f"{most_open(caller):,} at once at most, {total:,} in all"
            for now, total, endpoint, caller in counts[:MAX_NAMED]
        ]

    def _calls(self) -> dict[str, list[tuple[Endpoint, Caller]]]:
        if self._called is None:
            self._called = {}
            for endpoint in self._tracker.table.endpoints.values():
                for host, caller in endpoint.callers.items():
                    address = address_text(host.version, host.high, host.low)
                    self._called.setdefault(address, []).append((endpoint, caller))
        return self._called


def _time(connection: Connection, verdict: Verdict) -> int:
    """Return when the request was sent that the breaker refused, ns."""
    exchange = listed_exchange(connection, verdict.exchange)
    asked = exchange.request_time if exchange is not None else None
    return parse_seconds(asked or connection.end)
