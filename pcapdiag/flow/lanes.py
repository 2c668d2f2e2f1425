# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The bytes of a connection in order, for the readers of the protocols above TCP.

Most connections need none: of HTTP/1 the tracker keeps the first bytes of each turn, and of what it
does not know nothing. TLS gets a transcript of its first bytes, in which the handshake is; HTTP/2,
and TLS for which there are secrets, are handed on piece by piece, so that memory does not grow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, HalfFlow, Lane
from pcapdiag.flow.slabs import PieceSlab
from pcapdiag.model.numbers import distance

UNDECIDED = 0
"""No byte of the initiator was seen yet; a greeting of the responder is kept."""
TURNS = 1
"""Nothing is kept but the first bytes of turns."""
TRANSCRIPT = 2
"""The first bytes of both ends are kept."""
STREAMED = 3
"""All bytes are kept until a reader takes them."""

TRANSCRIPT_BYTES = 24_576
"""Bytes kept of each end: a handshake with long certificate chains and what follows it."""
GREETING_BYTES = 4_096
CHUNK_BYTES = 16_384
"""A reader takes the bytes of a streamed connection when this many have come from one end."""
IN_USE = 4
"""From this turn on a TLS connection works; its transcript goes where half the room is taken."""
MAX_STREAMED = 2_048
"""Connections that are read piece by piece at the same time; further ones have a transcript."""
MAX_WAITING = 64
"""Segments of one end that wait for bytes before them; with more the hole is taken as one."""
MAX_UNDECIDED = 16
"""The same where no protocol is known yet: a first segment that was overtaken comes soon."""
MAX_HELD = 32 * 1024 * 1024
"""Bytes that wait so, of all connections; with more no hole is waited for."""
MASK32 = 0xFFFFFFFF

# Twins in C of the constants above, which plain Python imports.
_UNDECIDED = UNDECIDED
_TURNS = TURNS
_TRANSCRIPT = TRANSCRIPT
_STREAMED = STREAMED
_TRANSCRIPT_BYTES = TRANSCRIPT_BYTES
_CHUNK_BYTES = CHUNK_BYTES
_GREETING_BYTES = GREETING_BYTES
_IN_USE = IN_USE
_MAX_STREAMED = MAX_STREAMED
_MAX_WAITING = MAX_WAITING
_MAX_HELD = MAX_HELD


