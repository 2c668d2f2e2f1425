"""Headers that capturing systems put before a frame, and Wi-Fi frames: radio and process go.

The link types are those that decode/links.py knows beside those in link.py; layouts are as there.
Each function returns what follows, as link.py's do, or a link type and where its frame begins.
"""

from __future__ import annotations

import re

from pcapdiag.decode.wifi import AVS, PRISM_BYTES
from pcapdiag.sanitize.frame import NOTHING, Frame, Next

_KERNELS_NAME = re.compile(rb"[a-z]{2,9}[0-9]{0,4}\0*")
"""A name of an interface as macOS gives it: ``en0``, ``utun3``, ``bridge100``."""
_LEAST_OF_PKTAP = 108
"""As in decode/links.py."""
_LLC = b"\xaa\xaa\x03"
_VENDORS = (b"\0\0\0", b"\0\0\xf8")


def pktap(f: Frame, at: int) -> Next:
    """Keep interface and direction; process names and numbers go. Returns a link type."""
    if f.left(at) < _LEAST_OF_PKTAP:
        return NOTHING
    size = _little32(f, at)
    if size < _LEAST_OF_PKTAP or size > f.left(at):
        return NOTHING
    f.keep(at, 12)
    if _KERNELS_NAME.fullmatch(f.data[at + 12 : at + 36]):
        f.keep(at + 12, 24)
    for place, until in ((36, 52), (76, 84)):
        f.keep(at + place, until - place)
    if _little32(f, at + 4) != 1:
        return NOTHING
    return _little32(f, at + 8), at + size


def ppi(f: Frame, at: int) -> Next:
    """Keep the header; its fields (places, among others) go. Returns a link type."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.data[at]:
        return NOTHING
    size = f.data[at + 2] | f.data[at + 3] << 8
    return (_little32(f, at + 4), at + size) if 8 <= size <= f.left(at) else NOTHING


def radiotap(f: Frame, at: int) -> Next:
    """Keep which fields there are, and the flags; the other fields go."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.data[at]:
        return NOTHING
    size = f.data[at + 2] | f.data[at + 3] << 8
    if size < 8 or size > f.left(at):
        return NOTHING
    present = more = _little32(f, at + 4)
    place, end = at + 8, at + size
    while more >> 31 and place + 4 <= end:
        f.keep(place, 4)
        more = _little32(f, place)
        place += 4
    if present & 1:
        place = at + ((place - at + 7) & ~7) + 8
    flags = f.data[place] if present & 2 and place < end else 0
    if flags:
        f.keep(place, 1)
    return wifi(f, end, padded=bool(flags & 0x20)) if not flags & 0x40 else NOTHING


def wifi(f: Frame, at: int, *, padded: bool = False, swapped: bool = False) -> Next:
    """Replace the addresses of a frame; a body that is no data in clear text goes."""
    f.keep(at, 4)
    if f.left(at) < 24:
        return NOTHING
    control, flags = f.data[at + swapped], f.data[at + (not swapped)]
    for place in (4, 10, 16):
        f.mac(at + place)
    f.keep(at + 22, 2)
    if control & 0x4F != 0x08:
        return NOTHING
    size = 24
    if flags & 3 == 3:
        f.mac(at + 24)
        size = 30
    several = f.data[at + 22] & 0x0F
    if control & 0x80:
        if f.left(at) < size + 2:
            return NOTHING
        several |= f.data[at + size] & 0x80
        more = 6 if flags & 0x80 else 2
        f.keep(at + size, more)
        size += more
    if several or flags & 0x44:
        return NOTHING
    return llc(f, at + (size + 3 & ~3 if padded else size))


def prism(f: Frame, at: int) -> Next:
    """Keep how long the radio header is; the rest of it goes."""
    f.keep(at, 8)
    if f.left(at) < 8:
        return NOTHING
    is_avs = int.from_bytes(f.data[at : at + 4], "big") >> 12 == AVS
    return wifi(f, at + (int.from_bytes(f.data[at + 4 : at + 8], "big") if is_avs else PRISM_BYTES))


def llc(f: Frame, at: int) -> Next:
    """Keep LLC and SNAP; what other LLC carries goes."""
    if f.left(at) < 8 or f.data[at : at + 3] != _LLC:
        return NOTHING
    return snap(f, at, 3)


def snap(f: Frame, at: int, size: int) -> Next:
    """Keep ``size`` bytes and SNAP behind them, where that has an EtherType."""
    if f.left(at) < size + 5 or f.data[at + size : at + size + 3] not in _VENDORS:
        return NOTHING
    f.keep(at, size + 5)
    return f.u16(at + size + 3), at + size + 5


def juniper(f: Frame, at: int) -> Next:
    """Keep the direction; extensions go. Returns 1 for Ethernet, 101 for raw IP."""
    f.keep(at, 4)
    if f.left(at) < 6 or f.data[at : at + 3] != b"MGC":
        return NOTHING
    flags, size = f.data[at + 3], 4
    if flags & 0x80:
        f.keep(at + 4, 2)
        size = 6 + f.u16(at + 4)
    if not flags & 0x02:
        return 1, at + size
    f.keep(at + size, 4)
    return 101, at + size + 4


def _little32(f: Frame, at: int) -> int:
    return int.from_bytes(f.data[at : at + 4], "little")
