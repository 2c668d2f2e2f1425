"""The original captures: what they show, and which of it a bundle is about."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pcapdiag import pipeline
from pcapdiag.bundle.analysing import Roles
from pcapdiag.bundle.choosing import Chosen, choose, first_label
from pcapdiag.bundle.parts import Part, begin_of
from pcapdiag.bundle.request import Request
from pcapdiag.bundle.wanting import want
from pcapdiag.correlate.selection import Selection
from pcapdiag.errors import UsageError
from pcapdiag.incident.conclusion import joint_report, report_of
from pcapdiag.incident.logged import Logged
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

    parts: list[Part]
    report: Report
    logged: Logged
    chosen: Chosen
    key_marks: list[KeyMark] = []
    used_keys: bool = False

    @property
    def first(self) -> str:
        """Label of the first point; empty where there is one."""
        return self.parts[0].label


def study(request: Request) -> Original:
    """Analyse the captures, and choose.

    Raises as ``pipeline.analyze``, and UsageError where there is nothing to choose.
    """
    options, filters = _own_options(request)
    healthy = options.all_connections
    with_keys = None
    parts, report, logged = _read(request, options)
    if any(part.analysis.keys for part in parts):
        with_keys = report
        parts, report, logged = _read(request, replace(options, use_secrets=False))
    selection = None
    if filters.is_filtered:
        first = report.capture.first_time
        selection = Selection.from_options(filters, parse_seconds(first) if first else 0)
    chosen = choose(report, selection, healthy=healthy)
    marks = _marks(with_keys, report, selection, chosen) if with_keys is not None else []
    if not chosen.begins and not chosen.findings:
        _refuse(selection)
    want(parts, report, chosen, healthy=healthy and selection is None)
    return Original(parts, report, logged, chosen, marks, with_keys is not None)


def _read(request: Request, options: AnalyzeOptions) -> tuple[list[Part], Report, Logged]:
    if not request.points:
        analysis = pipeline.read(request.paths, options)
        return [Part("", request.paths, analysis)], report_of(analysis), analysis.logged
    joined = pipeline.compare(request.points, options)
    parts = [
        Part(point.label, point.paths, study.analysis, study.number + 1)
        for point, study in zip(request.points, joined.studies, strict=True)
    ]
    return parts, joint_report(joined), joined.logged


def _own_options(request: Request) -> tuple[AnalyzeOptions, AnalyzeOptions]:
    """Return how everything is analysed, and the filters that choose of it."""
    options = replace(request.options.without_filters(), keep_prints=True, follow=False)
    return options, request.options


def _refuse(selection: Selection | None) -> None:
    if selection is not None:
        raise UsageError(
            "no connection that failed matches the options", "--all takes healthy ones, too"
        )
    raise UsageError("nothing failed: there is nothing to escalate", "--all takes all connections")


def _marks(
    with_keys: Report, without: Report, selection: Selection | None, chosen: Chosen
) -> list[KeyMark]:
    """Return the connections that keys let judge otherwise, and choose them as well."""
    first = first_label(without)
    known = {begin_of(one, first): _verdict(one) for one in without.connections}
    marks = []
    for connection in with_keys.connections:
        if selection is not None and not selection.matches(connection):
            continue
        told = _verdict(connection)
        plain = known.get(begin_of(connection, first), "no failure")
        if told == plain or not connection.verdict.failed:
            continue
        marks.append(KeyMark(connection.stream, told, plain))
        chosen.add(connection, first)
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
