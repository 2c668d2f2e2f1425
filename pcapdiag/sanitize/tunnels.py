"""Tags, tunnels and mirrors that are met seldom: what they carry is rewritten, too.

They are those of decode/tunnels.py; layouts are as there. Each function returns what follows, as
link.py's do.
"""

from __future__ import annotations

from pcapdiag.sanitize.frame import NOTHING, Frame, Next
from pcapdiag.sanitize.link import IPV4, IPV6, MPLS, TRANSPARENT, ppp, raw
from pcapdiag.sanitize.recorded import wifi

ETHER_IP = 97
ERSPAN = (0x88BE, 0x22EB)

_SERVICE_HEADER = 0x894F
_ANNOUNCED = {1: IPV4, 2: IPV6, 3: TRANSPARENT, 4: _SERVICE_HEADER, 5: MPLS}
_MAX_PARTS = 32
"""Extension headers of GTP-U and tags of TZSP that are followed, as decode/tunnels.py does."""


def ether_ip(f: Frame, at: int) -> Next:
    """Keep the version."""
    f.keep(at, 2)
    return (TRANSPARENT, at + 2) if f.left(at) >= 2 else NOTHING


def service_tag(f: Frame, at: int) -> Next:
    """Keep the service of a provider's backbone (802.1ah)."""
    f.keep(at, 4)
    return (TRANSPARENT, at + 4) if f.left(at) >= 4 else NOTHING


def fabric_path(f: Frame, at: int) -> Next:
    """Keep tree and hops."""
    f.keep(at, 2)
    return (TRANSPARENT, at + 2) if f.left(at) >= 2 else NOTHING


def long_tag(f: Frame, at: int) -> Next:
    """Keep a tag of 4 bytes (VN-Tag, HSR) and the type behind it."""
    f.keep(at, 6)
    return (f.u16(at + 4), at + 6) if f.left(at) >= 6 else NOTHING


def group_tag(f: Frame, at: int) -> Next:
    """Keep a security group."""
    f.keep(at, 8)
    return (f.u16(at + 6), at + 8) if f.left(at) >= 8 else NOTHING


def macsec(f: Frame, at: int) -> Next:
    """Keep the tag but for the sender's address, and look behind it where nothing is encrypted."""
    f.keep(at, 6)
    if f.left(at) < 6:
        return NOTHING
    size = 6
    if f.data[at] & 0x20:
        f.mac(at + 6)
        f.keep(at + 12, 2)
        size = 14
    if f.data[at] & 0x0C or f.left(at) < size + 2:
        return NOTHING
    f.keep(at + size, 2)
    return f.u16(at + size), at + size + 2


def service_header(f: Frame, at: int) -> Next:
    """Keep the path of a service chain (NSH); its metadata goes."""
    f.keep(at, 8)
    if f.left(at) < 8:
        return NOTHING
    return _ANNOUNCED.get(f.data[at + 3], 0), at + ((f.data[at + 1] & 0x3F) << 2)


def vxlan_gpe(f: Frame, at: int) -> Next:
    """Keep the header."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.data[at] & 0x0C != 0x0C:
        return NOTHING
    return _ANNOUNCED.get(f.data[at + 3], 0), at + 8


def erspan(f: Frame, at: int, *, numbered: bool) -> Next:
    """Keep the header of a mirrored frame; that of a platform goes."""
    if not numbered:
        return TRANSPARENT, at
    if f.left(at) < 12:
        return NOTHING
    version = f.data[at] >> 4
    f.keep(at, 8 if version == 1 else 12)
    if version == 1:
        return TRANSPARENT, at + 8
    if version != 2:
        return NOTHING
    inner = at + (20 if f.data[at + 11] & 1 else 12)
    kind = (f.data[at + 10] >> 2) & 0x1F
    if kind == 0:
        return TRANSPARENT, inner
    return raw(f, inner) if kind == 2 else NOTHING


def tzsp(f: Frame, at: int) -> Next:
    """Keep the header, and of each tag what it is."""
    f.keep(at, 4)
    if f.left(at) < 5 or f.data[at] != 1 or f.data[at + 1] > 1:
        return NOTHING
    protocol = f.u16(at + 2)
    at += 4
    for _ in range(_MAX_PARTS):
        if f.left(at) < 1:
            break
        tag = f.data[at]
        f.keep(at, 2 if tag > 1 else 1)
        at += 1
        if tag == 1:
            if protocol == 18:
                return wifi(f, at)
            return (TRANSPARENT, at) if protocol == 1 else NOTHING
        if tag:
            at += 1 + (f.data[at] if f.left(at) > 0 else 0)
    return NOTHING


def gtp(f: Frame, at: int) -> Next:
    """Keep the header, and of each extension how long it is and what follows."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.data[at] & 0xF0 != 0x30 or f.data[at + 1] != 255:
        return NOTHING
    flags = f.data[at] & 7
    at += 8
    if flags:
        f.keep(at, 4)
        at += 4
        for _ in range(_MAX_PARTS if flags & 4 else 0):
            if f.left(at) < 1 or not f.data[at - 1]:
                break
            size = f.data[at] << 2
            if not size or f.left(at) < size:
                return NOTHING
            f.keep(at, 1)
            f.keep(at + size - 1, 1)
            at += size
    return raw(f, at)


def capwap(f: Frame, at: int) -> Next:
    """Keep the header but for the radio's address; what is encrypted or a part only goes."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.data[at]:
        return NOTHING
    size = (f.data[at + 1] >> 3) << 2
    if size < 8 or f.data[at + 3] & 0x88:
        return NOTHING
    if not f.data[at + 2] & 1:
        return TRANSPARENT, at + size
    at += size
    swapped = f.left(at) >= 2 and f.data[at] & 0x0F != 0x08 and f.data[at + 1] & 0x0F == 0x08
    return wifi(f, at, swapped=swapped)


def l2tp(f: Frame, at: int) -> Next:
    """Keep the header of data; control messages have names, and go."""
    f.keep(at, 2)
    if f.left(at) < 6 or f.u16(at) & 0x800F != 0x0002:
        return NOTHING
    flags = f.u16(at)
    size = 6 + (2 if flags & 0x4000 else 0) + (4 if flags & 0x0800 else 0)
    if flags & 0x0200:
        f.keep(at, size + 2)
        if f.left(at) < size + 2:
            return NOTHING
        size += 2 + f.u16(at + size)
    else:
        f.keep(at, size)
    return ppp(f, at + size)


TYPES = {
    0x8926: long_tag,
    0x892F: long_tag,
    0x8909: group_tag,
    0x8903: fabric_path,
    0x88E7: service_tag,
    0x88E5: macsec,
    _SERVICE_HEADER: service_header,
}
"""By EtherType."""
TARGETS = {2152: gtp, 37008: tzsp, 4790: vxlan_gpe}
"""By the UDP port that a packet goes to."""
PORTS = {5247: capwap, 1701: l2tp}
"""By either UDP port."""
