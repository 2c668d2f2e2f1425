"""The numbers of many captures together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from pcapdiag import __version__
from pcapdiag.model.report_outcome import CaptureOutcome, OutcomeStatus
from pcapdiag.model.units import largest_first
from pcapdiag.report.conditions import Tally
from pcapdiag.triage.kinds import OTHERS

SCHEMA = "pcapdiag-triage/1"
MAX_ROWS = 1_000
"""Rows of each list; those beyond are counted."""
MAX_NAMES = 100_000
"""Names that one list counts apart; what comes after shares one entry."""


class Row(msgspec.Struct, kw_only=True):
    """Failed connections that share a verdict, a party or an upstream.

    ``mostly`` is their most frequent verdict.
    """

    name: str
    failed: int
    captures: int
    mostly: str = ""


class CaptureRow(msgspec.Struct, kw_only=True):
    """One capture's numbers; ``names`` are all places at which it was found."""

    names: list[str]
    sha256: str | None
    status: OutcomeStatus
    reason: str
    connections: int
    failed: int
    warnings: int
    mostly: str
    complete: bool


class Summary(msgspec.Struct, kw_only=True):
    """What ``summary.json`` holds.

    A content that was found at several places is one capture. ``verdicts`` counts every failed
    connection; ``parties`` and ``upstreams`` count an incident once, where it happened.
    """

    schema: str = SCHEMA
    version: str = __version__
    captures: int = 0
    duplicates: int = 0
    """Places beyond the first one of each capture."""
    examined: int = 0
    not_examined: dict[str, int] = {}
    """By status."""
    damaged: int = 0
    """Examined as far as they could be read."""
    packets: int = 0
    bytes: int = 0
    connections: int = 0
    failed: int = 0
    failed_requests: int = 0
    severities: dict[str, int] = {}
    findings: list[Row] = []
    verdicts: list[Row] = []
    parties: list[Row] = []
    upstreams: list[Row] = []
    worst: list[CaptureRow] = []
    """Captures in which something failed, the most failures first."""
    unexamined: list[CaptureRow] = []
    unreadable: list[str] = []
    """Directories and files that could not be looked at."""
    left_out: dict[str, int] = {}
    """By list, the rows over its limit."""


class Counting:
    """Adds up captures; memory grows with their failures' variety, not with their number."""

    def __init__(self) -> None:
        self.tally = Tally()
        """What conditions of ``--fail-on`` are tried on."""
        self._summary = Summary()
        self._verdicts = _Board()
        self._parties = _Board()
        self._upstreams = _Board()
        self._findings = _Board()
        self._severities: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._worst = _Longest(lambda row: (-row.failed, row.names))
        self._unexamined = _Longest(lambda row: row.names)

    def add(self, result: CaptureOutcome) -> None:
        """Count one capture."""
        total = self._summary
        total.captures += 1
        total.duplicates += len(result.names) - 1
        if result.status != "examined":
            self._statuses[result.status] += 1
            self._unexamined.add(_row(result))
            return
        total.examined += 1
        total.damaged += not result.complete
        total.packets += result.packets
        total.bytes += result.bytes
        total.connections += result.connections
        total.failed += result.failed
        total.failed_requests += result.failed_requests
        self._severities.update(result.severities)
        self.tally.add(result)
        self._count(result)
        if result.failed or result.severities.get("failure"):
            self._worst.add(_row(result))

    def result(self, unreadable: Iterable[str] = ()) -> Summary:
        """Return the sums; lists are cut at MAX_ROWS."""
        total = self._summary
        total.severities = largest_first(self._severities)
        total.not_examined = largest_first(self._statuses)
        total.verdicts = self._verdicts.rows()
        total.parties = self._parties.rows()
        total.upstreams = self._upstreams.rows()
        total.findings = self._findings.rows()
        total.worst = self._worst.rows()
        total.unexamined = self._unexamined.rows()
        total.unreadable = sorted(unreadable)
        lengths = {"worst": self._worst.length, "unexamined": self._unexamined.length}
        for name in ("findings", "verdicts", "parties", "upstreams", *lengths, "unreadable"):
            rows = getattr(total, name)
            over = lengths.get(name, len(rows)) - MAX_ROWS
            if over > 0:
                total.left_out[name] = over
                setattr(total, name, rows[:MAX_ROWS])
        return total

    def _count(self, result: CaptureOutcome) -> None:
        number = self._summary.captures
        for code, count in result.failures.items():
            self._verdicts.add(code, count, code, number)
        for code, count in result.findings.items():
            self._findings.add(code, count, code, number)
        for kind in result.upstreams:
            self._parties.add(kind.party, kind.connections, kind.code, number)
            if kind.upstream is not None:
                self._upstreams.add(kind.upstream, kind.connections, kind.code, number)


class _Longest:
    """The first MAX_ROWS captures of an order, of however many."""

    def __init__(self, order: Callable[[CaptureRow], Any]) -> None:
        self.length = 0
        self._order = order
        self._rows: list[CaptureRow] = []

    def add(self, row: CaptureRow) -> None:
        self.length += 1
        self._rows.append(row)
        if len(self._rows) >= 2 * MAX_ROWS:
            self._rows = self.rows()

    def rows(self) -> list[CaptureRow]:
        return sorted(self._rows, key=self._order)[:MAX_ROWS]


class _Board:
    """Failures by name."""

    def __init__(self) -> None:
        self._failed: Counter[str] = Counter()
        self._captures: Counter[str] = Counter()
        self._codes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._last: dict[str, int] = {}

    def add(self, name: str, count: int, code: str, capture: int) -> None:
        if name not in self._failed and len(self._failed) >= MAX_NAMES:
            name = OTHERS
        self._failed[name] += count
        self._codes[name][code] += count
        if self._last.get(name) != capture:
            self._last[name] = capture
            self._captures[name] += 1

    def rows(self) -> list[Row]:
        """Return the names, the most failures first; what other captures left out comes last."""
        ranked = sorted(
            self._failed.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0])
        )
        return [
            Row(
                name=name,
                failed=count,
                captures=self._captures[name],
                mostly=_most_frequent(self._codes[name]),
            )
            for name, count in ranked
        ]


def _row(result: CaptureOutcome) -> CaptureRow:
    return CaptureRow(
        names=result.names,
        sha256=result.sha256,
        status=result.status,
        reason=result.reason,
        connections=result.connections,
        failed=result.failed,
        warnings=result.severities.get("warning", 0),
        mostly=_most_frequent(Counter(result.failures)),
        complete=result.complete,
    )


def _most_frequent(codes: Counter[str]) -> str:
    return next(iter(largest_first(codes)), "")
