"""Reading the lab's own captures: which connections are in them, by their SYNs."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from failurelab.connections import Address, Connection, Leg
from failurelab.packets import ACK, ICMP, ICMP6, SYN, Packet, parse
from failurelab.peel import inner_ip


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection as one capture shows it."""

    initiator: Address
    responder: Address
    occurrence: int = 0


@dataclass(slots=True)
class Opening:
    """One SYN, repeats left out."""

    time: float
    packet: Packet
    seen: Seen
    number: int
    """Of its frame, from 1."""


@dataclass(slots=True)
class Contents:
    """What a capture holds."""

    openings: list[Opening] = field(default_factory=list)
    flows: set[frozenset[Address]] = field(default_factory=set)
    answers: set[tuple[Address, int, Address]] = field(default_factory=set)
    """SYN-ACKs: to whom, the acknowledged number, from whom."""
    numbers: dict[frozenset[Address], int] = field(default_factory=dict)
    """The first frame between two endpoints."""

    def first_frame(self, seen: Seen) -> int | None:
        """Number of a connection's first frame, from 1."""
        opened = [o.number for o in self.openings if o.seen == seen]
        if seen.occurrence and opened:
            return opened[0]
        return self.numbers.get(frozenset({seen.initiator, seen.responder}))


def read_contents(files: list[Path]) -> Contents:
    """The connections in these files, taken as one capture."""
    contents = Contents()
    counts: dict[tuple[str, int, str, int], list[int]] = {}
    records = list(_numbered(files))
    for time, number, packet in sorted(records, key=lambda record: record[:2]):
        quoted = _quoted(packet)
        if quoted is not None:
            ends = frozenset({(quoted.src, quoted.sport), (quoted.dst, quoted.dport)})
            contents.flows.add(ends)
            contents.numbers.setdefault(ends, number)
        if not packet.sport:
            continue
        source, target = (packet.src, packet.sport), (packet.dst, packet.dport)
        contents.flows.add(frozenset({source, target}))
        contents.numbers.setdefault(frozenset({source, target}), number)
        if packet.flags & (SYN | ACK) == SYN | ACK:
            contents.answers.add((target, packet.ack, source))
        if packet.flags & (SYN | ACK) != SYN:
            continue
        known = counts.setdefault(packet.flow, [])
        if packet.seq not in known:
            known.append(packet.seq)
            seen = Seen(source, target, len(known) - 1)
            contents.openings.append(Opening(time, packet, seen, number))
    return contents


def _quoted(packet: Packet) -> Packet | None:
    """The segment that an ICMP error quotes: it may be all that a capture has of a connection."""
    if packet.protocol not in (ICMP, ICMP6):
        return None
    quoted = parse(packet.data, packet.transport + 8)
    return quoted if quoted is not None and quoted.sport else None


def read_packets(file: Path) -> Iterator[tuple[float, Packet]]:
    """Time and innermost packet of every IP packet in a pcap or pcapng file."""
    for time, _, packet in _numbered([file]):
        yield time, packet


def _numbered(files: list[Path]) -> Iterator[tuple[float, int, Packet]]:
    """Time, number of the frame and innermost packet; the numbers go on from file to file."""
    number = 0
    for file in files:
        data = file.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        reader = _read_pcapng if data[:4] == b"\x0a\x0d\x0d\x0a" else _read_pcap
        for time, link, frame in reader(data):
            number += 1
            offset = inner_ip(frame, link)
            packet = parse(frame, offset) if offset is not None else None
            if packet is not None:
                yield time, number, packet


def _read_pcap(data: bytes) -> Iterator[tuple[float, int, bytes]]:
    order = "<" if data[0] in (0x4D, 0xD4) else ">"
    unit = 1e9 if 0x3C in (data[1], data[2]) else 1e6
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        whole, part, length = struct.unpack_from(order + "III", data, at)
        yield whole + part / unit, link, data[at + 16 : at + 16 + length]
        at += 16 + length


def _read_pcapng(data: bytes) -> Iterator[tuple[float, int, bytes]]:
    order = "<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    links: list[tuple[int, float]] = []
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind == 1:
            link = struct.unpack_from(order + "H", data, at + 8)[0]
            links.append((link, _resolution(data[at + 16 : at + length - 4], order)))
        elif kind == 6:
            index, high, low, size = struct.unpack_from(order + "IIII", data, at + 8)
            link, unit = links[index]
            yield (high << 32 | low) / unit, link, data[at + 28 : at + 28 + size]
        at += max(length, 12)


def _resolution(options: bytes, order: str) -> float:
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 9:
            value = options[at + 4]
            return float(2 ** (value & 127) if value & 128 else 10**value)
        at += 4 + (length + 3) // 4 * 4
    return 1e6


def find(
    who: Connection | Leg, captures: dict[str, Contents]
) -> tuple[Seen, dict[str, list[Seen]]]:
    """The connection as the lab names it, and as each capture shows it (NAT: by its ISN)."""
    opening = _opening(who, captures)
    if opening is None:
        if isinstance(who, Leg):
            raise LookupError(f"no connection {who.nth} to {who.responder} in any capture")
        seen = Seen(who.initiator, who.responder, who.occurrence)
        pair = frozenset({seen.initiator, seen.responder})
        return seen, {name: [seen] for name, held in captures.items() if pair in held.flows}
    found: dict[str, list[Seen]] = {}
    for name, held in captures.items():
        same = [o.seen for o in held.openings if o.packet.seq == opening.packet.seq]
        if not same and frozenset({opening.seen.initiator, opening.seen.responder}) in held.flows:
            same = [Seen(opening.seen.initiator, opening.seen.responder)]
        if same:
            found[name] = [*same, *_redirected(same, held, opening.packet.seq)]
    return opening.seen, found


def _redirected(same: list[Seen], held: Contents, number: int) -> list[Seen]:
    """Where iptables REDIRECT hides the answering address: answers come from another one."""
    known = {(one.initiator, one.responder) for one in same}
    ack = (number + 1) & 0xFFFFFFFF
    return [
        Seen(target, source)
        for target, acked, source in sorted(held.answers)
        if acked == ack and (target, source) not in known
    ]


def _opening(who: Connection | Leg, captures: dict[str, Contents]) -> Opening | None:
    for held in captures.values():
        if isinstance(who, Leg):
            fits = [o for o in held.openings if o.seen.responder == who.responder]
            nth = who.nth
        else:
            pair = (who.initiator, who.responder)
            fits = [o for o in held.openings if (o.seen.initiator, o.seen.responder) == pair]
            nth = who.occurrence
        if nth < len(fits):
            return fits[nth]
    return None
