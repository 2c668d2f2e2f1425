"""A connection's story as lines: one per packet that matters, bulk data folded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import pairwise
from operator import or_

import msgspec

from pcapdiag.model import packet as marks
from pcapdiag.model.ends import Actor, side_of
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import (
    ACK,
    FIN,
    RST,
    SYN,
    PacketFact,
    flag_letters,
    seq_after,
    seq_distance,
)
from pcapdiag.model.report import TimelineEntry
from pcapdiag.model.story import Half, IcmpFact, Story
from pcapdiag.model.units import SECOND, counted, format_seconds

MAX_ENTRIES = 40
"""Lines of one timeline; what is between the first and the last ones is counted in one line."""
HEAD_ENTRIES = 16
QUIET = SECOND
"""A pause as long as this is told, nanoseconds."""

_MARK_WORDS = (
    (marks.RETRANSMISSION, "sent again"),
    (marks.FAST_RETRANSMISSION, "sent again (fast)"),
    (marks.SPURIOUS_RETRANSMISSION, "sent again although it had arrived"),
    (marks.OUT_OF_ORDER, "out of order"),
    (marks.KEEP_ALIVE_ACK, "answer to the keep-alive"),
    (marks.WINDOW_PROBE_ACK, "answer to the window probe"),
    (marks.DUPLICATE_ACK, "the same ACK again"),
    (marks.ZERO_WINDOW, "window 0: takes no more data"),
    (marks.WINDOW_FULL, "fills the other side's window"),
    (marks.GAP_BEFORE, "bytes before it are missing"),
    (marks.ACKED_UNSEEN, "acknowledges bytes that were not captured"),
    (marks.DSACK, "says that bytes came twice"),
    (marks.TRUNCATED, "cut short by the capture"),
)
_SAID_MARKS = reduce(or_, (bit for bit, _ in _MARK_WORDS))
_PLAIN_MARKS = marks.SUPER_SEGMENT | marks.BAD_CHECKSUM | marks.WINDOW_UPDATE
"""Marks that do not make a packet worth a line of its own."""

_ICMP4_UNREACHABLE = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "packet too big, and may not be fragmented",
    9: "network prohibited",
    10: "host prohibited",
    13: "prohibited by a filter",
}
_ICMP6_UNREACHABLE = {
    0: "no route",
    1: "prohibited by a filter",
    3: "address unreachable",
    4: "port unreachable",
    5: "source address refused by policy",
    6: "route rejected",
}


class _Line(msgspec.Struct):
    """A timeline entry that can still grow."""

    time: int
    end: int
    """Time of the last packet in it."""
    frame: int
    sender: Actor
    event: str
    detail: str = ""
    segments: int = 0
    bytes: int = 0
    first_packet: PacketFact | None = None
    last_packet: PacketFact | None = None
    acked: bool = False
    plain_ack: bool = False
    labelled: bool = False
    """Its event is what the protocol above TCP said in that packet."""


def timeline(
    story: Story,
    decisive: Iterable[int] = (),
    left_out_after: int = 0,
    labels: Mapping[int, str] | None = None,
) -> list[TimelineEntry]:
    """Return the story's packets and ICMP errors as lines in time order, MAX_ENTRIES at most.

    ``decisive`` frames always get a line of their own, and so do those in ``labels``, which say
    what the packet's bytes meant. ``left_out_after`` is how many packets the story keeps before
    those that it left out.
    """
    packets = _packet_lines(story, frozenset(decisive), left_out_after, labels or {})
    lines = _merge(packets, _icmp_lines(story))
    _tell_pauses(lines)
    return [_entry(line) for line in _shorten(lines)]


def _packet_lines(
    story: Story, decisive: frozenset[int], left_out_after: int, labels: Mapping[int, str]
) -> list[_Line]:
    lines: list[_Line] = []
    for number, packet in enumerate(story.packets):
        if story.packets_left_out and number == left_out_after and number:
            lines.append(_left_out(story.packets_left_out, packet))
        label = labels.get(packet.frame, "") if packet.length else ""
        if packet.frame in decisive or label or not _folds(lines, packet, decisive):
            lines.append(_line(story, packet))
        if label:
            _label(lines[-1], label)
    for line in lines:
        if line.segments:
            _finish_data(story, line)
    return lines


def _label(line: _Line, label: str) -> None:
    size = line.event
    line.event, line.labelled = label, True
    line.detail = f"{size}, {line.detail}" if line.detail else size


def _folds(lines: list[_Line], packet: PacketFact, decisive: frozenset[int]) -> bool:
    """Add a packet to the last line where it says nothing new; return whether that was done."""
    last = lines[-1] if lines else None
    if last is None or last.frame in decisive or packet.marks & ~_PLAIN_MARKS:
        return False
    if packet.flags & (SYN | FIN | RST):
        return False
    before = last.last_packet
    if before is None or packet.time - last.end >= QUIET:
        return False
    same = last.sender == side_of(packet.from_initiator)
    if packet.length and last.segments and same and not last.labelled:
        last.segments += 1
        last.bytes += packet.length
        last.last_packet, last.acked = packet, False
    elif packet.length == 0 and last.segments and not same:
        last.acked = not seq_after(before.end_seq, packet.ack)
    elif packet.length or not last.plain_ack or not same:
        return False
    last.end = packet.time
    return True


def _line(story: Story, packet: PacketFact) -> _Line:
    clean = not packet.marks & ~_PLAIN_MARKS and not packet.flags & (SYN | FIN | RST)
    time, sender = packet.time, side_of(packet.from_initiator)
    line = _Line(time, time, packet.frame, sender, _event(packet))
    line.first_packet = line.last_packet = packet
    if clean and packet.length:
        line.segments, line.bytes = 1, packet.length
    line.plain_ack = clean and not packet.length
    line.detail = _details(story, packet)
    return line


def _event(packet: PacketFact) -> str:
    if packet.marks & marks.KEEP_ALIVE:
        return "keep-alive"
    if packet.marks & marks.WINDOW_PROBE:
        return "window probe"
    return segment_words(packet.flags, packet.length)


def segment_words(flags: int, length: int) -> str:
    """Return a segment in short: ``SYN``, ``517 bytes``, ``FIN,ACK + 20 bytes``."""
    if not length:
        return flag_letters(flags)
    size = counted(length, "byte")
    return f"{flag_letters(flags)} + {size}" if flags & (SYN | FIN | RST) else size


def _details(story: Story, packet: PacketFact) -> str:
    own, other = story.half(packet.from_initiator), story.half(not packet.from_initiator)
    words = f"seq {_relative(packet.seq, own)}"
    if packet.flags & ACK:
        words += f", ack {_relative(packet.ack, other)}"
    if packet.flags & RST:
        words += f", window {packet.window}, TTL {packet.ttl}"
    if packet.marks & _SAID_MARKS:
        words += "".join([f", {said}" for bit, said in _MARK_WORDS if packet.marks & bit])
    return words


def _relative(number: int, half: Half) -> int:
    return number if half.base_seq is None else seq_distance(number, half.base_seq)


def _finish_data(story: Story, line: _Line) -> None:
    first, last = line.first_packet, line.last_packet
    if line.segments > 1 and first is not None and last is not None:
        line.event = f"{line.segments:,} segments, {line.bytes:,} bytes"
        own = story.half(first.from_initiator)
        start = _relative(first.seq, own)
        line.detail = f"seq {start} to {start + seq_distance(last.end_seq, first.seq)}"
    if line.acked:
        line.detail += ", acknowledged"


def _icmp_lines(story: Story) -> list[_Line]:
    ends: dict[str, Actor] = {
        story.initiator.address: "initiator",
        story.responder.address: "responder",
    }
    return [
        _Line(
            fact.time,
            fact.time,
            fact.frame,
            ends.get(fact.source, "path"),
            f"ICMP {icmp_words(fact)}",
            f"from {fact.source}, type {fact.type} code {fact.code}",
        )
        for fact in story.icmp
    ]


def icmp_words(fact: IcmpFact) -> str:
    """Return what an ICMP error says (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, RFC 4443)."""
    unreachable = _ICMP6_UNREACHABLE if fact.version == 6 else _ICMP4_UNREACHABLE
    if fact.type == (1 if fact.version == 6 else 3):
        words = unreachable.get(fact.code, "unreachable")
    elif fact.version == 6 and fact.type == 2:
        words = "packet too big"
    elif fact.type == (3 if fact.version == 6 else 11):
        words = "hop limit used up" if fact.code == 0 else "reassembly took too long"
    else:
        words = f"type {fact.type} code {fact.code}"
    return f"{words}: largest size {fact.mtu}" if fact.mtu else words


def _merge(packets: list[_Line], icmp: list[_Line]) -> list[_Line]:
    return sorted(packets + icmp, key=moment) if icmp else packets


def _tell_pauses(lines: list[_Line]) -> None:
    for before, line in pairwise(lines):
        if line.time - before.end >= QUIET:
            pause = f"after {(line.time - before.end) / SECOND:,.1f} s"
            line.detail = f"{pause}, {line.detail}" if line.detail else pause


def _shorten(lines: list[_Line]) -> list[_Line]:
    if len(lines) <= MAX_ENTRIES:
        return lines
    cut = len(lines) - MAX_ENTRIES + 1
    gone = lines[HEAD_ENTRIES : HEAD_ENTRIES + cut]
    first = gone[0]
    words = f"{cut} more lines left out"
    marker = _Line(first.time, gone[-1].end, first.frame, first.sender, words)
    return [*lines[:HEAD_ENTRIES], marker, *lines[HEAD_ENTRIES + cut :]]


def _left_out(count: int, following: PacketFact) -> _Line:
    text = f"{count:,} packets between not kept"
    time = following.time
    return _Line(time, time, following.frame, side_of(following.from_initiator), text)


def _entry(line: _Line) -> TimelineEntry:
    return TimelineEntry(
        time=format_seconds(line.time),
        frame=line.frame,
        from_=line.sender,
        event=line.event,
        detail=line.detail,
    )
