"""The order in which packets are judged: by time, as far as a bounded window allows.

``frames`` keep the capture's own order; only the order of judging changes. A capture of one
interface is in time order but for two things, which are told apart by size: packets that came a
little late (several queues or CPUs write) are sorted, and a clock that was set back is let be.
Several interfaces in one file lag behind each other: dumpcap writes each as its buffer is handed
over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pcapdiag.capture.batch import Batch, Interface
from pcapdiag.capture.window import DISORDER_NS, Window
from pcapdiag.model.units import SECOND

LAG_NS = SECOND
"""How long packets of other interfaces are waited for: libpcap hands a buffer over after at most 1
s (tcpdump), 0.25 s (dumpcap)."""
WINDOW_BYTES = 8 * 1024 * 1024
WINDOW_PACKETS = 32_768
"""What is held back at most, whatever the times say."""


class Orderer:
    """Puts batches in processing order; ``window`` has the counts of what was not in order."""

    def __init__(self, interfaces: list[Interface]) -> None:
        self.window = Window()
        self._interfaces = interfaces
        self._known = 0
        self._several = False

    def arrange(self, batches: Iterable[Batch | None]) -> Iterator[Batch | None]:
        """Yield the packets of ``batches`` in processing order, and None where they yield it.

        What ascends is handed on as it is, one batch later than it came. A batch given must be good
        until the next but one is taken.
        """
        window = self.window
        pending: Batch | None = None
        for batch in batches:
            if len(self._interfaces) != self._known:
                self._look_for_several()
            if batch is None:
                if (held := self._release(pending)) is not None:
                    yield held
                window.pass_by()
                pending = None
                yield None
            elif not self._several and window.follows(batch):
                if (held := self._release(pending)) is not None:
                    yield held
                pending = batch
            else:
                if pending is not None:
                    window.hold(pending)
                    pending = None
                window.hold(batch)
                yield from self._take()
        if (held := self._release(pending)) is not None:
            yield held

    def _look_for_several(self) -> None:
        """Note whether a file describes more than one interface."""
        self._known = len(self._interfaces)
        files = Counter(interface.file for interface in self._interfaces)
        self._several = any(count > 1 for count in files.values())

    def _release(self, pending: Batch | None) -> Batch | None:
        """Return all that waits, if anything does: ``pending``, or else what the window holds."""
        if pending is not None or not self.window.count:
            return pending
        return self.window.give(self.window.count)

    def _take(self) -> Iterator[Batch]:
        """Give out what nothing can come before any more, when there is enough of it."""
        window = self.window
        hold = LAG_NS if self._several else DISORDER_NS
        full = window.size >= WINDOW_BYTES or window.count >= WINDOW_PACKETS
        if full or window.last - window.oldest >= 2 * hold:
            ripe = window.ripe(hold)
            yield window.give(max(ripe, (window.count + 1) // 2) if full else ripe)
