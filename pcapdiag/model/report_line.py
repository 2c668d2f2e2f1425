"""One line of ``--format jsonl``: a part of a report, and which capture it is about."""

from typing import Literal

import msgspec

from pcapdiag.model.report import (
    Activity,
    CaptureOutcome,
    CaptureSummary,
    Connection,
    Finding,
    Group,
    Logs,
    Point,
    SnapshotFile,
    Summary,
)

LINE_SCHEMA = "pcapdiag-line/1"


class LineCapture(msgspec.Struct, kw_only=True):
    """Which capture a line is about."""

    files: list[str] = []
    first_time: str | None = None


class LineError(msgspec.Struct, kw_only=True):
    """Something that stopped the reading of an input."""

    file: str
    message: str
    byte: int | None = None


class Line(msgspec.Struct, kw_only=True):
    """One line of ``--format jsonl``; exactly the member that ``type`` names is present.

    ``update`` is a connection printed before whose verdict changed at the end of the capture.
    The ``summary`` line is the last; its ``capture`` is the whole :class:`CaptureSummary`, and it
    has the ``activity``, the ``points`` where there are several, and ``logs`` and ``snapshots``
    where some were given. ``outcome`` is what ``pcapdiag triage`` says of each capture.
    """

    schema: str = LINE_SCHEMA
    type: Literal["connection", "update", "finding", "group", "summary", "error", "outcome"]
    capture: LineCapture | CaptureSummary
    connection: Connection | msgspec.UnsetType = msgspec.UNSET
    update: Connection | msgspec.UnsetType = msgspec.UNSET
    finding: Finding | msgspec.UnsetType = msgspec.UNSET
    group: Group | msgspec.UnsetType = msgspec.UNSET
    summary: Summary | msgspec.UnsetType = msgspec.UNSET
    points: list[Point] | msgspec.UnsetType = msgspec.UNSET
    activity: Activity | msgspec.UnsetType = msgspec.UNSET
    logs: Logs | msgspec.UnsetType = msgspec.UNSET
    snapshots: list[SnapshotFile] | msgspec.UnsetType = msgspec.UNSET
    error: LineError | msgspec.UnsetType = msgspec.UNSET
    outcome: CaptureOutcome | msgspec.UnsetType = msgspec.UNSET
