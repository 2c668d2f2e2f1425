"""What proxies' logs say, in words: a line beside its connection, and each log as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec import UNSET

from pcapdiag.model.report import Connection, LogFile, LogLine, Report
from pcapdiag.model.units import counted
from pcapdiag.protocols.http.grpc import status_name
from pcapdiag.report.clock import Clock
from pcapdiag.report.escape import shown
from pcapdiag.report.points import precise

LINES = 3
"""Lines of one connection that a terminal tells."""
LOGGED = 20
"""Connections that worked, and of which a log says that they failed."""
EXAMPLES = 3
"""Lines without a connection that are told of each log."""
QUARTER_HOUR = 900
"""Seconds: time zones are whole numbers of these."""
ERROR = 500
"""From this status on a line tells of an error."""
MAX_WORDS = 160
"""Characters of what a line says, in a terminal."""
BY_TIME = frozenset({"time", "upstream"})


def lines_of(connection: Connection) -> list[LogLine]:
    """Return what proxies' logs say of a connection: those that disagree first."""
    lines = connection.log_lines
    if lines is UNSET:
        return []
    return sorted(lines, key=lambda line: line.agrees is not False)


def is_logged(connection: Connection) -> bool:
    """Return whether a proxy's own line is told, so that nobody has to be told what it may be."""
    return bool(lines_of(connection))


def line_texts(connection: Connection, most: int = LINES) -> Iterator[str]:
    """Yield a text for each line: where it stands, what it says, whether the wire agrees, why."""
    lines = lines_of(connection)
    for line in lines[:most]:
        text = f"{place(line)}  {said(line)}"
        judged = _judged(line)
        if judged:
            text += f"  {judged}"
        if line.why:
            text += f": {shown(line.why)}"
        yield text
    if len(lines) > most:
        yield f"and {counted(len(lines) - most, 'more line')} (in the JSON)"


def place(line: LogLine) -> str:
    """Return where a line stands: ``envoy access.log:118``."""
    return f"{line.product} {shown(os.path.basename(line.file))}:{line.line}"


def said(line: LogLine) -> str:
    """Return what a line says in its own words, in one piece."""
    status = "" if line.status is None else str(line.status)
    reason = line.reset_reason or line.details or ""
    if line.transport_failure:
        reason = "|".join(filter(None, (reason, line.transport_failure)))
    called = "" if line.grpc_status is None else f"gRPC {status_name(line.grpc_status)}"
    parts = [status, called, ",".join(line.flags), reason, line.message or ""]
    text = " ".join(" ".join(filter(None, parts)).split())
    if len(text) > MAX_WORDS:
        text = f"{text[:MAX_WORDS]}..."
    return shown(text)


def _judged(line: LogLine) -> str:
    by_time = ""
    if line.tied_by and BY_TIME.issuperset(line.tied_by):
        by_time = " (tied by address and time alone)"
    if line.agrees is None:
        return f"open{by_time}"
    return f"{'agrees' if line.agrees else 'DISAGREES'}{by_time}"


def log_texts(report: Report, clock: Clock) -> Iterator[tuple[str, list[str]]]:
    """Yield for each log its path with what was found of it, and what else is to be known."""
    if report.logs is None:
        return
    for log in report.logs.files:
        yield _log(log), [*_more(log, clock)]


def logs_summary(report: Report) -> str:
    """Return what logs and wire have against each other; empty where nothing is."""
    logs = report.logs
    if logs is None:
        return ""
    told = []
    if logs.disagreeing:
        many = counted(logs.disagreeing, "connection")
        told.append(f"log and wire disagree on {many}")
    if logs.failures_without_line:
        many = counted(logs.failures_without_line, "failed request")
        told.append(f"{many} at a logged proxy without a line")
    return "; ".join(told)


def logged_only(report: Report) -> list[Connection]:
    """Return the connections that did not fail on the wire, and have a failed line."""
    if report.logs is None or not any(log.tied for log in report.logs.files):
        return []
    return [one for one in report.connections if not one.verdict.failed and _is_worth_it(one)]


def _is_worth_it(connection: Connection) -> bool:
    """Return whether a line says that a client got an error, or something else than the wire."""
    lines = lines_of(connection)
    return any(line.agrees is not True or (line.status or 0) >= ERROR for line in lines)


def _log(log: LogFile) -> str:
    text = f"{log.product} {shown(log.path)}: {counted(log.lines, 'line')}"
    if not log.failed:
        return f"{text}, none of a failure"
    text += f", {log.failed:,} failed"
    found = [
        (log.tied, "tied"),
        (log.without_connection, "without a connection"),
        (log.ambiguous, "that several connections fit"),
        (log.outside, "outside the capture's time"),
    ]
    text += f": {', '.join(f'{number:,} {what}' for number, what in found if number)}"
    return text.removesuffix(": ") + _clock(log)


def _clock(log: LogFile) -> str:
    if log.clock_offset is None or log.clock_error is None:
        return ""
    within = f"\u00b1 {precise(log.clock_error)}"
    if abs(log.clock_offset) <= log.clock_error:
        return f"; its clock agrees with the capture's, {within}"
    way = "behind" if log.clock_offset > 0 else "ahead of"
    apart = abs(log.clock_offset)
    quarters = round(apart / QUARTER_HOUR)
    if quarters and abs(apart - quarters * QUARTER_HOUR) <= log.clock_error:
        zone = f"{quarters // 4}:{quarters % 4 * 15:02} h"
        return f"; its clock is {zone} {way} the capture's, a time zone, {within}"
    return f"; its clock is {precise(abs(log.clock_offset))} {way} the capture's, {within}"


def _more(log: LogFile, clock: Clock) -> Iterator[str]:
    if log.unread:
        yield f"{counted(log.unread, 'line')} in no format that is known"
    yield from map(shown, log.notes)
    for line in log.examples[:EXAMPLES]:
        asked = " ".join(filter(None, (line.method, line.target)))
        ends = _ends(line)
        text = f"no connection for {shown(os.path.basename(line.file))}:{line.line}"
        text += f" of {clock.short(line.time)} by its clock: {said(line)}"
        yield text + "".join(f", {shown(part)}" for part in (asked, ends) if part)


def _ends(line: LogLine) -> str:
    ends = (("from", line.client), ("to", line.upstream))
    return " ".join(f"{way} {end}" for way, end in ends if end)
