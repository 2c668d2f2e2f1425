# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What is kept of packets: of every connection the first ones, the last ones, and the first resets.

A kept packet is FACT_WORDS words of 64 bits, the middle four as :func:`~pcapdiag.decode.rows.seal`
made them; :func:`~pcapdiag.flow.story.packet_fact` reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow
from pcapdiag.flow.slabs import (
    CHUNK_FACTS,
    CHUNK_WORDS,
    FACT_WORDS,
    FIRST_CHUNKS,
    LAST_CHUNKS,
    FactSlab,
)
from pcapdiag.model.packet import RST


class KeptPackets:
    """The kept packets of all open connections; ``left_out`` counts those without room."""

    def __init__(self) -> None:
        self.facts = FactSlab()
        self.left_out = 0
        self.watched: set[int] = set()
        """Connections whose every packet is shown to ``on_packet``, too."""
        self.on_packet: Any = None
        self.scratch = -1

    def watch(self, streams: set[int], on_packet: Callable[[Flow, Any], object]) -> None:
        """Show every packet of these connections to ``on_packet``, as a row of the fact slab."""
        self.watched = streams
        self.on_packet = on_packet
        self.scratch = self.facts.take()

    def show(
        self, p: Packet, flow: Flow, from_a: int, marks: int, path: int, frame: int, time: int
    ) -> None:
        """Show the packet, if its connection is watched."""
        if flow.stream in self.watched:
            self._write(p, self.scratch, 0, from_a, marks, path, frame, time)
            self.on_packet(flow, self.facts.row(self.scratch, 0))

    def keep(
        self, p: Packet, flow: Flow, from_a: int, marks: int, path: int, frame: int, time: int
    ) -> int:
        """Keep the facts of a packet; return 0 without room."""
        if (flow.fact_last < 0 or flow.fact_fill == CHUNK_FACTS) and not self._next_chunk(flow):
            self.left_out += 1
            return 0
        self._write(p, flow.fact_last, flow.fact_fill, from_a, marks, path, frame, time)
        flow.fact_fill += 1
        if p.flags & RST and flow.rst_kept < CHUNK_FACTS:
            if flow.fact_chunks <= FIRST_CHUNKS:
                # It is among the first packets, and these stay.
                flow.rst_kept += 1
            else:
                self._keep_reset(p, flow, from_a, marks, path, frame, time)
        return 1

    def _keep_reset(
        self, p: Packet, flow: Flow, from_a: int, marks: int, path: int, frame: int, time: int
    ) -> None:
        if flow.rst_chunk < 0:
            flow.rst_chunk = self.facts.take()
        if flow.rst_chunk >= 0:
            self._write(p, flow.rst_chunk, flow.rst_kept, from_a, marks, path, frame, time)
            flow.rst_kept += 1

    def release(self, flow: Flow) -> None:
        """Give back what a connection holds."""
        self.facts.give_chain(flow.fact_first, flow.fact_last, flow.fact_chunks)
        self.facts.give_chain(flow.rst_chunk, flow.rst_chunk, 1)
        flow.fact_first = -1
        flow.rst_chunk = -1

    def _next_chunk(self, flow: Flow) -> int:
        """Give a connection its next chunk, a new one or the oldest of its own last ones."""
        chunk = -1
        if flow.fact_chunks < FIRST_CHUNKS + LAST_CHUNKS:
            chunk = self.facts.take()
        if chunk >= 0:
            flow.fact_chunks += 1
        else:
            if flow.fact_chunks <= FIRST_CHUNKS + 1:
                return 0
            chunk = self.facts.following(flow.fact_pivot)
            self.facts.link(flow.fact_pivot, self.facts.following(chunk))
            self.facts.link(chunk, -1)
        if flow.fact_first < 0:
            flow.fact_first = chunk
        else:
            self.facts.link(flow.fact_last, chunk)
        if flow.fact_chunks <= FIRST_CHUNKS:
            flow.fact_pivot = chunk
        flow.fact_last = chunk
        flow.fact_fill = 0
        return 1

    def _write(
        self, p: Packet, chunk: int, fact: int, from_a: int, marks: int, path: int, frame: int,
        time: int,
    ) -> None:  # fmt: skip
        base = chunk * CHUNK_WORDS + fact * FACT_WORDS
        self.facts.view[base] = frame | (marks << 44)
        self.facts.view[base + 1] = time
        self.facts.view[base + 2] = p.numbers
        self.facts.view[base + 3] = p.stamps
        self.facts.view[base + 4] = p.traits | (from_a << 8)
        self.facts.view[base + 5] = p.sizes
        self.facts.view[base + 6] = p.sack_left | (p.sack_right << 32)
        self.facts.view[base + 7] = p.mac | (path << 48)
