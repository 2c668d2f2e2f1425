"""The PROXY protocol's header, versions 1 and 2 (HAProxy's proxy-protocol.txt)."""

from __future__ import annotations

from pcapdiag.model.application import ProxyHeader
from pcapdiag.model.ends import join_port
from pcapdiag.protocols.packet_buffer import Moment

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""Version 2's first bytes (section 2.2)."""
TEXT = b"PROXY "
LONGEST_LINE = 107
"""Bytes of the longest version 1 header, its CRLF included (section 2.1)."""
MAX_LENGTH = 16 + 4_096
"""Bytes of a version 2 header that are believed: addresses and TLVs."""
_FIXED = 16
_ADDRESS_SIZES = {1: 4, 2: 16}
"""By address family: AF_INET, AF_INET6."""


def may_begin(data: bytes) -> bool:
    """Return whether bytes are, or may become, a PROXY header."""
    return any(data[: len(first)] == first[: len(data)] for first in (SIGNATURE, TEXT))


def read_proxy_header(data: bytes, first: Moment) -> ProxyHeader | None:
    """Return the header at the beginning of ``data``; None where none is, whole and valid."""
    if data.startswith(TEXT):
        return _version_1(data, first)
    if data.startswith(SIGNATURE) and len(data) >= _FIXED and data[12] >> 4 == 2:
        return _version_2(data, first)
    return None


def is_cut_off(data: bytes) -> bool:
    """Return whether more bytes may still make a header of these."""
    if len(data) < len(SIGNATURE) or data.startswith(TEXT):
        return may_begin(data) and len(data) < LONGEST_LINE and b"\n" not in data[len(SIGNATURE) :]
    if not data.startswith(SIGNATURE):
        return False
    return len(data) < _FIXED or _FIXED + _length(data) > len(data) < MAX_LENGTH


def _version_1(data: bytes, first: Moment) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, LONGEST_LINE)
    words = data[: max(end, 0)].decode("ascii", "replace").split(" ")
    if end < 0 or words[1] not in ("TCP4", "TCP6", "UNKNOWN"):
        return None
    source = target = ""
    if words[1] != "UNKNOWN":
        if len(words) != 6:
            return None
        source, target = _join(words[2], words[4]), _join(words[3], words[5])
        if not (source and target):
            return None
    return ProxyHeader(first.frame, first.time, 1, source, target, end + 2)


def _version_2(data: bytes, first: Moment) -> ProxyHeader | None:
    length = _FIXED + _length(data)
    if length > min(len(data), MAX_LENGTH):
        return None
    size = _ADDRESS_SIZES.get(data[13] >> 4, 0)
    is_local = data[12] & 0x0F == 0
    source = target = ""
    if size and not is_local and length >= _FIXED + 2 * size + 4:
        addresses = data[_FIXED : _FIXED + 2 * size]
        ports = data[_FIXED + 2 * size : _FIXED + 2 * size + 4]
        source = _format(addresses[:size], ports[:2])
        target = _format(addresses[size:], ports[2:])
    return ProxyHeader(first.frame, first.time, 2, source, target, length)


def _length(data: bytes) -> int:
    return int.from_bytes(data[14:16], "big")


def _join(address: str, port: str) -> str:
    from ipaddress import ip_address  # Only here: most connections begin without such a header.

    try:
        return _format(ip_address(address).packed, int(port).to_bytes(2, "big"))
    except (ValueError, OverflowError):
        return ""


def _format(address: bytes, port: bytes) -> str:
    from ipaddress import IPv6Address, ip_address

    number = int.from_bytes(port, "big")
    host = ip_address(address)
    if isinstance(host, IPv6Address):
        host = host.ipv4_mapped or host
    return join_port(str(host), number)
