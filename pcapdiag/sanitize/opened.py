"""A capture opened for the scan: its packets, what its blocks say, and what its streams carry.

Read by itself, from bytes: a proof should not rest on the code that wrote them.
"""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Iterator

import msgspec
from hpack import Decoder
from hpack.exceptions import HPACKError

from pcapdiag.model.packet import MASK32
from pcapdiag.protocols.http.sniff import PREFACE

PCAPNG = b"\x0a\x0d\x0d\x0a"
PCAP = {
    b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">",
    b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<",
}  # fmt: skip
MAX_UNPACKED = 1 << 30
"""Bytes that one packed part may have."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
_HEADERS, _PUSH, _CONTINUATION = 1, 5, 9
_MAX_FRAME = 1 << 20

Way = tuple[int, int, int, int]
"""Addresses as numbers, each with its port."""


class Opened(msgspec.Struct):
    """A packet, its link type, and its number from 1."""

    data: bytes
    link_type: int
    frame: int


def is_capture(content: bytes) -> bool:
    """Return whether a member is a capture in pcap or pcapng format."""
    return content[:4] == PCAPNG or content[:4] in PCAP


def packets(content: bytes) -> Iterator[Opened]:
    """Yield the packets of a capture; it ends where its lengths make no sense."""
    frame = 0
    if content[:4] != PCAPNG:
        order = PCAP[content[:4]]
        link_type = struct.unpack_from(order + "I", content, 20)[0] & 0xFFFF
        at = 24
        while at + 16 <= len(content):
            size = struct.unpack_from(order + "I", content, at + 8)[0]
            frame += 1
            yield Opened(content[at + 16 : at + 16 + size], link_type, frame)
            at += 16 + size
        return
    links: list[int] = []
    for order, kind, body in blocks(content):
        if kind == 0x0A0D0D0A:
            links = []
        elif kind == 1:
            links.append(struct.unpack_from(order + "H", body)[0])
        elif kind in (2, 3, 6):
            frame += 1
            number = 0
            if kind == 6:
                number = struct.unpack_from(order + "I", body)[0]
            elif kind == 2:
                number = struct.unpack_from(order + "H", body)[0]
            head = 4 if kind == 3 else 20
            size = len(body) - 4 if kind == 3 else struct.unpack_from(order + "I", body, 12)[0]
            yield Opened(
                body[head : head + size], links[number] if number < len(links) else 1, frame
            )


def blocks(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield byte order, type and body of each pcapng block."""
    at, order = 0, "<"
    while at + 12 <= len(content):
        if content[at : at + 4] == PCAPNG:
            order = "<" if content[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        kind, size = struct.unpack_from(order + "II", content, at)
        if size < 12 or at + size > len(content):
            return
        yield order, kind, content[at + 8 : at + size - 4]
        at += size


def unpacked(content: bytes) -> Iterator[bytes]:
    """Yield what a member holds packed: gzip, and deflated data in base64, as pages have it."""
    if content[:2] == b"\x1f\x8b":
        yield _inflated(content)
    for match in _BASE64.finditer(content):
        digits = match[0].rstrip(b"=")
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        yield _inflated(binascii.a2b_base64(digits + b"=" * (-len(digits) % 4)))


def _inflated(data: bytes) -> bytes:
    """Return the data inflated as far as it goes, or as it is where it was not deflated."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        return unpacker.decompress(data, MAX_UNPACKED)
    except zlib.error:
        return data


class Streams:
    """What TCP carries, each direction put together as far as it is there."""

    def __init__(self) -> None:
        self._segments: dict[Way, dict[int, bytes]] = {}

    def take(self, way: Way, seq: int, payload: bytes) -> None:
        """Take a segment; of two at one place the longer one counts."""
        kept = self._segments.setdefault(way, {})
        if len(kept.get(seq, b"")) < len(payload):
            kept[seq] = payload

    def runs(self) -> Iterator[tuple[Way, bytes]]:
        """Yield the bytes that follow one another without a hole."""
        for way, segments in self._segments.items():
            run, following = bytearray(), -1
            # In the order of their numbers, from where most of them began.
            start = next(iter(segments))
            for seq in sorted(segments, key=lambda one: (one - start + (1 << 31)) & MASK32):
                payload = segments[seq]
                known = (following - seq) & MASK32 if following >= 0 else 0
                if following >= 0 and known > 1 << 20:
                    yield way, bytes(run)
                    run, known = bytearray(), 0
                run += payload[known:]
                following = max(known, len(payload)) + seq & MASK32
            yield way, bytes(run)


def header_text(stream: bytes) -> bytes:
    """Return the headers of an HTTP/2 stream as lines, however they are coded.

    Without frames of HTTP/2 the text is empty.
    """
    at = len(PREFACE) if stream.startswith(PREFACE) else 0
    decoder, block, lines = Decoder(), bytearray(), []
    while at + 9 <= len(stream):
        size = int.from_bytes(stream[at : at + 3], "big")
        kind, flags = stream[at + 3], stream[at + 4]
        if size > _MAX_FRAME or kind > 32:
            break
        payload = stream[at + 9 : at + 9 + size]
        if kind in (_HEADERS, _PUSH):
            block = bytearray(_block_of(kind, flags, payload))
        elif kind == _CONTINUATION:
            block += payload
        if kind in (_HEADERS, _PUSH, _CONTINUATION) and flags & 4:
            lines += _decoded(decoder, bytes(block))
        at += 9 + size
    return b"\n".join(lines)


def _block_of(kind: int, flags: int, payload: bytes) -> bytes:
    padding = payload[0] if flags & 8 and payload else 0
    start = (1 if flags & 8 else 0) + (5 if kind == _HEADERS and flags & 0x20 else 0)
    start += 4 if kind == _PUSH else 0
    return payload[start : len(payload) - padding]


def _decoded(decoder: Decoder, block: bytes) -> list[bytes]:
    try:
        found = decoder.decode(block, raw=True)
    except (HPACKError, IndexError, ValueError):
        return []
    return [_octets(name) + b": " + _octets(value) for name, value, *_ in found]


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
