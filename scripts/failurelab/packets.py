"""Just enough of IP and TCP to match, forge and find packets."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK}
TCP, ICMP, ICMP6 = 6, 1, 58
FRAGMENT = 44
"""Protocol of a fragment that is not the first: it has no ports."""
_EXTENSIONS = (0, 43, 60)


@dataclass(slots=True)
class Packet:
    """A parsed IP packet; TCP fields are 0 or empty for other protocols."""

    data: bytes
    """The frame from its link header on."""
    offset: int
    """Where the IP header starts."""
    version: int
    src: str
    dst: str
    ttl: int
    protocol: int
    size: int
    """Total IP length."""
    ip_id: int = 0
    transport: int = 0
    """Where the transport header starts."""
    sport: int = 0
    dport: int = 0
    seq: int = 0
    ack: int = 0
    flags: int = 0
    window: int = 0
    payload: bytes = b""
    payload_size: int = 0
    direction: str = ""
    """In the bump: `forward` from its left to its right side, or `back`."""

    @property
    def flow(self) -> tuple[str, int, str, int]:
        """Source and destination."""
        return (self.src, self.sport, self.dst, self.dport)

    @property
    def end(self) -> int:
        """The sequence number after this segment."""
        extra = bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + self.payload_size + extra) & 0xFFFFFFFF


def flag_bits(letters: str) -> int:
    """`"SA"` as bits."""
    return sum(_LETTERS[letter] for letter in letters)


def parse(data: bytes, offset: int = 14) -> Packet | None:
    """The IP packet in a frame, or nothing when it is none."""
    if len(data) < offset + 20:
        return None
    version = data[offset] >> 4
    if version == 4:
        packet = _parse4(data, offset)
    elif version == 6 and len(data) >= offset + 40:
        packet = _parse6(data, offset)
    else:
        return None
    if packet.protocol == TCP and len(data) >= packet.transport + 20:
        _parse_tcp(packet)
    return packet


def _parse4(data: bytes, offset: int) -> Packet:
    size, ip_id = struct.unpack_from("!HH", data, offset + 2)
    src, dst = (
        socket.inet_ntop(socket.AF_INET, data[at : at + 4]) for at in (offset + 12, offset + 16)
    )
    transport = offset + (data[offset] & 15) * 4
    later = struct.unpack_from("!H", data, offset + 6)[0] & 0x1FFF
    protocol = FRAGMENT if later else data[offset + 9]
    return Packet(data, offset, 4, src, dst, data[offset + 8], protocol, size, ip_id, transport)


def _parse6(data: bytes, offset: int) -> Packet:
    size = struct.unpack_from("!H", data, offset + 4)[0] + 40
    src, dst = (
        socket.inet_ntop(socket.AF_INET6, data[at : at + 16]) for at in (offset + 8, offset + 24)
    )
    protocol, transport = data[offset + 6], offset + 40
    while protocol in _EXTENSIONS and transport + 2 <= len(data):
        protocol, transport = data[transport], transport + 8 + data[transport + 1] * 8
    return Packet(data, offset, 6, src, dst, data[offset + 7], protocol, size, 0, transport)


def _parse_tcp(packet: Packet) -> None:
    fields = struct.unpack_from("!HHIIBBH", packet.data, packet.transport)
    packet.sport, packet.dport, packet.seq, packet.ack, length, packet.flags, packet.window = fields
    start = packet.transport + (length >> 4) * 4
    end = packet.offset + packet.size
    packet.payload = packet.data[start:end]
    packet.payload_size = max(0, end - start)


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def _address(ip: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)


def build_ip(
    src: str,
    dst: str,
    protocol: int,
    body: bytes,
    *,
    ttl: int,
    ip_id: int = 0,
    dont_fragment: bool = True,
) -> bytes:
    """An IP packet around `body` (whose own checksum is already right)."""
    if ":" in src:
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl)
        return head + _address(src) + _address(dst) + body
    fragment = 0x4000 if dont_fragment else 0
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), ip_id, fragment, ttl, protocol, 0)
    head += _address(src) + _address(dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def transport_checksum(src: str, dst: str, protocol: int, body: bytes) -> int:
    """Checksum with pseudo header."""
    if ":" in src:
        pseudo = _address(src) + _address(dst) + struct.pack("!II", len(body), protocol)
    else:
        pseudo = _address(src) + _address(dst) + struct.pack("!HH", protocol, len(body))
    return checksum(pseudo + body)


def build_tcp(
    src: str,
    sport: int,
    dst: str,
    dport: int,
    *,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    options: bytes = b"",
    payload: bytes = b"",
) -> bytes:
    """A TCP segment with a right checksum."""
    length = (20 + len(options)) // 4 << 4
    head = struct.pack(
        "!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, length, flags, window, 0, 0
    )
    whole = head + options + payload
    total = transport_checksum(src, dst, TCP, whole)
    return whole[:16] + struct.pack("!H", total) + whole[18:]


def readdress(
    packet: Packet, *, src: str | None = None, dst: str | None = None, ttl: int | None = None
) -> bytes:
    """The frame with other addresses or another TTL, checksums made right (TCP only)."""
    data = packet.data
    body = data[packet.transport : packet.offset + packet.size]
    new_src, new_dst = src or packet.src, dst or packet.dst
    if packet.protocol == TCP:
        body = body[:16] + b"\0\0" + body[18:]
        total = transport_checksum(new_src, new_dst, TCP, body)
        body = body[:16] + struct.pack("!H", total) + body[18:]
    whole = build_ip(
        new_src, new_dst, packet.protocol, body, ttl=ttl or packet.ttl, ip_id=packet.ip_id
    )
    return data[: packet.offset] + whole


def resequence(packet: Packet, seq: int, ack: int) -> bytes:
    """The TCP frame with its own numbers moved by `seq`, acknowledged ones (SACK too) by `ack`."""
    body = bytearray(packet.data[packet.transport : packet.offset + packet.size])
    _move(body, 4, seq)
    if packet.flags & ACK:
        _move(body, 8, ack)
    at, end = 20, (body[12] >> 4) * 4
    while at + 1 < end and body[at]:
        length = 1 if body[at] == 1 else body[at + 1]
        if body[at] == 5:
            for edge in range(at + 2, at + length, 4):
                _move(body, edge, ack)
        at += max(1, length)
    body[16:18] = b"\0\0"
    total = transport_checksum(packet.src, packet.dst, TCP, bytes(body))
    body[16:18] = struct.pack("!H", total)
    return packet.data[: packet.transport] + bytes(body)


def _move(body: bytearray, at: int, by: int) -> None:
    struct.pack_into("!I", body, at, (struct.unpack_from("!I", body, at)[0] + by) & 0xFFFFFFFF)


def server_name(payload: bytes) -> str | None:
    """The SNI of a ClientHello that starts this payload, if all of it is there."""
    if len(payload) < 44 or payload[0] != 22 or payload[5] != 1:
        return None
    try:
        at = 44 + payload[43]
        at += 2 + struct.unpack_from("!H", payload, at)[0]
        at += 1 + payload[at]
        end = at + 2 + struct.unpack_from("!H", payload, at)[0]
        at += 2
        while at < end:
            kind, length = struct.unpack_from("!HH", payload, at)
            if kind == 0:
                size = struct.unpack_from("!H", payload, at + 7)[0]
                return payload[at + 9 : at + 9 + size].decode("ascii", "replace")
            at += 4 + length
    except (IndexError, struct.error):
        return None
    return None
