# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The walk over a buffer's records, compiled where possible: no Python object per packet.

One Walker belongs to one file. It fills a Batch and stops at the end of what is in the buffer, when
the batch is full, at a pcapng block that holds no packet (plain Python reads that), or at a record
whose lengths cannot be true.
"""

from __future__ import annotations

from array import array

from pcapdiag.capture.batch import MAX_TIME, Batch
from pcapdiag.capture.packet_options import PacketOptions
from pcapdiag.capture.window import Columns
from pcapdiag.model.numbers import big32, little32

MORE = 0
"""The record at ``position`` is not wholly in the buffer; it takes ``needed`` bytes."""
FULL = 1
"""The batch has no room for the record at ``position``."""
OTHER = 2
"""The pcapng block at ``position`` holds no packet."""
BAD = 3
"""The record at ``position`` cannot be true; ``problem`` says why."""

MAX_PACKET = 262144
"""Captured bytes of one packet: the most that libpcap, dumpcap and Wireshark write or read. Offload
gives segments of 64 KiB and, with BIG TCP, more; a snaplen above this is not accepted by
tcpdump."""
MAX_BLOCK = 16 * 1024 * 1024
"""Bytes of one pcapng block, as in Wireshark: a longer length is a lie."""

SECOND = 1_000_000_000
LATEST = MAX_TIME

# How a pcapng interface counts time.
MULTIPLY = 0
"""In multiples of 1 ns: time = units * factor."""
DIVIDE = 1
"""In decimal fractions of 1 ns: time = units / factor."""
SHIFT = 2
"""In units of 2 ** -factor seconds."""
SHIFT_BITS = 33
"""Binary digits of a second's fraction that are used: fraction * 10**9 then fits in 63 bits."""
MAX_DECIMALS = 18
MAX_BINARY_DIGITS = 62

MARKS = 7
"""Numbers that tell how far a walker is."""

ENHANCED_PACKET = 6
SIMPLE_PACKET = 3
OLD_PACKET = 2
DROPS_NOT_SAID = 0xFFFF
"""In an old packet block, whose counter has 16 bits."""

# Twins in C of the constants above, which plain Python imports.
_MAX_PACKET = MAX_PACKET
_MORE = MORE
_FULL = FULL
_BAD = BAD


