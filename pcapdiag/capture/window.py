# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Packets copied out of a reader's buffer, to be kept for longer or put into another order."""

from __future__ import annotations

from array import array

from pcapdiag.capture.batch import MAX_TIME, Batch, new_batch

DISORDER_NS = 1_000_000
"""One interface's packets that are at most this late are sorted; later ones mean a clock step."""
SLIGHT_NS = 100_000_000
"""A clock that is set goes back by more: NTP slews what is less (ntpd 128 ms, systemd-timesyncd 400
ms, chrony makestep 1 s). Less may be packets that their card stamped and the kernel handed over
late."""
LIMIT = MAX_TIME
DISORDER = DISORDER_NS
SLIGHT = SLIGHT_NS

FIRST_PACKETS = 64
FIRST_BYTES = 16 * 1024
BYTES_STEP = 1024 * 1024


class Columns:
    """A batch's columns, where compiled loops reach them without asking Python."""

    def __init__(self, batch: Batch) -> None:
        self.count = batch.count
        self.data = memoryview(batch.buffer)
        self.offsets = batch.offsets
        self.times = batch.times
        self.captured = batch.captured
        self.lengths = batch.lengths
        self.interfaces = batch.interfaces
        self.frames = batch.frames


class Pool:
    """Copied packets, ``count`` of them in ``filled`` bytes; grows as needed."""

    def __init__(self) -> None:
        self.count = 0
        self.filled = 0
        self._batch = new_batch(bytearray(FIRST_BYTES), FIRST_PACKETS)
        self.columns = Columns(self._batch)

    def clear(self) -> None:
        """Forget the packets, keep the room."""
        self.count = 0
        self.filled = 0

    def batch(self) -> Batch:
        """Return the packets as a batch, which is good until ``clear``."""
        self._batch.count = self.count
        return self._batch

    def append_run(self, source: Columns, start: int, stop: int) -> None:
        """Copy the packets ``start`` to ``stop`` (not included), which lie in this order."""
        first = source.offsets[start]
        size = source.offsets[stop - 1] + source.captured[stop - 1] - first
        self._make_room(stop - start, size)
        own = self.columns
        at = self.filled
        own.data[at : at + size] = source.data[first : first + size]
        n = self.count
        for i in range(start, stop):
            own.offsets[n] = source.offsets[i] - first + at
            own.captured[n] = source.captured[i]
            own.times[n] = source.times[i]
            own.lengths[n] = source.lengths[i]
            own.interfaces[n] = source.interfaces[i]
            own.frames[n] = source.frames[i]
            n += 1
        self.count = n
        self.filled = at + size

    def _make_room(self, packets: int, size: int) -> None:
        old = self._batch
        room, space = len(old.offsets), len(old.buffer)
        if self.count + packets <= room and self.filled + size <= space:
            return
        while room < self.count + packets:
            room *= 2
        if space < self.filled + size:
            space = (self.filled + size) // BYTES_STEP * BYTES_STEP + BYTES_STEP
        kept, filled = self.count, self.filled
        new = new_batch(bytearray(space), room)
        memoryview(new.buffer)[:filled] = memoryview(old.buffer)[:filled]
        new.offsets[:kept] = old.offsets[:kept]
        new.captured[:kept] = old.captured[:kept]
        new.times[:kept] = old.times[:kept]
        new.lengths[:kept] = old.lengths[:kept]
        new.interfaces[:kept] = old.interfaces[:kept]
        new.frames[:kept] = old.frames[:kept]
        self._batch = new
        self.columns = Columns(new)


