"""The proof that nothing original is left: every member of a bundle is searched for all of it.

As text, addresses are looked for in all usual notations, names from six characters on or with a
dot, credentials. In a capture, besides, in every address field of every packet, in the streams put
together again, in HTTP/2's coded headers, in DNS names. Words that this program's own texts have
too (vocabulary.py) are looked for where names are meant: behind a length, as DNS, TLS and
certificates have them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping

import msgspec

from pcapdiag.decode.headers import DNS, TCP, Packet
from pcapdiag.sanitize import needles
from pcapdiag.sanitize.fields import fields
from pcapdiag.sanitize.matcher import Matcher
from pcapdiag.sanitize.needles import Needle
from pcapdiag.sanitize.opened import (
    Opened,
    Streams,
    blocks,
    header_text,
    is_capture,
    packets,
    unpacked,
)
from pcapdiag.sanitize.originals import Originals
from pcapdiag.sanitize.vocabulary import own_words

MAX_LEAKS = 100
"""Leaks after which the scan ends: one is enough to hand nothing over."""

SURE = 8
"""Bytes of a name or word that are no accident wherever they stand in a capture."""

_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")
_IPV6_TEXT = re.compile(
    rb"(?<![0-9a-z:.])[0-9a-f]{0,4}:[0-9a-f:]*:[0-9a-f:]*(?:\d+\.\d+\.\d+\.\d+)?"
)
_PROXY = b"\r\n\r\n\x00\r\nQUIT\n"
_IDB, _NRB = 1, 4


class Leak(msgspec.Struct, frozen=True):
    """An original that is still there. What it is is not said: this is shown to people."""

    member: str
    kind: needles.Kind
    place: str

    def __str__(self) -> str:
        return f"{self.member}: {self.kind} at {self.place}"


def leaks(members: Mapping[str, bytes], originals: Originals) -> list[Leak]:
    """Return what is left of the originals in a bundle's uncompressed members, by name.

    Names of members are searched, too. The list ends at MAX_LEAKS.
    """
    scan = _Scan(originals)
    found: list[Leak] = []
    for name, content in members.items():
        for leak in scan.member(name, content):
            found.append(leak)
            if len(found) >= MAX_LEAKS:
                return found
    return found


class _Scan:
    def __init__(self, originals: Originals) -> None:
        self._addresses = originals.addresses
        self._macs = originals.macs
        self._in_text = needles.in_text(originals)
        self._text = Matcher(self._in_text)
        self._on_wire = needles.on_the_wire(originals)
        self._wire = Matcher(self._on_wire)
        self._in_bytes = needles.in_bytes(originals)
        self._bytes = Matcher(self._in_bytes)

    def member(self, name: str, content: bytes) -> Iterator[Leak]:
        for kind, _ in self._of_text(name.encode("utf-8", "surrogateescape"), bounded=True):
            yield Leak(name, kind, "its name")
        if is_capture(content):
            for kind, place in self._of_capture(content):
                yield Leak(name, kind, place)
            return
        for kind, at in self._of_text(content, bounded=True):
            yield Leak(name, kind, f"byte {at:,}")
        for part in unpacked(content):
            for kind, at in self._of_text(part, bounded=True):
                yield Leak(name, kind, f"byte {at:,} of what is packed in it")

    def _of_text(self, content: bytes, *, bounded: bool) -> Iterator[tuple[needles.Kind, int]]:
        """Yield what is found in text; ``bounded``: only as whole words."""
        lower = content.lower()
        for at, form in self._text.find(lower):
            needle = self._in_text[form]
            must_be_whole = bounded or needle.kind in ("address", "MAC") or _is_common(form)
            if must_be_whole and not _is_whole(lower, at, form):
                continue
            if not self._is_ours(needle, bounded):
                yield needle.kind, at
        if bounded:
            for match in _IPV6_TEXT.finditer(lower):
                if self._is_original(match[0]):
                    yield "address", match.start()

    def _is_ours(self, needle: Needle, in_text: bool) -> bool:
        if not needle.word or (needle.kind == "credential" and not needle.word.isalpha()):
            return False
        return (in_text or needle.word.isalnum()) and needle.word in own_words()

    def _is_original(self, text: bytes) -> bool:
        try:
            return ipaddress.ip_address(text.decode("ascii")).packed in self._addresses
        except ValueError:
            return False

    def _of_capture(self, content: bytes) -> Iterator[tuple[needles.Kind, str]]:
        for kind, at in self._of_text(content, bounded=False):
            yield kind, f"byte {at:,}"
        lower = content.lower()
        for at, form in self._wire.find(lower):
            yield self._on_wire[form].kind, f"byte {at:,}"
        for at, form in self._bytes.find(content):
            yield self._in_bytes[form].kind, f"byte {at:,}"
        yield from self._of_blocks(content)
        streams, packet = Streams(), Packet()
        for opened in packets(content):
            for at, value in fields(opened.data, opened.link_type):
                if value in self._addresses or value in self._macs:
                    yield _kind_of(value), f"byte {at} of frame {opened.frame:,}"
            yield from self._of_segment(opened, packet, streams)
        yield from self._of_streams(streams)

    def _of_blocks(self, content: bytes) -> Iterator[tuple[needles.Kind, str]]:
        """Look at addresses that interfaces and names of a pcapng file have."""
        for number, (_, kind, body) in enumerate(blocks(content)):
            if kind not in (_IDB, _NRB):
                continue
            for size in (4, 6, 16):
                for at in range(0, len(body) - size + 1, 2):
                    value = body[at : at + size]
                    if value in self._addresses or value in self._macs:
                        yield _kind_of(value), f"block {number:,}"

    def _of_segment(
        self, opened: Opened, p: Packet, streams: Streams
    ) -> Iterator[tuple[needles.Kind, str]]:
        p.load(opened.data)
        kind = p.decode(0, len(opened.data), len(opened.data), opened.link_type)
        if kind not in (TCP, DNS):
            return
        payload = opened.data[p.payload : p.payload + p.payload_captured]
        if kind == TCP and payload:
            source = p.source_high << 64 | p.source_low
            target = p.target_high << 64 | p.target_low
            streams.take((source, p.source_port, target, p.target_port), p.seq, payload)
        elif kind == DNS:
            for found, _ in self._of_text(_dns_names(payload), bounded=True):
                yield found, f"a DNS name of frame {opened.frame:,}"

    def _of_streams(self, streams: Streams) -> Iterator[tuple[needles.Kind, str]]:
        for way, run in streams.runs():
            place = f"what TCP carries from port {way[1]} to {way[3]}"
            for kind, _ in self._of_text(run, bounded=False):
                yield kind, place
            if 53 in (way[1], way[3]):
                yield from ((kind, place) for kind, _ in self._of_dns_stream(run))
            for kind, _ in self._of_text(header_text(run), bounded=True):
                yield kind, f"headers in {place}"
            at = run.find(_PROXY)
            if at >= 0:
                yield from ((kind, place) for kind in self._of_proxy_header(run[at + 16 : at + 52]))

    def _of_dns_stream(self, run: bytes) -> Iterator[tuple[needles.Kind, int]]:
        at = 0
        while at + 2 < len(run):
            size = int.from_bytes(run[at : at + 2], "big")
            yield from self._of_text(_dns_names(run[at + 2 : at + 2 + size]), bounded=True)
            at += 2 + size

    def _of_proxy_header(self, ends: bytes) -> Iterator[needles.Kind]:
        for size in (4, 16):
            for at in (0, size):
                if ends[at : at + size] in self._addresses:
                    yield "address"


def _kind_of(value: bytes) -> needles.Kind:
    return "MAC" if len(value) == 6 else "address"


def _is_common(form: bytes) -> bool:
    """Return whether something may be part of longer text, or of bytes, by chance."""
    return len(form) < SURE or form[:1].isdigit()


def _is_whole(lower: bytes, at: int, form: bytes) -> bool:
    """Return whether what was found is not part of a longer word or number."""
    end = at + len(form)
    before = lower[at - 1] if at and form[0] in _WORD_BYTES else 0
    after = lower[end] if end < len(lower) and form[-1] in _WORD_BYTES else 0
    return before not in _WORD_BYTES and after not in _WORD_BYTES


def _dns_names(message: bytes) -> bytes:
    """Return every name of a message as text, one a line, read through its pointers."""
    lines, at = [], 12
    counts = [int.from_bytes(message[at : at + 2], "big") for at in (4, 6, 8, 10)]
    for number in range(min(sum(counts), 512)):
        name, at = _dns_name(message, at)
        lines.append(name)
        if number < counts[0]:
            at += 4
            continue
        start, at = at + 10, at + 10 + int.from_bytes(message[at + 8 : at + 10], "big")
        # Names in the data begin behind up to six bytes of numbers.
        lines += [_dns_name(message, place)[0] for place in range(start, min(start + 7, at))]
        if at >= len(message):
            break
    return b"\n".join(lines)


def _dns_name(message: bytes, at: int) -> tuple[bytes, int]:
    labels: list[bytes] = []
    end = -1
    for _ in range(128):
        size = message[at] if at < len(message) else 0
        if size >= 0xC0:
            end = at + 2 if end < 0 else end
            at = int.from_bytes(message[at : at + 2], "big") & 0x3FFF
            continue
        if size == 0 or size > 63:
            break
        labels.append(message[at + 1 : at + 1 + size])
        at += 1 + size
    return b".".join(labels), at + 1 if end < 0 else end
