"""What is said on a frame, for a person who has just clicked on it in Wireshark.

The decisive frame of a failure, the last one of its verdict, has it all: what, who, evidence,
cause, first fix. Each other frame says in one line why it matters, and where to look. Texts begin
with words in capitals, so that a display filter finds them: FAILED, LEADS TO, CAUSES and so on.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.explains import explains
from pcapdiag.model.report import Cause, Connection, Evidence, Report, Verdict
from pcapdiag.report import evidence, words
from pcapdiag.report.annotate.table import FrameTexts
from pcapdiag.report.escape import shown
from pcapdiag.report.logs import line_texts
from pcapdiag.report.points import ONE_PLACE

LOG_LINES = 2
"""Lines of proxies' logs that are told with a failure."""
FOR_LINES = 4
AGAINST_LINES = 2
BECAUSE_LINES = 2
CAUSES = 3
"""Tries on the other leg that are told, the last ones."""
EVIDENCE_FRAMES = 8
"""Frames of one piece of evidence that get a comment."""
FINDING_FRAMES = 32
"""Frames of one finding that do."""
MAX_FINDING_FRAMES = 5_000
"""Room that is kept for findings, however many connections failed."""

_SEVERITY = {"failure": "FINDING", "warning": "WARNING", "info": "INFO"}


def comment_frames(report: Report) -> FrameTexts:
    """Return the comments; decisive frames and findings get room first."""
    about_findings = sum(len(finding.frames[:FINDING_FRAMES]) for finding in report.findings)
    texts = FrameTexts(keep_free=min(about_findings, MAX_FINDING_FRAMES))
    for connection in _failed(report, texts):
        for verdict in (connection.verdict, *connection.other_failures):
            _tell_decisive(texts, report, connection, verdict)
    texts.keep_free = 0
    for finding in report.findings:
        label = _SEVERITY[finding.severity]
        text = f"{label} {finding.code}: {shown(finding.title)}: {shown(finding.detail)}"
        for frame in finding.frames[:FINDING_FRAMES]:
            texts.add(frame, text)
    for connection in _failed(report, texts):
        for verdict in (connection.verdict, *connection.other_failures):
            _tell_others(texts, connection, verdict)
        for cause in connection.causes[-CAUSES:]:
            texts.add(cause.frame, _effect(connection))
    return texts


def _failed(report: Report, texts: FrameTexts) -> Iterator[Connection]:
    """Yield the failed connections as long as there is room."""
    for connection in report.connections:
        if texts.full:
            return
        if connection.verdict.failed:
            yield connection


def _decisive(connection: Connection, verdict: Verdict) -> int:
    return max(verdict.frames, default=connection.first_frame)


def _tell_decisive(
    texts: FrameTexts, report: Report, connection: Connection, verdict: Verdict
) -> None:
    frame = _decisive(connection, verdict)
    for text in _what_and_who(connection, verdict):
        texts.add(frame, text)
    if verdict is connection.verdict:
        for cause in connection.causes[-CAUSES:]:
            texts.add(frame, f"CAUSE {_cause(cause)}")
        told = [report.findings[place] for place in connection.findings if _tells(report, place)]
        for finding in told[:BECAUSE_LINES]:
            texts.add(frame, f"BECAUSE {shown(finding.title)} ({finding.code})")
        for text in line_texts(connection, LOG_LINES):
            texts.add(frame, f"LOG {text}")
    for text in _evidence(connection, verdict):
        texts.add(frame, text)
    # Where the other leg is the cause, what helps is said there.
    if verdict.fixes and not (connection.causes and verdict is connection.verdict):
        texts.add(frame, f"FIX {shown(verdict.fixes[0])}")


def _tells(report: Report, place: int) -> bool:
    return place < len(report.findings) and explains(report.findings[place])


def _what_and_who(connection: Connection, verdict: Verdict) -> Iterator[str]:
    sure = words.confidence(verdict.confidence)
    more = f", and {verdict.count - 1:,} more like it" if verdict.count > 1 else ""
    where = f"stream {connection.stream}"
    if connection.same_as is not None:
        where += f", the same connection as stream {connection.same_as}"
    yield f"FAILED {verdict.code} {sure}: {shown(verdict.title)}{more} ({where})"
    who = verdict.attribution
    by = words.culprit(connection, verdict=verdict)
    yield f"WHO {by}" if who.side == "unknown" else f"WHO {by} {words.confidence(who.confidence)}"


def _evidence(connection: Connection, verdict: Verdict) -> Iterator[str]:
    who = verdict.attribution
    if who.side == "unknown":
        signs = evidence.signs(connection, ONE_PLACE, who)
        yield from (f"SIGN {text}" for text in signs[: FOR_LINES + AGAINST_LINES])
        return
    here = _decisive(connection, verdict)
    speaks_for, against = evidence.for_and_against(who)
    yield from (f"FOR {_told(item, here)}" for item in speaks_for[:FOR_LINES])
    yield from (f"AGAINST {_told(item, here)}" for item in against[:AGAINST_LINES])


def _told(item: Evidence, here: int) -> str:
    """Return what a signal is, with the other frames that show it."""
    elsewhere = [frame for frame in item.frames if frame != here]
    return evidence.told(msgspec.structs.replace(item, frames=elsewhere), ONE_PLACE)


def _points_to(connection: Connection, item: Evidence) -> str:
    name = words.sender(connection, item.says)
    return name if evidence.supports(item, item.says) else f"not {name}"


def _tell_others(texts: FrameTexts, connection: Connection, verdict: Verdict) -> None:
    """Say on the other frames of a verdict, and of its evidence, what they are for it."""
    decisive = _decisive(connection, verdict)
    where = f"(see frame {decisive}, stream {connection.stream})"
    for frame in verdict.frames:
        if frame != decisive:
            texts.add(frame, f"LEADS TO {verdict.code}: {shown(verdict.title)} {where}")
    who = verdict.attribution
    for item in who.evidence:
        if who.side == "unknown":
            text = f"SIGN {_points_to(connection, item)}: {shown(evidence.detail_of(item))} {where}"
        else:
            label = "FOR" if evidence.supports(item, who.side) else "AGAINST"
            text = f"{label} {words.sender(connection, who.side)}: {shown(item.detail)} {where}"
        for frame in item.frames[:EVIDENCE_FRAMES]:
            if frame != decisive:
                texts.add(frame, text)


def _cause(cause: Cause) -> str:
    at = f" at {shown(cause.endpoint)}" if cause.endpoint else ""
    return f"{cause.code}{at} on the other leg (see frame {cause.frame}, stream {cause.stream})"


def _effect(connection: Connection) -> str:
    verdict = connection.verdict
    where = f"(see frame {_decisive(connection, verdict)}, stream {connection.stream})"
    return f"CAUSES {verdict.code}: {shown(verdict.title)} {where}"
