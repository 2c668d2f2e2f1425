"""Filters choose what is reported; connections that went well are counted, and not told for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag import pipeline
from pcapdiag.correlate.selection import Selection
from pcapdiag.flow.records import Flow
from pcapdiag.flow.story import build_story
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident import analysis
from pcapdiag.incident.place import SAMPLES
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.model.report import Report
from pcapdiag.model.story import Story

PCAPS = Path(__file__).resolve().parents[2] / "fixtures" / "pcaps"
CAPTURES = ("endpoint.down-silent-for-a-while", "healthy-many-short-connections")


def analyzed(name: str, options: AnalyzeOptions) -> Report:
    return pipeline.analyze([str(PCAPS / name / "client.pcap")], options)


def chosen_by(report: Report) -> dict[str, AnalyzeOptions]:
    """Return filters of each kind that choose some of a report's connections."""
    middle = report.connections[len(report.connections) // 2]
    caller = EndPattern.parse(f"{middle.initiator.ip}:{middle.initiator.port}")
    return {
        "host": AnalyzeOptions(hosts=(EndPattern.parse(middle.responder.ip),)),
        "host and port": AnalyzeOptions(hosts=(caller,)),
        "net": AnalyzeOptions(nets=(EndPattern.parse(f"{middle.initiator.ip}/24"),)),
        "another net": AnalyzeOptions(nets=(EndPattern.parse("203.0.113.0/24"),)),
        "port": AnalyzeOptions(ports=(middle.responder.port,)),
        "stream": AnalyzeOptions(streams=(middle.stream, 0)),
    }


@pytest.mark.parametrize("name", CAPTURES)
def test_they_count_what_they_choose(name: str) -> None:
    whole = analyzed(name, AnalyzeOptions(all_connections=True))
    for kind, options in chosen_by(whole).items():
        selection = Selection.from_options(options, 0)
        wanted = [one for one in whole.connections if selection.matches(one)]
        summary = analyzed(name, options).summary
        failed = sum(one.verdict.failed for one in wanted)
        assert (summary.connections, summary.failed) == (len(wanted), failed), kind


def test_what_went_well_is_not_told_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = analyzed("healthy-many-short-connections", AnalyzeOptions(all_connections=True))
    told = []

    def counted(tracker: Tracker, flow: Flow) -> Story:
        told.append(build_story(tracker, flow))
        return told[-1]

    monkeypatch.setattr(analysis, "build_story", counted)
    port = AnalyzeOptions(ports=(whole.connections[0].responder.port,))
    report = analyzed("healthy-many-short-connections", port)
    assert (report.summary.connections, report.summary.failed) == (150, 0)
    assert len(told) <= SAMPLES + 1
