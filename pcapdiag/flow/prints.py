"""A print of every connection, for finding it again in the capture of another point.

Each is a row of numbers in one array, so that half a million of them stay small; a
:class:`~pcapdiag.model.points.Print` is made when one is asked for. A limited number of connections
also keep samples: their first and last packets.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, overload

from pcapdiag.decode.rows import IS_IPV6
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.slabs import CHUNK_FACTS, FactSlab, HeadSlab
from pcapdiag.flow.story import address_text
from pcapdiag.model.packet import ACK, SYN
from pcapdiag.model.points import Print, Sample

MAX_PRINTS = 500_000
"""Prints kept of one capture: 140 MB."""
MAX_SAMPLED = 1_000
"""Connections of one capture whose kept packets become samples, about 50 of each; and as many
again that were captured from their middle, which have nothing better to be known by."""
DIGEST_OF = 256
"""Payload bytes of each end that its digest is of; fewer when it sent fewer."""
DIGEST_BYTES = 7
"""So that a digest fits a signed 64-bit number."""
MASK32 = 0xFFFFFFFF

Fact = Sequence[int]

_FIELDS = (
    "stream", "first_frame", "start", "end", "packets", "isn_initiator", "isn_responder",
    "syn_time", "syn_ack_time", "established_time", "syn_tsval", "syn_ip_id",
    "first_seq_initiator", "first_seq_responder", "next_seq_initiator", "next_seq_responder",
    "digest_initiator", "digest_responder", "syn_count", "syn_ack_count", "syn_ack_tsval",
    "syn_ack_ip_id", "has_end_initiator", "has_end_responder", "same_as", "is_lossy",
)  # fmt: skip
_MAYBE = frozenset(
    _FIELDS.index(name)
    for name in _FIELDS
    if name.startswith(("isn", "first_seq", "next_seq")) or name in ("same_as",) or "tsval" in name
)
_FLAGS = frozenset(
    _FIELDS.index(name) for name in ("has_end_initiator", "has_end_responder", "is_lossy")
)
_SUMMED = frozenset(_FIELDS.index(name) for name in ("packets", "syn_count", "syn_ack_count"))
_LATEST = frozenset(
    _FIELDS.index(name) for name in ("end", "next_seq_initiator", "next_seq_responder")
)
_ENDS = len(_FIELDS)
_COLUMNS = (*_FIELDS, "initiator", "responder", "samples", "failed")
_in_order = itemgetter(*(_COLUMNS.index(name) for name in Print.__struct_fields__))
_WORDS = _ENDS + 4
_SAMPLE_WORDS = 6


class PrintTable(Sequence[Print]):
    """The prints of one capture, in the order in which its connections ended."""

    def __init__(self) -> None:
        self.left_out = 0
        """Connections beyond the limit, of which none is kept."""
        self._words = array("q")
        self._addresses: list[str] = []
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._samples: dict[int, array[int]] = {}
        self._sampled = [0, 0]
        self._failed: set[int] = set()
        self._rows: dict[int, int] | None = None

    def add(self, facts: FactSlab, heads: HeadSlab, flow: Flow) -> None:
        """Keep the print of a connection that the tracker has finished with."""
        if len(self) >= MAX_PRINTS:
            self.left_out += 1
            return
        kept = _kept(facts, flow, CHUNK_FACTS)
        row = _row(heads, flow, kept)
        grave = flow.previous
        if grave is not None and grave.stream == flow.stream:
            self._continue(row, flow)
            return
        self._words.extend((*row, *self._ends(flow)))
        if self._rows is not None:
            self._rows[flow.stream] = len(self) - 1
        kind = 1 if flow.midstream else 0
        if self._sampled[kind] < MAX_SAMPLED:
            self._sampled[kind] += 1
            self._samples[flow.stream] = _samples(facts, flow)

    def mark_failed(self, stream: int, *, failed: bool) -> None:
        """Say whether a connection failed, by the verdict of this capture alone."""
        if failed and self._words:
            self._failed.add(stream)
        else:
            self._failed.discard(stream)

    def streams(self) -> Sequence[int]:
        """Return the streams of the prints, in their order."""
        return self._words[::_WORDS]

    def __len__(self) -> int:
        return len(self._words) // _WORDS

    @overload
    def __getitem__(self, index: int) -> Print: ...
    @overload
    def __getitem__(self, index: slice) -> list[Print]: ...
    def __getitem__(self, index: int | slice) -> Print | list[Print]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        start = index % len(self) * _WORDS
        return self._print(self._words[start : start + _WORDS])

    def __iter__(self) -> Iterator[Print]:
        for start in range(0, len(self._words), _WORDS):
            yield self._print(self._words[start : start + _WORDS])

    def _print(self, words: array[int]) -> Print:
        values: list[Any] = words.tolist()
        stream, addresses = values[0], self._addresses
        values[_ENDS:] = (
            (addresses[values[_ENDS]], values[_ENDS + 1]),
            (addresses[values[_ENDS + 2]], values[_ENDS + 3]),
            _read_samples(self._samples.get(stream)),
            stream in self._failed,
        )
        for n in _MAYBE:
            if values[n] < 0:
                values[n] = None
        for n in _FLAGS:
            values[n] = values[n] == 1
        # By position: every connection is read several times, and names take longer.
        return Print(*_in_order(values))

    def _ends(self, flow: Flow) -> tuple[int, int, int, int]:
        a = self._address(flow.version, flow.high_a, flow.low_a), flow.port_a
        b = self._address(flow.version, flow.high_b, flow.low_b), flow.port_b
        return (*a, *b) if flow.a_opened else (*b, *a)

    def _address(self, version: int, high: int, low: int) -> int:
        key = version, high, low
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._addresses)
            self._addresses.append(address_text(version, high, low))
        return number

    def _continue(self, row: Fact, flow: Flow) -> None:
        """Join what came later to the print of a stream that had been judged already."""
        if self._rows is None:
            self._rows = {
                self._words[at]: at // _WORDS for at in range(0, len(self._words), _WORDS)
            }
        number = self._rows.get(flow.stream)
        if number is None:
            self._rows[flow.stream] = len(self)
            self._words.extend((*row, *self._ends(flow)))
            return
        start = number * _WORDS
        words = self._words
        for n, value in enumerate(row):
            if n in _SUMMED:
                words[start + n] += value
            elif words[start + n] in (0, -1) or (n in _LATEST and value >= 0):
                words[start + n] = value


def _kept(facts: FactSlab, flow: Flow, limit: int) -> list[Fact]:
    """Return the connection's first kept packets."""
    kept: list[Fact] = []
    chunk = flow.fact_first
    while chunk >= 0 and len(kept) < limit:
        count = flow.fact_fill if chunk == flow.fact_last else CHUNK_FACTS
        kept += [facts.row(chunk, n) for n in range(count)]
        chunk = facts.following(chunk)
    return kept


