"""Which connections a log's line may be about, and by how much the clocks must differ if it is.

Each possible pair of a line and a connection allows a range of offsets between the two clocks: the
line says between which moments the request was under way, the capture when it was asked and failed.
Ports and request ids make a pair exact; a request line or an upstream address make it possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from pcapdiag.correlate.logs.alike import (
    contradicts,
    is_answered_so,
    is_client,
    is_listener,
    is_of_it,
    is_same_end,
    is_same_request,
    ranks,
)
from pcapdiag.correlate.logs.calls import call_of, is_of_a_handshake, may_be
from pcapdiag.correlate.logs.index import WireIndex
from pcapdiag.correlate.logs.nearest import Window, around
from pcapdiag.correlate.logs.times import SLOP, Moment, span_of
from pcapdiag.correlate.logs.wire import Key, WireConnection, WireRequest
from pcapdiag.model.logs import LogEntry

BY_ADDRESS, BY_REQUEST, BY_PORT, BY_ID = range(4)
"""How strong a pair is; the first two need a known clock to become a tie."""
Leg = Literal["downstream", "upstream"]


class Pair(msgspec.Struct, frozen=True):
    """A line and a connection that it may be about."""

    line: int
    """Place of the line among the log's failed ones."""
    wire: int
    """Place of the connection among all that logs are compared with."""
    leg: Leg
    strength: int
    shared: tuple[str, ...]
    low: int
    """The offsets (ns, added to the log's times) with which the times agree, as ``high``."""
    high: int
    apart: int | None = None
    """The offset with which the two moments are the same; None where only a span is known."""
    exchange: int | None = None
    attempt: int = 0
    """Which of the line's upstreams it is; the last is 0, the one before -1."""


