"""Which connections a bundle is about: those that failed, or of them those that filters choose."""

from __future__ import annotations

from collections import Counter

import msgspec

from pcapdiag.bundle.parts import Place, begin_of, stream_of
from pcapdiag.correlate.selection import Selection
from pcapdiag.model.report import Connection, Report, label_of

MAX_CONNECTIONS = 10_000
"""Failed connections that a bundle is about."""
MAX_ALIKE = 500
"""Of one kind: same code, same party, same endpoint called."""


class Chosen(msgspec.Struct):
    """The connections that a bundle is about, and how many had no room."""

    begins: set[Place] = set()
    """Their first frames."""
    streams: set[Place] = set()
    selected: bool = False
    """Filters chose them."""
    left_out: int = 0
    findings: list[str] = []
    """Codes of findings that come along: failures, and those that name chosen connections."""
    must_find: set[str] = set()
    """Those of them without which the bundle would not show what it is about."""

    def add(self, connection: Connection, first: str) -> None:
        """Choose a connection; ``first`` is the label of the first point."""
        self.begins.add(begin_of(connection, first))
        self.streams.add(stream_of(connection, first))


def choose(report: Report, selection: Selection | None, *, healthy: bool) -> Chosen:
    """Return the failed connections of a report, or those of them that are selected.

    ``healthy`` takes the others too, as far as the report lists them.
    """
    chosen = Chosen(selected=selection is not None)
    first = first_label(report)
    alike: Counter[tuple[str, str, str, int]] = Counter()
    for connection in report.connections:
        verdict, responder = connection.verdict, connection.responder
        if not (verdict.failed or healthy):
            continue
        if selection is not None and not selection.matches(connection):
            continue
        kind = verdict.code, verdict.attribution.party, responder.ip, responder.port
        alike[kind] += 1
        if len(chosen.streams) >= MAX_CONNECTIONS or alike[kind] > MAX_ALIKE:
            chosen.left_out += 1
        else:
            chosen.add(connection, first)
    _choose_findings(report, chosen)
    return chosen


def first_label(report: Report) -> str:
    """Return the label of a report's first point; empty where it has one point."""
    return report.points[0].label if report.points else ""


def _choose_findings(report: Report, chosen: Chosen) -> None:
    """Choose what the findings tell of; of a capture without failures, its warnings."""
    found = [one for one in report.findings if one.source == "capture"]
    first = first_label(report)
    for finding in found:
        label = label_of(finding.point, first)
        named = not chosen.streams.isdisjoint((label, stream) for stream in finding.streams)
        severe = finding.severity == "failure" and (named or not chosen.selected)
        if named or severe:
            chosen.findings.append(finding.code)
        if severe:
            chosen.must_find.add(finding.code)
    if chosen.streams or chosen.findings or chosen.selected:
        return
    for finding in found:
        if finding.severity == "warning" and not finding.code.startswith("capture."):
            chosen.findings.append(finding.code)
            chosen.must_find.add(finding.code)
