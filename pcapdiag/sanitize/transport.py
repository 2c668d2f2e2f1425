"""What IP carries: TCP and UDP with their checksums, and the tunnels in both.

Layouts: RFC 9293, RFC 8684 (multipath TCP), RFC 768, RFC 2784 and 2890 (GRE), RFC 7348 (VXLAN),
RFC 8926 (Geneve), RFC 3376 (IGMP). A tunnel's function returns what is in it, as link.py's do.
"""

from __future__ import annotations

from pcapdiag.sanitize.checksum import carried, total
from pcapdiag.sanitize.frame import NOTHING, Ends, Frame, Next
from pcapdiag.sanitize.link import TRANSPARENT
from pcapdiag.sanitize.tunnels import ERSPAN, erspan

TCP, UDP = 6, 17
VXLAN_PORTS = (4789, 8472)
GENEVE_PORT = 6081
DNS_PORTS = frozenset((53, 5353, 5355, 15053))
"""DNS, its multicast kin (mDNS, LLMNR), and a mesh's own resolver (Istio)."""

_OPTION_SIZES = {2: (4,), 3: (3,), 4: (2,), 5: (10, 18, 26, 34), 8: (10,), 28: (4,)}
"""TCP options of numbers only, and the sizes they may have."""
_MULTIPATH = 30
_SEQUENCE, _ADD_ADDRESS = 2, 3
_ADD_ADDRESS6 = (20, 22, 28, 30)
"""Sizes of the option that announces an IPv6 address: with a port and a proof, or without."""


def tcp_head(f: Frame, at: int) -> int:
    """Replace a TCP header; return where the payload begins, or 0 where it is not known."""
    f.keep(at, 20)
    if f.left(at) < 20:
        return 0
    header = (f.data[at + 12] >> 4) << 2
    if header < 20 or f.stop - at < header:
        return 0
    _options(f, at + 20, at + header)
    return at + header


def finish_checksum(f: Frame, protocol: int, at: int, field: int, ends: Ends) -> None:
    """Carry over a checksum that covers the addresses too. All else must be replaced already."""
    if f.left(field) < 2:
        return
    length = protocol + f.stop - at
    before, after = total(ends.old), total(ends.new)
    old = total(f.data[at:field]) + total(f.data[field + 2 : f.end])
    new = total(f.out[at:field]) + total(f.out[field + 2 : f.end])
    # Left to the card, Linux writes the sum with the length; some drivers leave that out.
    pseudo = ((before + length, after + length), (before + protocol, after + protocol))
    value = carried(before + length + old, f.u16(field), after + length + new, *pseudo)
    f.put16(field, value)


def plain_checksum(f: Frame, at: int, field: int) -> None:
    """Carry over a checksum that covers nothing but the bytes from ``at``."""
    if f.left(field) < 2:
        return
    old = total(f.data[at:field]) + total(f.data[field + 2 : f.end])
    new = total(f.out[at:field]) + total(f.out[field + 2 : f.end])
    f.put16(field, carried(old, f.u16(field), new))


def udp_head(f: Frame, at: int) -> tuple[int, int] | None:
    """Replace a UDP header and narrow the frame to it; return the ports, None where it was cut."""
    f.keep(at, 8)
    if f.left(at) < 8:
        return None
    size = f.u16(at + 4)
    if 8 <= size <= f.stop - at:
        f.stop = at + size
        f.end = min(f.end, f.stop)
    return f.u16(at), f.u16(at + 2)


def udp_checksum(f: Frame, at: int, ends: Ends) -> None:
    """Carry over the checksum of UDP, where 0 is none."""
    if f.left(at) < 8 or not f.u16(at + 6):
        return
    finish_checksum(f, UDP, at, at + 6, ends)
    if not any(f.out[at + 6 : at + 8]):
        f.put16(at + 6, 0xFFFF)


def vxlan(f: Frame, at: int) -> Next:
    """Keep the header."""
    f.keep(at, 8)
    return (TRANSPARENT, at + 8) if f.left(at) >= 22 and f.data[at] & 0x08 else NOTHING


def geneve(f: Frame, at: int) -> Next:
    """Keep the header, and of each option what it is."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.data[at] >> 6:
        return NOTHING
    end = at + 8 + ((f.data[at] & 0x3F) << 2)
    option = at + 8
    while option + 4 <= min(end, f.end):
        f.keep(option, 4)
        option += 4 + ((f.data[option + 3] & 0x1F) << 2)
    return f.u16(at + 2), end


def gre(f: Frame, at: int) -> Next:
    """Keep the header with key and number; return NOTHING for variants that are not followed."""
    f.keep(at, 4)
    if f.left(at) < 4:
        return NOTHING
    flags = f.u16(at)
    size = 4 + 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    f.keep(at, size)
    if flags & 0x4007 or f.left(at) < size:
        return NOTHING
    if f.u16(at + 2) in ERSPAN:
        return erspan(f, at + size, numbered=bool(flags & 0x1000))
    return f.u16(at + 2), at + size


def gre_checksum(f: Frame, at: int) -> None:
    """Carry over GRE's own checksum, where it has one."""
    if f.left(at) >= 8 and f.u16(at) & 0x8000:
        plain_checksum(f, at, at + 4)


def igmp(f: Frame, at: int) -> None:
    """Keep groups, which are nobody's; replace the sources of version 3."""
    f.keep(at, 8)
    if f.left(at) >= 12 and f.data[at] == 0x11:
        f.keep(at + 8, 4)
        for place in range(at + 12, f.end - 3, 4):
            f.address(place, 4)
    elif f.left(at) >= 8 and f.data[at] == 0x22:
        record = at + 8
        while f.left(record) >= 8:
            f.keep(record, 8)
            sources, more = f.u16(record + 2), f.data[record + 1]
            for number in range(min(sources, f.left(record) // 4)):
                f.address(record + 8 + 4 * number, 4)
            record += 8 + 4 * (sources + more)
    plain_checksum(f, at, at + 2)


def _options(f: Frame, at: int, end: int) -> None:
    for place, kind, size in f.options(at, end):
        if size in _OPTION_SIZES.get(kind, ()):
            f.keep(place, size)
        elif kind == _MULTIPATH and size > 2:
            _multipath(f, place, size)


def _multipath(f: Frame, at: int, size: int) -> None:
    """Replace multipath TCP: an announced address is renamed, keys and proofs are dropped."""
    subtype = f.data[at + 2] >> 4 if f.left(at) > 2 else -1
    f.keep(at + 2, size - 2 if subtype == _SEQUENCE else min(size - 2, 2))
    if subtype == _ADD_ADDRESS and size >= 8:
        f.address(at + 4, 16 if size in _ADD_ADDRESS6 else 4)
