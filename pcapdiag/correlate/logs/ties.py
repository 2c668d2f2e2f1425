"""Lines of one log tied to connections: what is exact first, then what only one of them can be.

A wrong tie is worse than none. A line that several connections fit equally well is tied to one of
them only where all of them failed alike, so that each would say the same; otherwise to none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pcapdiag.correlate.logs.clock import LogClock
from pcapdiag.correlate.logs.learning import ClockLearner
from pcapdiag.correlate.logs.pairs import BY_PORT, Leg, Pair, Pairs
from pcapdiag.correlate.logs.wire import Key, WireConnection
from pcapdiag.model.logs import LogEntry
from pcapdiag.model.units import MS

CLOSER = 4
"""How many times more closely one connection must fit than the next to be the only one."""
LEAST = MS
"""Differences below this say nothing."""

Target = tuple[int, int | None]
"""A connection's place, and the request where a line is about one of several."""
Slot = tuple[int, int]
"""A line, and which of its upstreams."""


class Tie(msgspec.Struct, frozen=True):
    """A line that is about a connection."""

    line: int
    wire: int
    leg: Leg
    shared: tuple[str, ...]
    exact: bool
    apart: int | None = None
    """By how much the two moments differ, ns, after the clocks were brought together."""
    exchange: int | None = None
    attempt: int = 0
    """0: the connection that the line's words are about; -1: the try before it, and so on."""


class LogTies(msgspec.Struct):
    """What was tied of one log."""

    ties: dict[int, list[Tie]] = {}
    """By the line's place."""
    ambiguous: set[int] = set()
    """Lines that several connections fit equally well."""
    clock: LogClock | None = None
    """None where nothing told it."""
    by_more_than_time: bool = False
    """The clock was told by more than addresses and times."""
    downstream: set[str] = set()
    """Addresses at which the proxy took its clients' connections, as far as exact ties tell."""
    upstream: set[str] = set()
    """Addresses from which it called its upstreams."""


def tie_log(
    entries: Sequence[LogEntry], wires: Sequence[WireConnection], first: int, last: int
) -> LogTies:
    """Return the connections that the failed lines of one log are about.

    The capture is from ``first`` to ``last`` (ns).
    """
    return _Tying(entries, wires, first, last).result


