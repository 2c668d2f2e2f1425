"""Running totals of everything in OUT, for metrics: kept up to date without adding up anew."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from pcapdiag.diagnose.pages import finding_codes, verdict_codes
from pcapdiag.triage.day import seconds_of
from pcapdiag.triage.manifest import Entry
from pcapdiag.triage.outcome import Outcome
from pcapdiag.triage.store import Store

OTHER = "other"
"""The label of what has none in this version's vocabulary."""


@dataclass(slots=True)
class Totals:
    """Sums over outcomes; every key is of a fixed vocabulary."""

    captures: Counter[str] = field(default_factory=Counter)
    """By status."""
    damaged: int = 0
    connections: int = 0
    failed: int = 0
    failed_requests: int = 0
    packets: int = 0
    bytes: int = 0
    failures: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """By verdict and party, each incident once, where it happened."""
    resets: Counter[str] = field(default_factory=Counter)
    """By party."""
    findings: Counter[str] = field(default_factory=Counter)
    """By code."""

    def add(self, outcome: Outcome, sign: int = 1) -> None:
        """Count an outcome in, or out again."""
        tally = outcome.tally
        self.captures[outcome.status] += sign
        self.damaged += sign * (not tally.complete)
        self.connections += sign * tally.connections
        self.failed += sign * tally.failed
        self.failed_requests += sign * tally.failed_requests
        self.packets += sign * tally.packets
        self.bytes += sign * tally.bytes
        verdicts, findings = set(verdict_codes()), set(finding_codes())
        for kind in tally.upstreams:
            code = kind.code if kind.code in verdicts else OTHER
            self.failures[code, kind.party] += sign * kind.connections
        for party, number in tally.resets.items():
            self.resets[party] += sign * number
        for code, number in tally.findings.items():
            self.findings[code if code in findings else OTHER] += sign * number


class Ledger:
    """The totals of a store, and how far behind the traffic it is.

    :meth:`update` is for the store's thread; who holds ``lock`` may read from any other.
    """

    def __init__(self, store: Store) -> None:
        self.lock = threading.Lock()
        self.totals = Totals()
        self.newest_packet = 0.0
        """Time of the latest packet of all (s, epoch); 0 without any."""
        self.lag: float | None = None
        """Seconds from the last packet of the capture examined last to its being counted here."""
        self.examined_at: float | None = None
        """When that was (s, epoch)."""
        self._store = store
        self._counted: dict[str, str] = {}
        store.manifest.touched = {entry.key for entry in store.manifest.contents() if entry.key}
        self._take(None)

    def update(self, now: float) -> None:
        """Count what changed in the store; ``now`` is in seconds since the epoch."""
        self._take(now)

    def _take(self, now: float | None) -> None:
        manifest = self._store.manifest
        touched, manifest.touched = manifest.touched, set()
        for key in sorted(touched):
            entry = manifest.of_key(key)
            before = self._counted.get(key)
            if (entry.outcome if entry else None) == before:
                continue
            old = self._store.read(Entry(name="", key=key, outcome=before)) if before else None
            new = self._store.read(entry) if entry else None
            with self.lock:
                self._change(old, new, now)
            if entry:
                self._counted[key] = entry.outcome
            else:
                del self._counted[key]

    def _change(self, old: Outcome | None, new: Outcome | None, now: float | None) -> None:
        if old:
            self.totals.add(old, -1)
        if new is None:
            return
        self.totals.add(new)
        last = seconds_of(new.last_time)
        if last is None:
            return
        self.newest_packet = max(self.newest_packet, last)
        if now is not None:
            self.lag = max(0.0, now - last)
            self.examined_at = now
