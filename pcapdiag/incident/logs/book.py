"""The logs beside a capture: read before it, tied to its connections when it has been read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Literal

from pcapdiag.correlate.logs.ties import LogTies, Tie, tie_log
from pcapdiag.correlate.logs.times import span_of
from pcapdiag.correlate.logs.wire import Key, WireConnection, key_of, wire_of
from pcapdiag.diagnose.log_agreement import agreement
from pcapdiag.incident.logs.shelf import Shelf
from pcapdiag.incident.logs.telling import log_line, observe
from pcapdiag.model.ends import HostPort
from pcapdiag.model.logs import LogEntry, LogSource
from pcapdiag.model.report import Connection, LogFile, LogLine, Logs
from pcapdiag.model.units import SECOND, format_known

MAX_COMPARED = 50_000
"""Connections that lines are compared with; of further ones none is tied."""
MAX_LINES_OF_ONE = 50
"""Lines told of one connection."""
EXAMPLES = 5
"""Lines without a connection that are told of each log."""


class LogBook:
    """Holds the logs of one analysis; their lines are added to connections as they are read."""

    def __init__(self, sources: Sequence[LogSource], *, filtered: bool = False) -> None:
        """``filtered``: only chosen connections are in the report."""
        self.shelves = [Shelf(source) for source in sources]
        self.is_read = False
        self._filtered = filtered
        self.named: frozenset[HostPort] = frozenset()
        """Addresses and ports from which lines say that a connection was opened."""
        self.asked: frozenset[tuple[str, str, int]] = frozenset()
        """Method, target and status of the lines that name no port of a connection."""
        self._lines: dict[Key, list[LogLine]] = {}
        self._files: list[LogFile] = []
        self._disagreeing = 0
        self._without_line = 0
        self._compared = 0

    def read(self, capture_start: int) -> None:
        """Read the logs, once; ``capture_start`` is when the capture begins (ns).

        Raises pcapdiag.errors.PcapdiagError for one that cannot be read.
        """
        if self.is_read:
            return
        self.is_read = True
        for shelf in self.shelves:
            shelf.read(capture_start)
        entries = [entry for shelf in self.shelves for entry in shelf.entries]
        ends = [end for entry in entries for end in (entry.client, entry.upstream_local) if end]
        self.named = frozenset(end for end in ends if end[1])
        portless = (entry for entry in entries if not (entry.client and entry.client[1]))
        self.asked = frozenset(
            (entry.method, entry.target, entry.status)
            for entry in portless
            if entry.method and entry.target and entry.status
        )

    def conclude(self, connections: Iterable[Connection], first: int, last: int) -> None:
        """Tie the lines to connections of a capture that lasted from ``first`` to ``last`` (ns)."""
        self.read(first)
        wires = list(self._comparable(connections))
        tied = [tie_log(shelf.entries, wires, first, last) for shelf in self.shelves]
        shown = None if self._filtered else {end[0] for wire in wires for end in wire.initiators}
        by_key: dict[Key, list[tuple[LogEntry, Tie]]] = {}
        for shelf, ties in zip(self.shelves, tied, strict=True):
            if self._filtered:
                shelf.notes.append("compared only with the connections that the options choose")
            self._files.append(_log_file(shelf, ties, shown, first, last))
            for line in sorted(ties.ties):
                for tie in ties.ties[line]:
                    known = by_key.setdefault(wires[tie.wire].key, [])
                    known.append((shelf.entries[line], tie))
        served = _Served(self.shelves, tied, wires)
        for connection in connections:
            self._tell(connection, by_key.get(key_of(connection), []), served)

    def add(self, connection: Connection) -> None:
        """Give a connection its lines, and put what Envoy logged into its verdict."""
        connection.log_lines = list(self._lines.get(key_of(connection), ()))
        for line in connection.log_lines:
            if line.agrees is not None or line.leg == "downstream":
                observe(connection.verdict, line)

    def has_line(self, key: Key) -> bool:
        """Return whether a line was tied to a connection."""
        return key in self._lines

    def result(self) -> Logs:
        """Return what the report says of the logs."""
        return Logs(
            files=self._files,
            disagreeing=self._disagreeing,
            failures_without_line=self._without_line,
        )

    def _comparable(self, connections: Iterable[Connection]) -> Iterator[WireConnection]:
        for connection in connections:
            if self._compared >= MAX_COMPARED:
                return
            self._compared += 1
            yield wire_of(connection)

    def _tell(
        self, connection: Connection, found: list[tuple[LogEntry, Tie]], served: _Served
    ) -> None:
        if not found:
            self._without_line += served.failures(connection)
            return
        lines = [log_line(e, tie, agreement(e, tie, connection)) for e, tie in found]
        self._lines[key_of(connection)] = lines[:MAX_LINES_OF_ONE]
        self._disagreeing += any(line.agrees is False for line in lines)


class _Served:
    """Where the logged proxies took connections, and over which time their logs go."""

    def __init__(
        self, shelves: Sequence[Shelf], tied: Sequence[LogTies], wires: Sequence[WireConnection]
    ) -> None:
        self._spans: dict[HostPort, tuple[int, int]] = {}
        for shelf, ties in zip(shelves, tied, strict=True):
            if ties.clock is None or shelf.first_time is None or shelf.last_time is None:
                continue
            if shelf.left_out:
                continue
            span = shelf.first_time + ties.clock.offset, shelf.last_time + ties.clock.offset
            for found in ties.ties.values():
                for tie in found:
                    if tie.leg == "downstream" and tie.exact:
                        self._spans |= dict.fromkeys(wires[tie.wire].responders, span)

    def failures(self, connection: Connection) -> int:
        """Return how many failed requests of a connection without a line should have had one."""
        verdict, responder = connection.verdict, connection.responder
        span = self._spans.get((responder.ip, responder.port))
        if span is None or not verdict.failed or connection.same_as is not None:
            return 0
        when = int(float(verdict.time or connection.end) * SECOND)
        if not span[0] <= when <= span[1]:
            return 0
        return verdict.count + sum(other.count for other in connection.other_failures)


def _log_file(
    shelf: Shelf, ties: LogTies, shown: Set[str] | None, first: int, last: int
) -> LogFile:
    """Return what is said of a log; ``shown``: all addresses that connect, where it is known."""
    clock = ties.clock
    offset = clock.offset if clock else 0
    without: list[LogEntry] = []
    outside = shelf.before
    for line, entry in enumerate(shelf.entries):
        if line in ties.ties or line in ties.ambiguous:
            continue
        if _is_outside(entry, offset, first, last):
            outside += 1
        else:
            without.append(entry)
    known = clock if clock and ties.by_more_than_time else None
    return LogFile(
        path=shelf.source.path,
        product=shelf.source.product,
        kind=_kind(shelf.kinds),
        form=shelf.form,
        lines=shelf.lines,
        unread=shelf.unread,
        first_time=format_known(shelf.first_time),
        last_time=format_known(shelf.last_time),
        failed=shelf.failed,
        tied=len(ties.ties),
        ambiguous=len(ties.ambiguous),
        outside=outside,
        without_connection=len(without),
        clock_offset=known.offset / SECOND if known else None,
        clock_error=known.error / SECOND if known else None,
        examples=[log_line(entry) for entry in without[:EXAMPLES]],
        notes=[*shelf.notes, *_notes(shelf, ties, shown)],
    )


def _names_strangers(entries: Sequence[LogEntry], shown: Set[str] | None) -> bool:
    """Return whether all lines name their clients, and none of these connects in the capture."""
    clients = {entry.client[0] for entry in entries if entry.client}
    named = bool(entries) and all(entry.client for entry in entries)
    return shown is not None and named and shown.isdisjoint(clients)


def _notes(shelf: Shelf, ties: LogTies, shown: Set[str] | None) -> Iterator[str]:
    """Yield what a reader has to know of how the lines were tied."""
    if not shelf.entries:
        if shelf.before:
            yield "all its failed lines are from before the capture: of another day, or zone?"
        return
    zoned = all(entry.zoned for entry in shelf.entries)
    if ties.clock is None and _names_strangers(shelf.entries, shown):
        yield (
            "no failed connection of the clients that it names is in the capture, so none is tied: "
            "is it of the proxy's other leg? (-i any on the proxy has both)"
        )
    elif ties.clock is None and zoned:
        yield (
            "no difference between its clock and the capture's makes its lines fit: none is tied "
            "(is it another proxy's, or another day's?)"
        )
    elif ties.clock is None:
        yield ("its times name no zone, and no zone makes its lines fit the capture: none is tied")
    elif not ties.by_more_than_time:
        yield (
            "its lines fit by address and time alone: it gives neither ports nor request ids that "
            "the capture shows"
        )


def _is_outside(entry: LogEntry, offset: int, first: int, last: int) -> bool:
    begin, end = span_of(entry).ends
    return end + offset < first or begin + offset > last


def _kind(kinds: set[str]) -> Literal["access", "error", "mixed"]:
    if len(kinds) > 1:
        return "mixed"
    return "error" if kinds == {"error"} else "access"
