"""What comes again over the failed connections of an endpoint: the second pass weighs it.

One connection alone says little of a device's timer, of its header values, or of a block list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.idle_end import RESET, lost_after_idle, reset_after_idle
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.mtu.sizes import sizes
from pcapdiag.diagnose.tcp.unacknowledged import stuck_data
from pcapdiag.model.bounded import entry
from pcapdiag.model.context import (
    BigLost,
    EndpointFacts,
    HostFacts,
    IdleEnds,
    Range,
    ResetMarks,
    SpokenFor,
)
from pcapdiag.model.packet import RST, PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

MAX_ENDPOINTS = 2_048
"""Endpoints, and as many addresses, of which anything is noted."""
MAX_VALUES = 32
"""Header values, or initiators, kept of one address."""
BLOCKED_WITHIN = 600 * SECOND
"""A connection refused this soon (ns) after one was cut may be blocked for it (Weaver 2009)."""
LEFT = frozenset({"tcp.initiator_abort", "tcp.response_timeout"})
MAX_WAITS = 64
"""Waits, and losses of what is big, kept of one initiator for one endpoint."""
LOST = frozenset({"tcp.data_timeout", "tcp.keepalive_timeout"})
LOST_BIG = frozenset({"tcp.data_timeout", "mtu.black_hole"})

_Endpoint = tuple[str, int]
_K = TypeVar("_K")
_V = TypeVar("_V")


class Recurrences:
    """Bounded tables; ``left_out`` counts addresses and endpoints that found no room."""

    def __init__(self) -> None:
        self._idle: dict[_Endpoint, IdleEnds] = {}
        self._spoken_for: dict[_Endpoint, SpokenFor] = {}
        self._left_after: dict[_Endpoint, dict[str, dict[int, tuple[int, int]]]] = {}
        self._marks: dict[str, ResetMarks] = {}
        self._cut: dict[_Endpoint, dict[str, int]] = {}
        self._blocked: dict[_Endpoint, dict[str, Range]] = {}
        self._lost_big: dict[_Endpoint, dict[tuple[str, bool], list[BigLost]]] = {}
        self.left_out = 0

    def note(self, story: Story, judgement: Judgement) -> None:
        """Take up what a connection that ended shows; what a NAT shows twice is left out."""
        if story.same_as is not None:
            return
        for by_initiator in (True, False):
            resets = [r for r in story.resets if r.from_initiator == by_initiator]
            if resets:
                self._note_marks(story, resets)
        if judgement.failed:
            self._note_icmp(story, judgement)
            self._note_left(story, judgement)
            self._note_idle(story, judgement)
            self._note_block(story, judgement)
            self._note_big(story, judgement)

    def add_to_endpoint(self, facts: EndpointFacts) -> None:
        """Fill in what is known of an endpoint."""
        key = facts.address, facts.port
        facts.idle = self._idle.get(key)
        facts.spoken_for = self._spoken_for.get(key)
        facts.left_after = self._left_after.get(key, {})
        facts.cut = self._cut.get(key, {})
        facts.blocked = self._blocked.get(key, {})
        facts.lost_big = self._lost_big.get(key, {})

    def add_to_host(self, facts: HostFacts) -> None:
        """Fill in what is known of an address."""
        facts.marks_of_resets = self._marks.get(facts.address)

    def _note_marks(self, story: Story, resets: list[PacketFact]) -> None:
        by_initiator = resets[0].from_initiator
        address = story.half(by_initiator).address
        own = [p for p in story.packets if p.from_initiator == by_initiator]
        others = [p for p in own if not p.flags & RST]
        ttls = {r.ttl for r in resets} - {p.ttl for p in others}
        windows = {r.window for r in resets} - {p.window for p in others} - {0}
        ip_ids = {r.ip_id for r in resets} - {p.ip_id for p in others} - {0}
        if not ttls and not windows and not ip_ids:
            return
        marks = self._at(self._marks, address, ResetMarks)
        if marks is not None:
            _count(marks.ttls, ttls)
            _count(marks.windows, windows)
            _count(marks.ip_ids, ip_ids)

    def _note_icmp(self, story: Story, judgement: Judgement) -> None:
        if not judgement.code.startswith("icmp.") or not story.icmp or story.syn_ack_count:
            return
        error, responder = story.icmp[0], story.responder
        key = responder.address, responder.port
        said = self._at(self._spoken_for, key, lambda: SpokenFor(error.source, error.frame))
        if said is not None and said.source == error.source:
            said.times.add(story.start)

    def _note_left(self, story: Story, judgement: Judgement) -> None:
        end = ending(story)
        if judgement.code not in LEFT or end is None or not end.by_initiator:
            return
        waited = end.time - max(story.turn.request_last_time, story.established_time)
        key = story.responder.address, story.responder.port
        callers = self._at(self._left_after, key, dict)
        caller = story.initiator.address
        if callers is None or (caller not in callers and len(callers) >= MAX_VALUES):
            return
        waits = callers.setdefault(caller, {})
        if len(waits) < MAX_WAITS:
            waits[story.stream] = waited, end.time

    def _note_idle(self, story: Story, judgement: Judgement) -> None:
        end = None
        if judgement.code in RESET and judgement.reset is not None:
            end = reset_after_idle(story, judgement.reset)
        elif judgement.code in LOST:
            end = lost_after_idle(story)
        if end is None:
            return
        key = story.responder.address, story.responder.port
        ends = self._at(self._idle, key, IdleEnds)
        if ends is None:
            return
        times: Range = getattr(ends, end.how)
        times.add(end.quiet)

    def _note_block(self, story: Story, judgement: Judgement) -> None:
        reset = judgement.reset
        if reset is None or reset.from_initiator:
            return
        key, caller = (story.responder.address, story.responder.port), story.initiator.address
        if story.turn.index:
            callers = self._at(self._cut, key, dict)
            if callers is not None and (caller in callers or len(callers) < MAX_VALUES):
                callers[caller] = min(reset.time, callers.get(caller, reset.time))
        elif not story.syn_ack_count and caller in self._cut.get(key, {}):
            if 0 <= story.start - self._cut[key][caller] <= BLOCKED_WITHIN:
                blocked = self._blocked.setdefault(key, {})
                blocked.setdefault(caller, Range()).add(reset.time)

    def _note_big(self, story: Story, judgement: Judgement) -> None:
        stuck = stuck_data(story) if judgement.code in LOST_BIG else None
        if stuck is None or sizes(story, stuck) is None:
            return
        ways = self._at(self._lost_big, (story.responder.address, story.responder.port), dict)
        way = story.initiator.address, stuck.by_initiator
        if ways is None or (way not in ways and len(ways) >= MAX_VALUES):
            return
        known = ways.setdefault(way, [])
        if len(known) < MAX_WAITS:
            known.append(BigLost(story.established_time, stuck.first_time))

    def _at(self, table: dict[_K, _V], key: _K, make: Callable[[], _V]) -> _V | None:
        found = entry(table, key, MAX_ENDPOINTS, make)
        self.left_out += found is None
        return found


def _count(table: dict[int, int], values: set[int]) -> None:
    """Count values; one beyond so many different ones is no mark of its address any more."""
    for value in values:
        if value in table or len(table) < MAX_VALUES:
            table[value] = table.get(value, 0) + 1
