"""Links that are met least: MAC addresses renamed, what is not followed stays zero.

The link types are those that decode/links.py knows beside those in link.py; layouts are as there.
Each function replaces its header and returns what follows, as link.py's do.
"""

from __future__ import annotations

from pcapdiag.decode.links import LEAST_OF_PFLOG
from pcapdiag.sanitize import recorded
from pcapdiag.sanitize.frame import NOTHING, Frame, Next

_IPV4, _IPV6 = 0x0800, 0x86DD
_NLPIDS = {0xCC: _IPV4, 0x8E: _IPV6}
_ROUTED = 0x80


def pflog(f: Frame, at: int) -> Next:
    """Keep length, family, action and reason; names of interfaces and rules, and users, go."""
    f.keep(at, 4)
    if f.left(at) < LEAST_OF_PFLOG or f.data[at] < LEAST_OF_PFLOG:
        return NOTHING
    end = at + (f.data[at] + 3 & ~3)
    if f.left(end) < 1:
        return NOTHING
    return {4: (_IPV4, end), 6: (_IPV6, end)}.get(f.data[end] >> 4, NOTHING)


def token_ring(f: Frame, at: int) -> Next:
    """Keep how the frame goes through bridges; the addresses, in the ring's order of bits, go."""
    f.keep(at, 2)
    if f.left(at) < 15 or f.data[at + 1] >> 6 != 1:
        return NOTHING
    size = 14
    if f.data[at + 8] & 0x80:
        f.put(at + 8, b"\x80")
        f.keep(at + 14, f.data[at + 14] & 0x1F)
        size += f.data[at + 14] & 0x1F
    return recorded.llc(f, at + size)


def fddi(f: Frame, at: int) -> Next:
    """Replace both addresses."""
    f.keep(at, 1)
    f.mac(at + 1)
    f.mac(at + 7)
    if f.left(at) < 13 or f.data[at] & 0xF0 != 0x50:
        return NOTHING
    return recorded.llc(f, at + 13)


def frame_relay(f: Frame, at: int) -> Next:
    """Keep address, control and protocol."""
    if f.left(at) < 8:
        return NOTHING
    size = 2 if f.data[at + 1] & 1 else 3 if f.data[at + 2] & 1 else 4
    f.keep(at, size + 2)
    if f.data[at + size] != 0x03:
        return f.u16(at + size), at + size + 2
    if f.data[at + size + 1 : at + size + 3] == bytes((0, _ROUTED)):
        return recorded.snap(f, at, size + 3)
    return _NLPIDS.get(f.data[at + size + 1], 0), at + size + 2


def infiniband(f: Frame, at: int) -> Next:
    """Keep the type of what follows; the addresses before it go."""
    f.keep(at + 40, 4)
    return (f.u16(at + 40), at + 44) if f.left(at) >= 44 else NOTHING
