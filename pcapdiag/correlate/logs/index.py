"""The connections of a capture by all that a log's line may name of them."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.correlate.logs.nearest import when_of
from pcapdiag.correlate.logs.wire import Key, WireConnection, WireRequest
from pcapdiag.model.ends import HostPort

_BEFORE = frozenset({"tls_handshake", "before_request"})

Asked = tuple[int, int, WireRequest]
"""A time (ns), the connection's place, and the request."""


class WireIndex:
    """Places of connections in the list that it was made of; rows with a time are in its order."""

    def __init__(self, wires: Sequence[WireConnection]) -> None:
        self.by_initiator: dict[HostPort, list[int]] = {}
        self.by_id: dict[str, list[tuple[int, WireRequest]]] = {}
        self.by_request: dict[tuple[str, str], list[Asked]] = {}
        """By method and target, by when they were asked."""
        self.by_end: dict[tuple[str, str], list[Asked]] = {}
        """The same by when they failed, for lines that do not say when a request began."""
        self.by_responder: dict[HostPort, list[tuple[int, int]]] = {}
        """Those that failed."""
        self.by_caller: dict[str, list[tuple[int, int]]] = {}
        """Those that failed before a request, by the address that opened them."""
        self.addresses = {ip for wire in wires for ip, _ in wire.initiators}
        self.responders = {end for wire in wires for end in wire.responders}
        self.by_key = {wire.key: number for number, wire in enumerate(wires)}
        self.effects: dict[Key, list[Key]] = {}
        for number, wire in enumerate(wires):
            for key in wire.causes:
                self.effects.setdefault(key, []).append(wire.key)
            self._add_requests(number, wire)
            if wire.failed and not wire.is_twin:
                self._add_failure(number, wire)
        for requests in (*self.by_request.values(), *self.by_end.values()):
            requests.sort(key=when_of)
        for failures in (*self.by_responder.values(), *self.by_caller.values()):
            failures.sort()

    def _add_requests(self, number: int, wire: WireConnection) -> None:
        for end in wire.initiators:
            self.by_initiator.setdefault(end, []).append(number)
        for request in wire.requests:
            if request.request_id:
                self.by_id.setdefault(request.request_id, []).append((number, request))
            if wire.is_twin or not (request.method and request.target):
                continue
            what = request.method, request.target
            self.by_request.setdefault(what, []).append((request.asked, number, request))
            when = request.decided or request.asked
            self.by_end.setdefault(what, []).append((when, number, request))

    def _add_failure(self, number: int, wire: WireConnection) -> None:
        for end in wire.responders:
            self.by_responder.setdefault(end, []).append((wire.decided or wire.start, number))
        if wire.phase in _BEFORE and wire.came_up:
            for address, _ in wire.initiators:
                self.by_caller.setdefault(address, []).append((wire.decided or wire.end, number))