def _row(heads: HeadSlab, flow: Flow, kept: list[Fact]) -> tuple[int, ...]:
    i, r = (flow.a, flow.b) if flow.a_opened else (flow.b, flow.a)
    syn = _first(kept, flow.a_opened, SYN)
    syn_ack = _first(kept, 1 - flow.a_opened, SYN | ACK)
    isn = i.isn
    if isn < 0 and syn_ack is not None:
        isn = ((syn_ack[2] >> 32) - 1) & MASK32
    missed = i.acked_unseen + r.acked_unseen > 0
    one_sided = (i.packets == 0 and r.highest_ack >= 0) or (r.packets == 0 and i.highest_ack >= 0)
    return (
        flow.stream, flow.first_frame, flow.start, flow.end, flow.packets, isn, r.isn,
        syn[1] if syn else 0, syn_ack[1] if syn_ack else 0, flow.established_time,
        _tsval(syn), _ip_id(syn) if syn else 0,
        _first_seq(kept, flow.a_opened), _first_seq(kept, 1 - flow.a_opened),
        i.next_seq, r.next_seq, _digest(heads, i), _digest(heads, r),
        flow.syn_count, flow.syn_ack_count, _tsval(syn_ack),
        _ip_id(syn_ack) if syn_ack else 0,
        int(i.fin_seq >= 0), int(r.fin_seq >= 0), flow.same_as, int(missed or one_sided),
    )  # fmt: skip


def _first(kept: list[Fact], from_a: int, flags: int) -> Fact | None:
    for fact in kept:
        if fact[4] & (SYN | ACK) == flags and fact[4] >> 8 & 1 == from_a:
            return fact
    return None


def _first_seq(kept: list[Fact], from_a: int) -> int:
    for fact in kept:
        if fact[4] >> 8 & 1 == from_a:
            return fact[2] & MASK32
    return -1


def _tsval(fact: Fact | None) -> int:
    return fact[3] & MASK32 if fact is not None and fact[4] >> 9 & 1 else -1


def _ip_id(fact: Fact) -> int:
    return 0 if fact[4] & IS_IPV6 else fact[5] >> 32 & 0xFFFF


def _digest(heads: HeadSlab, f: HalfFlow) -> int:
    if f.hello_slot < 0 or f.isn < 0 or f.hello_seq != (f.isn + 1) & MASK32:
        return 0
    from hashlib import blake2b  # Only here: it takes 3 ms, and analyze needs no prints.

    first = heads.read(f.hello_slot, min(f.hello_length, DIGEST_OF))
    return int.from_bytes(blake2b(first, digest_size=DIGEST_BYTES).digest(), "little")


def _samples(facts: FactSlab, flow: Flow) -> array[int]:
    words = array("q")
    for fact in _kept(facts, flow, flow.packets):
        bits = fact[4] & 0xFF | (fact[4] >> 8 & 1 == flow.a_opened) << 8
        sizes = fact[5] & MASK32 | _ip_id(fact) << 32
        words.extend((fact[1], fact[2] & MASK32, fact[2] >> 32, sizes, bits, _tsval(fact)))
    return words


def _read_samples(words: array[int] | None) -> tuple[Sample, ...]:
    if words is None:
        return ()
    return tuple(
        Sample(
            from_initiator=bool(words[at + 4] >> 8),
            time=words[at],
            seq=words[at + 1],
            ack=words[at + 2],
            length=words[at + 3] & MASK32,
            flags=words[at + 4] & 0xFF,
            ip_id=words[at + 3] >> 32 & 0xFFFF,
            tsval=words[at + 5] if words[at + 5] >= 0 else None,
        )
        for at in range(0, len(words), _SAMPLE_WORDS)
    )
