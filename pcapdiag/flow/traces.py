"""The second reading of a capture: every packet of a few connections, within bounds.

Streams and frames are numbered as in the first reading, because the same tracker numbers them. So
the input has to be files: standard input cannot be read twice.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from pcapdiag.flow.records import Flow
from pcapdiag.flow.slabs import FACT_WORDS
from pcapdiag.flow.story import address_text, halves, icmp_facts, packet_fact
from pcapdiag.model.ends import HostPort
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.points import Trace

FIRST_TRACED = 1_000
LAST_TRACED = 1_000
"""Packets kept of one connection; what was between them is counted."""
MAX_TRACED = 250_000
"""Packets kept of all connections together: 24 MB."""


class _Kept:
    """Rows of one connection: the first ones, and a ring of the last ones."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.first = array("Q")
        self.last = array("Q")
        self.packets = 0
        self.at = 0
        """Where in ``last`` the next row goes, once it has all the room that it gets."""


class Traces:
    """Traces of one point by stream; each is made when it is asked for."""

    def __init__(self, point: int) -> None:
        self._point = point
        self._kept: dict[int, _Kept] = {}
        self._rows = 0

    def __contains__(self, stream: int) -> bool:
        """Return whether packets of the stream were met."""
        return stream in self._kept

    def __iter__(self) -> Iterator[int]:
        """Yield the streams in the order in which they began."""
        return iter(self._kept)

    @property
    def cut(self) -> int:
        """How many packets of all connections the limits left out."""
        return sum(kept.packets - _held(kept) for kept in self._kept.values())

    def add(self, flow: Flow, row: Sequence[int]) -> None:
        """Take one packet of a watched connection."""
        kept = self._kept.get(flow.stream)
        if kept is None or kept.flow is not flow:
            # A stream goes on in another flow where its first one was evicted.
            kept = self._continued(kept, flow)
        kept.packets += 1
        if len(kept.first) < FIRST_TRACED * FACT_WORDS and self._rows < MAX_TRACED:
            kept.first.extend(row)
            self._rows += 1
        else:
            self._add_last(kept, row)

    def _continued(self, kept: _Kept | None, flow: Flow) -> _Kept:
        if kept is None:
            kept = self._kept[flow.stream] = _Kept(flow)
        kept.flow = flow
        return kept

    def _add_last(self, kept: _Kept, row: Sequence[int]) -> None:
        held = len(kept.last) // FACT_WORDS
        if held < LAST_TRACED and self._rows < MAX_TRACED and kept.at == 0:
            kept.last.extend(row)
            self._rows += 1
        elif held:
            start = kept.at * FACT_WORDS
            kept.last[start : start + FACT_WORDS] = array("Q", row)
            kept.at = (kept.at + 1) % held

    def get(self, stream: int) -> Trace | None:
        """Return a stream's packets in time order; None where it was not met."""
        kept = self._kept.get(stream)
        if kept is None:
            return None
        flow = kept.flow
        initiator, responder = halves(flow)
        cut = kept.packets - _held(kept)
        return Trace(
            point=self._point,
            stream=stream,
            packets=tuple(sorted(_packets(kept), key=moment)),
            cut=cut,
            gap=_gap(kept) if cut else None,
            initiator=_end(flow, a=flow.a_opened == 1),
            responder=_end(flow, a=flow.a_opened == 0),
            mss_initiator=initiator.mss if initiator.mss >= 0 else None,
            mss_responder=responder.mss if responder.mss >= 0 else None,
            icmp=icmp_facts(flow),
        )


def _held(kept: _Kept) -> int:
    return (len(kept.first) + len(kept.last)) // FACT_WORDS


def _gap(kept: _Kept) -> tuple[int, int]:
    first, last = kept.first[1::FACT_WORDS], kept.last[1::FACT_WORDS]
    end = min(last, default=kept.flow.end)
    return max(first, default=kept.flow.start), end


def _packets(kept: _Kept) -> Iterator[PacketFact]:
    for rows in (kept.first, kept.last):
        for start in range(0, len(rows), FACT_WORDS):
            yield packet_fact(rows[start : start + FACT_WORDS], kept.flow.a_opened)


def _end(flow: Flow, *, a: bool) -> HostPort:
    high, low = (flow.high_a, flow.low_a) if a else (flow.high_b, flow.low_b)
    return address_text(flow.version, high, low), flow.port_a if a else flow.port_b
