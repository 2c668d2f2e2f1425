"""Streams whatever they hold: lengths stay, nothing raises, and memory is not the stream's size."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.sanitize.assembly import Assembly, Store
from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.streams import StreamSanitizer
from tests.protocols.tls.wire import handshake
from tests.sanitize.conversation import ACK, CLIENT, KEY, SERVER, SYN, Segment, in_order, replaced
from tests.sanitize.test_http1 import ENVOY, NGINX, REQUEST
from tests.sanitize.test_http2 import talk
from tests.sanitize.test_tls import tls12

pytestmark = pytest.mark.once

TALKS = (
    [(True, REQUEST + b"GET / HTTP/1.1\r\n\r\n"), (False, ENVOY + NGINX)],
    talk(),
    tls12(),
    [(True, b"PROXY TCP4 203.0.113.7 10.20.30.40 54321 443\r\n" + REQUEST), (False, NGINX)],
    [(False, b"220 mail.acmecorp.internal ESMTP\r\n"), (True, b"STARTTLS\r\n"), *tls12()],
    [(True, b"CONNECT a.acmecorp.internal:443 HTTP/1.1\r\n\r\n"),
     (False, b"HTTP/1.1 200 OK\r\n\r\n"), *tls12()],
)  # fmt: skip
STRANGER = b"acmecorp"


@st.composite
def damaged(draw: st.DrawFn) -> list[Segment]:
    """A talk cut into segments, some lost, repeated, out of order, flipped or moved."""
    segments: list[Segment] = []
    for who, at, data in in_order(draw(st.sampled_from(TALKS))):
        size = draw(st.sampled_from((5, 40, 200, 1_400)))
        segments += [(who, at + low, data[low : low + size]) for low in range(0, len(data), size)]
    segments = segments[:120]
    for _ in range(draw(st.integers(0, 8))):
        index = draw(st.integers(0, len(segments) - 1))
        who, at, data = segments[index]
        kind = draw(st.integers(0, 4))
        if kind == 0 and len(segments) > 1:
            del segments[index]
        elif kind == 1:
            segments.insert(draw(st.integers(0, len(segments))), (who, at, data))
        elif kind == 2 and data:
            place = draw(st.integers(0, len(data) - 1))
            flipped = bytes((data[place] ^ draw(st.integers(1, 255)),))
            segments[index] = (who, at, data[:place] + flipped + data[place + 1 :])
        elif kind == 3:
            segments[index] = (who, at + draw(st.integers(-9, 60_000)), data)
        else:
            segments[index] = (who, at, draw(st.binary(max_size=60)))
    return segments


@settings(max_examples=150)
@given(damaged(), st.booleans())
def test_damaged_streams_never_raise_and_keep_their_lengths(
    segments: list[Segment], started: bool
) -> None:
    replaced(segments, started=started)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_may_come(first: bytes, second: bytes) -> None:
    replaced([(True, 0, first), (False, 0, second), (True, len(first), second)])


@pytest.mark.parametrize("parts", TALKS, ids=range(len(TALKS)))
def test_nothing_that_identifies_is_left_when_any_segment_is_lost(
    parts: list[tuple[bool, bytes]],
) -> None:
    segments = []
    for who, at, data in in_order(parts):
        segments += [(who, at + low, data[low : low + 300]) for low in range(0, len(data), 300)]
    for lost in range(len(segments)):
        new = b"".join(replaced([*segments[:lost], *segments[lost + 1 :]]))
        assert STRANGER not in new.lower(), lost


@pytest.mark.parametrize("seed", range(3))
def test_what_is_planted_anywhere_does_not_grow(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        segments = in_order(chance.choice(TALKS))
        for _ in range(chance.randrange(1, 5)):
            index = chance.randrange(len(segments))
            who, at, data = segments[index]
            place = chance.randrange(len(data) + 1)
            planted = STRANGER * chance.randrange(1, 4)
            segments[index] = (who, at, data[:place] + planted + data[place:])
        assert STRANGER not in b"".join(replaced(segments)).lower()


def test_ports_that_are_used_again() -> None:
    sanitizer = StreamSanitizer(Renamer(KEY))
    way = (CLIENT, 1_000, SERVER, 80)
    asks = [
        b"GET /acmecorp/first HTTP/1.1\r\n\r\n",
        handshake(1, bytes(60)),
        b"HEAD / HTTP/1.1\r\n\r\n",
    ]
    for frame, (isn, data) in enumerate(zip((10, 5_000_000, 77), asks, strict=True)):
        sanitizer.take(*way, isn, b"", SYN, 2 * frame + 1)
        sanitizer.take(*way, isn + 1, data, ACK, 2 * frame + 2)
    sanitizer.conclude()
    new = [
        sanitizer.tcp(*way, isn + 1, data, 2 * frame + 2)
        for frame, (isn, data) in enumerate(zip((10, 5_000_000, 77), asks, strict=True))
    ]
    assert new[0].startswith(b"GET /")
    assert b"acmecorp" not in new[0]
    assert new[1][:9] == asks[1][:9]
    assert new[2] == asks[2]


def test_zeros_in_a_body_are_overwritten_like_its_other_bytes() -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"
    at = len(body)
    parts = [(False, 0, body + bytes(30)), (False, at + 30, bytes(30)), (False, at, bytes(60))]
    new = replaced(parts)
    assert new[1:] == [b"x" * 30, b"x" * 60]


def test_very_many_connections_on_the_same_ports() -> None:
    sanitizer = StreamSanitizer(Renamer(KEY))
    way, back = (CLIENT, 1_000, SERVER, 80), (SERVER, 80, CLIENT, 1_000)
    ask, answer = b"HEAD /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 503 Busy\r\n\r\n"
    for number in range(3_000):
        isn, frame = number * 99_991, 4 * number + 1
        sanitizer.take(*way, isn, b"", SYN, frame)
        sanitizer.take(*back, isn, b"", SYN | ACK, frame + 1)
        sanitizer.take(*way, isn + 1, ask, ACK, frame + 2)
        sanitizer.take(*back, isn + 1, answer, ACK, frame + 3)
    sanitizer.conclude()
    for number in (0, 1_500, 2_999):
        isn, frame = number * 99_991, 4 * number + 1
        assert sanitizer.tcp(*way, isn + 1, ask, frame + 2) == ask
        assert sanitizer.tcp(*back, isn + 1, answer, frame + 3) == answer


def test_data_in_a_syn() -> None:
    sanitizer = StreamSanitizer(Renamer(KEY))
    way = (CLIENT, 1_000, SERVER, 80)
    data = b"GET /acmecorp HTTP/1.1\r\nHost: a.acmecorp.internal\r\n\r\n"
    sanitizer.take(*way, 99, data[:20], SYN, 1)
    sanitizer.take(*way, 120, data[20:], ACK, 2)
    sanitizer.conclude()
    new = sanitizer.tcp(*way, 99, data[:20], 1) + sanitizer.tcp(*way, 120, data[20:], 2)
    assert new.startswith(b"GET /")
    assert b"acmecorp" not in new


def test_a_long_body_is_not_held() -> None:
    sanitizer = StreamSanitizer(Renamer(KEY))
    way = (SERVER, 80, CLIENT, 1_000)
    size, part = 96 << 20, bytes(range(256)) * 256
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    last = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    tracemalloc.start()
    sanitizer.take(*way, 0, b"", SYN, 1)
    sanitizer.take(*way, 1, head, ACK, 2)
    at = 1 + len(head)
    for _ in range(size // len(part)):
        sanitizer.take(*way, at, part, ACK, 3)
        at += len(part)
    sanitizer.take(*way, at, last, ACK, 4)
    sanitizer.conclude()
    assert sanitizer.tcp(*way, at, last, 4) == last
    assert sanitizer.tcp(*way, 1 + len(head), part, 3) == b"x" * len(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 << 20


def test_parts_that_overlap() -> None:
    assembly = Assembly(Store())
    for at, data in ((10, b"klmno"), (0, b"abc"), (2, b"CDEFGHIJKLM"), (30, b"z"), (14, b"OPQ")):
        assembly.take(at, data)
    assert assembly.read(0, 40) == b"abcDEFGHIJklmnoPQ"
    assert assembly.read(4, 7) == b"EFG"
    assert assembly.following(17) == 30
    assert assembly.following(31) is None
    assert assembly.read(20, 25) == b""
