"""The original captures: what they show, and which of it a bundle is about."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from pcapdiag import pipeline
from pcapdiag.bundle.analysing import Roles
from pcapdiag.bundle.choosing import Chosen, choose, want
from pcapdiag.bundle.request import Request
from pcapdiag.bundle.wanted import Wanted
from pcapdiag.correlate.selection import Selection
from pcapdiag.errors import UsageError
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.conclusion import report_of
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.model.report import Connection, Report
from pcapdiag.model.units import parse_seconds

MAX_ROLES = 40
"""Addresses that a command line names."""


class KeyMark(msgspec.Struct, frozen=True):
    """A connection whose verdict rested on TLS secrets, which a bundle never has."""

    original_stream: int
    with_keys: str
    without_keys: str


class Original(msgspec.Struct):
    """What was found in the captures without any TLS secrets, as a bundle's reader would."""

    analysis: Analysis
    report: Report
    chosen: Chosen
    wanted: Wanted
    key_marks: list[KeyMark] = []
    used_keys: bool = False


def study(request: Request) -> Original:
    """Analyse the captures, and choose.

    Raises as ``pipeline.analyze``, and UsageError where there is nothing to choose.
    """
    options, filters = _own_options(request)
    healthy = options.all_connections
    marks: list[KeyMark] = []
    with_keys = None
    analysis = pipeline.read(request.paths, options)
    report = report_of(analysis)
    if analysis.keys:
        with_keys = report
        analysis = pipeline.read(request.paths, replace(options, use_secrets=False))
        report = report_of(analysis)
    selection = None
    if filters.is_filtered:
        first = report.capture.first_time
        selection = Selection.from_options(filters, parse_seconds(first) if first else 0)
    chosen = choose(report, selection, healthy=healthy)
    if with_keys is not None:
        marks = _marks(with_keys, report, selection, chosen)
    if not chosen.first_frames and not chosen.findings:
        _refuse(selection)
    wanted = want(analysis, report, chosen, healthy=healthy and selection is None)
    return Original(analysis, report, chosen, wanted, marks, with_keys is not None)


def _own_options(request: Request) -> tuple[AnalyzeOptions, AnalyzeOptions]:
    """Return how everything is analysed, and the filters that choose of it."""
    options = replace(
        request.options.without_filters(), keep_prints=True, progress=request.progress, follow=False
    )
    return options, request.options


def _refuse(selection: Selection | None) -> None:
    if selection is not None:
        raise UsageError("none of the chosen connections failed", "--all takes healthy ones, too")
    raise UsageError("nothing failed: there is nothing to escalate", "--all takes all connections")


def _marks(
    with_keys: Report, without: Report, selection: Selection | None, chosen: Chosen
) -> list[KeyMark]:
    """Return the connections that keys let judge otherwise, and choose them as well."""
    known = {one.first_frame: _verdict(one) for one in without.connections}
    marks = []
    for connection in with_keys.connections:
        if selection is not None and not selection.matches(connection):
            continue
        told = _verdict(connection)
        plain = known.get(connection.first_frame, "no failure")
        if told == plain or not connection.verdict.failed:
            continue
        marks.append(KeyMark(connection.stream, told, plain))
        if len(chosen.streams) < len(known) + len(marks):
            chosen.streams.add(connection.stream)
            chosen.first_frames.add(connection.first_frame)
    return marks


def _verdict(connection: Connection) -> str:
    verdict = connection.verdict
    who = verdict.attribution
    return f"{verdict.code}, {who.side}, {who.party}"


def given_roles(options: AnalyzeOptions) -> Roles:
    """Return the roles that the user gave."""
    return Roles(options.proxies, options.clients, options.upstreams)


def found_roles(report: Report, given: Roles, near: set[str]) -> Roles:
    """Return the roles that the whole capture shows of addresses, beside those that were given."""
    topology = report.topology
    if topology.assumed:
        return given

    def ends(known: tuple[EndPattern, ...], addresses: list[str]) -> tuple[EndPattern, ...]:
        named = [EndPattern.parse(one) for one in addresses if one in near][:MAX_ROLES]
        return tuple(dict.fromkeys((*known, *named)))

    return Roles(
        ends(given.proxies, topology.proxies),
        ends(given.clients, topology.clients),
        ends(given.upstreams, topology.upstreams),
    )