class _Tying:
    def __init__(
        self, entries: Sequence[LogEntry], wires: Sequence[WireConnection], first: int, last: int
    ) -> None:
        self.entries, self.wires = entries, wires
        self.pairs = Pairs(entries, wires)
        self.result = LogTies()
        self._taken: dict[tuple[Leg, Target], int] = {}
        self._by_key = {wire.key: number for number, wire in enumerate(wires)}
        self._effects = _effects(wires)
        exact = {line: list(self.pairs.exact(line)) for line in range(len(entries))}
        exact = {line: found for line, found in exact.items() if found}
        clock = self._learn(exact, first, last) if entries else None
        if clock is None:
            return
        self._low, self._high = clock.offset - clock.error, clock.offset + clock.error
        self._offset, self._error = clock.offset, clock.error
        self._take_exact(exact)
        self._take_possible("downstream")
        self._follow_causes()
        self._take_possible("upstream")
        self._follow_effects()
        self.result.ambiguous -= self.result.ties.keys()

    def _learn(self, exact: dict[int, list[Pair]], first: int, last: int) -> LogClock | None:
        learner = ClockLearner(self.pairs, first, last)
        self.result.clock = learner.learn(exact)
        self.result.by_more_than_time = learner.by_more_than_time
        return self.result.clock

    def _fits(self, pair: Pair) -> bool:
        return pair.low <= self._high and pair.high >= self._low

    def _distance(self, pair: Pair) -> int:
        """Return by how much the moments differ beyond what the clocks leave open (ns)."""
        if pair.apart is None:
            return 0
        open_ = self._error + self.entries[pair.line].resolution // 2
        return max(0, abs(pair.apart - self._offset) - open_)

    def _take_exact(self, exact: dict[int, list[Pair]]) -> None:
        for found in exact.values():
            fitting = [pair for pair in found if self._fits(pair)]
            clients = [pair for pair in fitting if pair.leg == "downstream"]
            if clients:
                best = min(clients, key=self._order)
                self._take(_joined(best, clients))
            self._take_calls([pair for pair in fitting if pair.leg == "upstream"])

    def _take_calls(self, pairs: list[Pair]) -> None:
        """Tie a line to all calls that share a port or its request id; its words are of the last.

        A port is the last call's: Envoy and HAProxy log no other.
        """
        pairs = [pair for pair in pairs if not self.wires[pair.wire].is_twin] or pairs
        by_wire: dict[int, list[Pair]] = {}
        for pair in pairs:
            by_wire.setdefault(pair.wire, []).append(pair)
        best = [_joined(min(of, key=self._order), of) for of in by_wire.values()]
        best.sort(key=lambda pair: ("upstream_local" in pair.shared, self._when(pair)))
        if best and best[-1].strength == BY_PORT:
            best = best[-1:]
        for attempt, pair in enumerate(best, 1 - len(best)):
            self._take(msgspec.structs.replace(pair, attempt=attempt))

    def _when(self, pair: Pair) -> int:
        wire = self.wires[pair.wire]
        return wire.decided or wire.start

    def _order(self, pair: Pair) -> tuple[int, bool, int, int]:
        """Sort the pairs of one line: the strongest first, then what is nearest in time."""
        wire = self.wires[pair.wire]
        return -pair.strength, wire.is_twin, self._distance(pair), pair.wire

    def _take(self, pair: Pair) -> None:
        exact = pair.strength >= BY_PORT
        apart = None if pair.apart is None else pair.apart - self._offset
        self._add(
            Tie(
                pair.line, pair.wire, pair.leg, pair.shared, exact, apart,
                pair.exchange, pair.attempt,
            )
        )  # fmt: skip
        self._taken.setdefault((pair.leg, (pair.wire, pair.exchange)), pair.line)
        if exact:
            wire = self.wires[pair.wire]
            if pair.leg == "downstream":
                self.result.downstream.update(ip for ip, _ in wire.responders)
            else:
                self.result.upstream.update(ip for ip, _ in wire.initiators)

    def _add(self, tie: Tie) -> None:
        self.result.ties.setdefault(tie.line, []).append(tie)
        self.result.ambiguous.discard(tie.line)

    def _take_possible(self, leg: Leg) -> None:
        """Tie the lines that have none on this leg to what can only be theirs."""
        options: dict[Slot, list[Pair]] = {}
        claims: dict[Target, list[Pair]] = {}
        for line in range(len(self.entries)):
            known = {tie.attempt for tie in self.result.ties.get(line, ()) if tie.leg == leg}
            if known and (min(known) < 0 or len(self.entries[line].upstreams) < 2):
                continue
            for pair in self.pairs.possible(line, self._low, self._high, leg):
                target = pair.wire, pair.exchange
                if not self._fits(pair) or not self._is_at_proxy(pair):
                    continue
                if (leg, target) in self._taken or pair.attempt in known:
                    continue
                options.setdefault((line, pair.attempt), []).append(pair)
                claims.setdefault(target, []).append(pair)
        self._assign(options, claims)

    def _is_at_proxy(self, pair: Pair) -> bool:
        """Return whether a connection is at an address that exact ties show to be the proxy's."""
        wire = self.wires[pair.wire]
        known = getattr(self.result, pair.leg)
        ends = wire.responders if pair.leg == "downstream" else wire.initiators
        return not known or any(ip in known for ip, _ in ends)

    def _assign(self, options: dict[Slot, list[Pair]], claims: dict[Target, list[Pair]]) -> None:
        """Tie one to one, the closest first, wherever no other tie would say something else."""
        ordered = sorted(
            (pair for found in options.values() for pair in found),
            key=lambda pair: (self._distance(pair), pair.line, self.wires[pair.wire].start),
        )
        done: set[Slot] = set()
        for pair in ordered:
            slot, target = (pair.line, pair.attempt), (pair.wire, pair.exchange)
            if slot in done or (pair.leg, target) in self._taken:
                continue
            others = [p for p in options[slot] if (p.leg, (p.wire, p.exchange)) not in self._taken]
            rivals = [p for p in claims[target] if (p.line, p.attempt) not in done]
            if self._is_safe(pair, others, rivals):
                done.add(slot)
                self._take(pair)
            else:
                self.result.ambiguous.add(pair.line)
        for slot in options.keys() - done:
            self._take_further(slot, options[slot])

    def _take_further(self, slot: Slot, options: list[Pair]) -> None:
        """Tie a further line to a failed call that has one: Envoy fails all that wait for it.

        An error log may have several lines of one. Where several calls would do none is taken.
        """
        line, attempt = slot
        if self.result.ties.get(line) and attempt:
            return
        wires = {pair.wire for pair in options}
        entry = self.entries[line]
        several = entry.kind == "error" or entry.product == "envoy"
        if several and len(wires) == 1 and options[0].leg == "upstream":
            self._take(options[0])
        elif line not in self.result.ties:
            self.result.ambiguous.add(line)

    def _is_safe(self, pair: Pair, others: list[Pair], rivals: list[Pair]) -> bool:
        most = CLOSER * (self._distance(pair) + LEAST)
        near = [p for p in others if p != pair and self._distance(p) + LEAST < most]
        if any(_kind(self.wires[p.wire]) != _kind(self.wires[pair.wire]) for p in near):
            return False
        if self.entries[pair.line].kind == "error":
            # One connection may have several messages.
            return True
        close = [p for p in rivals if p != pair and self._distance(p) + LEAST < most]
        said = _said(self.entries[pair.line])
        return all(_said(self.entries[p.line]) == said for p in close)

    def _follow_causes(self) -> None:
        """Tie a line of a client's failure to the calls that the capture shows to be its cause."""
        for found in list(self.result.ties.values()):
            for tie in [one for one in found if one.leg == "downstream"]:
                wire = self.wires[tie.wire]
                numbers = [self._by_key.get(key, -1) for key in wire.causes]
                for attempt, number in enumerate(numbers, 1 - len(numbers)):
                    if number >= 0 and self._called(tie.line, number, attempt):
                        self._add(_by_other_leg(tie, number, "upstream", attempt))
                        self._taken.setdefault(("upstream", (number, None)), tie.line)

    def _called(self, line: int, number: int, attempt: int) -> bool:
        """Return whether a line may be of a call: it names no upstream, or this one."""
        entry, wire = self.entries[line], self.wires[number]
        if any(tie.wire == number for tie in self.result.ties[line]):
            return False
        if attempt == 0 and any(t.leg == "upstream" for t in self.result.ties[line]):
            return False
        named = entry.upstreams
        return not named or attempt < 0 or any(end in wire.responders for end in named)

    def _follow_effects(self) -> None:
        """Tie a line of a failed call to the client's failure that the capture shows it caused."""
        lines_of: dict[int, set[int]] = {}
        for line, found in self.result.ties.items():
            for tie in found:
                lines_of.setdefault(tie.wire, set()).add(line)
        for line, found in list(self.result.ties.items()):
            if any(tie.leg == "downstream" for tie in found):
                continue
            for tie in [one for one in found if one.attempt == 0]:
                effects = self._effects.get(self.wires[tie.wire].key, [])
                if len(effects) == 1 and len(lines_of[tie.wire]) == 1:
                    if effects[0] not in lines_of and self._may_be_client(line, effects[0]):
                        self._add(_by_other_leg(tie, effects[0], "downstream", 0))

    def _may_be_client(self, line: int, number: int) -> bool:
        entry, wire = self.entries[line], self.wires[number]
        client = entry.client
        if client is None or not entry.client_is_direct:
            return True
        return any(client[0] == ip and client[1] in (0, port) for ip, port in wire.initiators)


def _joined(best: Pair, pairs: Sequence[Pair]) -> Pair:
    """Return a pair with all that its connection shares with the line."""
    shared = dict.fromkeys(what for pair in pairs if pair.wire == best.wire for what in pair.shared)
    shared.pop("time", None)
    return msgspec.structs.replace(best, shared=(*shared, "time"))


def _by_other_leg(tie: Tie, number: int, leg: Leg, attempt: int) -> Tie:
    return Tie(tie.line, number, leg, ("other_leg",), False, None, None, attempt)


def _effects(wires: Sequence[WireConnection]) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for number, wire in enumerate(wires):
        for key in wire.causes[-1:]:
            found.setdefault(key, []).append(number)
    return found


def _kind(wire: WireConnection) -> tuple[str, str, tuple[tuple[str, int], ...]]:
    """Return what connections that failed alike share."""
    return wire.code, wire.side, wire.responders[:1]


def _said(entry: LogEntry) -> tuple[object, ...]:
    """Return what lines that tell the same share."""
    told = entry.details, entry.reset_reason, entry.transport_failure, entry.message
    return (entry.status, tuple(entry.flags), *told)