class Walker:
    """Finds the packets of one file, buffer by buffer.

    Public facts, over all calls: ``frames`` counted, ``packets`` found, ``wire_bytes`` (their
    original lengths), ``truncated`` packets, ``untimed`` ones (simple packet blocks), ``earliest``
    and ``latest`` time (ns; ``latest`` is -1 before the first timed packet), ``options`` read.
    """

    def __init__(self) -> None:
        self.big_endian = False
        self.record_header = 16
        self.unit = 1000
        self.interface = 0
        self.frames = 0
        self.packets = 0
        self.wire_bytes = 0
        self.truncated = 0
        self.untimed = 0
        self.earliest = LATEST
        self.latest = -1
        self.time = 0
        self.position = 0
        self.needed = 0
        self.filled = 0
        self.claimed = 0
        self.problem = ""
        self.options = PacketOptions()
        self.clear_interfaces()

    def clear_interfaces(self) -> None:
        """Forget the interfaces: a new pcapng section begins."""
        self.interfaces = 0
        self.numbers = array("q")
        self.kinds = array("q")
        self.factors = array("q")
        self.offsets = array("q")
        self.snaplens = array("q")

    def add_interface(self, number: int, resolution: int, offset: int, snaplen: int) -> bool:
        """Add the section's next interface; False where its time resolution makes no sense.

        ``number`` counts over all files, ``resolution`` is the byte of if_tsresol (pcapng, section
        4.2), ``offset`` is in ns.
        """
        digits = resolution & 0x7F
        if resolution & 0x80:
            kind, factor, good = SHIFT, digits, digits <= MAX_BINARY_DIGITS
        elif digits <= 9:
            kind, factor, good = MULTIPLY, 10 ** (9 - digits), True
        else:
            kind, factor, good = DIVIDE, 10 ** (digits - 9), digits <= MAX_DECIMALS
        if good:
            self.interfaces += 1
            self.numbers.append(number)
            self.kinds.append(kind)
            self.factors.append(factor)
            self.offsets.append(offset)
            self.snaplens.append(snaplen)
        return good

    def walk_pcap(self, start: int, end: int, batch: Batch) -> int:
        """Append the pcap records in ``batch.buffer[start:end]``; return why it stopped."""
        status = self.walk_records(Columns(batch), start, end, batch.count, len(batch.offsets))
        batch.count = self.filled
        if status == BAD:
            self.problem = f"a packet record claims {self.claimed} captured bytes"
        return status

    def walk_records(self, into: Columns, start: int, end: int, first: int, room: int) -> int:
        """Put the pcap records in ``into.data[start:end]`` into places ``first`` to ``room``.

        Returns as ``walk_pcap``; ``filled`` is the place behind the last one, ``claimed`` the
        captured bytes of a BAD record. Needs no interpreter lock.
        """
        data = into.data
        offsets = into.offsets
        times = into.times
        captures = into.captured
        lengths = into.lengths
        interfaces = into.interfaces
        frames = into.frames
        n = first
        header = self.record_header
        unit = self.unit
        number = self.interface
        big = self.big_endian
        frame = self.frames
        truncated = 0
        total = 0
        earliest = self.earliest
        latest = self.latest
        time = self.time
        most = _MAX_PACKET
        pos = start
        status = _MORE
        self.needed = header
        while end - pos >= header:
            if big:
                captured = big32(data, pos + 8)
            else:
                captured = little32(data, pos + 8)
            if captured > most:
                status = _BAD
                self.claimed = captured
                break
            if captured > end - pos - header:
                self.needed = header + captured
                break
            if n >= room:
                status = _FULL
                break
            if big:
                seconds = big32(data, pos)
                fraction = big32(data, pos + 4)
                length = big32(data, pos + 12)
            else:
                seconds = little32(data, pos)
                fraction = little32(data, pos + 4)
                length = little32(data, pos + 12)
            time = seconds * SECOND + fraction * unit
            if time < earliest:
                earliest = time
            if time > latest:
                latest = time
            frame += 1
            total += length
            if captured < length:
                truncated += 1
            offsets[n] = pos + header
            times[n] = time
            captures[n] = captured
            lengths[n] = length
            interfaces[n] = number
            frames[n] = frame
            n += 1
            pos += header + captured
        self.filled = n
        self.packets += n - first
        self.frames = frame
        self.truncated += truncated
        self.wire_bytes += total
        self.earliest = earliest
        self.latest = latest
        self.time = time
        self.position = pos
        return status

    def twin(self) -> Walker:
        """Return another one that goes on from here in a pcap file."""
        twin = Walker()
        twin.big_endian = self.big_endian
        twin.record_header = self.record_header
        twin.unit = self.unit
        twin.interface = self.interface
        marks = array("q", bytes(8 * MARKS))
        self.save(marks, 0)
        twin.restore(marks, 0)
        return twin

    def save(self, marks: array[int], at: int) -> None:
        """Put the numbers so far into ``marks[at : at + MARKS]``."""
        marks[at] = self.frames
        marks[at + 1] = self.packets
        marks[at + 2] = self.wire_bytes
        marks[at + 3] = self.truncated
        marks[at + 4] = self.earliest
        marks[at + 5] = self.latest
        marks[at + 6] = self.time

    def restore(self, marks: array[int], at: int) -> None:
        """Take up the numbers that ``save`` put there."""
        self.frames = marks[at]
        self.packets = marks[at + 1]
        self.wire_bytes = marks[at + 2]
        self.truncated = marks[at + 3]
        self.earliest = marks[at + 4]
        self.latest = marks[at + 5]
        self.time = marks[at + 6]

    def walk_pcapng(self, buffer: bytes | bytearray, start: int, end: int, batch: Batch) -> int:
        """Append the packet blocks in ``buffer[start:end]`` to ``batch``; return why it stopped."""
        data = buffer
        offsets = batch.offsets
        times = batch.times
        captures = batch.captured
        lengths = batch.lengths
        interfaces = batch.interfaces
        frames = batch.frames
        capacity = len(offsets)
        numbers = self.numbers
        kinds = self.kinds
        factors = self.factors
        shifts = self.offsets
        snaplens = self.snaplens
        known = self.interfaces
        options = self.options
        first = n = batch.count
        big = self.big_endian
        most = MAX_PACKET
        longest = MAX_BLOCK
        pos = start
        status = MORE
        self.needed = 12
        while end - pos >= 12:
            if big:
                kind = big32(data, pos)
                total = big32(data, pos + 4)
            else:
                kind = little32(data, pos)
                total = little32(data, pos + 4)
            if kind != ENHANCED_PACKET and kind != SIMPLE_PACKET and kind != OLD_PACKET:
                status = OTHER
                break
            least = 16 if kind == SIMPLE_PACKET else 32
            if total < least or total & 3 or total > longest:
                status = BAD
                self.problem = f"a packet block claims {total} bytes"
                break
            if total > end - pos:
                self.needed = total
                break
            if n >= capacity:
                status = FULL
                break
            closing = big32(data, pos + total - 4) if big else little32(data, pos + total - 4)
            if closing != total:
                status = BAD
                self.problem = f"a packet block's two lengths differ: {total} and {closing}"
                break
            if kind == SIMPLE_PACKET:
                local = 0
            elif kind == ENHANCED_PACKET:
                local = big32(data, pos + 8) if big else little32(data, pos + 8)
            elif big:
                local = big32(data, pos + 8) >> 16
                lost = big32(data, pos + 8) & 0xFFFF
            else:
                local = little32(data, pos + 8) & 0xFFFF
                lost = little32(data, pos + 8) >> 16
            if local >= known:
                status = BAD
                self.problem = f"a packet of interface {local}, which the file does not describe"
                break
            if kind == SIMPLE_PACKET:
                length = big32(data, pos + 8) if big else little32(data, pos + 8)
                captured = length if length < total - 16 else total - 16
                if 0 < snaplens[0] < captured:
                    captured = snaplens[0]
                self.untimed += 1
            else:
                captured = big32(data, pos + 20) if big else little32(data, pos + 20)
                length = big32(data, pos + 24) if big else little32(data, pos + 24)
                if captured > total - 32:
                    status = BAD
                    self.problem = f"a packet claims {captured} bytes in a block of {total}"
                    break
            if captured > most:
                status = BAD
                self.problem = f"a packet block claims {captured} captured bytes"
                break
            if kind != SIMPLE_PACKET:
                high = big32(data, pos + 12) if big else little32(data, pos + 12)
                low = big32(data, pos + 16) if big else little32(data, pos + 16)
                self.time = in_nanoseconds(high, low, kinds[local], factors[local], shifts[local])
                if self.time < self.earliest:
                    self.earliest = self.time
                if self.time > self.latest:
                    self.latest = self.time
            self.frames += 1
            self.wire_bytes += length
            if captured < length:
                self.truncated += 1
            if kind == OLD_PACKET and lost != DROPS_NOT_SAID:
                options.note_drops(numbers[local], 0, lost)
            # The padding is not longer than 3: what is more than this are options.
            if kind != SIMPLE_PACKET and total - captured > 35:
                at = pos + 28 + ((captured + 3) & ~3)
                way = options.read(data, at, pos + total - 4, big, numbers[local])
                length |= way << 32
            offsets[n] = pos + 12 if kind == SIMPLE_PACKET else pos + 28
            times[n] = self.time
            captures[n] = captured
            lengths[n] = length
            interfaces[n] = numbers[local]
            frames[n] = self.frames
            n += 1
            pos += total
        batch.count = n
        self.packets += n - first
        self.position = pos
        return status


