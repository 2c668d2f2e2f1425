"""An analysis ends: all that was found out, as the report that outputs are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pcapdiag import __version__
from pcapdiag.diagnose.findings.capture import capture_findings
from pcapdiag.diagnose.findings.registry import Finders
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.capture_facts import summarize_capture
from pcapdiag.incident.explaining import in_order
from pcapdiag.incident.fleet import collect_fleet
from pcapdiag.incident.groups import summarize
from pcapdiag.incident.over_time import OverTime
from pcapdiag.model.report import SCHEMA, Generator, Report

if TYPE_CHECKING:
    from pcapdiag.host.load import Loaded
    from pcapdiag.incident.correlation import Correlation
    from pcapdiag.model.host_state import HostState
    from pcapdiag.model.report_snapshots import SnapshotFile


def report_of(analysis: Analysis) -> Report:
    """Return the report of a capture that was read to its end."""
    capture = summarize_capture(analysis)
    connections = analysis.connections
    roles = analysis.surroundings.roles()
    topology = roles.topology()
    resets = analysis.unlisted_resets.by_party(roles)
    fleet = collect_fleet(analysis, topology)
    finders = Finders(fleet, snapshots=bool(analysis.snapshots))
    over_time = OverTime(analysis.tracker.activity)
    watched = over_time.watch(finders.watch(connections))
    summary, groups = summarize(watched, analysis.unlisted, resets)
    about_capture = capture_findings(
        capture,
        summary.connections,
        analysis.tracker.copies.mixed,
        analysis.tracker.copies.mixed_frame,
    )
    findings = in_order([*finders.findings(fleet), *about_capture], groups)
    snapshots = _described(analysis.snapshots, fleet.host_states)
    capture.notes += _notes(snapshots)
    connections.name_findings(findings)
    return Report(
        schema=SCHEMA,
        generator=_program(),
        capture=capture,
        topology=topology,
        summary=summary,
        connections=connections,
        findings=findings,
        groups=groups,
        activity=over_time.activity,
        snapshots=snapshots,
        logs=analysis.logged.result(),
    )


def joint_report(correlation: Correlation) -> Report:
    """Return the report of several points that were compared."""
    from pcapdiag.incident.points_report import (
        PointFinders,
        as_one,
        captures_of,
        describe_points,
    )

    studies, roles = correlation.studies, correlation.roles
    captures = captures_of(studies)
    finders = PointFinders(studies)
    resets = correlation.unlisted_resets.by_party(roles)
    over_time = OverTime(studies[0].analysis.tracker.activity)
    connections = over_time.watch(finders.watch(correlation.connections))
    summary, groups = summarize(connections, correlation.unlisted, resets)
    first = studies[0].label
    findings = in_order([*correlation.findings(), *finders.findings(captures)], groups, first)
    correlation.connections.name_findings(findings, first)
    snapshots = _described(studies[0].analysis.snapshots, finders.host_states)
    together = [*correlation.notes(), *_notes(snapshots)]
    return Report(
        schema=SCHEMA,
        generator=_program(),
        capture=as_one(captures, [study.label for study in studies], together),
        topology=correlation.topology(),
        summary=summary,
        connections=correlation.connections,
        findings=findings,
        groups=groups,
        points=describe_points(correlation, captures),
        activity=over_time.activity,
        snapshots=snapshots,
        logs=correlation.logged.result(),
    )


def _described(loaded: Sequence[Loaded], states: Sequence[HostState]) -> list[SnapshotFile]:
    if not loaded:
        return []
    from pcapdiag.incident.snapshots import described  # Only here: most runs have none.

    return described(loaded, states)


def _notes(snapshots: Sequence[SnapshotFile]) -> list[str]:
    if not snapshots:
        return []
    from pcapdiag.incident.snapshots import notes  # Only here: most runs have none.

    return notes(snapshots)


def _program() -> Generator:
    return Generator(name="pcapdiag", version=__version__)
