"""Blocks of addresses that mean something by themselves: an image stays in its original's block.

Sources: the registries of special-purpose addresses (RFC 6890 and its updates), RFC 4291 (IPv6),
RFC 5737 and 3849 (documentation), RFC 6598 (shared space), RFC 6052 and 3056 (IPv4 in IPv6).
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

Network = IPv4Network | IPv6Network


class Block(msgspec.Struct, frozen=True):
    """A block, and what becomes of the addresses in it.

    ``kept`` leading bits stay; where that is all of them, addresses stay as they are. ``embedded``
    is the bit at which an IPv4 address begins that is renamed as such, -1 without one.
    """

    first: int
    size: int
    """Bits of the network's own prefix."""
    bits: int
    kept: int
    embedded: int = -1

    def holds(self, address: int) -> bool:
        """Return whether an address of the same family is in this block."""
        return (address ^ self.first) >> (self.bits - self.size) == 0


def block(text: str, kept: int | None = None, embedded: int = -1) -> Block:
    """Return the block of a network in text form; by default its own prefix is what stays."""
    return of_network(ip_network(text), kept, embedded)


def of_network(network: Network, kept: int | None = None, embedded: int = -1) -> Block:
    """Return the block that a network is."""
    size = network.prefixlen
    first = int(network.network_address)
    return Block(first, size, network.max_prefixlen, size if kept is None else kept, embedded)


def whole(text: str) -> Block:
    """Return a block in which every address stays."""
    network = ip_network(text)
    return of_network(network, network.max_prefixlen)


# The narrowest comes first: it decides.
IPV4 = (
    whole("0.0.0.0/32"),
    whole("255.255.255.255/32"),
    # The same on every host of a cloud or cluster: metadata, its resolver, node-local DNS, Azure's
    # platform address. They say where, not who.
    whole("169.254.169.254/32"),
    whole("169.254.169.253/32"),
    whole("169.254.20.10/32"),
    whole("168.63.129.16/32"),
    block("192.0.0.0/24"),
    block("192.0.2.0/24"),
    block("192.88.99.0/24"),
    block("198.51.100.0/24"),
    block("203.0.113.0/24"),
    block("169.254.0.0/16"),
    block("192.168.0.0/16"),
    block("198.18.0.0/15"),
    block("172.16.0.0/12"),
    block("100.64.0.0/10"),
    block("0.0.0.0/8"),
    block("10.0.0.0/8"),
    whole("127.0.0.0/8"),
    # Groups, which are nobody's; link-layer addresses repeat their last 23 bits (RFC 1112).
    whole("224.0.0.0/4"),
    block("240.0.0.0/4"),
    block("0.0.0.0/0"),
)
IPV6 = (
    whole("::/128"),
    whole("::1/128"),
    # Solicited-node groups end in 24 bits of a host's address (RFC 4291 section 2.7.1).
    block("ff02::1:ff00:0/104"),
    block("::ffff:0:0/96", embedded=96),
    block("64:ff9b::/96", embedded=96),
    block("::/96", embedded=96),
    block("100::/64"),
    block("64:ff9b:1::/48"),
    block("2001:db8::/32"),
    block("2001::/32"),
    block("3fff::/20"),
    block("2002::/16", kept=48, embedded=16),
    # Permanent groups are the same everywhere; others may hold a prefix (RFC 3306).
    whole("ff00::/12"),
    block("fe80::/10", kept=64),
    block("ff00::/8", kept=16),
    block("fc00::/7", kept=8),
    block("2000::/3"),
    block("::/0", kept=3),
)


class Blocks:
    """The blocks, and in front of them the networks that are to stay as they are."""

    def __init__(self, keep: tuple[Network, ...]) -> None:
        kept = [of_network(network, network.max_prefixlen) for network in keep]
        self._of = {
            32: (*(one for one in kept if one.bits == 32), *IPV4),
            128: (*(one for one in kept if one.bits == 128), *IPV6),
        }

    def of(self, address: int, bits: int) -> Block:
        """Return the block that decides about an address of 32 or 128 bits."""
        return next(one for one in self._of[bits] if one.holds(address))
