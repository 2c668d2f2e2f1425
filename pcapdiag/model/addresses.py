"""Addresses as people write them: what is asked of every connection, by their text alone.

The library's ``ipaddress``, which knows the rest, takes longer to load than a short capture to
read: it is imported where IPv6, or what somebody wrote, is read.
"""

from __future__ import annotations

from functools import lru_cache

Key = tuple[int, int, int]
"""IP version, high and low 64 bits of an address: how the tracker knows it."""

MAX_ADDRESSES = 4_096
"""Addresses of which it is kept what they are."""
GROUP = 64
"""Bits of an IPv6 address that are one network's (RFC 4291 section 2.5.4); of IPv4 it is 24."""


def is_loopback(address: str) -> bool:
    """Return whether an address never leaves its host (RFC 1122 3.2.1.3, RFC 4291 2.5.3)."""
    return address.startswith("127.") or address == "::1"


def is_public(address: str) -> bool:
    """Return whether an address is one of the public Internet's (IANA's special registries)."""
    from ipaddress import ip_address

    return ip_address(address).is_global


@lru_cache(MAX_ADDRESSES)
def key_of(address: str) -> Key:
    """Return how the tracker knows an address."""
    if ":" not in address:
        return 4, 0, int.from_bytes(map(int, address.split(".")), "big")
    from ipaddress import IPv6Address

    number = int(IPv6Address(address))
    return 6, number >> 64, number & 0xFFFFFFFFFFFFFFFF


@lru_cache(MAX_ADDRESSES)
def network_of(address: str) -> str:
    """Return the /24 or /64 that an address is in."""
    if ":" not in address:
        return f"{address.rpartition('.')[0]}.0/24"
    from ipaddress import IPv6Network

    return str(IPv6Network(f"{address}/{GROUP}", strict=False))
