"""How far a failure reaches: what became of the other connections to the same address and port."""

from __future__ import annotations

import msgspec

from pcapdiag.flow.table import endpoint_key
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident.archive import Outcome
from pcapdiag.model.addresses import Key, key_of
from pcapdiag.model.bounded import entry
from pcapdiag.model.report import Scope
from pcapdiag.model.story import Story
from pcapdiag.model.units import format_seconds

MAX_ENDPOINTS = 20_000
"""Endpoints whose failures are counted."""
MAX_PORTS = 8
"""Other ports of one address that are named."""


class _Outcome(msgspec.Struct):
    """What was judged of one address and port."""

    port: int
    failed: int = 0
    doubtful: int = 0
    first_failed: int = 0
    last_failed: int = 0


class _Ports(msgspec.Struct):
    """The lowest ports of an address on which something failed, or nothing did."""

    failing: list[int] = []
    working: list[int] = []

    def add(self, port: int, *, failed: bool) -> None:
        """Note a port; they come in ascending order."""
        ports = self.failing if failed else self.working
        if len(ports) <= MAX_PORTS:
            ports.append(port)


class Scopes:
    """Counts the judged connections of every endpoint; memory is bounded."""

    def __init__(self, tracker: Tracker, *, filtered: bool) -> None:
        self._tracker = tracker
        self._filtered = filtered
        self._outcomes: dict[tuple[int, int, int, int], _Outcome] = {}
        self._ports: dict[Key, _Ports] | None = None

    def count(self, story: Story, now: Outcome, before: Outcome = "ok") -> None:
        """Note what was judged of a connection, in place of what was judged ``before``."""
        if now == before:
            return
        called = story.responder
        key = endpoint_key(key_of(story.initiator.address), key_of(called.address), called.port)
        outcome = entry(self._outcomes, key, MAX_ENDPOINTS, lambda: _Outcome(called.port))
        if outcome is None:
            return
        outcome.failed += (now == "failed") - (before == "failed")
        outcome.doubtful += (now == "doubtful") - (before == "doubtful")
        if now == "failed":
            outcome.first_failed = min(outcome.first_failed or story.start, story.start)
            outcome.last_failed = max(outcome.last_failed, story.start)

    def scope(self, caller: str, address: str, port: int) -> Scope | None:
        """Return what became of the connections to an endpoint; None where that was not counted."""
        key = endpoint_key(key_of(caller), key_of(address), port)
        record, outcome = self._tracker.table.endpoints.get(key), self._outcomes.get(key)
        if record is None or outcome is None:
            return None
        scope = Scope(
            connections=record.connections,
            established=record.established,
            refused=record.refused,
            unanswered=record.unanswered,
            first_established=_time(record.first_established),
            last_established=_time(record.last_established),
        )
        if not self._filtered:
            scope.failed = outcome.failed
            scope.worked = max(0, record.connections - outcome.failed - outcome.doubtful)
            scope.first_failed = _time(outcome.first_failed)
            scope.last_failed = _time(outcome.last_failed)
            self._add_other_ports(scope, key_of(address), port)
        return scope

    def _add_other_ports(self, scope: Scope, address: Key, port: int) -> None:
        if self._ports is None:
            self._ports = self._collect_ports()
        ports = self._ports.get(address, _Ports())
        scope.ports_working = [p for p in ports.working if p != port][:MAX_PORTS]
        scope.ports_failing = [p for p in ports.failing if p != port][:MAX_PORTS]

    def _collect_ports(self) -> dict[Key, _Ports]:
        """Return the lowest ports of every failing address, those that failed apart."""
        failing = {(*key[:3], one.port) for key, one in self._outcomes.items() if one.failed}
        ports: dict[Key, _Ports] = {}
        for version, high, low, port in sorted(failing):
            ports.setdefault((version, high, low), _Ports()).add(port, failed=True)
        working = {
            (one.version, one.high, one.low, one.port)
            for one in self._tracker.table.endpoints.values()
            if one.established
        }
        for version, high, low, port in sorted(working - failing):
            if (version, high, low) in ports:
                ports[version, high, low].add(port, failed=False)
        return ports


def _time(ns: int) -> str | None:
    return format_seconds(ns) if ns else None
