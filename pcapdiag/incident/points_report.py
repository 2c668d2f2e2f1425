"""The report's parts about several points: the points themselves, and their captures as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from pcapdiag.diagnose.findings.capture import capture_findings
from pcapdiag.diagnose.findings.capture_clock import clock_set
from pcapdiag.diagnose.findings.registry import Finders
from pcapdiag.incident.capture_facts import summarize_capture
from pcapdiag.incident.correlation import Correlation
from pcapdiag.incident.fleet import collect_fleet
from pcapdiag.incident.over_time import activity_of
from pcapdiag.incident.point_study import PointStudy
from pcapdiag.incident.snapshots import best_fits
from pcapdiag.model.host_state import HostState
from pcapdiag.model.points import PointClock
from pcapdiag.model.report import CaptureCounts, CaptureSummary, Connection, Finding, Point
from pcapdiag.model.report_points import ClockChange
from pcapdiag.model.units import SECOND, format_seconds


def describe_points(correlation: Correlation, summaries: Sequence[CaptureSummary]) -> list[Point]:
    """Return the points with their clocks, in the order in which they were named."""
    return [
        _point(study, summary, correlation.shared(study.number))
        for study, summary in zip(correlation.studies, summaries, strict=True)
    ]


def _point(study: PointStudy, summary: CaptureSummary, shared: int) -> Point:
    clock = study.clock
    point = Point(
        label=study.label,
        files=[file.path for file in summary.files],
        packets=summary.packets,
        complete=summary.complete,
        connections=study.analysis.tracker.endings.connections,
        shared=shared,
        # The first one's is the report's own.
        activity=activity_of(study.analysis.tracker.activity) if study.number else None,
    )
    if clock.known:
        point.clock_offset = clock.offset / SECOND
        point.clock_error = clock.error / SECOND
        point.drift = clock.drift
        point.clock_steps = [
            ClockChange(since=format_seconds(step.since), clock_offset=step.offset / SECOND)
            for step in clock.steps
        ]
    return point


def captures_of(studies: Sequence[PointStudy]) -> list[CaptureSummary]:
    """Return what is to be said of each point's input."""
    return [summarize_capture(study.analysis) for study in studies]


def as_one(
    summaries: Sequence[CaptureSummary], labels: Sequence[str], notes: Sequence[str]
) -> CaptureSummary:
    """Return the inputs of all points as a whole: numbers added up, times of the first point.

    ``notes`` are what is to be said of them together.
    """
    first = summaries[0]
    places = {summary.vantage for summary in summaries}
    return CaptureSummary(
        files=[file for one in summaries for file in one.files],
        packets=sum(one.packets for one in summaries),
        bytes=sum(one.bytes for one in summaries),
        first_time=first.first_time,
        last_time=first.last_time,
        link_types=list(dict.fromkeys(name for one in summaries for name in one.link_types)),
        truncated_packets=sum(one.truncated_packets for one in summaries),
        duplicate_packets=sum(one.duplicate_packets for one in summaries),
        undecoded_packets=sum(one.undecoded_packets for one in summaries),
        complete=all(one.complete for one in summaries),
        vantage=first.vantage if len(places) == 1 else "mixed",
        counts=_added([one.counts for one in summaries]),
        unreadable=[error for one in summaries for error in one.unreadable],
        notes=[
            *notes,
            *(
                f"{label}: {note}"
                for label, one in zip(labels, summaries, strict=True)
                for note in one.notes
            ),
        ],
    )


def _added(counts: Sequence[CaptureCounts]) -> CaptureCounts:
    limits: Counter[str] = Counter()
    for one in counts:
        limits.update(one.limits)
    names = [name for name in CaptureCounts.__struct_fields__ if name != "limits"]
    sums = {name: sum(getattr(one, name) for one in counts) for name in names}
    return CaptureCounts(limits=dict(limits), **sums)


class PointFinders:
    """The finders of every point: each sees the connections that the report tells by its numbers.

    What several points find alike is told once, by the first of them.
    """

    def __init__(self, studies: Sequence[PointStudy]) -> None:
        self._studies = studies
        snapshots = any(study.analysis.snapshots for study in studies)
        self._finders = [Finders(snapshots=snapshots) for _ in studies]
        self._by_label = {study.label: study.number for study in studies}
        self.host_states: list[HostState] = []
        """The snapshots of hosts that any of the points shows; known with the findings."""

    def watch(self, connections: Iterable[Connection]) -> Iterator[Connection]:
        """Yield every connection as it is, once the finders have seen it."""
        for connection in connections:
            label = connection.point
            number = 0 if label is msgspec.UNSET else self._by_label[label]
            yield from self._finders[number].watch([connection])

    def findings(self, summaries: Sequence[CaptureSummary]) -> list[Finding]:
        """Return the findings of all points, those about the captures themselves last."""
        told: dict[object, Finding] = {}
        fleets = [
            collect_fleet(study.analysis, study.analysis.surroundings.roles().topology())
            for study in self._studies
        ]
        # A host behind a NAT is in the captures of its own side alone.
        self.host_states = best_fits([one for fleet in fleets for one in fleet.host_states])
        for study, finders, fleet in zip(self._studies, self._finders, fleets, strict=True):
            fleet.host_states = self.host_states
            for finding in finders.findings(fleet):
                key = finding.code, finding.endpoint, tuple(finding.addresses), finding.title
                told.setdefault(key, _at(finding, study))
        about = [
            _at(finding, study)
            for study, summary in zip(self._studies, summaries, strict=True)
            for finding in self._about_capture(study, summary)
        ]
        return [*told.values(), *about]

    def _about_capture(self, study: PointStudy, summary: CaptureSummary) -> list[Finding]:
        tracker, jumps = study.analysis.tracker, _jumps(study.clock)
        found = capture_findings(
            summary, tracker.endings.connections, tracker.copies.mixed, tracker.copies.mixed_frame
        )
        if jumps and not summary.counts.clock_steps:
            found.append(clock_set(jumps, self._studies[0].label))
        return found


def _jumps(clock: PointClock) -> list[float]:
    """Return by how much a clock was set each time, seconds; forward is positive."""
    offsets = [clock.offset, *(step.offset for step in clock.steps)]
    return [(one - other) / SECOND for one, other in pairwise(offsets)]


def _at(finding: Finding, study: PointStudy) -> Finding:
    finding.point = study.label
    return finding
