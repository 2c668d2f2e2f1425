"""IP headers: addresses renamed wherever a header or an option has one, checksums carried over.

Layouts: RFC 791 with the options of RFC 1108 and 2113, RFC 8200 with the extension headers of RFC
4302 (AH), 5095, 6275, 6554 and 8754 (routing).
"""

from __future__ import annotations

from typing import Protocol

from pcapdiag.sanitize.checksum import carried, total
from pcapdiag.sanitize.frame import Ends, Frame

MAX_EXTENSIONS = 16
"""IPv6 extension headers that are followed, as decode/headers.py does."""

_ROUTES = {7, 131, 137}
"""IPv4 options that list addresses: record route, loose and strict source route."""
_TIMESTAMPS = 68
_KEPT_OPTIONS = {0, 1, 148}
_KEPT_OPTIONS6 = {1, 4, 5, 0xC2}
"""PadN, tunnel encapsulation limit, router alert, jumbo payload."""
_HOME_ADDRESS = 0xC9
_ADDRESS_LISTS = {0, 2, 4}
"""Routing headers that list whole addresses (RFC 5095, 6275, 8754)."""


class Layers(Protocol):
    """Who knows what comes above IP."""

    def transport(self, f: Frame, protocol: int, at: int, ends: Ends) -> None:
        """Replace what an IP datagram carries."""
        ...

    def fragment(
        self, f: Frame, protocol: int, at: int, ends: Ends, place: tuple[int, bool, int]
    ) -> None:
        """Replace a part of what one carries: its offset, whether more follow, and its number."""
        ...


def ipv4(layers: Layers, f: Frame, at: int) -> None:
    """Replace an IPv4 datagram."""
    f.keep(at, 12)
    if f.left(at) < 20 or f.data[at] >> 4 != 4:
        return
    f.address(at + 12, 4)
    f.address(at + 16, 4)
    header = (f.data[at] & 0x0F) << 2
    size = f.u16(at + 2) or f.stop - at
    if header < 20 or size < header:
        return
    f.stop = at + size
    f.end = min(f.end, f.stop)
    _options(f, at + 20, at + header)
    _header_checksum(f, at, min(at + header, f.end))
    ends = _ends(f, at + 12, 4)
    protocol, flags = f.data[at + 9], f.u16(at + 6)
    if flags & 0x3FFF:
        place = ((flags & 0x1FFF) << 3, bool(flags & 0x2000), f.u16(at + 4))
        layers.fragment(f, protocol, at + header, ends, place)
    else:
        layers.transport(f, protocol, at + header, ends)


def ipv6(layers: Layers, f: Frame, at: int) -> None:
    """Replace an IPv6 datagram."""
    f.keep(at, 8)
    if f.left(at) < 40 or f.data[at] >> 4 != 6:
        return
    f.address(at + 8, 16)
    f.address(at + 24, 16)
    size = f.u16(at + 4)
    if size:
        f.stop = at + 40 + size
        f.end = min(f.end, f.stop)
    above_ipv6(layers, f, f.data[at + 6], at + 40, _ends(f, at + 8, 16))


def above_ipv6(layers: Layers, f: Frame, protocol: int, at: int, ends: Ends) -> None:
    """Replace extension headers and what is behind them."""
    for _ in range(MAX_EXTENSIONS):
        if protocol not in (0, 43, 44, 51, 60):
            layers.transport(f, protocol, at, ends)
            return
        if f.left(at) < 8:
            return
        following, size = f.data[at], (f.data[at + 1] + 1) << 3
        if protocol == 43:
            ends = _routing(f, at, size, ends)
        elif protocol == 44:
            size = 8
            f.keep(at, 8)
            flags = f.u16(at + 2)
            if flags & 0xFFF9:
                number = int.from_bytes(f.data[at + 4 : at + 8], "big")
                place = (flags & 0xFFF8, bool(flags & 1), number)
                layers.fragment(f, following, at + 8, ends, place)
                return
        elif protocol == 51:
            # The integrity check is over the addresses that were: it is dropped.
            size = (f.data[at + 1] + 2) << 2
            f.keep(at, 12)
        else:
            f.keep(at, 2)
            home = _options6(f, at + 2, min(at + size, f.end))
            if home:
                ends = ends.covering(0, *_both(f, home))
        protocol, at = following, at + size


def _ends(f: Frame, at: int, size: int) -> Ends:
    end = at + 2 * size
    old, new = bytes(f.data[at:end]), bytes(f.out[at:end])
    return Ends(old[:size], old[size:], new[:size], new[size:], old, new)


def _both(f: Frame, at: int) -> tuple[bytes, bytes]:
    """Return an IPv6 address before and after."""
    return bytes(f.data[at : at + 16]), bytes(f.out[at : at + 16])


def _header_checksum(f: Frame, at: int, end: int) -> None:
    field = at + 10
    old = total(f.data[at:field]) + total(f.data[field + 2 : end])
    new = total(f.out[at:field]) + total(f.out[field + 2 : end])
    f.put16(field, carried(old, f.u16(field), new))


def _options(f: Frame, at: int, end: int) -> None:
    for place, kind, size in f.options(at, end):
        if kind in _ROUTES and size >= 3:
            f.keep(place + 2, 1)
            for address in range(place + 3, place + size - 3, 4):
                f.address(address, 4)
        elif kind == _TIMESTAMPS and size >= 4:
            _timestamps(f, place, size)
        elif kind in _KEPT_OPTIONS:
            f.keep(place, size)


def _timestamps(f: Frame, at: int, size: int) -> None:
    """Replace a timestamp option: times alone, or each behind its address (flag 1 or 3)."""
    if f.left(at) < size:
        return
    f.keep(at, size)
    if f.data[at + 3] & 0x0F:
        for place in range(at + 4, at + size - 7, 8):
            f.address(place, 4)


def _options6(f: Frame, at: int, end: int) -> int:
    """Replace the options of an extension header; return where a home address is, or 0."""
    home = 0
    while at < end:
        if f.data[at] == 0:
            at += 1
            continue
        size = f.data[at + 1] + 2 if at + 1 < end else 0
        if size < 2 or at + size > end:
            return home
        f.keep(at, 2)
        if f.data[at] == _HOME_ADDRESS and size == 18:
            home = at + 2
            f.address(home, 16)
        elif f.data[at] in _KEPT_OPTIONS6:
            f.keep(at, size)
        at += size
    return home


def _routing(f: Frame, at: int, size: int, ends: Ends) -> Ends:
    f.keep(at, 8)
    kind, segments_left = f.data[at + 2], f.data[at + 3]
    if kind not in _ADDRESS_LISTS:
        return ends
    end = min(at + size, f.end)
    if kind == 4:
        # Behind the segments there may be TLVs (RFC 8754 section 2): they are dropped.
        end = min(end, at + 8 + 16 * (f.data[at + 4] + 1))
    places = list(range(at + 8, end - 15, 16))
    for place in places:
        f.address(place, 16)
    if not segments_left or not places:
        return ends
    last = places[0] if kind == 4 else places[-1]
    return ends.covering(16, *_both(f, last))