class Pairs:
    """Finds the connections that lines of one log may be about."""

    def __init__(self, entries: Sequence[LogEntry], wires: Sequence[WireConnection]) -> None:
        self.entries, self.wires = entries, wires
        self._known = WireIndex(wires)
        self._ranks = list(ranks(entries))
        self.spans = [span_of(entry) for entry in entries]
        """When the request of each line was under way."""

    def exact(self, line: int) -> Iterator[Pair]:
        """Yield the connections that share a port or a request id with a line."""
        entry = self.entries[line]
        if entry.client is not None and entry.client[1]:
            for number in self._known.by_initiator.get(entry.client, ()):
                yield from self._downstream(line, number)
        if entry.upstream_local is not None and entry.upstream_local[1]:
            for number in self._known.by_initiator.get(entry.upstream_local, ()):
                yield from self._upstream(line, number)
        if entry.request_id:
            for number, request in self._known.by_id.get(entry.request_id, ()):
                yield from self._of_request_id(line, number, request)

    def possible(self, line: int, low: int, high: int, leg: Leg | None = None) -> list[Pair]:
        """Return the connections that share a request or an upstream address with a line.

        ``low`` and ``high`` are the offsets that are possible; ``leg`` is the only one wanted.
        """
        window = Window(low, high, self._ranks[line])
        found: list[Pair] = []
        if leg != "upstream":
            found += self._requests_alike(line, window)
            found += self._handshakes(line, window)
        if leg != "downstream":
            found += self._calls(line, window)
        return found

    def has_any(self, line: int) -> bool:
        """Return whether a line shares a request or an upstream with a connection of any time."""
        entry = self.entries[line]
        if (entry.method or "", entry.target or "") in self._known.by_request:
            return True
        if self._failed_before(entry):
            return True
        return any(end in self._known.by_responder for end in entry.upstreams)

    def of_any_time(self, line: int, most: int) -> list[Pair]:
        """Return the same whatever the offset; of a line that more than ``most`` fit, none."""
        entry = self.entries[line]
        alike = self._known.by_request.get((entry.method or "", entry.target or ""), [])
        calls = sum(len(self._known.by_responder.get(end, [])) for end in entry.upstreams)
        if len(alike) + calls + len(self._failed_before(entry)) > most:
            return []
        return [*self._requests_alike(line), *self._handshakes(line), *self._calls(line)]

    def _failed_before(self, entry: LogEntry) -> list[tuple[int, int]]:
        """Return what may be the handshake of a client's that a line tells of."""
        if entry.client is None or not is_of_a_handshake(entry):
            return []
        return self._known.by_caller.get(entry.client[0], [])

    def _handshakes(self, line: int, window: Window | None = None) -> Iterator[Pair]:
        """Yield the client's connections that failed before a request, at the line's listener."""
        entry, span = self.entries[line], self.spans[line]
        failed = self._failed_before(entry)
        for when, number in around(failed, span, window, span.end):
            if is_listener(entry, self.wires[number]):
                shared = ("client",)
                yield self._ended(line, number, BY_ADDRESS, when, shared, leg="downstream")

    def _downstream(self, line: int, number: int) -> Iterator[Pair]:
        entry, wire = self.entries[line], self.wires[number]
        if not is_listener(entry, wire):
            return
        if not (entry.method or entry.target):
            yield self._of_none(line, number)
            return
        alike = [one for one in wire.requests if is_of_it(entry, one)]
        for request in alike:
            if not contradicts(entry, request):
                yield self._asked(line, number, "downstream", BY_PORT, request, ("client",))
        if not wire.requests:
            yield self._whole(line, number, "downstream", ("client",))

    def _of_none(self, line: int, number: int) -> Pair:
        """Return a pair of a line without a request: of the connection, or of what was unreadable.

        The latter has a status, and need not be the first on its connection.
        """
        entry, wire = self.entries[line], self.wires[number]
        if entry.status is None:
            return self._whole(line, number, "downstream", ("client",), begins=True)
        so = [one.index for one in wire.requests if one.status == entry.status]
        exchange = so[0] if len(so) == 1 else None
        return self._whole(line, number, "downstream", ("client",), exchange=exchange)

    def _upstream(self, line: int, number: int) -> Iterator[Pair]:
        entry, wire = self.entries[line], self.wires[number]
        shared: tuple[str, ...] = ("upstream_local",)
        if entry.upstreams:
            if not any(is_same_end(entry.upstreams[-1], end) for end in wire.responders):
                return
            shared += ("upstream",)
        alike = [one for one in wire.requests if one.target == entry.target and one.decided]
        if len(alike) == 1 and entry.target:
            moment = alike[0].decided
            yield self._ended(line, number, BY_PORT, moment, shared, alike[0].index)
        elif wire.decided and len(wire.requests) <= 1:
            yield self._ended(line, number, BY_PORT, wire.decided, shared)
        else:
            yield self._whole(line, number, "upstream", shared)

    def _of_request_id(self, line: int, number: int, request: WireRequest) -> Iterator[Pair]:
        entry, wire = self.entries[line], self.wires[number]
        shared = ("request_id",)
        if any(end in wire.responders for end in entry.upstreams):
            yield self._called(line, number, request, (*shared, "upstream"))
            return
        behind = {address for address, _ in entry.upstreams}
        if any(address in behind for address, _ in wire.initiators):
            return
        if self._is_other_call(entry, wire, request):
            return
        if is_listener(entry, wire) and is_client(entry, wire):
            yield self._asked(line, number, "downstream", BY_ID, request, shared)

    def _is_other_call(self, entry: LogEntry, wire: WireConnection, request: WireRequest) -> bool:
        """Return whether a request was made beside or behind the call that a line names.

        Beside: the proxy's own copy or retry. Behind: by whoever answered that call.
        """
        asked = {address for address, _ in wire.responders}
        for number, call in self._known.by_id.get(entry.request_id or "", ()):
            if not any(end in self.wires[number].responders for end in entry.upstreams):
                continue
            callers = {address for address, _ in self.wires[number].initiators}
            beside = any(address in callers for address, _ in wire.initiators)
            if (beside and callers.isdisjoint(asked)) or 0 < call.asked < request.asked:
                return True
        return False

    def _requests_alike(self, line: int, window: Window | None = None) -> Iterator[Pair]:
        """Yield the requests of clients like a line's: not what the proxy asked in turn."""
        found = list(self._same_requests(line, window))
        keys = {self.wires[pair.wire].key for pair in found}
        for pair in found:
            wire = self.wires[pair.wire]
            related = {*wire.causes, *self._known.effects.get(wire.key, ())} & keys
            if not any(self._began(key) < wire.start for key in related):
                yield pair

    def _is_here(self, entry: LogEntry) -> bool:
        """Return whether the capture has the client that a line names.

        That may be one of a header; then the upstream must be here.
        """
        if entry.client is None or entry.client[0] in self._known.addresses:
            return True
        return any(end in self._known.responders for end in entry.upstreams)

    def _is_from(self, entry: LogEntry, wire: WireConnection) -> bool:
        """Return whether the client that a line names may have opened a connection.

        One that a header may name is the connection's own where the capture has it.
        """
        if entry.client is not None and entry.client[0] in self._known.addresses:
            return any(entry.client[0] == ip for ip, _ in wire.initiators)
        return is_client(entry, wire)

    def _began(self, key: Key) -> int:
        return self.wires[self._known.by_key[key]].start

    def _same_requests(self, line: int, window: Window | None) -> Iterator[Pair]:
        entry = self.entries[line]
        if not (entry.method and entry.target):
            return
        if not self._is_here(entry):
            return
        span = self.spans[line]
        requests = self._known.by_request if span.begin else self._known.by_end
        known = requests.get((entry.method, entry.target), [])
        for _, number, request in around(known, span, window, span.begin or span.end):
            wire = self.wires[number]
            if not is_answered_so(entry, request) or not self._is_from(entry, wire):
                continue
            if not is_listener(entry, wire) or not is_same_request(entry, request):
                continue
            if any(end in wire.responders for end in entry.upstreams):
                continue
            shared = ("client",) if entry.client and entry.client_is_direct else ()
            yield self._asked(line, number, "downstream", BY_REQUEST, request, shared)

    def _calls(self, line: int, window: Window | None = None) -> Iterator[Pair]:
        entry = self.entries[line]
        if entry.upstream_local is not None:
            return
        call, span = call_of(entry), self.spans[line]
        for attempt, end in enumerate(entry.upstreams, 1 - len(entry.upstreams)):
            calls = self._known.by_responder.get(end, [])
            for _, number in around(calls, span, window, span.end or span.begin):
                wire = self.wires[number]
                if attempt == 0 and not may_be(call, wire):
                    continue
                if attempt == 0 and wire.decided:
                    yield self._ended(line, number, BY_ADDRESS, wire.decided, ("upstream",))
                else:
                    yield self._within(line, number, attempt)

    def _asked(
        self,
        line: int,
        number: int,
        leg: Leg,
        strength: int,
        request: WireRequest,
        shared: tuple[str, ...],
    ) -> Pair:
        """Return a pair by a request's beginning, or its end where the line only tells that."""
        entry, span = self.entries[line], self.spans[line]
        if is_same_request(entry, request):
            shared += ("request",)
        if entry.status is not None and entry.status == request.status:
            shared += ("status",)
        if span.begin is not None and request.asked:
            moment, at = span.begin, request.asked
        elif span.end is not None and request.decided:
            moment, at = span.end, request.decided
        else:
            return self._whole(line, number, leg, shared, strength, exchange=request.index)
        low, high = at - moment.high - SLOP, at - moment.low + SLOP
        apart = at - moment.middle
        return Pair(line, number, leg, strength, (*shared, "time"), low, high, apart, request.index)

    def _called(
        self, line: int, number: int, request: WireRequest, shared: tuple[str, ...]
    ) -> Pair:
        """Return a pair with a call that has the line's request id; a retry has it, too."""
        begin, end = self.spans[line].ends
        if request.target == self.entries[line].target:
            shared += ("request",)
        low, high = request.asked - end - SLOP, request.asked - begin + SLOP
        return Pair(
            line, number, "upstream", BY_ID, (*shared, "time"), low, high, None, request.index
        )

    def _ended(
        self,
        line: int,
        number: int,
        strength: int,
        at: int,
        shared: tuple[str, ...],
        exchange: int | None = None,
        leg: Leg = "upstream",
    ) -> Pair:
        """Return a pair with a connection by the moment of its failure."""
        span = self.spans[line]
        moment = span.end or span.begin or Moment(0, 0)
        low, high = at - moment.high - SLOP, at - moment.low + SLOP
        apart = at - moment.middle
        return Pair(line, number, leg, strength, (*shared, "time"), low, high, apart, exchange)

    def _within(self, line: int, number: int, attempt: int) -> Pair:
        """Return a pair with a call that was made, and failed if so, while the request went on."""
        wire, span = self.wires[number], self.spans[line]
        begin = span.begin or span.end or Moment(0, 0)
        end = span.end or begin
        first = wire.start if wire.is_silent or not wire.came_up else wire.decided
        last = wire.decided or wire.start
        low, high = last - end.high - SLOP, first - begin.low + SLOP
        apart = wire.start - begin.middle if attempt == 0 and span.begin else None
        return Pair(
            line, number, "upstream", BY_ADDRESS, ("upstream", "time"),
            min(low, high), max(low, high), apart, attempt=attempt,
        )  # fmt: skip

    def _whole(
        self,
        line: int,
        number: int,
        leg: Leg,
        shared: tuple[str, ...],
        strength: int = BY_PORT,
        *,
        begins: bool = False,
        exchange: int | None = None,
    ) -> Pair:
        """Return a pair by the connection's own time: the request lies within it.

        ``begins``: the line is about the connection itself, and begins with it.
        """
        wire, span = self.wires[number], self.spans[line]
        begin = span.begin or span.end or Moment(0, 0)
        end = span.end or begin
        low, high = wire.start - begin.high - SLOP, wire.end - end.low + SLOP
        apart = None
        if begins and span.begin is not None:
            high = min(high, wire.start - begin.low + SLOP)
            apart = wire.start - begin.middle
        return Pair(
            line, number, leg, strength, (*shared, "time"), low, max(low, high), apart, exchange
        )
