"""The report as JSON lines: one object a line, the summary last."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from pcapdiag.model.report import CaptureSummary, Report
from pcapdiag.model.report_line import Line, LineCapture, LineError
from pcapdiag.report.undrawn import undrawn


def report_lines(report: Report, *, pictures: bool = True) -> Iterator[Line]:
    """Yield the connections, groups, findings, reading errors and at last the summary.

    Without ``pictures`` connections have no ``series``, whether the report has it or not.
    """
    capture = line_capture(report.capture)
    for connection in report.connections:
        told = connection if pictures else undrawn(connection)
        yield Line(type="connection", capture=capture, connection=told)
    yield from closing_lines(report)


def closing_lines(report: Report) -> Iterator[Line]:
    """Yield what only the end of the capture tells: all but the connections."""
    capture = line_capture(report.capture)
    for group in report.groups:
        yield Line(type="group", capture=capture, group=group)
    for finding in report.findings:
        yield Line(type="finding", capture=capture, finding=finding)
    for unreadable in report.capture.unreadable:
        error = LineError(file=unreadable.path, message=unreadable.message)
        yield Line(type="error", capture=capture, error=error)
    for file in report.capture.files:
        if file.error:
            error = LineError(file=file.path, message=file.error.message, byte=file.error.byte)
            yield Line(type="error", capture=capture, error=error)
    points = report.points or UNSET
    yield Line(
        type="summary",
        capture=report.capture,
        summary=report.summary,
        points=points,
        activity=report.activity or UNSET,
        logs=report.logs or UNSET,
        snapshots=report.snapshots or UNSET,
    )


def line_capture(capture: CaptureSummary) -> LineCapture:
    """Return what every line says of its capture."""
    files = [file.path for file in capture.files]
    return LineCapture(files=files, first_time=capture.first_time)
