"""ICMP and ICMPv6: quotes rewritten like packets, neighbour discovery, groups, redirects.

Layouts: RFC 792, RFC 1256 (routers), RFC 4443, RFC 4861 (neighbours), RFC 8106 (DNS servers in
advertisements), RFC 4191 (routes), RFC 2710 and 3810 (listeners), RFC 4884 (extensions).
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.sanitize.checksum import carried, total
from pcapdiag.sanitize.dns import names_in_place
from pcapdiag.sanitize.frame import Ends, Frame
from pcapdiag.sanitize.transport import finish_checksum, plain_checksum

ICMP6 = 58
HEADER = 8
_ERRORS = {3, 4, 5, 11, 12}
_REDIRECT, _ROUTERS = 5, 9
_TIMES = {13, 14}
_ERRORS6 = {1, 2, 3, 4}
_FIXED6 = {133: 8, 134: 16, 135: 24, 136: 24, 137: 40}
"""Neighbour discovery: where the options of each type begin."""
_LISTENER = {130, 131, 132}
_LISTENER_REPORT = 143
_LINK_ADDRESSES = {1, 2}
_PREFIX, _REDIRECTED, _MTU, _ROUTE, _DNS_SERVERS, _DNS_NAMES = 3, 4, 5, 24, 25, 31
_LABELS = 1
"""The class of extension objects that is kept: MPLS labels (RFC 4950)."""

Quote = Callable[[Frame, int], None]
"""Replaces a quoted packet."""


def icmp(f: Frame, at: int, quote: Quote) -> None:
    """Replace an ICMP message of IPv4."""
    end, stop = f.end, f.stop
    f.keep(at, HEADER)
    kind = f.data[at] if f.left(at) > 0 else -1
    if kind == _REDIRECT:
        f.address(at + 4, 4)
    if kind in _ERRORS:
        size = 4 * f.data[at + 5] if kind != _REDIRECT and f.left(at) > 5 else 0
        _quote(f, at + HEADER, size, quote)
    elif kind == _ROUTERS:
        for place in range(at + HEADER, end - 7, 8):
            f.address(place, 4)
            f.keep(place + 4, 4)
    elif kind in _TIMES:
        f.keep(at + HEADER, 12)
    f.end, f.stop = end, stop
    plain_checksum(f, at, at + 2)


def icmp6(f: Frame, at: int, ends: Ends, quote: Quote) -> None:
    """Replace a message of ICMPv6."""
    end, stop = f.end, f.stop
    f.keep(at, HEADER)
    kind = f.data[at] if f.left(at) > 0 else -1
    if kind in _ERRORS6:
        size = 8 * f.data[at + 4] if kind in (1, 3) and f.left(at) > 4 else 0
        _quote(f, at + HEADER, size, quote)
    elif kind in _FIXED6:
        _neighbour(f, at, kind, quote)
    elif kind in _LISTENER:
        f.address(at + 8, 16)
        f.keep(at + 24, 4)
        _addresses(f, at + 28, end)
    elif kind == _LISTENER_REPORT:
        _records(f, at + HEADER)
    f.end, f.stop = end, stop
    finish_checksum(f, ICMP6, at, at + 2, ends)


def _quote(f: Frame, at: int, size: int, quote: Quote) -> None:
    """Replace a quote, and what extends the message behind it: ``size`` bytes on, 0 for nothing."""
    end, stop, quoted = f.end, f.stop, f.quoted
    if size and at + size < end:
        f.end = f.stop = at + size
    f.quoted = True
    quote(f, at)
    f.end, f.stop, f.quoted = end, stop, quoted
    if size and f.left(at + size) >= 4 and f.data[at + size] >> 4 == 2:
        _extensions(f, at + size)


def _extensions(f: Frame, at: int) -> None:
    f.keep(at, 4)
    place = at + 4
    while f.left(place) >= 4:
        size = f.u16(place)
        f.keep(place, size if f.data[place + 2] == _LABELS else 4)
        if size < 4:
            break
        place += size
    if f.u16(at + 2):
        old = total(f.data[at : at + 2]) + total(f.data[at + 4 : f.end])
        new = total(f.out[at : at + 2]) + total(f.out[at + 4 : f.end])
        f.put16(at + 2, carried(old, f.u16(at + 2), new))


def _neighbour(f: Frame, at: int, kind: int, quote: Quote) -> None:
    options = at + _FIXED6[kind]
    f.keep(at, options - at)
    if kind >= 135:
        f.out[at + 8 : min(options, f.end)] = bytes(max(min(options, f.end) - at - 8, 0))
        for place in range(at + 8, options, 16):
            f.address(place, 16)
    place = options
    while f.left(place) >= 8 and f.data[place + 1]:
        size = 8 * f.data[place + 1]
        f.keep(place, 2)
        if f.left(place) >= size:
            _neighbour_option(f, place, size, quote)
        place += size


def _neighbour_option(f: Frame, at: int, size: int, quote: Quote) -> None:
    kind = f.data[at]
    if kind in _LINK_ADDRESSES and size == 8:
        f.mac(at + 2)
    elif kind == _PREFIX and size == 32:
        f.keep(at, 16)
        _prefix(f, at + 16, f.data[at + 2], 16)
    elif kind == _REDIRECTED:
        end, stop = f.end, f.stop
        f.end = f.stop = at + size
        _quote(f, at + 8, 0, quote)
        f.end, f.stop = end, stop
    elif kind == _MTU:
        f.keep(at, 8)
    elif kind == _ROUTE:
        f.keep(at, 8)
        _prefix(f, at + 8, f.data[at + 2], size - 8)
    elif kind == _DNS_SERVERS:
        f.keep(at, 8)
        _addresses(f, at + 8, at + size)
    elif kind == _DNS_NAMES:
        f.keep(at, 8)
        f.put(at + 8, names_in_place(bytes(f.data[at + 8 : at + size]), f.renamer))


def _prefix(f: Frame, at: int, bits: int, size: int) -> None:
    """Replace a prefix, of which bits behind its length are 0."""
    whole = bytes(f.data[at : at + size]).ljust(16, b"\0")
    image = int.from_bytes(f.renamer.address(whole), "big")
    free = 128 - min(bits, 128)
    f.put(at, (image >> free << free).to_bytes(16, "big")[:size])


def _addresses(f: Frame, at: int, end: int) -> None:
    for place in range(at, end - 15, 16):
        f.address(place, 16)


def _records(f: Frame, at: int) -> None:
    while f.left(at) >= 20:
        f.keep(at, 4)
        f.address(at + 4, 16)
        sources, more = f.u16(at + 2), f.data[at + 1]
        _addresses(f, at + 20, min(at + 20 + 16 * sources, f.end))
        at += 20 + 16 * sources + 4 * more
