# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Turns, as TCP shows them: the initiator sends, then the responder does.

A turn is a request and its answer in most protocols. Kept of each are its bytes, frames and times,
the first HEAD bytes of both, and the last 16 of the answer; a turn of HTTP/1 that was not plainly
in order is noted with them. Nothing is parsed that a healthy connection would pay for.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.callers import Callers
from pcapdiag.flow.lanes import TURNS, Lanes
from pcapdiag.flow.legs import ANSWERED, Moments
from pcapdiag.flow.midway import is_midway
from pcapdiag.flow.records import Endpoint, Flow, HalfFlow
from pcapdiag.flow.screen import (
    is_alarming,
    is_answer,
    is_interim,
    is_request,
    request_length,
    status,
)
from pcapdiag.flow.slabs import HeadSlab
from pcapdiag.flow.spans import note_served
from pcapdiag.model.numbers import big16, big32, big64, copy, distance
from pcapdiag.model.packet import SYN

MASK = 0xFFFFFFFFFFFFFFFF
MASK32 = 0xFFFFFFFF
HEAD = 1_024
MAX_FIRST_BYTES = 16
FIRST_BYTES_OF = 256
"""Connections of an endpoint whose first bytes are noted: enough to know what it speaks."""
INTERIM = 512
"""An interim answer (1xx) is no longer than this."""
IDLE = 1_000_000_000
"""Quiet time before a request (ns) from which it counts that the connection outlived it."""
MAX_NOTED = 100
"""Turns of one connection that are kept for a look, each with its first bytes."""

# Twins in C of constants that plain Python imports.
_IDLE = IDLE
_MAX_NOTED = MAX_NOTED
_TURNS = TURNS


