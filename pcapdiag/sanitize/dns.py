"""DNS messages rewritten in place: labels for labels, addresses in answers, whatever was cut.

Each name is read whole, through its compression pointers, and only the labels that stand at the
place itself are written; pointers stay. Layouts: RFC 1035, RFC 2782 (SRV), RFC 3403 (NAPTR), RFC
3596 (AAAA), RFC 4034 (DNSSEC), RFC 6672 (DNAME), RFC 6891 (EDNS), RFC 7871 (client subnet), RFC
9460 (SVCB, HTTPS). Records of other types keep their names, types and lengths only.
"""

from __future__ import annotations

import msgspec

from pcapdiag.model.dns import AAAA, A
from pcapdiag.sanitize.renamer import Renamer

HEADER = 12
MAX_RECORDS = 4_096
"""Records of one message that are rewritten; what follows is zero."""
MAX_POINTERS = 64
"""Compression pointers that are followed in one name."""
MAX_NAME = 255

_NS, _CNAME, _SOA, _PTR, _MX, _TXT = 2, 5, 6, 12, 15, 16
_SRV, _NAPTR, _DNAME, _OPT, _SVCB, _HTTPS, _SPF = 33, 35, 39, 41, 64, 65, 99
_NAMES = {_NS, _CNAME, _PTR, _DNAME, 3, 4, 7, 8, 9}
"""Types whose data is one name."""
_PREFIXED = {_MX: 2, _SRV: 6, 18: 2, 36: 2}
"""Types whose data is numbers, so many bytes, and then a name."""
_TEXTS = {_TXT, _SPF, 13}
_CLIENT_SUBNET, _ERROR_TEXT = 8, 15
_PARAM_ALPN, _PARAM_PORT, _PARAM_IPV4, _PARAM_IPV6 = 1, 3, 4, 6
_KEPT_PARAMS = {0, _PARAM_ALPN, 2, _PARAM_PORT}


class _Name(msgspec.Struct):
    labels: list[bytes]
    places: list[int]
    """Where the labels are that stand at the place itself, the first ones of all."""
    end: int
    """The first byte behind it, -1 where it was cut."""


def rewrite(message: bytes, renamer: Renamer) -> bytes:
    """Return a message of the same length with every name and address replaced.

    Never raises for what a message holds; what cannot be read is zero.
    """
    return _Rewriting(message, renamer).done()


def names_in_place(data: bytes, renamer: Renamer) -> bytes:
    """Return names that stand one behind the other, without compression, replaced."""
    rewriting = _Rewriting(data, renamer)
    at = 0
    while 0 <= at < len(data):
        at = rewriting.name(at)
    return bytes(rewriting.out)


