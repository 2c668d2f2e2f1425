"""Which connections a bundle is about, and what has to come along with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from pcapdiag.bundle.wanted import Wanted, Width, end, host, pair
from pcapdiag.correlate.selection import Selection
from pcapdiag.incident.analysis import Analysis
from pcapdiag.model.options import split_port
from pcapdiag.model.report import Connection, Finding, Report
from pcapdiag.model.units import parse_seconds

MAX_CONNECTIONS = 10_000
"""Failed connections that a bundle is about."""
MAX_ALIKE = 500
"""Of one kind: same code, same party, same endpoint called."""
MAX_FINDING_FRAMES = 1_000
"""Frames of one finding."""


class Chosen(msgspec.Struct):
    """The connections that a bundle is about, by their first frames, and how many had no room."""

    first_frames: set[int] = set()
    streams: set[int] = set()
    selected: bool = False
    """Filters chose them."""
    left_out: int = 0
    findings: list[str] = []
    """Codes of findings that come along: failures, and those that name chosen connections."""
    must_find: set[str] = set()
    """Those of them without which the bundle would not show what it is about."""


def choose(report: Report, selection: Selection | None, *, healthy: bool) -> Chosen:
    """Return the failed connections of a report, or those of them that are selected.

    ``healthy`` takes the others too, as far as the report lists them.
    """
    chosen = Chosen(selected=selection is not None)
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
            continue
        chosen.first_frames.add(connection.first_frame)
        chosen.streams.add(connection.stream)
    _choose_findings(report, chosen)
    return chosen


def _choose_findings(report: Report, chosen: Chosen) -> None:
    """Choose what the findings tell of; of a capture without failures, its warnings."""
    found = [one for one in report.findings if one.source == "capture"]
    for finding in found:
        named = not chosen.streams.isdisjoint(finding.streams)
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


def want(analysis: Analysis, report: Report, chosen: Chosen, *, healthy: bool) -> Wanted:
    """Return what has to be cut out of a capture for chosen connections.

    Their other legs and twins, what findings and evidence name, their lookups, and a packet of the
    capture's first and last moment: how long it was watched is evidence, too.
    """
    wanted = Wanted(everything=healthy)
    named = _named_streams(report, chosen)
    for connection in report.connections:
        if _comes_along(connection, chosen, named):
            add_connection(wanted, connection, analysis)
            named.discard(connection.stream)
    for print_ in analysis.prints if named else ():
        if print_.stream in named:
            _add_pair(wanted, print_.initiator, print_.responder)
    for finding in report.findings:
        if _tells_of(finding, chosen):
            _add_finding(wanted, finding)
    first, last = report.capture.first_time, report.capture.last_time
    wanted.moments = {parse_seconds(time) for time in (first, last) if time is not None}
    return wanted


def widen(
    wanted: Wanted,
    width: Width,
    connections: Iterable[Connection],
    findings: Iterable[Finding],
) -> None:
    """Take along more for connections whose verdict the cut changed, and findings that it lost."""
    if width == "everything":
        wanted.everything = True
        return
    for connection in connections:
        initiator, responder = connection.initiator, connection.responder
        if width == "endpoints":
            wanted.endpoints.add(end(responder.ip, responder.port))
        else:
            wanted.hosts |= {host(initiator.ip), host(responder.ip)}
        wanted.near |= {host(initiator.ip), host(responder.ip)}
    for finding in findings:
        hosts = set(_hosts(finding.addresses))
        wanted.near |= hosts
        endpoint = split_port(finding.endpoint) if finding.endpoint else ("", None)
        if width == "hosts" or endpoint[1] is None:
            wanted.hosts |= hosts
        else:
            wanted.endpoints.add(end(endpoint[0], endpoint[1]))


def _named_streams(report: Report, chosen: Chosen) -> set[int]:
    """Return the streams that chosen connections and the findings about them name."""
    named: set[int] = set()
    for connection in report.connections:
        if connection.stream in chosen.streams:
            named.update(cause.stream for cause in connection.causes)
            named.update(connection.streams)
            if connection.same_as is not None:
                named.add(connection.same_as)
    for finding in report.findings:
        if _tells_of(finding, chosen):
            named.update(finding.streams)
    return named


def _tells_of(finding: Finding, chosen: Chosen) -> bool:
    return finding.code in chosen.findings


def _comes_along(connection: Connection, chosen: Chosen, named: set[int]) -> bool:
    if connection.stream in chosen.streams or connection.stream in named:
        return True
    if isinstance(connection.log_lines, list) and connection.log_lines and not chosen.selected:
        return True
    return connection.same_as is not None and connection.same_as in chosen.streams


def add_connection(wanted: Wanted, connection: Connection, analysis: Analysis) -> None:
    """Want a connection, the frames that its verdict rests on, and its lookups."""
    initiator, responder = connection.initiator, connection.responder
    _add_pair(wanted, (initiator.ip, initiator.port), (responder.ip, responder.port))
    for verdict in (connection.verdict, *connection.other_failures):
        wanted.frames.update(verdict.frames)
        for item in verdict.attribution.evidence:
            wanted.frames.update(item.frames)
    wanted.frames.add(connection.first_frame)
    names: list[str | None] = [initiator.name, responder.name, analysis.names.name(responder.ip)]
    if connection.tls is not None and connection.tls.client_hello is not None:
        names.append(connection.tls.client_hello.sni)
    wanted.names.update(name.lower().rstrip(".") for name in names if name)
    wanted.addresses |= {initiator.ip, responder.ip}


def _add_pair(wanted: Wanted, one: tuple[str, int], other: tuple[str, int]) -> None:
    wanted.pairs.add(pair(end(*one), end(*other)))
    wanted.near |= {host(one[0]), host(other[0])}


def _add_finding(wanted: Wanted, finding: Finding) -> None:
    wanted.frames.update(finding.frames[:MAX_FINDING_FRAMES])
    if finding.code.startswith("dns."):
        wanted.askers.update(_hosts(finding.addresses))


def _hosts(addresses: Sequence[str]) -> Iterable[tuple[int, int]]:
    for address in addresses:
        try:
            yield host(address)
        except ValueError:
            continue