class Turns:
    """What the turns of all open connections need in common."""

    def __init__(self, lanes: Lanes, moments: Moments, callers: Callers) -> None:
        self.heads = HeadSlab()
        self.lanes = lanes
        self.moments = moments
        self.callers = callers
        self.left_out = 0
        """Heads without room."""
        self.note_all = 0
        """Note the turns that are in order, too."""

    def take(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, opened: int, fresh: int, known: int,
        frame: int, time: int,
    ) -> None:  # fmt: skip
        """Take a segment's payload, of which ``fresh`` bytes are new, beyond ``known``."""
        seq = (p.seq + 1) & MASK32 if p.flags & SYN else p.seq
        if fresh > 0:
            if flow.inferred and flow.turn_index == 0 and flow.greeting_bytes == 0:
                opened = _opener_by_content(p, flow, opened)
            if opened:
                if flow.response_bytes > 0 and self._is_interim(flow, r):
                    # 100 Continue: the request goes on.
                    flow.response_bytes = 0
                    flow.response_frame = 0
                    _begin_head(r)
                elif flow.response_bytes > 0 and self._goes_on(p, flow, f, r, seq, time):
                    # Answered early: the rest of the request's body belongs to the same turn.
                    pass
                elif flow.turn_index == 0 or flow.response_bytes > 0:
                    self._new_turn(p, flow, frame, time)
                    self.lanes.begin_turn(p, flow, f, r, seq)
                elif flow.turn_index == 1 and flow.greeting_bytes > 0:
                    # MySQL: a ClientHello right behind the plain request for TLS.
                    self.lanes.begin_turn(p, flow, f, r, seq)
                flow.request_bytes += fresh
                flow.request_last_frame = frame
                flow.request_last_time = time
                flow.request_acked_time = 0
            elif flow.turn_index == 0:
                if flow.greeting_bytes == 0 and flow.endpoint is not None and not flow.midstream:
                    # A goodbye, to one who asked nothing or has left, is no server's first word.
                    flow.endpoint.speaks_first += r.fin_frame == 0 and not _is_alert(p)
                flow.greeting_bytes += fresh
            else:
                if flow.response_bytes == 0:
                    self._answered(p, flow, frame, time)
                flow.response_bytes += fresh
                flow.response_last_frame = frame
                flow.response_last_time = time
                if flow.response_bytes > flow.largest_answer and flow.turn_index > 1:
                    flow.largest_answer = flow.response_bytes
            if f.data_segments == 0:
                f.first_data_frame = frame
                f.first_data_time = time
            f.data_segments += 1
            f.last_data_frame = frame
            f.last_data_time = time
            f.last_data_seq = seq
            f.last_data_length = p.payload_length
            if f.turn_seq < 0:
                f.turn_seq = _start_of_turn(p, seq, known, r.highest_ack)
        if f.turn_seq >= 0:
            position = distance(seq, f.turn_seq)
            if position < HEAD:
                self._head(p, f, position)
            if fresh > 0 and not opened:
                _tail(p, f, seq)
        if flow.lanes != _TURNS:
            self.lanes.take(p, flow, f, r, seq, opened, frame, time)

    def close(self, flow: Flow, keep: int) -> None:
        """Note a turn of HTTP/1 that is not plainly in order; ``keep`` its first bytes too."""
        i = flow.a if flow.a_opened else flow.b
        r = flow.b if flow.a_opened else flow.a
        if flow.turn_index == 0 or i.turn_seq < 0:
            return
        asked = turn_slot(i)
        asked_length = turn_length(i)
        told = -1 if r.turn_seq < 0 or flow.response_bytes == 0 else turn_slot(r)
        told_length = turn_length(r)
        self.callers.turn_closed(
            flow, self.heads.view, asked * HEAD, asked_length, told * HEAD, told_length
        )
        look = 0
        if told >= 0 and is_answer(self.heads.view, told * HEAD, told_length):
            look = is_alarming(status(self.heads.view, told * HEAD, told_length))
        elif told >= 0 and asked >= 0:
            look = is_request(self.heads.view, asked * HEAD, asked_length)
        if look:
            flow.alarming = 1
        if not keep or not (look or self.note_all):
            return
        if flow.noted is None:
            flow.noted = []
        if len(flow.noted) < _MAX_NOTED:
            flow.noted.append(
                (
                    flow.turn_index, flow.turn_gap, flow.request_frame, flow.request_time,
                    flow.request_last_frame, flow.request_last_time, flow.request_bytes,
                    flow.response_frame, flow.response_time, flow.response_last_frame,
                    flow.response_last_time, flow.response_bytes,
                    self.heads.read(asked, asked_length) if asked >= 0 else b"",
                    self.heads.read(told, told_length) if told >= 0 else b"",
                    _tail_bytes(r),
                )
            )  # fmt: skip

    def release(self, flow: Flow) -> None:
        """Give back what a connection holds."""
        self._release_heads(flow.a)
        self._release_heads(flow.b)

    def _release_heads(self, f: HalfFlow) -> None:
        if f.hello_slot >= 0:
            self.heads.give(f.hello_slot)
            f.hello_slot = -1
        if f.head_slot >= 0:
            self.heads.give(f.head_slot)
            f.head_slot = -1

    def _is_interim(self, flow: Flow, r: HalfFlow) -> int:
        """Say whether the answer so far is only ``HTTP/1.1 1xx``."""
        slot = turn_slot(r)
        if slot < 0 or flow.lanes != _TURNS or flow.response_bytes > INTERIM:
            return 0
        return is_interim(self.heads.view, slot * HEAD, turn_length(r), flow.response_bytes)

    def _goes_on(self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, seq: int, time: int) -> int:
        """Say whether a segment belongs to the request that was answered before it."""
        length = -1
        if flow.lanes == _TURNS and f.turn_seq >= 0 and turn_slot(f) >= 0:
            length = request_length(self.heads.view, turn_slot(f) * HEAD, turn_length(f))
        return is_midway(p, flow, f, r, length, seq, time)

    def _new_turn(self, p: Packet, flow: Flow, frame: int, time: int) -> None:
        if flow.lanes == _TURNS:
            self.close(flow, 1)
        flow.turn_index += 1
        flow.turn_gap = time - flow.active_time
        flow.request_frame = frame
        flow.request_time = time
        flow.request_bytes = 0
        flow.response_frame = 0
        flow.response_time = 0
        flow.response_bytes = 0
        if flow.turn_index > 1 or flow.greeting_bytes > 0:
            _begin_head(flow.a)
            _begin_head(flow.b)
        if flow.turn_index == 1 and not flow.midstream:
            _note_first_bytes(p, flow)

    def _note_accepted(self, p: Packet, flow: Flow, endpoint: Endpoint) -> None:
        """Count the connection's first bytes as accepted, unless its answer is a refusal.

        A refusal is an HTTP/1 status of 400 or more, or a TLS alert.
        """
        f = flow.a if flow.a_opened else flow.b
        if f.hello_slot < 0 or f.hello_length < 4:
            return
        o = p.payload
        if _is_alert(p):
            return
        if p.payload_captured >= 10 and p.view[o + 9] >= 0x34:
            if big32(p.view, o) == 0x48545450 and big32(p.view, o + 3) == 0x502F312E:  # HTTP/1.
                return
        first = big32(self.heads.view, f.hello_slot * HEAD)
        if first in endpoint.first_bytes:
            endpoint.first_accepted[first] = endpoint.first_accepted.get(first, 0) + 1

    def _answered(self, p: Packet, flow: Flow, frame: int, time: int) -> None:
        flow.response_frame = frame
        flow.response_time = time
        self.moments.note(flow, ANSWERED, time)
        endpoint = flow.endpoint
        if endpoint is None:
            return
        endpoint.turns += 1
        note_served(endpoint, time)
        first = flow.turn_index == 1 and not flow.midstream
        if first and endpoint.connections <= FIRST_BYTES_OF:
            self._note_accepted(p, flow, endpoint)
        i = flow.a if flow.a_opened else flow.b
        if i.fin_frame:
            # Who had left did not wait for it: it tells nothing of how long answers take.
            return
        took = time - flow.request_last_time
        if took > endpoint.longest_answer:
            endpoint.longest_answer = took
        bucket = 0
        limit = 1_000_000
        while took >= limit and bucket < 15:
            limit <<= 1
            bucket += 1
        endpoint.answers_within[bucket] += 1
        if flow.turn_gap >= _IDLE and flow.a.keep_alives + flow.b.keep_alives == 0:
            endpoint.idle_turns += 1
            if flow.turn_gap > endpoint.longest_idle:
                endpoint.longest_idle = flow.turn_gap

    def _head(self, p: Packet, f: HalfFlow, position: int) -> int:
        """Keep the first bytes of the turn, in order; return how many of them are new."""
        if f.hello_slot < 0:
            f.hello_seq = f.turn_seq
        hello = f.turn_seq == f.hello_seq
        length = f.hello_length if hello else f.head_length
        if position + p.payload_captured <= length or length >= HEAD:
            return 0
        slot = f.hello_slot if hello else f.head_slot
        if slot < 0:
            slot = self.heads.take()
            if slot < 0:
                if position <= length:
                    self.left_out += 1
                return 0
            if hello:
                f.hello_slot = slot
            else:
                f.head_slot = slot
        if position > length:
            self._keep_ahead(p, f, slot, position)
            return 0
        source = p.payload + (length - position)
        stop = p.payload + p.payload_captured
        if stop - source > HEAD - length:
            stop = source + HEAD - length
        target = slot * HEAD + length
        count = stop - source
        copy(self.heads.view, target, p.view, source, count)
        length += count
        if f.ahead_end > length and f.ahead_start <= length:
            length = f.ahead_end
        if hello:
            f.hello_length = length
        else:
            f.head_length = length
        return count

    def _keep_ahead(self, p: Packet, f: HalfFlow, slot: int, position: int) -> None:
        """Keep a segment that overtook others in its place; one stretch of such bytes is kept."""
        end = position + p.payload_captured
        if end > HEAD:
            end = HEAD
        if f.ahead_end == 0:
            f.ahead_start = position
            f.ahead_end = end
        elif position > f.ahead_end or end < f.ahead_start:
            return
        copy(self.heads.view, slot * HEAD + position, p.view, p.payload, end - position)
        if position < f.ahead_start:
            f.ahead_start = position
        if end > f.ahead_end:
            f.ahead_end = end


