"""Rules for the bump: what to match, and what to do with it."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from failurelab.bump import Bump, Forge
from failurelab.packets import (
    ICMP,
    ICMP6,
    SYN,
    TCP,
    Packet,
    build_ip,
    checksum,
    flag_bits,
    readdress,
    resequence,
    server_name,
    transport_checksum,
)

Rule = Callable[[Bump, Packet], bool]


@dataclass(slots=True)
class Match:
    """What a rule is for; everything given must hold. Only TCP unless `protocol` says otherwise."""

    direction: str = ""
    """`forward` (from the first named end of the bump's link to the second) or `back`."""
    flags: str = ""
    """Exactly these flags, as in "S", "SA", "PA", "RA"."""
    any_flags: str = ""
    min_size: int = 0
    """IP length, both inclusive."""
    max_size: int = 1 << 20
    data: bool | None = None
    """With or without payload."""
    contains: bytes = b""
    sni: str = ""
    port: int = 0
    """Source or destination port."""
    first: int = 1
    """The first hit, counted among packets that match, that is acted on."""
    times: int = 1 << 30
    """How many are acted on."""
    probability: float = 1.0
    protocol: int = TCP
    test: Callable[[Packet], bool] | None = None
    hits: int = 0

    def __call__(self, packet: Packet) -> bool:
        """Whether the rule acts on this packet."""
        if not self._fits(packet):
            return False
        self.hits += 1
        if not self.first <= self.hits < self.first + self.times:
            return False
        return self.probability >= 1 or random.random() < self.probability

    def _fits(self, packet: Packet) -> bool:
        if (
            packet.protocol != self.protocol
            or (self.direction or packet.direction) != packet.direction
        ):
            return False
        if not self.min_size <= packet.size <= self.max_size:
            return False
        if self.flags and packet.flags & 0x3F != flag_bits(self.flags):
            return False
        if self.any_flags and not packet.flags & flag_bits(self.any_flags):
            return False
        if self.port and self.port not in (packet.sport, packet.dport):
            return False
        return self._fits_content(packet)

    def _fits_content(self, packet: Packet) -> bool:
        if self.data is not None and self.data != bool(packet.payload_size):
            return False
        if self.contains and self.contains not in packet.payload:
            return False
        if self.sni and server_name(packet.payload) != self.sni:
            return False
        return self.test is None or self.test(packet)


def drop(match: Match) -> Rule:
    """Swallow what matches."""
    return lambda _, packet: match(packet)


def watch(match: Match, action: Callable[[], object]) -> Rule:
    """Call `action`, which must not wait, when a packet matches; the packet passes."""

    def rule(_: Bump, packet: Packet) -> bool:
        if match(packet):
            action()
        return False

    return rule


def delay(match: Match, seconds: float) -> Rule:
    """Send what matches on later; the rest overtakes it."""

    def rule(bump: Bump, packet: Packet) -> bool:
        if not match(packet):
            return False
        bump.send(packet.data, packet.direction, bump.delay + seconds)
        return True

    return rule


def duplicate(match: Match) -> Rule:
    """Send what matches twice."""

    def rule(bump: Bump, packet: Packet) -> bool:
        if match(packet):
            bump.send(packet.data, packet.direction, bump.delay)
        return False

    return rule


def forge_reset(
    match: Match, forge: Forge | None = None, *, to: str = "both", swallow: bool = False
) -> Rule:
    """RST when a packet matches: to its `sender`, its `receiver` or `both`.

    With `swallow` the packet itself is not sent on.
    """
    made = forge or Forge()

    def rule(bump: Bump, packet: Packet) -> bool:
        if not match(packet):
            return False
        if not swallow:
            bump.send(packet.data, packet.direction, bump.delay)
        if to in ("receiver", "both"):
            bump.forge_onward(packet, made, instead=swallow)
        if to in ("sender", "both"):
            bump.forge_reply(packet, made)
        return True

    return rule


def icmp_error(
    match: Match, source: str, kind: int, code: int, mtu: int = 0, ttl: int = 64
) -> Rule:
    """Swallow what matches and answer its sender with an ICMP error (ICMPv6 for IPv6)."""

    def rule(bump: Bump, packet: Packet) -> bool:
        if not match(packet):
            return False
        rest = mtu if packet.version == 6 else mtu & 0xFFFF
        quote = packet.data[packet.offset : packet.offset + min(packet.size, 548)]
        body = struct.pack("!BBHI", kind, code, 0, rest) + quote
        protocol = ICMP6 if packet.version == 6 else ICMP
        total = (
            transport_checksum(source, packet.src, protocol, body)
            if packet.version == 6
            else checksum(body)
        )
        body = body[:2] + struct.pack("!H", total) + body[4:]
        link = packet.data[6:12] + packet.data[:6] + packet.data[12:14]
        back = "back" if packet.direction == "forward" else "forward"
        whole = build_ip(source, packet.src, protocol, body, ttl=ttl, dont_fragment=False)
        bump.send(link + whole, back, bump.delay)
        return True

    return rule


def mtu(size: int, *, direction: str = "", icmp_from: str | None = None) -> Rule:
    """Nothing larger than `size` passes; silent, or with "packet too big" from an address."""
    match = Match(direction=direction, min_size=size + 1)
    if icmp_from is None:
        return drop(match)
    six = ":" in icmp_from
    return icmp_error(match, icmp_from, 2 if six else 3, 0 if six else 4, size)


def forget_idle(seconds: float, then: str = "drop", forge: Forge | None = None) -> Rule:
    """A device that forgets idle connections: later packets are dropped or answered by RST.

    `then`: "drop", or "reset" (to the sender of the late packet only).
    """
    last: dict[frozenset[tuple[str, int]], float] = {}
    made = forge or Forge(flags="R", ip_id=0)

    def rule(bump: Bump, packet: Packet) -> bool:
        if packet.protocol != TCP:
            return False
        key = frozenset({(packet.src, packet.sport), (packet.dst, packet.dport)})
        now = time.monotonic()
        if packet.flags & SYN:
            last[key] = now
        alive = now - last.get(key, 0.0) <= seconds
        if alive:
            last[key] = now
        elif then == "reset" and not packet.flags & flag_bits("R"):
            bump.forge_reply(packet, made)
        return not alive

    return rule


def rewrite(
    match: Match, *, src: str | None = None, dst: str | None = None, ttl: int | None = None
) -> Rule:
    """Change addresses or TTL of what matches."""

    def rule(bump: Bump, packet: Packet) -> bool:
        if not match(packet):
            return False
        bump.send(readdress(packet, src=src, dst=dst, ttl=ttl), packet.direction, bump.delay)
        return True

    return rule


def renumber(shift: int, *, one_way: bool = False) -> Rule:
    """A firewall that randomises initial sequence numbers: those of the left end move by `shift`.

    ACK and SACK of the right end are moved back (RFC 2018), checksums made right; with `one_way`
    they are not, as where the answers take another way.
    """

    def rule(bump: Bump, packet: Packet) -> bool:
        if packet.protocol != TCP:
            return False
        forward = packet.direction == "forward"
        body = resequence(packet, shift if forward else 0, 0 if forward or one_way else -shift)
        bump.send(body, packet.direction, bump.delay)
        return True

    return rule