def in_nanoseconds(high: int, low: int, kind: int, factor: int, offset: int) -> int:
    """Return a pcapng timestamp in ns since the epoch, cut to 0..MAX_TIME.

    ``factor`` is as ``kind`` says (at least 1; for SHIFT 0 to 62); ``offset`` is in ns, at most
    MAX_TIME either side.
    """
    one = 1
    units = high << 32 | low
    if kind == MULTIPLY:
        ceiling = LATEST // factor
        time = units * factor if units <= ceiling else LATEST
    elif kind == DIVIDE:
        time = units // factor
    else:
        seconds = units >> factor
        fraction = units & ((one << factor) - one)
        if factor > SHIFT_BITS:
            fraction = fraction >> (factor - SHIFT_BITS)
            factor = SHIFT_BITS
        ceiling = LATEST // SECOND
        if seconds >= ceiling:
            time = LATEST
        else:
            time = seconds * SECOND + (fraction * SECOND >> factor)
    if offset > 0 and time > LATEST - offset:
        return LATEST
    time += offset
    if time < 0:
        return 0
    return time if time < LATEST else LATEST


def ascending(batch: Batch, floor: int) -> bool:
    """Return whether no packet is earlier than the one before it, or than ``floor``."""
    times = batch.times
    count = batch.count
    last = floor
    for i in range(count):
        if times[i] < last:
            return False
        last = times[i]
    return True