def turn_slot(f: HalfFlow) -> int:
    """Return the slot that has the first bytes of an end's turn, -1 for none."""
    return f.hello_slot if f.turn_seq == f.hello_seq else f.head_slot


def turn_length(f: HalfFlow) -> int:
    """Return how many of them it has."""
    return f.hello_length if f.turn_seq == f.hello_seq else f.head_length


def _is_alert(p: Packet) -> int:
    """Say whether the payload begins with a TLS alert record."""
    return p.payload_captured >= 2 and big16(p.view, p.payload) == 0x1503


def _begin_head(f: HalfFlow) -> None:
    f.turn_seq = -1
    f.head_length = 0
    f.tail_length = 0
    f.ahead_end = 0


def note_request_acked(p: Packet, flow: Flow, r: HalfFlow, time: int) -> None:
    """Note when an acknowledgment has come for all that the initiator ``r`` has sent."""
    if r.next_seq >= 0 and distance(p.ack, r.next_seq) >= 0:
        flow.request_acked_time = time


def _opener_by_content(p: Packet, flow: Flow, opened: int) -> int:
    """Correct a guessed initiator whose first bytes are an answer, or the responder's a request."""
    start = bytes(p.view[p.payload : p.payload + min(p.payload_captured, 6)])
    hello = start[5:] if start[:2] == b"\x16\3" else b""
    answers = hello == b"\2" or start == b"HTTP/1"
    asks = hello == b"\1" or start.startswith((b"GET ", b"POST ", b"PUT ", b"HEAD ", b"PRI * "))
    if not (answers if opened else asks):
        return opened
    flow.a_opened = 1 - flow.a_opened
    return 1 - opened