class _Rewriting:
    def __init__(self, message: bytes, renamer: Renamer) -> None:
        self.data = message
        self.out = bytearray(len(message))
        self.renamer = renamer

    def done(self) -> bytes:
        data = self.data
        self._keep(0, HEADER)
        if len(data) < HEADER:
            return bytes(self.out)
        questions, *records = (int.from_bytes(data[at : at + 2], "big") for at in (4, 6, 8, 10))
        at = HEADER
        for _ in range(min(questions, MAX_RECORDS)):
            at = self.name(at)
            if at < 0:
                return bytes(self.out)
            self._keep(at, 4)
            at += 4
        for _ in range(min(sum(records), MAX_RECORDS)):
            at = self._record(at)
            if at < 0:
                break
        return bytes(self.out)

    def name(self, at: int) -> int:
        """Replace the labels of the name at a place; return what is behind it, -1 if cut."""
        name = self._read(at)
        if name is None:
            return -1
        text = b".".join(name.labels)
        whole = b"." not in b"".join(name.labels) and len(text) <= MAX_NAME
        image = self.renamer.name(text) if whole else b"x" * len(text)
        self.out[at : max(name.end, at)] = self.data[at : max(name.end, at)]
        start = 0
        for label, place in zip(name.labels, name.places, strict=False):
            self.out[place - 1] = self.data[place - 1]
            self.out[place : place + len(label)] = image[start : start + len(label)]
            start += len(label) + 1
        return name.end

    def _read(self, at: int) -> _Name | None:
        """Read a name, through pointers; None where not even a length byte is there."""
        data = self.data
        found = _Name([], [], -1)
        here, jumps = at, 0
        if here >= len(data):
            return None
        while here < len(data):
            size = data[here]
            if size == 0:
                found.end = here + 1 if found.end < 0 else found.end
                break
            if size >= 0xC0:
                found.end = here + 2 if found.end < 0 and here + 2 <= len(data) else found.end
                jumps += 1
                target = int.from_bytes(data[here : here + 2], "big") & 0x3FFF
                if jumps > MAX_POINTERS or here + 2 > len(data) or target >= here:
                    break
                here = target
                continue
            if size > 63:
                break
            found.labels.append(bytes(data[here + 1 : here + 1 + size]))
            if not jumps:
                found.places.append(here + 1)
            if sum(map(len, found.labels)) > MAX_NAME:
                break
            here += 1 + size
        return found

    def _record(self, at: int) -> int:
        at = self.name(at)
        if at < 0 or at + 10 > len(self.data):
            self._keep(at, 10)
            return -1
        self._keep(at, 10)
        kind, size = self._u16(at), self._u16(at + 8)
        start, end = at + 10, min(at + 10 + size, len(self.data))
        self._body(kind, start, end)
        return at + 10 + size if at + 10 + size <= len(self.data) else -1

    def _body(self, kind: int, start: int, end: int) -> None:
        if kind == A:
            self._address(start, end, 4)
        elif kind == AAAA:
            self._address(start, end, 16)
        elif kind in _NAMES:
            self.name(start)
        elif kind in _PREFIXED:
            self._keep(start, min(_PREFIXED[kind], end - start))
            if start + _PREFIXED[kind] < end:
                self.name(start + _PREFIXED[kind])
        elif kind == _SOA:
            place = self.name(start)
            place = self.name(place) if place >= 0 else -1
            if place >= 0:
                self._keep(place, end - place)
        elif kind in _TEXTS:
            self._strings(start, end)
        elif kind == _OPT:
            self._options(start, end)
        elif kind in (_SVCB, _HTTPS):
            self._keep(start, min(2, end - start))
            place = self.name(start + 2) if start + 2 < end else -1
            if place >= 0:
                self._params(place, end)
        elif kind == _NAPTR:
            self._naptr(start, end)

    def _address(self, start: int, end: int, size: int) -> None:
        if end - start == size:
            self.out[start:end] = self.renamer.address(bytes(self.data[start:end]))

    def _strings(self, start: int, end: int) -> int:
        """Replace strings, each behind its length: words of the same classes."""
        while start < end:
            size = min(self.data[start], end - start - 1)
            self._keep(start, 1)
            text = bytes(self.data[start + 1 : start + 1 + size])
            self.out[start + 1 : start + 1 + size] = self.renamer.word(text)
            start += 1 + size
        return start

    def _options(self, start: int, end: int) -> None:
        """Replace EDNS options: the client's subnet is renamed, all other data is dropped."""
        while start + 4 <= end:
            self._keep(start, 4)
            size = min(self._u16(start + 2), end - start - 4)
            if self._u16(start) == _CLIENT_SUBNET and size >= 4:
                self._subnet(start + 4, size)
            elif self._u16(start) == _ERROR_TEXT and size >= 2:
                self._keep(start + 4, 2)
                self.out[start + 6 : start + 4 + size] = b"x" * (size - 2)
            start += 4 + size

    def _subnet(self, at: int, size: int) -> None:
        self._keep(at, 4)
        width = {1: 4, 2: 16}.get(self._u16(at), 0)
        part = bytes(self.data[at + 4 : at + size])
        if not width or len(part) > width:
            return
        bits = min(self.data[at + 2], 8 * width)
        image = int.from_bytes(self.renamer.address(part.ljust(width, b"\0")), "big")
        free = 8 * width - bits
        masked = (image >> free << free).to_bytes(width, "big")
        self.out[at + 4 : at + size] = masked[: len(part)]

    def _params(self, start: int, end: int) -> None:
        while start + 4 <= end:
            self._keep(start, 4)
            kind, size = self._u16(start), min(self._u16(start + 2), end - start - 4)
            width = {_PARAM_IPV4: 4, _PARAM_IPV6: 16}.get(kind, 0)
            if width:
                for place in range(start + 4, start + 5 + size - width, width):
                    self._address(place, place + width, width)
            elif kind in _KEPT_PARAMS:
                self._keep(start + 4, size)
            start += 4 + size

    def _naptr(self, start: int, end: int) -> None:
        self._keep(start, min(4, end - start))
        place = start + 4
        for _ in range(3):
            if place >= end:
                return
            size = min(self.data[place], end - place - 1)
            self._strings(place, place + 1 + size)
            place += 1 + size
        if place < end:
            self.name(place)

    def _keep(self, at: int, size: int) -> None:
        if at >= 0 and size > 0:
            self.out[at : at + size] = self.data[at : at + size]

    def _u16(self, at: int) -> int:
        return int.from_bytes(self.data[at : at + 2], "big")
