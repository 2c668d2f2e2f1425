"""Connections on their way past several points, each with its own clock, as prints.

Times are milliseconds since ``START`` by a clock that is right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from pcapdiag.correlate.matching import match_points
from pcapdiag.model.packet import ACK, PSH
from pcapdiag.model.points import Match, Print, Sample

MS = 1_000_000
START = 1_700_000_000_000 * MS
MASK = 0xFFFFFFFF
CLIENT, SERVER = ("10.0.0.9", 40001), ("10.0.2.7", 443)


def connection(stream: int = 0, at: float = 0, **changes: object) -> Print:
    """A healthy connection, told apart from others by its stream."""
    time = START + round(at * MS)
    initiator, responder = (7_000_003 * stream + 11) & MASK, (9_000_017 * stream + 13) & MASK
    usual: dict[str, Any] = {
        "initiator": (CLIENT[0], CLIENT[1] + stream),
        "responder": SERVER,
        "start": time,
        "end": time + 50 * MS,
        "isn_initiator": initiator,
        "isn_responder": responder,
        "syn_time": time,
        "syn_ack_time": time + 2 * MS,
        "established_time": time + 2 * MS + 10_000,
        "syn_tsval": 5_000_000 + 1_001 * stream,
        "syn_ack_tsval": 6_000_000 + 1_003 * stream,
        "syn_ip_id": 1 + (stream * 7) % 65_535,
        "first_seq_initiator": initiator,
        "first_seq_responder": responder,
        "next_seq_initiator": (initiator + 502) & MASK,
        "next_seq_responder": (responder + 9_002) & MASK,
        "digest_initiator": 77,
        "digest_responder": 78,
        "syn_count": 1,
        "syn_ack_count": 1,
        "has_end_initiator": True,
        "has_end_responder": True,
    }
    values: dict[str, Any] = {**usual, **changes}
    return Print(stream=stream, first_frame=10 * stream + 1, packets=10, **values)


def natted(p: Print, stream: int | None = None) -> Print:
    """Behind a NAT: another address and port for the initiator, and nothing else."""
    port = 1024 + (p.initiator[1] * 31) % 60_000
    return replace(p, initiator=("192.0.2.1", port), stream=p.stream if stream is None else stream)


def renumbered(p: Print, initiator: int = 0x7000_0000, responder: int = 0x1234_5678) -> Print:
    """Behind a firewall that adds a number of its own to the sequence numbers of each end."""
    changes = {
        f"{name}_{end}": None if value is None else (value + by) & MASK
        for end, by in (("initiator", initiator), ("responder", responder))
        for name in ("isn", "first_seq", "next_seq")
        for value in (getattr(p, f"{name}_{end}"),)
    }
    return replace(p, **changes)


def proxied(p: Print, **changes: object) -> Print:
    """The other leg of a proxy that passes every byte on: the same payload in a new connection."""
    other = connection(p.stream + 1_000_000, (p.start - START) / MS + 3)
    same = {"digest_initiator": p.digest_initiator, "digest_responder": p.digest_responder}
    values: dict[str, Any] = {**same, **changes}
    return replace(other, **values)


def unstamped(p: Print) -> Print:
    """Without timestamps, as a device that takes options out leaves it."""
    return replace(p, syn_tsval=None, syn_ack_tsval=None)


def midstream(p: Print, sent: int = 100, got: int = 2_000) -> Print:
    """As a capture has it that began after those bytes of the initiator and the responder."""
    assert p.isn_initiator is not None
    assert p.isn_responder is not None
    return replace(
        p,
        isn_initiator=None, isn_responder=None, syn_time=0, syn_ack_time=0, established_time=0,
        syn_tsval=None, syn_ack_tsval=None, syn_ip_id=0, syn_count=0, syn_ack_count=0,
        digest_initiator=0, digest_responder=0,
        first_seq_initiator=(p.isn_initiator + 1 + sent) & MASK,
        first_seq_responder=(p.isn_responder + 1 + got) & MASK,
    )  # fmt: skip


def swapped(p: Print) -> Print:
    """The same, its ends taken for each other."""
    names = ("{}", "isn_{}", "first_seq_{}", "next_seq_{}", "digest_{}", "has_end_{}")
    changes = {
        name.format(one): getattr(p, name.format(other))
        for name in names
        for one, other in (("initiator", "responder"), ("responder", "initiator"))
    }
    return replace(p, **changes)


def found(*points: list[Print]) -> list[tuple[int | None, ...]]:
    """The streams of what was matched."""
    return [match.streams for match in match_points(points).found]


def only(*points: list[Print]) -> Match:
    """The one match."""
    (match,) = match_points(points).found
    return match


@dataclass
class Clock:
    """What a point's clock says of a right one's time."""

    offset: int = 0
    drift: float = 0.0
    steps: tuple[tuple[int, int], ...] = ()
    """From when on (ns, right time), and by how much more."""
    grain: int = 1

    def read(self, time: int) -> int:
        more = sum(by for since, by in self.steps if time >= since)
        said = time + self.offset + round(self.drift * (time - START)) + more
        return said // self.grain * self.grain


@dataclass
class Path:
    """Points from the initiator's end to the responder's, and what is seen there."""

    clocks: list[Clock]
    prints: list[list[Print]] = field(init=False)
    true_times: list[list[tuple[int, int]]] = field(init=False)
    """Of every packet at every point: its time there, and by the right clock."""

    def __post_init__(self) -> None:
        self.prints = [[] for _ in self.clocks]
        self.true_times = [[] for _ in self.clocks]

    def connect(
        self, at: float, delays: list[list[float]], *, reverse: bool = False,
        points: tuple[int, ...] | None = None, **changes: object,
    ) -> None:  # fmt: skip
        """Let a handshake pass; ``delays`` has ms before each point, for SYN, SYN-ACK and ACK.

        ``reverse``: it was opened from the other end.
        """
        order = list(range(len(self.clocks)))[:: -1 if reverse else 1]
        time = START + round(at * MS)
        seen: list[list[int]] = []
        for way, forward in zip(delays, (True, False, True), strict=True):
            times = [0] * len(order)
            for point, delay in zip(order if forward else order[::-1], way, strict=True):
                time += round(delay * MS)
                times[point] = time
            seen.append(times)
        stream = len(self.prints[0])
        for point, clock in enumerate(self.clocks):
            said = [clock.read(times[point]) for times in seen]
            if points is None or point in points:
                self.true_times[point] += zip(said, (t[point] for t in seen), strict=True)
                one = replace(
                    connection(stream, 0, **changes), start=said[0], end=said[2],
                    syn_time=said[0], syn_ack_time=said[1], established_time=said[2],
                )  # fmt: skip
                self.prints[point].append(one)
            else:
                self.prints[point].append(connection(100_000 + stream + 1_000 * point))


def sample(
    from_initiator: bool, time: int, seq: int, ack: int, length: int, ip_id: int = 0
) -> Sample:
    """A segment with data, or an acknowledgment."""
    flags = ACK | PSH if length else ACK
    return Sample(from_initiator, time, seq, ack, length, flags, ip_id)
