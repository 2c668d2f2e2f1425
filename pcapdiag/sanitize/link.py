"""Link layers: MAC addresses renamed, tags and types kept; what is not followed stays zero.

The link types are those that decode/links.py knows; recorded.py and older.py have some. Layouts:
LINKTYPE_* pages of tcpdump.org, RFC 1661 (PPP), RFC 2516 (PPPoE), RFC 3032 (MPLS), RFC 826 (ARP),
linux/nfnetlink_log.h (NFLOG).
Each function replaces its header and returns what follows it, and where: an EtherType, or NOTHING.
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.sanitize import older, recorded
from pcapdiag.sanitize.frame import NOTHING, Frame, Next

IPV4, IPV6, ARP, RARP, TRANSPARENT = 0x0800, 0x86DD, 0x0806, 0x8035, 0x6558
MPLS, PPPOE_DISCOVERY, PPPOE = 0x8847, 0x8863, 0x8864
TAGS = (0x8100, 0x88A8, 0x9100)

_PPP_KINDS = {0x0021: IPV4, 0x0057: IPV6, 0x0281: MPLS}
_NFLOG_PAYLOAD = 9
_NFLOG_HARDWARE = 8
_NFLOG_KEPT = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 17}
"""Attributes of numbers only: packet header, mark, time, interfaces, user, sequence, group."""


def link(f: Frame, link_type: int, at: int = 0) -> Next:
    """Replace the link layer of a frame that begins at ``at``."""
    known = _LINKS.get(link_type)
    if known is not None:
        return known(f, at)
    recorded_by = _RECORDED.get(link_type)
    if recorded_by is None:
        return NOTHING
    inner, at = recorded_by(f, at)
    return link(f, inner, at) if at and inner not in (149, 192, 258) else NOTHING


def ethernet(f: Frame, at: int) -> Next:
    """Replace both addresses; the type stays."""
    f.mac(at)
    f.mac(at + 6)
    f.keep(at + 12, 2)
    return (f.u16(at + 12), at + 14) if f.left(at) >= 14 else NOTHING


def raw(f: Frame, at: int) -> Next:
    """Return what the IP version says."""
    if f.left(at) < 1:
        return NOTHING
    version = f.data[at] >> 4
    return {4: (IPV4, at), 6: (IPV6, at)}.get(version, NOTHING)


def tag(f: Frame, at: int) -> Next:
    """Keep a VLAN tag, or the header of Cisco HDLC: both end in the type of what follows."""
    f.keep(at, 4)
    return (f.u16(at + 2), at + 4) if f.left(at) >= 4 else NOTHING


def mpls(f: Frame, at: int) -> Next:
    """Keep a stack of labels, and the control word of a pseudowire."""
    while f.left(at) >= 4:
        f.keep(at, 4)
        at += 4
        if f.data[at - 2] & 1:
            if f.left(at) < 6 or _is_ip(f, at):
                return raw(f, at)
            return TRANSPARENT, at + (4 if f.u16(at) == 0 else 0)
    return NOTHING


def _is_ip(f: Frame, at: int) -> bool:
    """Say whether IP follows a label, by its length: a MAC address may begin as IP does."""
    first = f.data[at]
    if first >> 4 == 4:
        return first & 0x0F >= 5 and f.u16(at + 2) <= f.stop - at
    return first >> 4 == 6 and f.u16(at + 4) + 40 <= f.stop - at


def ppp(f: Frame, at: int) -> Next:
    """Keep the protocol, with address and control if they are there; or Cisco's header."""
    if f.left(at) < 4:
        return NOTHING
    if f.u16(at) & 0x7FFF == 0x0F00:
        return tag(f, at)
    if f.u16(at) == 0xFF03:
        f.keep(at, 2)
        at += 2
    size = 1 if f.data[at] & 1 else 2
    f.keep(at, size)
    protocol = f.data[at] if size == 1 else f.u16(at)
    return _PPP_KINDS.get(protocol, 0), at + size


def pppoe(f: Frame, at: int) -> Next:
    """Keep the header of a session; discovery has tags with names, which are dropped."""
    f.keep(at, 6)
    if f.left(at) < 8 or f.data[at + 1] != 0:
        return NOTHING
    return ppp(f, at + 6)


