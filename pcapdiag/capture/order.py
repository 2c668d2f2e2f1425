"""The order in which packets are judged: by time, as far as a bounded window allows.

``frames`` keep the capture's own order; only the order of judging changes. A capture of one
interface is in time order but for two things, which are told apart by size: packets that came a
little late (several queues or CPUs write) are sorted, and a clock that was set back is let be.
Several interfaces in one file (dumpcap writes each as its buffer empties) lag behind each other by
up to their timeout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pcapdiag.capture.batch import MAX_TIME, Batch, Interface
from pcapdiag.capture.pool import Pool, in_order
from pcapdiag.capture.walk import ascending

DISORDER_NS = 1_000_000
"""One interface's packets that are at most this late are sorted; later ones mean a clock step."""
LAG_NS = 1_000_000_000
"""How long packets of other interfaces are waited for: libpcap hands a buffer over after at most 1
s (tcpdump), 0.25 s (dumpcap)."""
WINDOW_BYTES = 8 * 1024 * 1024
WINDOW_PACKETS = 32_768
"""What is held back at most, whatever the times say."""


class Orderer:
    """Puts batches in processing order, and counts what was not.

    ``disordered`` counts packets earlier than one before them on their interface; ``clock_steps``
    how often a clock ran backwards; ``limits["capture_order"]`` packets that came later than the
    window.
    """

    def __init__(self, interfaces: list[Interface], limits: Counter[str]) -> None:
        self.disordered = 0
        self.clock_steps = 0
        self._interfaces = interfaces
        self._known = 0
        self._several = False
        self._limits = limits
        self._newest: dict[int, int] = {}
        self._shift = 0
        self._last = 0
        self._given = 0
        self._pool = Pool()
        self._spare = Pool()
        self._keys: list[int] = []

    def arrange(self, batches: Iterable[Batch | None]) -> Iterator[Batch | None]:
        """Yield the packets of ``batches`` in processing order, and None where they yield it.

        What ascends is handed on as it is, one batch later than it came. A batch given must be good
        until the next but one is taken.
        """
        pending: Batch | None = None
        for batch in batches:
            if batch is None:
                yield from self._release(pending)
                pending = None
                yield None
            elif not self._has_several() and ascending(batch, self._last - self._shift):
                yield from self._release(pending)
                pending = batch
                self._last = batch.times[batch.count - 1] + self._shift
            else:
                if pending is not None:
                    self._hold(pending)
                    pending = None
                self._hold(batch)
                yield from self._take()
        yield from self._release(pending)

    def _has_several(self) -> bool:
        """True once a file describes more than one interface."""
        if self._known != len(self._interfaces):
            self._known = len(self._interfaces)
            files = Counter(interface.file for interface in self._interfaces)
            self._several = any(count > 1 for count in files.values())
        return self._several

    def _release(self, pending: Batch | None) -> Iterator[Batch]:
        """Give out all that is held; ``pending`` is held only where nothing else is."""
        if pending is not None:
            self._given = self._last
            yield pending
        elif self._keys:
            yield self._give(len(self._keys))

    def _hold(self, batch: Batch) -> None:
        """Copy a batch into the window, each packet with the key that it is sorted by."""
        newest, shift = self._newest, self._shift
        for time, interface in zip(
            batch.times[: batch.count], batch.interfaces[: batch.count], strict=True
        ):
            key = time + shift
            last = newest.get(interface, 0)
            if key >= last:
                newest[interface] = key
            elif last - key <= DISORDER_NS:
                self.disordered += 1
            else:
                # The clock went back, by the same for all interfaces: the order is kept.
                self.clock_steps += 1
                shift = min(shift + last - key, MAX_TIME)
                key = last
            if key < self._given:
                self._limits["capture_order"] += 1
            self._keys.append(key)
        self._shift = shift
        self._last = max(self._last, *self._keys)
        self._pool.append_run(batch, 0, batch.count)

    def _take(self) -> Iterator[Batch]:
        """Give out what nothing can come before any more, when there is enough of it."""
        keys = self._keys
        hold = LAG_NS if self._several else DISORDER_NS
        full = self._pool.filled >= WINDOW_BYTES or len(keys) >= WINDOW_PACKETS
        if full or self._last - min(keys) >= 2 * hold:
            ripe = sum(key <= self._last - hold for key in keys)
            yield self._give(max(ripe, len(keys) // 2) if full else ripe)

    def _give(self, count: int) -> Batch:
        """Give out the first ``count`` packets of the window in time order."""
        keys = self._keys
        order = sorted(range(len(keys)), key=keys.__getitem__)
        given, kept = order[:count], sorted(order[count:])
        held = self._pool.batch
        self._pool, self._spare = self._spare, self._pool
        self._pool.clear()
        self._pool.append_chosen(held, kept)
        self._keys = [keys[i] for i in kept]
        self._given = max(self._given, keys[given[-1]])
        return in_order(held, given)
