# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Which TLS connections were plainly in use: handshake finished, last request answered.

The headers of both ends' records tell it, in SSL 3.0 to TLS 1.3, without any key. What is out of
the common (a hole, a HelloRetryRequest, a renegotiation, an alert in clear, an answer that may be
a session ticket) is left to plain Python, which reads the handshake (protocols/tls).
"""

from __future__ import annotations

from pcapdiag.flow.lanes import TRANSCRIPT_BYTES
from pcapdiag.flow.records import HalfFlow, Lane
from pcapdiag.flow.slabs import PIECE_CHUNK, PIECE_HEADER, HeadSlab, PieceSlab
from pcapdiag.model.numbers import big16, big32

HEAD = 1_024
LINK = 8
"""Bytes at the start of a chunk of pieces: the number of the next one."""
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 0x14, 0x15, 0x16, 0x17
RETRY = 0xCF21AD74
"""First bytes of the random value that makes a ServerHello a HelloRetryRequest (RFC 8446 4.1.3)."""
RANDOM = 6
"""Bytes of a hello before its random value: type, length, version."""
CLEAR_ALERT = 2
SHORT = 59
"""A record up to this length may be an alert or a frame of control: two WINDOW_UPDATE and the
padding of a JDK. Requests and answers are longer."""
FINISHED, LONG_FINISHED, PADDING = 53, 69, 16
"""Lengths of a record with the Finished of TLS 1.3: of SHA-256, of SHA-384, and what a JDK adds."""
TICKET_MIN, TICKET_MAX, MAX_TICKETS = 150, 1_000, 4
"""Tickets come first, and those of a server are of one length."""

# Twins in C of constants that plain Python imports.
_PIECE_CHUNK = PIECE_CHUNK
_PIECE_HEADER = PIECE_HEADER
_TRANSCRIPT_BYTES = TRANSCRIPT_BYTES


class RecordWalk:
    """Steps over the records of one end, as they lie in the pieces of its lane, and counts them."""

    def __init__(self, slab: PieceSlab, lane: Lane) -> None:
        self.slab = slab
        self.lane = lane
        self.chunk = lane.first
        self.at = lane.first * _PIECE_CHUNK + LINK
        self.left = 0
        """Bytes of the piece that are still to come."""
        self.frame = 0
        self.time = 0
        """Of the packet that completed the record."""
        self.kind = 0
        self.length = 0
        self.changes = 0
        self.sealed = 0
        """Handshake records behind change_cipher_spec: before TLS 1.3, the Finished."""
        self.data = 0
        self.alerts = 0
        self.random = -1
        """Of a hello, the first four bytes of its random value."""
        self.cut = 0
        """A record goes on behind the last byte."""
        self.broken = 0
        """What there is, is not plainly TLS records one behind the other."""

    def next(self) -> int:
        """Take the next record; return 0 when there is none, or something is out of the common."""
        if self.left == 0 and not self._begin_piece():
            return 0
        self.kind = self._byte()
        version = self._byte()
        self._byte()
        self.length = self._byte() << 8
        self.length |= self._byte()
        rest = self.length
        if self.random < 0:
            self._step(RANDOM)
            self.random = self._byte() << 24 | self._byte() << 16
            self.random |= self._byte() << 8 | self._byte()
            rest -= RANDOM + 4
        if rest > 0:
            self._step(rest)
        if self.cut:
            if self.lane.length < _TRANSCRIPT_BYTES:
                self.broken = 1
            return 0
        if version != 3 or self.length == 0 or rest < 0 or self.random == RETRY:
            self.broken = 1
        elif self.alerts:
            # A goodbye comes last.
            self.broken = 1
        elif self.kind == DATA:
            self.data += 1
        elif self.kind == HANDSHAKE:
            self.sealed += self.changes
        elif self.kind == CHANGE_CIPHER_SPEC and not self.changes:
            self.changes = 1
        elif self.kind == ALERT and self.length > CLEAR_ALERT and self.sealed:
            self.alerts = 1
        else:
            self.broken = 1
        return 1 - self.broken

    def comes_after(self, time: int, frame: int) -> int:
        """Say whether the record was complete only behind this moment."""
        return self.time > time or (self.time == time and self.frame > frame)

    def _byte(self) -> int:
        return self.slab.view[self.at - 1] if self._step(1) else 0

    def _step(self, count: int) -> int:
        """Go over so many bytes; return 0 where there are fewer."""
        while count > 0:
            if self.left == 0 and not self._begin_piece():
                self.cut = 1
                return 0
            room = (self.chunk + 1) * _PIECE_CHUNK - self.at
            if room == 0:
                self._follow()
                room = _PIECE_CHUNK - LINK
            if room > count:
                room = count
            if room > self.left:
                room = self.left
            self.at += room
            self.left -= room
            count -= room
        return 1

    def _begin_piece(self) -> int:
        # Headers are words, so pieces begin at multiples of 8.
        self.at = (self.at + 7) & ~7
        if self.chunk < 0 or (self.chunk == self.lane.last and self.at >= self.lane.at):
            return 0
        if (self.chunk + 1) * _PIECE_CHUNK - self.at < _PIECE_HEADER:
            self._follow()
        word = self.at >> 3
        if self.slab.words[word + 1] < self.time:
            # It came before what is in front of it.
            self.broken = 1
            return 0
        self.frame = self.slab.words[word]
        self.time = self.slab.words[word + 1]
        self.left = self.slab.words[word + 3]
        self.at += _PIECE_HEADER
        return 1

    def _follow(self) -> None:
        self.chunk = self.slab.words[self.chunk * _PIECE_CHUNK >> 3]
        self.at = self.chunk * _PIECE_CHUNK + LINK


def begins_in_tls(r: HalfFlow, heads: HeadSlab) -> int:
    """Say whether the responder's first bytes are TLS, and no HelloRetryRequest.

    Then its certificate is in its first answer, and no later one is part of the handshake.
    """
    if r.hello_slot < 0:
        return 0
    at = r.hello_slot * HEAD
    return big16(heads.view, at) == 0x1603 and big32(heads.view, at + 5 + RANDOM) != RETRY


def is_in_use(i: HalfFlow, r: HalfFlow, slab: PieceSlab, last: int) -> int:
    """Say whether TLS was established, and an answer came behind the initiator's first request.

    With ``last`` behind its last one, for which all bytes of both ends must be kept.
    """
    asking, answering = i.lane, r.lane
    if asking is None or answering is None:
        return 0
    if not (_is_whole(asking, last) and _is_whole(answering, last)):
        return 0
    walk = RecordWalk(slab, asking)
    begun_time = begun_frame = 0
    asked_time = asked_frame = 0
    finished = 0
    while walk.next():
        if walk.kind != DATA:
            continue
        if walk.data == 1:
            begun_time, begun_frame = walk.time, walk.frame
        if not walk.sealed and not finished and _is_finished(walk.length):
            finished = 1
        elif walk.length > SHORT and (walk.sealed or finished) and (last or asked_time == 0):
            asked_time, asked_frame = walk.time, walk.frame
    if walk.broken or asked_time == 0:
        return 0
    told = RecordWalk(slab, answering)
    if walk.sealed:
        return walk.sealed == 1 and _answers(told, asked_time, asked_frame)
    return _answers_hidden(told, begun_time, begun_frame, asked_time, asked_frame)


def _is_whole(lane: Lane, to_the_end: int) -> int:
    """Say whether a lane has all bytes of its end, at least up to its limit."""
    return lane.length == lane.position and (not to_the_end or lane.length < _TRANSCRIPT_BYTES)


def _is_finished(length: int) -> int:
    return length in (FINISHED, LONG_FINISHED, LONG_FINISHED + PADDING)


def _answers(told: RecordWalk, asked_time: int, asked_frame: int) -> int:
    """Say whether a responder before TLS 1.3 finished its handshake, and answered."""
    answered = 0
    while told.next():
        if told.kind == DATA and told.length > SHORT and told.comes_after(asked_time, asked_frame):
            answered = 1
    return answered and told.sealed == 1 and not told.broken


def _answers_hidden(
    told: RecordWalk, begun_time: int, begun_frame: int, asked_time: int, asked_frame: int
) -> int:
    """Say whether a responder of TLS 1.3 answered, with more than its session tickets.

    A single record behind the request may be either, and is taken for the answer
    (protocols/tls/infer.py).
    """
    answered = 0
    tickets = 0
    ticket = 0
    lone = 0
    while told.next():
        if told.kind != DATA or not told.comes_after(begun_time, begun_frame):
            continue
        if 0 <= tickets < MAX_TICKETS and TICKET_MIN <= told.length < TICKET_MAX:
            if tickets == 0 or told.length == ticket:
                tickets += 1
                ticket = told.length
                lone = tickets == 1 and told.comes_after(asked_time, asked_frame)
                continue
        tickets = -1
        if told.length > SHORT and told.comes_after(asked_time, asked_frame):
            answered = 1
    return (answered or lone) and not told.broken
