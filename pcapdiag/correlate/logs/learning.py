"""A log's clock where no port and no request id tells it: from requests, then from addresses.

Such pairs are many, and most of them wrong. An offset is taken only where it makes lines fit far
more often than other offsets do, by which they fit by chance.
"""

from __future__ import annotations

from pcapdiag.correlate.logs.clock import SYNCED, Clocks, LogClock, estimate
from pcapdiag.correlate.logs.pairs import BY_ADDRESS, BY_REQUEST, Pair, Pairs
from pcapdiag.model.units import MS

MAX_PAIRS = 300_000
"""Possible pairs from which a clock is learned that no port and no request id tells."""
PAIRS_OF_ONE = 200
"""Those of one line; one that more connections fit says little."""
SHIFTS = (3_370 * MS, 7_190 * MS, 13_430 * MS, 29_710 * MS, 61_130 * MS)
"""Offsets that are tried to see how often lines fit by chance: no period has them all."""
BY_CHANCE = 0.5
"""Share of the lines' fits that may be by chance."""
CLOSE = 3 * MS
"""A proxy's line is mostly this close to what it is about."""
FEW = 200
"""Lines from which that is seen."""
SAMPLE = 2_000
"""Lines of the capture's time from which it is learned."""
ZONE_LINES, ZONE_SHARE = 5, 0.9
"""Lines, and share of them, that must fit a zone by addresses and times alone."""


class ClockLearner:
    """Learns the clock of one log."""

    def __init__(self, pairs: Pairs, first: int, last: int) -> None:
        """The capture is from ``first`` to ``last`` (ns); the log has a line."""
        self.pairs = pairs
        self.clocks = Clocks(
            all(entry.zoned for entry in pairs.entries),
            max(entry.resolution for entry in pairs.entries),
            first,
            last,
        )
        self.by_more_than_time = False
        """What was found rests on more than addresses and times."""

    def learn(self, exact: dict[int, list[Pair]]) -> LogClock | None:
        """Return the clock by the strongest pairs that agree on one; ``exact`` are by the line."""
        found = estimate(exact, self.pairs.spans, self.clocks)
        self.by_more_than_time = found is not None
        if found is not None:
            sharp = any(pair.apart is not None for of_line in exact.values() for pair in of_line)
            return found if sharp else self._sharpened(found)
        return self._usual() or self._unusual()

    def _sharpened(self, clock: LogClock) -> LogClock:
        """Return a clock that exact pairs tell by spans alone as closely as requests tell it."""
        low, high = clock.offset - clock.error, clock.offset + clock.error
        near = {
            line: [p for p in self.pairs.possible(line, low, high) if p.strength == BY_REQUEST]
            for line in range(len(self.pairs.entries))
        }
        found = estimate({n: of for n, of in near.items() if of}, self.pairs.spans, self.clocks)
        return found if found is not None and low <= found.offset <= high else clock

    def _usual(self) -> LogClock | None:
        """Return the clock where it is right but for its zone, from requests, then addresses."""
        best: LogClock | None = None
        score = 0.0
        ends = [span.ends for span in self.pairs.spans]
        for base in self.clocks.bases():
            lines = self.clocks.within(ends, base)
            lines = [n for n in lines[:: 1 + len(lines) // SAMPLE] if self.pairs.has_any(n)]
            near = {n: self.pairs.possible(n, base - SYNCED, base + SYNCED) for n in lines}
            found = self._by_strength(near)
            if found is None or abs(found.offset - base) > SYNCED + found.error:
                continue
            sure = found.share + self.by_more_than_time
            if base and not self.by_more_than_time:
                # One of a hundred zones may fit by chance where only addresses and seconds do.
                sure = found.share if found.lines >= ZONE_LINES and found.share >= ZONE_SHARE else 0
            if sure > score:
                best, score = found, sure
        self.by_more_than_time = score > 1
        return best

    def _unusual(self) -> LogClock | None:
        """Return the clock whatever it is off by, where there are not too many pairs."""
        step = 1 + len(self.pairs.entries) * PAIRS_OF_ONE // MAX_PAIRS
        lines = range(0, len(self.pairs.entries), step)
        some = {n: self.pairs.of_any_time(n, PAIRS_OF_ONE) for n in lines if self.pairs.has_any(n)}
        return self._by_strength(some)

    def _by_strength(self, pairs: dict[int, list[Pair]]) -> LogClock | None:
        for strength in (BY_REQUEST, BY_ADDRESS):
            chosen = {n: [p for p in of if p.strength == strength] for n, of in pairs.items()}
            found = estimate(chosen, self.pairs.spans, self.clocks)
            if found is not None and self._stands_out(found, strength, list(pairs)):
                self.by_more_than_time = strength == BY_REQUEST
                return found
        return None

    def _stands_out(self, clock: LogClock, strength: int, lines: list[int]) -> bool:
        """Return whether lines fit with this offset far more often than with any other.

        Where failures are many and alike, every offset makes every line fit one of them.
        """
        lines = lines[:: 1 + len(lines) // FEW]
        here = self._share(clock.offset, strength, lines)
        elsewhere = [
            self._share(clock.offset + way * shift, strength, lines)
            for shift in SHIFTS
            for way in (-1, 1)
        ]
        known = [share for share in elsewhere if share is not None]
        if here is None or not known:
            return True
        return sum(known) / len(known) <= BY_CHANCE * here

    def _share(self, offset: int, strength: int, lines: list[int]) -> float | None:
        """Return which share of the lines fit closely; None where few are in the capture's time."""
        within = fitting = 0
        for line in lines:
            begin, end = self.pairs.spans[line].ends
            if not self.clocks.first <= begin + offset <= end + offset <= self.clocks.last:
                continue
            within += 1
            close = CLOSE + self.pairs.entries[line].resolution
            found = self.pairs.possible(line, offset - close, offset + close)
            fitting += any(
                p.strength == strength and p.apart is not None and abs(p.apart - offset) <= close
                for p in found
            )
        return fitting / within if within else None