def _start_of_turn(p: Packet, seq: int, known: int, acked: int) -> int:
    """Return where a turn's bytes begin, though its first segment may not be here yet."""
    start = seq
    if known >= 0 and distance(seq, known) != 0 and not p.flags & SYN:
        start = known
        # What the other end has got was before the turn, seen or not.
        if acked >= 0 and distance(acked, start) > 0 and distance(seq, acked) >= 0:
            start = acked
    return start


def _tail_bytes(f: HalfFlow) -> bytes:
    if f.tail_length == 0:
        return b""
    tail = (int(f.tail_high) << 64) | int(f.tail_low)
    return tail.to_bytes(16, "big")[16 - f.tail_length :]


def _note_first_bytes(p: Packet, flow: Flow) -> None:
    if flow.endpoint is None or p.payload_captured < 4:
        return
    if flow.endpoint.connections > FIRST_BYTES_OF:
        return
    seen = flow.endpoint.first_bytes
    first = big32(p.view, p.payload)
    if first in seen:
        seen[first] += 1
    elif len(seen) < MAX_FIRST_BYTES:
        seen[first] = 1


def _tail(p: Packet, f: HalfFlow, seq: int) -> None:
    """Keep the last 16 bytes of an answer, where they were seen without a hole."""
    count = p.payload_captured
    end = p.payload + count
    if p.cut:
        f.tail_length = 0
        return
    if seq != f.tail_end:
        f.tail_length = 0
    if count >= 16:
        f.tail_high = big64(p.view, end - 16)
        f.tail_low = big64(p.view, end - 8)
        start = end
    else:
        start = p.payload
    while start < end:
        f.tail_high = ((f.tail_high << 8) | (f.tail_low >> 56)) & MASK
        f.tail_low = ((f.tail_low << 8) | p.view[start]) & MASK
        start += 1
    f.tail_length += count
    if f.tail_length > 16:
        f.tail_length = 16
    f.tail_end = (seq + p.payload_length) & MASK32
