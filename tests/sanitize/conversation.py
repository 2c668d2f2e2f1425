"""A TCP connection that is made anonymous: what its two ends sent, segment by segment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.streams import StreamSanitizer

KEY = bytes(range(32))
CLIENT, SERVER = bytes((10, 1, 2, 3)), bytes((10, 9, 8, 7))
PORTS = (40_000, 443)
SYN, ACK = 2, 16
ISN = (0xFFFF_FF00, 1_000)
"""The client's numbers go round."""
Segment = tuple[bool, int, bytes]
"""From the client, place in its stream, bytes."""


def in_order(parts: Iterable[tuple[bool, bytes]]) -> list[Segment]:
    """Return segments of what both ends say in turn."""
    places = {True: 0, False: 0}
    segments = []
    for from_client, data in parts:
        segments.append((from_client, places[from_client], data))
        places[from_client] += len(data)
    return segments


def cut(data: bytes, size: int, from_client: bool = True) -> list[Segment]:
    """Return one end's stream in segments of a size."""
    return [(from_client, at, data[at : at + size]) for at in range(0, len(data), size)]


def replaced(
    segments: Sequence[Segment],
    started: bool = True,
    renamer: Renamer | None = None,
    ports: tuple[int, int] = PORTS,
) -> list[bytes]:
    """Return what each segment becomes."""
    sanitizer = StreamSanitizer(renamer or Renamer(KEY))
    ways = {
        True: (CLIENT, ports[0], SERVER, ports[1]),
        False: (SERVER, ports[1], CLIENT, ports[0]),
    }
    numbers = {True: ISN[0], False: ISN[1]}
    if started:
        sanitizer.take(*ways[True], ISN[0], b"", SYN, 1)
        sanitizer.take(*ways[False], ISN[1], b"", SYN | ACK, 2)
    sent = [
        (ways[who], (numbers[who] + 1 + place) & 0xFFFF_FFFF, data, frame)
        for frame, (who, place, data) in enumerate(segments, 3)
    ]
    for way, seq, data, frame in sent:
        sanitizer.take(*way, seq, data, ACK, frame)
    sanitizer.conclude()
    new = [sanitizer.tcp(*way, seq, data, frame) for way, seq, data, frame in sent]
    assert [len(each) for each in new] == [len(data) for _, _, data, _ in sent]
    return new


def client_says(data: bytes, renamer: Renamer | None = None) -> bytes:
    """Return what becomes of a client's stream."""
    return b"".join(replaced([(True, 0, data)], renamer=renamer))


def server_says(data: bytes, request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> bytes:
    """Return what becomes of an answer."""
    return replaced([(True, 0, request), (False, 0, data)])[1]
