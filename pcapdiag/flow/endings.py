# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""When a connection is over, and what becomes of it then.

One that has ended waits a little for what comes late; one that is quiet for long, or the least
active of too many, is over too. It is folded into its hosts and its endpoint; then a surely healthy
one is only counted, and every other one is handed to ``finished``, several at a time: plain Python
that has just run is in the caches, and faster by a fifth (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcapdiag.flow.activity import Bins
from pcapdiag.flow.callers import Caller, Callers
from pcapdiag.flow.folding import fold
from pcapdiag.flow.health import is_surely_healthy
from pcapdiag.flow.kept import KeptPackets
from pcapdiag.flow.lanes import STREAMED, TRANSCRIPT, TURNS
from pcapdiag.flow.losses import Losses
from pcapdiag.flow.places import note_place
from pcapdiag.flow.records import Flow
from pcapdiag.flow.silence import captured_late
from pcapdiag.flow.slabs import FactSlab, HeadSlab, PieceSlab, is_scarce
from pcapdiag.flow.table import ACTIVE, CLOSING, EMBRYONIC, Table
from pcapdiag.flow.turns import Turns

LINGER = 2_000_000_000
"""How long (ns) a closed connection is kept, so that what follows its end still belongs to it."""
SYN_IDLE = 130_000_000_000
"""Quiet time after which an unanswered SYN is judged: Linux gives up after 127 s at the latest."""
OPEN_IDLE = 6 * 3_600_000_000_000
MAX_OPEN = 24_576
"""Established connections followed at the same time; beyond, the least active one is judged."""
MAX_EMBRYONIC = 16_384
MAX_CLOSING = 16_384
FEW_CLOSING = 1_024
"""Closed connections that wait for what comes late, however little room is left."""
SECOND_CHANCES = 64
"""Connections that are passed over, for having been active since they were queued, to evict one."""
TOGETHER = 64
"""Connections that wait for each other to be handed on."""
LOOKS = 2
"""Connections to each TLS server that are looked at for its certificate."""
MAX_LOOKS = 500
"""The same in all, so that a capture of many servers is read as fast."""

HARMLESS = 8
"""Connections of each caller of an endpoint that are handed on though their resets are harmless:
plain Python learns from them what resets of these hosts look like."""
MAX_HARMLESS = 1_000
"""The same in all."""

MASK = 0xFFFFFFFFFFFFFFFF
MIX = 0x9E3779B97F4A7C15
"""An odd 64-bit constant that spreads the bits of a key (multiplicative hashing, Knuth 6.4)."""

# Twins in C of constants that plain Python imports.
_FEW_CLOSING = FEW_CLOSING
_LINGER = LINGER
_SYN_IDLE = SYN_IDLE
_OPEN_IDLE = OPEN_IDLE
_ACTIVE = ACTIVE
_EMBRYONIC = EMBRYONIC
_CLOSING = CLOSING
_TURNS = TURNS
_TRANSCRIPT = TRANSCRIPT
_STREAMED = STREAMED


class Endings:
    """Takes connections out of the table when they are over; counts them."""

    def __init__(
        self, finished: Callable[[Flow], object], want_all: bool, table: Table, turns: Turns,
        kept: KeptPackets, losses: Losses, activity: Bins,
    ) -> None:  # fmt: skip
        self.finished = finished
        self.want_all = 1 if want_all else 0
        """Hand on the healthy ones, too."""
        self.is_chosen: Callable[[Flow], bool] | None = None
        """Where filters choose connections: whether one that is surely healthy is counted."""
        self.named: set[int] = set()
        """Ends (:func:`end_key`) whose connections are handed on, healthy or not."""
        self.keep_prints: Any = None
        """A PrintTable (pcapdiag/flow/prints.py) that every connection leaves a print in."""
        self.table = table
        self.turns = turns
        self.kept = kept
        self.losses = losses
        self.activity = activity
        self.callers: Callers = turns.callers
        self.together = TOGETHER
        """How many are handed on at a time; 1 where what they say is waited for."""
        self._waiting: list[Flow] = []
        self.connections = 0
        self.healthy = 0
        self.midstream = 0
        self.one_direction = 0
        self.answered_unseen = 0
        """Of those, where an initiator went on as it does with an answer to its SYN."""
        self.evicted = 0
        self.captured_late = 0
        """Acknowledgments of bytes that were captured after all, behind them."""
        self.looks = 0
        self.harmless = 0

    def sweep(self, now: int) -> None:
        """End what has been quiet for long enough at ``now``."""
        self._expire(_CLOSING, _LINGER, now)
        self._expire(_EMBRYONIC, _SYN_IDLE, now)
        self._expire(_ACTIVE, _OPEN_IDLE, now)

    def make_room(self, now: int) -> None:
        """End the least active connection of each queue that has too many."""
        if self.table.size1 > MAX_EMBRYONIC:
            self._evict(_EMBRYONIC, now)
        if self.table.size2 > MAX_CLOSING or (self.table.size2 > _FEW_CLOSING and self._is_short()):
            self._evict(_CLOSING, now)
        if self.table.size0 > MAX_OPEN:
            self._evict(_ACTIVE, now)

    def _is_short(self) -> int:
        """Say whether there is little room left for what further connections send."""
        facts: FactSlab = self.kept.facts
        heads: HeadSlab = self.turns.heads
        pieces: PieceSlab = self.turns.lanes.slab
        if is_scarce(facts.used, facts.limit) or is_scarce(heads.used, heads.limit):
            return 1
        return is_scarce(pieces.used, pieces.limit)

    def end(self, flow: Flow, now: int) -> None:
        """End one connection."""
        self.table.remove(flow)
        self._finish(flow, now)

    def end_all(self, now: int) -> None:
        """End everything that is still open, in the order of its first frame."""
        rest: list[Flow] = []
        for queue in range(3):
            flow = self.table.oldest[queue]
            while flow is not None:
                rest.append(flow)
                flow = flow.newer
        # Each goes as soon as it is judged: there may be tens of thousands.
        rest.sort(key=_stream_of, reverse=True)
        while rest:
            flow = rest.pop()
            flow.open_at_end = 1
            self.end(flow, now)
        self._hand_on()

    def _expire(self, queue: int, idle: int, now: int) -> None:
        flow = self.table.oldest[queue]
        while flow is not None and flow.queued + idle < now:
            if flow.end + idle >= now:
                self._requeue(flow)
            else:
                if queue == _ACTIVE:
                    flow.evicted = 1
                self.end(flow, now)
            flow = self.table.oldest[queue]

    def _requeue(self, flow: Flow) -> None:
        # Moving a connection with every packet would touch its neighbours' memory each time; it is
        # moved only when its turn comes, and then as if it had been at its last packet.
        self.table.unlink(flow)
        flow.queued = flow.end
        self.table.append(flow, flow.closing)

    def _evict(self, queue: int, now: int) -> None:
        flow = self.table.oldest[queue]
        tries = 0
        while flow is not None and flow.end > flow.queued and tries < SECOND_CHANCES:
            self._requeue(flow)
            flow = self.table.oldest[queue]
            tries += 1
        if flow is None:
            return
        if queue != _CLOSING:
            flow.evicted = 1
            self.evicted += 1
        self.end(flow, now)

    def _finish(self, flow: Flow, now: int) -> None:
        self.connections += 1
        if flow.midstream:
            self.midstream += 1
        if flow.a.packets == 0 or flow.b.packets == 0:
            self._count_one_sided(flow)
        if flow.a.acked_unseen + flow.b.acked_unseen > 0:
            self.captured_late += captured_late(flow)
        self.losses.finished(flow)
        self.activity.connection(flow)
        note_place(flow)
        fold(flow)
        if flow.lanes == _TRANSCRIPT or flow.lanes == _STREAMED:
            self._choose_look(flow)
        if flow.lanes == _TURNS:
            self.turns.close(flow, 0)
        self.callers.finished(flow, now)
        if self.keep_prints is not None:
            self.keep_prints.add(self.kept.facts, self.turns.heads, flow)
        if flow.open_at_end == 0:
            self.table.graves.bury(flow)
        slab = self.turns.lanes.slab
        if not self._is_asked_for(flow) and is_surely_healthy(flow, self.turns.heads, slab):
            if flow.rst_time == 0 or not self._hands_on_resets(flow):
                self._count_healthy(flow)
                self._let_go(flow)
                return
        self._waiting.append(flow)
        # When a connection was given up, and whether all are asked for, is known now and not later.
        if flow.evicted or self.want_all or len(self._waiting) >= self.together:
            self._hand_on()

    def _hands_on_resets(self, flow: Flow) -> int:
        """Say whether plain Python shall see the harmless resets of a connection."""
        caller: Caller | None = flow.caller
        if caller is None or flow.same_as >= 0 or self.keep_prints is not None:
            return 1
        if caller.harmless >= HARMLESS or self.harmless >= MAX_HARMLESS:
            return 0
        caller.harmless += 1
        self.harmless += 1
        return 1

    def _count_healthy(self, flow: Flow) -> None:
        if not (flow.same_as < 0 if self.is_chosen is None else self.is_chosen(flow)):
            return
        self.healthy += 1
        if flow.rst_time > 0:
            caller: Caller = flow.caller
            caller.own_resets += flow.a.rst_count if flow.a_opened else flow.b.rst_count
            caller.their_resets += flow.b.rst_count if flow.a_opened else flow.a.rst_count

    def _hand_on(self) -> None:
        waiting = self._waiting
        self._waiting = []
        for flow in waiting:
            self.finished(flow)
            self._let_go(flow)

    def _let_go(self, flow: Flow) -> None:
        """Give back what a connection holds."""
        self.kept.release(flow)
        self.turns.lanes.finish(flow)
        self.turns.release(flow)

    def _is_asked_for(self, flow: Flow) -> int:
        if self.want_all or (self.kept.watched and flow.stream in self.kept.watched):
            return 1
        if not self.named:
            return 0
        if end_key(flow.low_a, flow.port_a) in self.named:
            return 1
        return 1 if end_key(flow.low_b, flow.port_b) in self.named else 0

    def _count_one_sided(self, flow: Flow) -> None:
        f = flow.a if flow.a.packets > 0 else flow.b
        if f.packets > 1 and f.highest_ack >= 0:
            self.one_direction += 1
            if flow.syn_count > 0:
                self.answered_unseen += 1

    def _choose_look(self, flow: Flow) -> None:
        """Let plain Python look at the first handshakes with a server, though nothing failed."""
        endpoint = flow.endpoint
        if endpoint is not None and endpoint.looks < LOOKS and self.looks < MAX_LOOKS:
            endpoint.looks += 1
            self.looks += 1
            flow.look = 1


def _stream_of(flow: Flow) -> int:
    return flow.stream


def end_key(low: int, port: int) -> int:
    """Return an address's low 64 bits and a port as one number; others may share it."""
    return low ^ (port * MIX & MASK)
