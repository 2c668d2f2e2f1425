"""The report for a person at a terminal: the first numbers, then every failure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.report import Connection, Group, Report
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.because import Because
from pcapdiag.report.callers import callers
from pcapdiag.report.clock import Clock, TimeMode, between, duration
from pcapdiag.report.entry import EntryWriter
from pcapdiag.report.escape import shown
from pcapdiag.report.layout import Page, wrapped
from pcapdiag.report.logs import LOGGED, log_texts, logged_only, logs_summary
from pcapdiag.report.order import causes, told_order
from pcapdiag.report.overview import (
    NOT_FAILED,
    captured,
    hosts,
    noted,
    outcome,
    roles,
    samples,
    warnings,
)
from pcapdiag.report.points import Places, point_lines

FULL_ENTRIES = 30
"""Failures told in full; further ones get one line each."""
SHORT_ENTRIES = 100
"""Failures with one line; what is still more is counted."""


def render_text(
    report: Report,
    page: Page,
    time: TimeMode = "utc",
    show_all: bool = False,
    filtered: bool = False,
) -> Iterator[str]:
    """Yield the report line by line, without newlines.

    ``show_all`` lists what worked, too; ``filtered`` says that only chosen connections are counted.
    """
    places = Places(tuple(point.label for point in report.points))
    clock = Clock(time, report.capture.first_time)
    writer = EntryWriter(page, clock, report.capture.vantage, places)
    yield from _capture(report, writer)
    yield from _summary(report, page, filtered)
    yield from _logs(report, writer)
    because = Because(report)
    for lines in _failures(report, writer, because):
        yield ""
        yield from lines
    yield from _logged(report, writer)
    for finding in because.not_told():
        yield ""
        yield from writer.finding(finding)
    if show_all:
        yield from _others(report, writer)
    if report.summary.failed or report.findings:
        yield ""
        yield from (page.paint(line, "dim") for line in wrapped(_key(report), page.width))


def render_connection(connection: Connection, page: Page, clock: Clock) -> Iterator[str]:
    """Yield one connection's lines, as ``--follow`` prints them one by one."""
    if connection.verdict.failed:
        writer = EntryWriter(page, clock)
        yield from writer.connection(connection, writer.head(connection))
    else:
        yield from _one_line(connection, EntryWriter(page, clock))


def _key(report: Report) -> str:
    """Return how what stands at the right edge is read."""
    sure = "Numbers at the right: how sure, 0 to 1. " if report.summary.failed else ""
    return f"{sure}About a code: pcapdiag explain CODE"


def _capture(report: Report, writer: EntryWriter) -> Iterator[str]:
    capture, page = report.capture, writer.page
    if report.points:
        yield from point_lines(report, page)
    else:
        yield from page.labelled("CAPTURE", captured(capture, writer.clock))
    for warning in warnings(capture):
        yield from page.labelled("WARNING", warning, "warn")
    said = noted(capture)
    if said:
        yield from page.labelled("NOTED", said)


def _summary(report: Report, page: Page, filtered: bool) -> Iterator[str]:
    summary = report.summary
    style = "bad" if summary.failed else "good"
    yield from page.labelled("SUMMARY", outcome(report, filtered), style)
    codes = {code: n for code, n in summary.by_verdict.items() if code not in NOT_FAILED}
    widest = max((len(f"{n:,}") for n in codes.values()), default=0)
    for code, number in codes.items():
        yield " " * 8 + f"{number:>{widest},}  {page.paint(code, 'code')}"
    if summary.by_party:
        known_first = sorted(summary.by_party.items(), key=lambda item: item[0] == "unknown")
        parties = ", ".join(f"{words.PARTY[party]} {n:,}" for party, n in known_first)
        yield from page.labelled("WHO", parties)
    known = roles(report)
    if known and summary.failed:
        yield from page.labelled("ROLES", known)
    for text in hosts(report):
        yield from page.labelled("HOST", text)


def _logs(report: Report, writer: EntryWriter) -> Iterator[str]:
    """Yield each log, and what logs and wire have against each other."""
    label = "LOGS"
    for text, more in log_texts(report, writer.clock):
        yield from writer.page.hanging(label, text, 2)
        label = ""
        for line in more:
            yield from writer.page.hanging("", f"  {line}", 4)
    against = logs_summary(report)
    if against:
        yield from writer.page.labelled("", against)


def _logged(report: Report, writer: EntryWriter) -> Iterator[str]:
    """Yield the connections that a log calls failed, and that did not fail on the wire."""
    found = logged_only(report)
    for connection in found[:LOGGED]:
        yield ""
        text = f"{words.ends(connection)}: nothing failed on the wire"
        yield from writer.page.labelled("LOGGED", text, "warn")
        yield from writer.logged(connection)
        yield from writer.page.labelled("SEE", writer.places.of(connection))
    if len(found) > LOGGED:
        yield ""
        many = counted(len(found) - LOGGED, "more connection")
        yield from writer.page.labelled("LOGGED", f"and {many} (in the JSON)")


def _failures(report: Report, writer: EntryWriter, because: Because) -> Iterator[Iterator[str]]:
    sample_of = samples(report, FULL_ENTRIES)
    cause_of = causes(report.groups, sample_of)
    writer = msgspec.structs.replace(writer, callers=callers(report, cause_of, sample_of))
    for place, number in enumerate(told_order(report.groups, cause_of)):
        group, sample = report.groups[number], sample_of.get(number)
        if place >= FULL_ENTRIES + SHORT_ENTRIES:
            rest = len(report.groups) - place
            yield iter([f"and {counted(rest, 'more kind')} of failure (in the JSON)"])
            return
        if sample is None or place >= FULL_ENTRIES:
            yield writer.page.labelled("FAILED", _short(group), "bad")
            continue
        why, in_short = because.explain(group), number in cause_of
        if group.connections == 1:
            head = _head(report, sample, writer)
            yield writer.connection(sample, head, because=why, in_short=in_short)
        else:
            yield writer.group(group, sample, because=why, in_short=in_short)


def _head(report: Report, connection: Connection, writer: EntryWriter) -> str:
    of = counted(report.summary.connections, "connection")
    return f"1 of {of}: {writer.head(connection)}"


def _short(group: Group) -> str:
    return f"{counted(group.connections, 'connection')}: {shown(group.title)}  {group.code}"


def _others(report: Report, writer: EntryWriter) -> Iterator[str]:
    others = [c for c in report.connections if not c.verdict.failed]
    if others:
        yield ""
    for connection in others:
        yield from _one_line(connection, writer)


def _one_line(connection: Connection, writer: EntryWriter) -> Iterator[str]:
    partial = connection.verdict.code == "capture.partial"
    span = duration(between(connection.start, connection.end))
    sent, got = words.size(connection.bytes.initiator), words.size(connection.bytes.responder)
    text = f"{words.ends(connection)}  {span}, {sent} out, {got} back"
    notes = "; ".join(shown(note) for note in connection.verdict.notes)
    text += f"  {writer.places.of(connection)}" + (f"  {notes}" if notes else "")
    label, style = ("PARTIAL", "warn") if partial else ("OK", "good")
    yield from writer.page.labelled(label, text, style)
