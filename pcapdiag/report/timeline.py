"""The packets of one failure in the terminal, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.model.report import Connection, TimelineEntry
from pcapdiag.report import words
from pcapdiag.report.clock import between
from pcapdiag.report.escape import shown
from pcapdiag.report.points import Places

TIMELINE_LINES = 12
EVENT_COLUMNS = 16


def timeline_rows(
    connection: Connection, timeline: list[TimelineEntry], places: Places
) -> Iterator[str]:
    """Yield a line for each entry: when, which frame, by whom, what; of many not the middle."""
    entries, start = _shortened(timeline), timeline[0].time
    frames = max(len(_frame(entry, places)) for entry in entries if entry)
    senders = max(len(words.sender(connection, entry.from_)) for entry in entries if entry)
    events = max(len(shown(entry.event)) for entry in entries if entry)
    events = min(events, EVENT_COLUMNS)
    for entry in entries:
        if entry is None:
            yield f"... {len(timeline) - len(entries) + 1} lines left out (in the JSON)"
            continue
        name = words.sender(connection, entry.from_)
        frame = _frame(entry, places)
        yield (
            f"+{between(start, entry.time):<11.6f} {frame:<{frames}}  {name:<{senders}}  "
            f"{shown(entry.event):<{events}}  {shown(entry.detail)}"
        ).rstrip()


def _shortened(entries: list[TimelineEntry]) -> list[TimelineEntry | None]:
    """Return the entries with None where some in the middle were left out."""
    if len(entries) <= TIMELINE_LINES:
        return list(entries)
    head = TIMELINE_LINES // 3
    return [*entries[:head], None, *entries[head + 1 - TIMELINE_LINES :]]


def _frame(entry: TimelineEntry, places: Places) -> str:
    at = f"{places.label(entry.point)} " if places.several else ""
    return f"{at}#{entry.frame}"
