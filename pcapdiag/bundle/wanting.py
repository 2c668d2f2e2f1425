"""What has to come along with chosen connections, and what more where that is not enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pcapdiag.bundle.choosing import Chosen, first_label
from pcapdiag.bundle.parts import Part, Place, begin_of, by_label, stream_of
from pcapdiag.bundle.wanted import Host, Wanted, Width, end, host
from pcapdiag.flow.packet_ends import pair
from pcapdiag.model.ends import HostPort, parse_end
from pcapdiag.model.report import Connection, Finding, Report, Verdict, label_of

MAX_FINDING_FRAMES = 1_000
"""Frames of one finding."""

_Ends = tuple[HostPort, HostPort]


def want(parts: Sequence[Part], report: Report, chosen: Chosen, *, healthy: bool) -> None:
    """Say in each part what has to be cut out of it.

    Other legs and twins, what findings and evidence name, lookups, and a packet of each capture's
    first and last moment: how long it was watched is evidence, too.
    """
    first = first_label(report)
    named = _named_streams(report, chosen)
    for connection in report.connections:
        if _comes_along(connection, chosen, named, first):
            _add_connection(parts, connection, first)
            named.discard(stream_of(connection, first))
    for part in parts:
        _add_streams(part, {stream for label, stream in named if label == part.label})
        capture = part.analysis.capture
        times = (capture.first_time, capture.last_time)
        part.wanted.moments = {time for time in times if time is not None}
        part.wanted.everything = healthy
    for finding in report.findings:
        if finding.code in chosen.findings:
            _add_finding(parts, finding, first)


def widen(
    parts: Sequence[Part],
    width: Width,
    first: str,
    connections: Iterable[Connection],
    findings: Iterable[Finding],
) -> None:
    """Take along more for connections whose verdict the cut changed, and findings that it lost."""
    if width == "everything":
        for part in parts:
            part.wanted.everything = True
        return
    for connection in connections:
        for wanted, ends in _at_points(parts, connection, first):
            _widen(wanted, width, ends)
    for finding in findings:
        for part in _parts_of(parts, finding, first):
            _widen_for(part.wanted, width, finding)


def _widen(wanted: Wanted, width: Width, ends: _Ends) -> None:
    hosts = {host(ends[0][0]), host(ends[1][0])}
    wanted.near |= hosts
    if width == "endpoints":
        wanted.endpoints.add(end(*ends[1]))
    else:
        wanted.hosts |= hosts


def _widen_for(wanted: Wanted, width: Width, finding: Finding) -> None:
    hosts = set(_hosts(finding.addresses))
    wanted.near |= hosts
    address, port = parse_end(finding.endpoint) if finding.endpoint else ("", 0)
    if width == "hosts" or not port:
        wanted.hosts |= hosts
    else:
        wanted.endpoints.add(end(address, port))


def _named_streams(report: Report, chosen: Chosen) -> set[Place]:
    """Return the streams that chosen connections and the findings about them name."""
    first = first_label(report)
    named: set[Place] = set()
    for connection in report.connections:
        label, stream = stream_of(connection, first)
        if (label, stream) in chosen.streams:
            named.update((label_of(one.point, first), one.stream) for one in connection.causes)
            named.update((label, one) for one in connection.streams)
            if connection.same_as is not None:
                named.add((label, connection.same_as))
    for finding in report.findings:
        if finding.code in chosen.findings:
            named.update((label_of(finding.point, first), one) for one in finding.streams)
    return named


def _comes_along(connection: Connection, chosen: Chosen, named: set[Place], first: str) -> bool:
    label, stream = stream_of(connection, first)
    if begin_of(connection, first) in chosen.begins or (label, stream) in named:
        return True
    if isinstance(connection.log_lines, list) and connection.log_lines and not chosen.selected:
        return True
    return connection.same_as is not None and (label, connection.same_as) in chosen.streams


def _at_points(
    parts: Sequence[Part], connection: Connection, first: str
) -> Iterator[tuple[Wanted, _Ends]]:
    """Yield what is wanted of each point that has a connection, and its ends as it has them."""
    known = by_label(parts)
    own = label_of(connection.point, first)
    initiator, responder = connection.initiator, connection.responder
    yield known[own].wanted, ((initiator.ip, initiator.port), (responder.ip, responder.port))
    for seen in connection.seen_at:
        if seen.point in known and seen.point != own:
            yield known[seen.point].wanted, (parse_end(seen.initiator), parse_end(seen.responder))


def _add_connection(parts: Sequence[Part], connection: Connection, first: str) -> None:
    """Want a connection wherever it was seen, the frames of its verdict, and its lookups."""
    known = by_label(parts)
    own = label_of(connection.point, first)
    for wanted, ends in _at_points(parts, connection, first):
        _add_pair(wanted, *ends)
        wanted.addresses |= {ends[0][0], ends[1][0]}
        wanted.names |= _names(connection, parts, ends)
    known[own].wanted.frames.add(connection.first_frame)
    for seen in connection.seen_at:
        if seen.point in known:
            known[seen.point].wanted.frames.add(seen.first_frame)
    for verdict in (connection.verdict, *connection.other_failures):
        for label, frames in _frames(verdict, first):
            if label in known:
                known[label].wanted.frames.update(frames)


def _frames(verdict: Verdict, first: str) -> Iterator[tuple[str, list[int]]]:
    """Yield the frames that a verdict names, and whose numbers they are."""
    yield label_of(verdict.point, first), verdict.frames
    for item in verdict.attribution.evidence:
        yield label_of(item.point, first), item.frames


def _names(connection: Connection, parts: Sequence[Part], ends: _Ends) -> set[str]:
    names: list[str | None] = [connection.initiator.name, connection.responder.name]
    names += [part.analysis.names.name(ends[1][0]) for part in parts]
    if connection.tls is not None and connection.tls.client_hello is not None:
        names.append(connection.tls.client_hello.sni)
    return {name.lower().rstrip(".") for name in names if name}


def _add_streams(part: Part, streams: set[int]) -> None:
    """Want connections that worked, and of which the report has no more than the number."""
    for print_ in part.analysis.prints if streams else ():
        if print_.stream in streams:
            _add_pair(part.wanted, print_.initiator, print_.responder)


def _add_pair(wanted: Wanted, one: tuple[str, int], other: tuple[str, int]) -> None:
    wanted.pairs.add(pair(end(*one), end(*other)))
    wanted.near |= {host(one[0]), host(other[0])}


def _add_finding(parts: Sequence[Part], finding: Finding, first: str) -> None:
    for part in _parts_of(parts, finding, first):
        part.wanted.frames.update(finding.frames[:MAX_FINDING_FRAMES])
        if finding.code.startswith("dns."):
            part.wanted.askers.update(_hosts(finding.addresses))


def _parts_of(parts: Sequence[Part], finding: Finding, first: str) -> list[Part]:
    label = label_of(finding.point, first)
    return [part for part in parts if part.label == label]


def _hosts(addresses: Sequence[str]) -> Iterator[Host]:
    for address in addresses:
        try:
            yield host(address)
        except ValueError:
            continue
