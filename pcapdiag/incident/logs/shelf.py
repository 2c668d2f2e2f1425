"""The failed lines of one log, as many as are kept, and what is to be said of the log."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from pcapdiag.correlate.logs.clock import LOCAL_MOST, ZONED_MOST
from pcapdiag.model.ends import HostPort
from pcapdiag.model.logs import LogEntry, LogSource

MAX_FAILED_LINES = 20_000
"""Failed lines of one log that are looked for in the capture; later ones are counted."""


class Shelf:
    """Reads a log once and keeps its failed lines, from shortly before the capture on."""

    def __init__(self, source: LogSource) -> None:
        self.source = source
        self.entries: list[LogEntry] = []
        self.kinds: set[str] = set()
        self.failed = 0
        self.before = 0
        """Failed lines of a time that can only be before the capture."""
        self.left_out = 0
        """Failed lines beyond the limit."""
        self.lines = 0
        self.unread = 0
        self.first_time: int | None = None
        self.last_time: int | None = None
        self.form = source.form
        self.notes: list[str] = []

    def read(self, capture_start: int) -> None:
        """Read the log; ``capture_start`` is when the capture begins (ns).

        Raises pcapdiag.errors.PcapdiagError where it cannot be read.
        """
        from pcapdiag.logs import read_log

        reading = read_log(self.source, brief=True)
        self.take(reading, capture_start)
        self.lines, self.unread, self.form = reading.lines, reading.unread, reading.form
        self.first_time, self.last_time = reading.first_time, reading.last_time
        self.notes += reading.notes
        if self.left_out:
            self.notes.append(
                f"{self.left_out:,} failed lines after the first {MAX_FAILED_LINES:,} were not "
                "looked for"
            )

    def take(self, entries: Iterable[LogEntry], capture_start: int) -> None:
        """Keep what may be about the capture."""
        for entry in entries:
            self.kinds.add(entry.kind)
            if not entry.failed:
                continue
            self.failed += 1
            most = ZONED_MOST if entry.zoned else LOCAL_MOST
            if (entry.duration or 0) + entry.time < capture_start - most:
                self.before += 1
            elif len(self.entries) < MAX_FAILED_LINES:
                _write_alike(entry)
                self.entries.append(entry)
            else:
                self.left_out += 1


def _write_alike(entry: LogEntry) -> None:
    """Write addresses as captures do; what is none (a name, a socket's path) is left out."""
    entry.client = _alike(entry.client)
    entry.listener = _alike(entry.listener)
    entry.upstream_local = _alike(entry.upstream_local)
    entry.upstreams = [_alike(end) or end for end in entry.upstreams]


def _alike(end: HostPort | None) -> HostPort | None:
    if end is None:
        return None
    try:
        address = ipaddress.ip_address(end[0].partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), end[1]