class Window:
    """Packets held back to be put in time order.

    ``last`` is the newest key held or given out, ``oldest`` the oldest one held. A packet's key is
    its time, moved on by all clock steps so far (``shift``), so that a clock that was set back
    leaves the order as it is. ``disordered``, ``clock_steps`` and the slight ones among these count
    what was met; ``late`` counts packets whose place had been given out before they came.
    """

    def __init__(self) -> None:
        self.disordered = 0
        self.clock_steps = 0
        self.slight_steps = 0
        self.late = 0
        self.shift = 0
        self.last = 0
        self.oldest = 0
        self._given = 0
        self._pool = Pool()
        self._spare = Pool()
        self._keys = array("q")
        self._newest = array("q")

    @property
    def count(self) -> int:
        """Packets held."""
        return len(self._keys)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._pool.filled

    def pass_by(self) -> None:
        """Note that all packets so far were given out."""
        self._given = self.last

    def follows(self, batch: Batch) -> bool:
        """Return whether ``batch`` ascends, and behind all before it, which are given out then.

        It counts as met, and need not be held.
        """
        times = batch.times
        count = batch.count
        time = self.last - self.shift
        for i in range(count):
            if times[i] < time:
                return False
            time = times[i]
        self._given = self.last
        self.last = time + self.shift
        return True

    def hold(self, batch: Batch) -> None:
        """Copy the packets of ``batch``."""
        columns = Columns(batch)
        count = batch.count
        highest = max(batch.interfaces[:count])
        if highest >= len(self._newest):
            self._newest.frombytes(bytes(8 * (highest + 1 - len(self._newest))))
        keys = array("q", bytes(8 * count))
        self._judge(columns, keys, self._newest)
        self._pool.append_run(columns, 0, count)
        oldest = min(keys)
        self.oldest = min(self.oldest, oldest) if self._keys else oldest
        self._keys += keys

    def _judge(self, columns: Columns, into: array[int], by_interface: array[int]) -> None:
        """Set the packets' keys, and count what their times say."""
        keys = into
        newest = by_interface
        shift = self.shift
        last = self.last
        for i in range(columns.count):
            key = columns.times[i] + shift
            interface = columns.interfaces[i]
            before = newest[interface]
            if key >= before:
                newest[interface] = key
            elif before - key <= DISORDER:
                self.disordered += 1
            else:
                # The clock went back, by the same for all interfaces.
                self.clock_steps += 1
                if before - key <= SLIGHT:
                    self.slight_steps += 1
                shift += before - key
                if shift > LIMIT:
                    shift = LIMIT
                key = before
            if key < self._given:
                self.late += 1
            if key > last:
                last = key
            keys[i] = key
        self.shift = shift
        self.last = last

    def ripe(self, hold: int) -> int:
        """Return how many packets are older than the newest by at least ``hold`` ns."""
        keys = self._keys
        latest = self.last - hold
        count = 0
        for i in range(len(keys)):
            count += keys[i] <= latest
        return count

    def give(self, count: int) -> Batch:
        """Return the first ``count`` packets held in time order, good until the next ``give``."""
        keys = self._keys
        order = array("q", sorted(range(len(keys)), key=keys.__getitem__))
        held = self._pool
        self._pool, self._spare = self._spare, held
        self._pool.clear()
        batch = new_batch(held.batch().buffer, count)
        batch.count = count
        target = Columns(batch)
        batch.disordered = _pick(held.columns, order, target)
        self._given = max(self._given, keys[order[count - 1]])
        kept = array("q", sorted(order[count:]))
        self._keep(held, kept)
        self._keys = array("q", map(keys.__getitem__, kept))
        self.oldest = min(self._keys, default=0)
        return batch

    def _keep(self, held: Pool, chosen: array[int]) -> None:
        """Copy the packets of ``held`` that ``chosen`` names, which ascends, run by run."""
        kept = chosen
        count = len(kept)
        start = 0
        while start < count:
            end = start + 1
            while end < count and kept[end] == kept[end - 1] + 1:
                end += 1
            self._pool.append_run(held.columns, kept[start], kept[end - 1] + 1)
            start = end


def _pick(source: Columns, chosen: array[int], target: Columns) -> bool:
    """Fill ``target`` with the packets that ``chosen`` names; True if frames do not ascend."""
    order = chosen
    disordered = False
    last = 0
    for i in range(target.count):
        k = order[i]
        target.offsets[i] = source.offsets[k]
        target.captured[i] = source.captured[k]
        target.times[i] = source.times[k]
        target.lengths[i] = source.lengths[k]
        target.interfaces[i] = source.interfaces[k]
        target.frames[i] = source.frames[k]
        if source.frames[k] < last:
            disordered = True
        last = source.frames[k]
    return disordered