class Lanes:
    """Decides what is kept of each connection, and keeps it."""

    def __init__(self) -> None:
        self.slab = PieceSlab()
        self.left_out = 0
        self.streamed = 0
        self.has_secrets = 0
        self.held = 0
        """Bytes that wait for those before them."""
        self.hand_on: Callable[[Flow], object] | None = None
        """Takes the bytes of a streamed connection (:func:`take_pieces`)."""

    def take(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, seq: int, opened: int, frame: int,
        time: int,
    ) -> int:  # fmt: skip
        """Keep the payload of a segment, as far as its connection's bytes are wanted.

        Returns 0 when there was no room.
        """
        if (
            flow.lanes == _UNDECIDED
            and opened
            and f.lane is None
            and p.payload_captured >= 4
            and (f.isn < 0 or seq == (f.isn + 1) & MASK32)
        ):
            flow.lanes = self._choose(p, flow)
            if flow.lanes == _TURNS:
                self.release(flow)
        if flow.lanes == _TURNS:
            return 1
        lane = f.lane
        if lane is None:
            lane = Lane((f.isn + 1) & MASK32 if f.isn >= 0 else seq)
            f.lane = lane
        if flow.lanes == _TRANSCRIPT and lane.length >= _TRANSCRIPT_BYTES:
            return 1
        size = p.payload_captured
        if seq == lane.next_seq and not lane.waiting:
            kept = self._append(
                lane, lane.position, p.payload_length, p.view, p.payload, size, frame, time
            )
        else:
            data = bytes(p.view[p.payload : p.payload + size])
            kept = self.add_segment(lane, seq, p.payload_length, data, frame, time, r.highest_ack)
        if not kept:
            self.left_out += 1
            self.release(flow)
            flow.lanes = _TURNS
        elif flow.lanes == _UNDECIDED:
            if len(lane.waiting) > MAX_UNDECIDED:
                self.end_waiting(lane)
            self._decide_late(flow, lane, opened)
        elif flow.lanes == _STREAMED and lane.length >= _CHUNK_BYTES:
            self._hand_on(flow)
        return kept

    def begin_turn(self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, seq: int) -> None:
        """Look at the first bytes of a turn: TLS or HTTP/2 may begin in it (STARTTLS, CONNECT)."""
        if flow.lanes == _TURNS and p.payload_captured >= 4 and not flow.evicted:
            chosen = self._choose(p, flow)
            if chosen != _TURNS:
                flow.lanes = chosen
                f.lane = Lane(seq)
                r.lane = Lane(r.next_seq) if r.next_seq >= 0 else None
        elif flow.lanes == _TRANSCRIPT and flow.turn_index >= _IN_USE:
            if self.slab.used * 2 > self.slab.limit:
                self.release(flow)
                flow.lanes = _TURNS

    def _choose(self, p: Packet, flow: Flow) -> int:
        v = p.view
        o = p.payload
        first = v[o]
        if first == 0x16 and v[o + 1] == 3:
            return self._stream(flow) if self.has_secrets else _TRANSCRIPT
        if first == 0x50 and v[o + 1] == 0x52:
            if v[o + 2] == 0x49 and v[o + 3] == 0x20:
                return self._stream(flow)
            if v[o + 2] == 0x4F and v[o + 3] == 0x58:
                return _TRANSCRIPT
        if first == 0x0D and v[o + 1] == 0x0A and v[o + 2] == 0x0D and v[o + 3] == 0x0A:
            return _TRANSCRIPT
        if first & 0x80 and v[o + 2] == 1 and v[o + 3] <= 3:
            return _TRANSCRIPT
        if flow.midstream and is_http2(p):
            return self._stream(flow)
        return _TURNS

    def _stream(self, flow: Flow) -> int:
        if flow.reading is not None:
            return _STREAMED
        if self.hand_on is None or self.streamed >= _MAX_STREAMED:
            return _TRANSCRIPT
        self.streamed += 1
        return _STREAMED

    def _decide_late(self, flow: Flow, lane: Lane, opened: int) -> None:
        if not opened:
            if lane.length > _GREETING_BYTES:
                self.release(flow)
                flow.lanes = _TURNS
        elif lane.length >= 4:
            # The first segments were shorter than what tells a protocol.
            start = b"".join([piece[3] for piece in self.slab.read(lane)])
            if start[:2] == b"\x16\x03" or start[:4] in (b"PRI ", b"PROX", b"\r\n\r\n"):
                flow.lanes = _TRANSCRIPT
                if start[:4] == b"PRI " or (start[:1] == b"\x16" and self.has_secrets):
                    flow.lanes = self._stream(flow)
            else:
                self.release(flow)
                flow.lanes = _TURNS

    def _hand_on(self, flow: Flow) -> None:
        if self.hand_on is not None:
            self.hand_on(flow)

    def release(self, flow: Flow) -> None:
        """Forget a connection's bytes."""
        if flow.a.lane is not None:
            self._drop(flow.a.lane)
            flow.a.lane = None
        if flow.b.lane is not None:
            self._drop(flow.b.lane)
            flow.b.lane = None

    def _drop(self, lane: Lane) -> None:
        self.slab.give(lane)
        for _position, _length, data, _frame, _time in lane.waiting:
            self.held -= len(data)
        lane.waiting = []

    def finish(self, flow: Flow) -> None:
        """Give back what a connection that was judged held."""
        self.release(flow)
        if flow.lanes == _STREAMED:
            self.streamed -= 1

    def take_pieces(self, lane: Lane) -> list[tuple[int, int, int, bytes]]:
        """Take what a lane holds of each piece: frame, time, bytes missing before it, and bytes."""
        pieces = self.slab.read(lane)
        self.slab.give(lane)
        lane.length = 0
        return pieces

    def add_segment(
        self, lane: Lane, seq: int, length: int, data: bytes, frame: int, time: int, acked: int
    ) -> int:
        """Put a segment in order; ``acked`` is what the other end has acknowledged (-1: nothing).

        ``length`` is its payload on the wire, of which ``data`` was captured. Bytes that were
        acknowledged and not captured will not come any more: they become a hole. Returns 0 when
        there was no room.
        """
        ahead = distance(seq, lane.next_seq)
        if ahead <= 0:
            kept = self._append(
                lane, lane.position + ahead, length, data, 0, len(data), frame, time
            )
            if lane.waiting and kept:
                kept = self._take_waiting(lane, lane.position)
            return kept
        known = lane.position if acked < 0 else lane.position + distance(acked, lane.next_seq)
        lane.waiting.append((lane.position + ahead, length, data, frame, time))
        self.held += len(data)
        if len(lane.waiting) >= _MAX_WAITING or self.held > _MAX_HELD:
            return self.end_waiting(lane)
        return self._take_waiting(lane, known) if known > lane.position else 1

    def end_waiting(self, lane: Lane) -> int:
        """Take what waits as it is: what is missing before it does not come any more."""
        if not lane.waiting:
            return 1
        last = max(lane.waiting)
        return self._take_waiting(lane, last[0])

    def _take_waiting(self, lane: Lane, known: int) -> int:
        """Append what waits and joins on, or lies at or before ``known`` (behind a hole)."""
        lane.waiting.sort()
        taken = 0
        kept = 1
        for position, length, data, frame, time in lane.waiting:
            if position > lane.position and position > known:
                break
            if not self._append(lane, position, length, data, 0, len(data), frame, time):
                kept = 0
                break
            self.held -= len(data)
            taken += 1
        del lane.waiting[:taken]
        return kept

    def _append(
        self, lane: Lane, position: int, length: int, source: Sequence[int], start: int,
        size: int, frame: int, time: int,
    ) -> int:  # fmt: skip
        ahead = position - lane.position
        if ahead > 0:
            lane.hole += ahead
            lane.position += ahead
            lane.next_seq = (lane.next_seq + ahead) & MASK32
            ahead = 0
        fresh = length + ahead
        if fresh <= 0:
            return 1
        start -= ahead
        size += ahead
        if size > 0:
            if not self.slab.append(lane, frame, time, source, start, size):
                return 0
            lane.hole = 0
            lane.length += size
        else:
            size = 0
        lane.hole += fresh - size
        lane.position += fresh
        lane.next_seq = (lane.next_seq + fresh) & MASK32
        return 1


def is_http2(p: Packet) -> int:
    """Say whether a segment is whole HTTP/2 frames (RFC 9113 section 4.1), at least one."""
    v = p.view
    o = p.payload
    end = o + p.payload_captured
    frames = 0
    while o + 9 <= end:
        length = v[o] << 16 | v[o + 1] << 8 | v[o + 2]
        kind = v[o + 3]
        stream = (v[o + 5] << 24 | v[o + 6] << 16 | v[o + 7] << 8 | v[o + 8]) & MASK32
        if length > 16_384 or kind > 9 or stream >= 0x80000000:
            return 0
        if kind in (4, 6, 7) and stream != 0:
            return 0
        if kind in (0, 1, 2, 3, 5, 9) and stream == 0:
            return 0
        if (kind == 6 and length != 8) or (kind in (3, 8) and length != 4):
            return 0
        frames += 1
        o += 9 + length
    return 1 if frames > 0 and o == end else 0
