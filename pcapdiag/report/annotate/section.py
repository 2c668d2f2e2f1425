"""What is said of the whole capture: the comment on its section."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pcapdiag.model.report import Finding, Group, Report
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.annotate.table import PREFIX, FrameTexts
from pcapdiag.report.clock import Clock, TimeMode
from pcapdiag.report.escape import shown
from pcapdiag.report.overview import NOT_FAILED, outcome
from pcapdiag.report.points import stream_filter

GROUPS = 20
"""Kinds of failure that are told."""
FINDINGS = 20


def section_text(
    report: Report, texts: FrameTexts, *, filtered: bool, time_mode: TimeMode = "utc"
) -> str:
    """Return the summary, a line for each kind of failure and finding, and what was left out.

    ``filtered`` says that only chosen connections are counted.
    """
    return "\n".join(_lines(report, texts, filtered, Clock(time_mode, report.capture.first_time)))


def _lines(report: Report, texts: FrameTexts, filtered: bool, clock: Clock) -> Iterator[str]:
    summary = report.summary
    yield f"{PREFIX}{outcome(report, filtered)} (version {report.generator.version})."
    codes = [f"{c} {n:,}" for c, n in summary.by_verdict.items() if c not in NOT_FAILED]
    if codes:
        yield f"What: {', '.join(codes)}."
    if summary.by_party:
        parties = [f"{words.PARTY[party]} {n:,}" for party, n in summary.by_party.items()]
        yield f"Who: {', '.join(parties)}."
    yield from (_group(group, clock) for group in report.groups[:GROUPS])
    yield from (_finding(finding) for finding in report.findings[:FINDINGS])
    more = max(len(report.groups) - GROUPS, 0) + max(len(report.findings) - FINDINGS, 0)
    if more:
        yield f"And {counted(more, 'more line')}: pcapdiag analyze tells all."
    yield from _input(report)
    yield from _limits(texts)


def _group(group: Group, clock: Clock) -> str:
    to = f" to {shown(group.responder)}" if group.responder else ""
    when = f", {clock.span(group.first, group.last)}" if group.first and group.last else ""
    return (
        f"FAILED {counted(group.connections, 'connection')}{to}{when}: {shown(group.title)} "
        f"({group.code}), who: {words.PARTY[group.party]}; "
        f"{stream_filter(group.streams, group.connections)}"
    )


def _finding(finding: Finding) -> str:
    return f"{finding.severity.upper()} {shown(finding.title)} ({finding.code})"


def _input(report: Report) -> Iterator[str]:
    """Yield what could not be read, and so is not in the copy."""
    for unreadable in report.capture.unreadable:
        yield f"Not read: {_name(unreadable.path)}: {shown(unreadable.message)}."
    for file in report.capture.files:
        if file.error:
            where = f"{_name(file.path)} is damaged at byte {file.error.byte:,}"
            yield f"Copied up to there: {where}: {shown(file.error.message)}."


def _limits(texts: FrameTexts) -> Iterator[str]:
    if texts.by_frame:
        frames = counted(len(texts.by_frame), "frame")
        yield f'Comments on {frames}; display filter: frame.comment contains "pcapdiag".'
    if texts.full:
        yield "No room for comments on all frames that matter; decisive ones came first."
    elif texts.left_out:
        yield f"{counted(texts.left_out, 'comment')} left out: too many on one frame."


def _name(path: str) -> str:
    return shown(os.path.basename(path))