def arp(f: Frame, at: int) -> None:
    """Replace the addresses of ARP for IPv4 over Ethernet; those of others are dropped."""
    f.keep(at, 8)
    if f.left(at) < 8 or f.u16(at + 2) != IPV4 or f.u16(at + 4) != 0x0604:
        return
    for party in (at + 8, at + 18):
        f.mac(party)
        f.address(party + 6, 4)


def _cooked(f: Frame, at: int) -> Next:
    f.keep(at, 6)
    _hardware_address(f, at + 4, 2, at + 6)
    f.keep(at + 14, 2)
    return (f.u16(at + 14), at + 16) if f.left(at) >= 16 else NOTHING


def _cooked2(f: Frame, at: int) -> Next:
    f.keep(at, 12)
    _hardware_address(f, at + 11, 1, at + 12)
    return (f.u16(at), at + 20) if f.left(at) >= 20 else NOTHING


def _hardware_address(f: Frame, size_at: int, size_bytes: int, at: int) -> None:
    """Replace one of a cooked header's 8 bytes: a MAC, or the IPv4 address of a tunnel's end."""
    if f.left(size_at) < size_bytes:
        return
    size = int.from_bytes(f.data[size_at : size_at + size_bytes], "big")
    if size == 6:
        f.mac(at)
    elif size == 4:
        f.address(at, 4)


def _nflog(f: Frame, at: int) -> Next:
    f.keep(at, 4)
    at += 4
    while f.left(at) >= 4:
        # Attribute headers are in the capturing host's order; practically always little-endian.
        size = f.data[at] | f.data[at + 1] << 8
        kind = (f.data[at + 2] | f.data[at + 3] << 8) & 0x7FFF
        f.keep(at, 4)
        if size < 4:
            return NOTHING
        if kind == _NFLOG_PAYLOAD:
            f.stop = at + size
            f.end = min(f.end, f.stop)
            return raw(f, at + 4)
        if kind == _NFLOG_HARDWARE and size >= 12 and f.left(at) >= size:
            f.keep(at + 4, 2)
            f.mac(at + 8)
        elif kind in _NFLOG_KEPT:
            f.keep(at + 4, size - 4)
        at += (size + 3) & ~3
    return NOTHING


def _raw_behind(size: int) -> Callable[[Frame, int], Next]:
    """Return what keeps a header of ``size`` bytes without an address, before raw IP."""

    def read(f: Frame, at: int) -> Next:
        f.keep(at, size)
        return raw(f, at + size)

    return read


def _switch_tag(size: int) -> Callable[[Frame, int], Next]:
    """Return what reads a frame with a switch's tag of ``size`` bytes before its type."""

    def read(f: Frame, at: int) -> Next:
        f.mac(at)
        f.mac(at + 6)
        f.keep(at + 12, size + 2)
        at += 14 + size
        return (f.u16(at - 2), at) if f.left(at) >= 0 else NOTHING

    return read


def _behind_switch_tag(f: Frame, at: int) -> Next:
    f.keep(at, 4)
    return ethernet(f, at + 4)


_LINKS: dict[int, Callable[[Frame, int], Next]] = {
    1: ethernet,
    113: _cooked,
    276: _cooked2,
    **dict.fromkeys((12, 14, 101, 228, 229), raw),
    **dict.fromkeys((9, 50), ppp),
    51: pppoe,
    239: _nflog,
    104: tag,
    **dict.fromkeys((0, 108), _raw_behind(4)),
    109: _raw_behind(12),
    **dict.fromkeys((281, 284), _switch_tag(4)),
    285: _switch_tag(8),
    282: _behind_switch_tag,
    105: recorded.wifi,
    127: recorded.radiotap,
    **dict.fromkeys((119, 163), recorded.prism),
    **dict.fromkeys((11, 100), recorded.llc),
    6: older.token_ring,
    8: _raw_behind(16),
    10: older.fddi,
    107: older.frame_relay,
    117: older.pflog,
    242: older.infiniband,
}
_RECORDED = {149: recorded.pktap, 258: recorded.pktap, 192: recorded.ppi, 178: recorded.juniper}
"""Headers that say the link type of what follows."""
