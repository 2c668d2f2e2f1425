"""What TCP connections carry, made anonymous: two passes over the same packets.

The first pass takes every segment (:meth:`StreamSanitizer.take`); then the streams are put together
and understood as far as that goes (:meth:`StreamSanitizer.conclude`); the second pass asks for each
segment's bytes again (:meth:`StreamSanitizer.tcp`). The same bytes at the same place give the same
result, so repeated segments stay repeats. A segment with other bytes than were there before (forged
data, a keep-alive's byte) is read by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator

from pcapdiag.model.dns import PORT
from pcapdiag.model.packet import MASK32, SYN
from pcapdiag.sanitize.application import layers
from pcapdiag.sanitize.application.dns_over_tcp import rewrite_dns
from pcapdiag.sanitize.application.stream import Stream
from pcapdiag.sanitize.assembly import Assembly, Store
from pcapdiag.sanitize.keyed import PAYLOADS, Keyed
from pcapdiag.sanitize.renamer import Renamer

HALF = 1 << 31
FAR = 1 << 28
"""Bytes from the last ones on which a segment is taken for another connection's on these ports."""
MAX_EARLY = 1 << 20
"""Bytes before the first one seen that a late segment may still bring."""
MAX_LIVES = 16
"""Newest connections on the same ports that a segment may belong to."""

_Way = tuple[bytes, int, bytes, int]


class _Life:
    """One connection's direction: ports are used again."""

    __slots__ = ("base", "bytes", "first_frame", "is_started", "last", "stream")

    def __init__(self, frame: int, base: int, is_started: bool) -> None:
        self.first_frame = frame
        self.base = base
        """Sequence number of place 0."""
        self.is_started = is_started
        """The first byte's number is known by the SYN."""
        self.last = 0
        """Highest place seen, to tell places beyond 32 bits."""
        self.bytes: Assembly | None = None
        """None as long as nothing but a SYN came: of these there may be very many."""
        self.stream: Stream | None = None

    def place(self, seq: int) -> int:
        """Return the place of a sequence number that is nearest to the last ones."""
        return ((seq - self.base - self.last + HALF) & MASK32) - HALF + self.last

    def places(self, seq: int) -> Iterator[int]:
        """Yield every place that a sequence number may mean."""
        first = (seq - self.base + 1) & MASK32
        yield from range(first - 1, self.last + 1, 1 << 32)


class StreamSanitizer:
    """Replaces the payloads of TCP. Not one byte is handed on that nobody understood."""

    def __init__(self, renamer: Renamer) -> None:
        self._renamer = renamer
        self._keyed = Keyed(renamer.derived(PAYLOADS))
        self._store = Store()
        self._ways: dict[_Way, list[_Life]] = {}

    def take(
        self, source: bytes, source_port: int, target: bytes, target_port: int,
        seq: int, payload: bytes, flags: int, frame: int,
    ) -> None:  # fmt: skip
        """Take a segment in the first pass; ``seq`` is the SYN's own number where it has one."""
        if not payload and not flags & SYN:
            return
        lives = self._ways.setdefault((source, source_port, target, target_port), [])
        if flags & SYN:
            seq = (seq + 1) & MASK32
            if not any(life.is_started and life.base == seq for life in lives[-MAX_LIVES:]):
                lives.append(_Life(frame, seq, True))
        if payload:
            self._take(lives, seq, payload, frame)

    def conclude(self) -> None:
        """Understand what was taken, and make what replaces it."""
        for way, lives in self._ways.items():
            source, source_port, target, target_port = way
            back = (target, target_port, source, source_port)
            others = self._ways.get(back, [])
            if others and back < way:
                continue
            pairs = _pairs(lives, others)
            for pair in pairs:
                self._conversation(pair, source_port, target_port)

    def tcp(
        self, source: bytes, source_port: int, target: bytes, target_port: int,
        seq: int, payload: bytes, frame: int,
    ) -> bytes:  # fmt: skip
        """Return what replaces a segment's payload, as long as that."""
        lives = self._ways.get((source, source_port, target, target_port), [])
        newest = bisect_right(lives, frame, key=lambda life: life.first_frame)
        for life in reversed(lives[max(0, newest - MAX_LIVES) : newest]):
            found = self._known(life, seq, payload)
            if found is not None:
                return found
        if not payload.strip(b"\0"):
            return payload
        return self._alone(payload, source_port, target_port)

    def _known(self, life: _Life, seq: int, payload: bytes) -> bytes | None:
        """Return what replaces the bytes of a stream; None: it has none of these there."""
        if life.bytes is None or life.stream is None:
            return None
        for place in life.places(seq):
            # A SYN with data has the number before its first byte.
            begin = place + (place < 0 and life.is_started)
            end = begin + len(payload)
            if life.bytes.read(begin, end) == payload:
                return life.stream.written(begin, end)
        return None

    def _take(self, lives: list[_Life], seq: int, payload: bytes, frame: int) -> None:
        for life in reversed(lives[-MAX_LIVES:]):
            place = life.place(seq)
            if abs(place - life.last) <= FAR:
                break
        else:
            # Place 0 is early enough for what comes out of order.
            life = _Life(frame, (seq - MAX_EARLY) & MASK32, False)
            lives.append(life)
            place = MAX_EARLY
        life.last = max(life.last, place + len(payload))
        if place < 0:
            payload, place = payload[-place:], 0
        if life.bytes is None:
            life.bytes = Assembly(self._store)
        life.bytes.take(place, payload)

    def _conversation(self, pair: list[_Life], source_port: int, target_port: int) -> None:
        """Rewrite both directions of a connection; that of the requests comes first."""
        streams = []
        for life in pair:
            if life.bytes is not None:
                life.stream = Stream(life.bytes, self._renamer, self._keyed)
                streams.append((life, life.stream))
        streams.sort(key=lambda each: not layers.asks(each[1]))
        asked: list[bytes] = []
        for life, stream in streams:
            stream.methods = asked
            if PORT in (source_port, target_port):
                rewrite_dns(stream, life.is_started)
            else:
                layers.rewrite(stream, life.is_started)
            asked = stream.asked
            stream.finish()

    def _alone(self, payload: bytes, source_port: int, target_port: int) -> bytes:
        """Return what replaces bytes that fit into no stream."""
        life = _Life(0, 0, True)
        life.bytes = Assembly(Store())
        life.bytes.take(0, payload)
        self._conversation([life], source_port, target_port)
        return life.stream.written(0, len(payload)) if life.stream else bytes(len(payload))


def _pairs(lives: list[_Life], others: list[_Life]) -> Iterator[list[_Life]]:
    """Yield the two directions of each connection on these ports, or the one that was seen."""
    left = deque(others)
    for number, life in enumerate(lives):
        is_last = number + 1 == len(lives)
        fits = []
        while left and (is_last or left[0].first_frame < lives[number + 1].first_frame):
            fits.append(left.popleft())
        yield [life, *fits[-1:]]
        yield from ([other] for other in fits[:-1])
