"""Changes to a finished capture, for artefacts that no program makes on demand.

Each is small and seeded, and says in words what it does: the truth repeats it in the notes.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from failurelab.packets import ACK, FIN, RST, SYN, Packet, build_ip, parse
from failurelab.peel import inner_ip

_NANOSECONDS = (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")


@dataclass(frozen=True, slots=True)
class Record:
    """A captured packet; time in nanoseconds."""

    time: int
    frame: bytes
    size: int
    """As it was on the wire."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to the records of a capture."""

    says: str
    apply: Callable[[list[Record], random.Random], list[Record]]
    link: int | None = None
    """Link type afterwards, where it changes."""


def change_file(file: Path, change: Change) -> None:
    """Rewrite a classic pcap file; the seed is the file's name."""
    data = file.read_bytes()
    order = "<" if data[0] in (0x4D, 0xD4) else ">"
    unit = 1 if data[:4] in _NANOSECONDS else 1000
    made = change.apply(_read(data, order, unit), random.Random(file.name))
    head = bytearray(data[:24])
    if change.link is not None:
        struct.pack_into(order + "I", head, 20, change.link)
    file.write_bytes(bytes(head) + b"".join(_pack(one, order, unit) for one in made))


def _read(data: bytes, order: str, unit: int) -> list[Record]:
    records = []
    at = 24
    while at + 16 <= len(data):
        whole, part, length, size = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16 : at + 16 + length]
        records.append(Record(whole * 10**9 + part * unit, frame, size))
        at += 16 + length
    return records


def _pack(record: Record, order: str, unit: int) -> bytes:
    whole, rest = divmod(record.time, 10**9)
    head = struct.pack(order + "IIII", whole, rest // unit, len(record.frame), record.size)
    return head + record.frame


def _packet(record: Record) -> Packet | None:
    at = inner_ip(record.frame, 1)
    return None if at is None else parse(record.frame, at)


def lose(share: float, *, data_only: bool = True) -> Change:
    """The capture lost records at random: never a SYN, FIN or RST."""

    def apply(records: list[Record], dice: random.Random) -> list[Record]:
        return [one for one in records if not _may_go(one) or dice.random() >= share]

    def _may_go(record: Record) -> bool:
        packet = _packet(record)
        if packet is None or packet.flags & (SYN | FIN | RST):
            return False
        return bool(packet.payload_size) or not data_only

    what = "records with data" if data_only else "records"
    return Change(f"{share:.0%} of the {what} (not SYN, FIN, RST) left out at random.", apply)


def skip(count: int) -> Change:
    """The capture began a little later."""
    return Change(f"The first {count} records left out.", lambda records, _: records[count:])


def lose_burst(*bursts: tuple[int, int]) -> Change:
    """The capture lost whole bursts, as one whose buffer overflows: from which record, how many."""
    gone = {number for first, count in bursts for number in range(first, first + count)}

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        return [one for number, one in enumerate(records, 1) if number not in gone]

    words = [f"{first} to {first + count - 1}" for first, count in bursts]
    return Change(f"The records {' and '.join(words)} left out.", apply)


def lose_resets() -> Change:
    """The capture lost what came last: the RSTs and the two records before the first."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        resets = [n for n, one in enumerate(records) if _flags(one) & RST]
        gone = {*resets, *range(resets[0] - 2, resets[0])} if resets else set()
        return [one for number, one in enumerate(records) if number not in gone]

    return Change("The RSTs and the two records before the first left out.", apply)


def _flags(record: Record) -> int:
    packet = _packet(record)
    return packet.flags if packet else 0


def drift(ppm: float, *, shift: float = 0.0) -> Change:
    """The capturing clock runs fast by so many millionths, and is off by `shift` seconds."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        start = records[0].time
        return [
            replace(one, time=one.time + round((one.time - start) * ppm / 1e6 + shift * 10**9))
            for one in records
        ]

    return Change(f"The clock made to run {ppm:+} ppm fast and shifted by {shift:+} s.", apply)


def step_clock(seconds: float, *, at: float = 0.5) -> Change:
    """The capturing clock was set in the middle: later records are shifted."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        first = round(len(records) * at)
        moved = [replace(r, time=r.time + round(seconds * 10**9)) for r in records[first:]]
        return records[:first] + moved

    return Change(f"From {at:.0%} of the records on all times shifted by {seconds:+} s.", apply)


def disorder(microseconds: int) -> Change:
    """Records are written out of order within so many microseconds; their times stay."""

    def apply(records: list[Record], dice: random.Random) -> list[Record]:
        late = [(one.time + dice.randrange(microseconds * 1000), one) for one in records]
        return [one for _, one in sorted(late, key=lambda pair: pair[0])]

    return Change(f"Records written in random order within {microseconds} us.", apply)


def blank() -> Change:
    """Payload overwritten with zeros, as anonymizers do."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        return [replace(one, frame=_blanked(one)) for one in records]

    return Change("All TCP payload overwritten with zeros.", apply)


def _blanked(record: Record) -> bytes:
    packet = _packet(record)
    size = len(packet.payload) if packet else 0
    return record.frame[: len(record.frame) - size] + bytes(size)


def two_queues(microseconds: int) -> Change:
    """Openers' packets come later, as a mirror port or tap with a queue for each direction does."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        packets = [_packet(one) for one in records]
        openers = {p.src for p in packets if p is not None and p.flags & (SYN | ACK) == SYN}
        late = [
            replace(one, time=one.time + microseconds * 1000)
            if packet is not None and packet.src in openers
            else one
            for one, packet in zip(records, packets, strict=True)
        ]
        return sorted(late, key=lambda one: one.time)

    return Change(f"What openers of connections sent stored {microseconds} us later.", apply)


def mirror(*, vlan: int = 0, ttl_less: int = 0, after: int = 7) -> Change:
    """Each packet once more, `after` microseconds later, as a mirror port delivers both sides."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        twins = [
            Record(one.time + after * 1000, frame, one.size + len(frame) - len(one.frame))
            for one in records
            for frame in [_twin(one.frame, vlan, ttl_less)]
        ]
        return sorted(records + twins, key=lambda one: one.time)

    words = [f"{after} us later"]
    words += [f"with VLAN tag {vlan}"] if vlan else []
    words += [f"with a TTL lower by {ttl_less}"] if ttl_less else []
    return Change(f"Each record stored once more, {', '.join(words)}.", apply)


def _twin(frame: bytes, vlan: int, ttl_less: int) -> bytes:
    if ttl_less and frame[12:14] == b"\x08\x00":
        packet = parse(frame)
        assert packet is not None
        body = frame[packet.transport : packet.offset + packet.size]
        whole = build_ip(
            packet.src,
            packet.dst,
            packet.protocol,
            body,
            ttl=packet.ttl - ttl_less,
            ip_id=packet.ip_id,
        )
        frame = frame[:14] + whole
    if vlan:
        frame = frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]
    return frame


def relink(link: int, four: bytes, six: bytes, name: str) -> Change:
    """Another link header instead of Ethernet: `four` before IPv4, `six` before IPv6."""

    def apply(records: list[Record], _: random.Random) -> list[Record]:
        heads = {b"\x08\x00": four, b"\x86\xdd": six}
        return [
            replace(one, frame=head + one.frame[14:], size=one.size - 14 + len(head))
            for one in records
            for head in [heads.get(one.frame[12:14])]
            if head is not None
        ]

    return Change(f"Ethernet headers replaced by {name} headers.", apply, link)
