"""What stands above all failures: the input, the first numbers, who is who."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.model.report import CaptureFile, CaptureSummary, Connection, Report
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.clock import Clock, between, duration
from pcapdiag.report.escape import shown

NAMED_ADDRESSES = 4
"""Addresses named of one role."""
NOT_FAILED = frozenset({"ok", "capture.partial"})
"""Codes of connections that are not counted as failures."""

_OTHERS = 10
_OTHER_SHARE = 0.05
"""Packets, and share of them, from which other protocols are worth a word."""


def captured(capture: CaptureSummary, clock: Clock) -> str:
    """Return what was read: the files, how much is in them, and from when to when."""
    text = f"{files(capture.files)}: {counted(capture.packets, 'packet')}"
    text += f", {words.size(capture.bytes)}"
    if capture.first_time and capture.last_time:
        span = duration(between(capture.first_time, capture.last_time))
        text += f", {span} from {clock.absolute(capture.first_time)}"
    return text


def warnings(capture: CaptureSummary) -> Iterator[str]:
    """Yield what is wrong with the input."""
    for unreadable in capture.unreadable:
        yield f"{shown(unreadable.path)} was not read: {shown(unreadable.message)}"
    for file in capture.files:
        if file.error:
            where = f"{shown(file.path)} is damaged at byte {file.error.byte:,}"
            yield f"{where}: {shown(file.error.message)}; what could be read is reported"
    yield from map(shown, capture.notes)


def hosts(report: Report) -> Iterator[str]:
    """Yield what is known from snapshots: of which hosts, from when, over which time."""
    for file in report.snapshots:
        if file.used:
            place = _addresses(file.addresses) or "on the path"
            unread = f"; {counted(file.unread, 'thing')} could not be read"
            text = f"{shown(file.host)} ({place}): {shown(file.path)}, {shown(file.when)}"
            yield text + (unread if file.unread else "")


def files(named: list[CaptureFile]) -> str:
    """Return the first file's path, and how many more there are."""
    if not named:
        return "no file"
    more = f" and {counted(len(named) - 1, 'file')} more" if len(named) > 1 else ""
    return shown(named[0].path) + more


def noted(capture: CaptureSummary) -> str:
    """Return what was met in the capture and no finding says."""
    counts = capture.counts
    others = counts.other_protocols
    named = [
        (counts.midstream, "connection", "already open when the capture began"),
        (counts.evicted, "connection", "judged early, because too many were open"),
        (
            others if others >= max(_OTHERS, _OTHER_SHARE * capture.packets) else 0,
            "packet",
            "of other protocols than TCP, not judged",
        ),
        (capture.undecoded_packets, "packet", "not decoded"),
    ]
    told = [f"{counted(number, one)} {what}" for number, one, what in named if number]
    told += [f"limit of {shown(what)} met {n:,} times" for what, n in counts.limits.items() if n]
    return "; ".join(told)


def outcome(report: Report, filtered: bool) -> str:
    """Return how many connections failed, worked, or could not be told.

    ``filtered`` says that only chosen connections are counted.
    """
    summary, capture = report.summary, report.capture
    if not capture.packets:
        return f"{words.captures(report)} hold{'' if report.points else 's'} no packets"
    if not summary.connections and filtered:
        return f"no connection in {words.captures(report)} matches the options"
    if not summary.connections:
        return f"no TCP connection among {counted(capture.packets, 'packet')}"
    partial = summary.by_verdict.get("capture.partial", 0)
    worked = summary.connections - summary.failed - partial
    if not summary.failed and not partial:
        return f"nothing failed: {counted(summary.connections, 'connection')}, all worked"
    told = [_failed(report) if summary.failed else "nothing failed"]
    if worked:
        told.append(f"{worked:,} worked")
    if partial:
        them = "it" if partial == 1 else "them"
        why = "" if len(report.connections) >= summary.connections else "; --all says why"
        told.append(f"{partial:,} not told (the capture holds too little of {them}{why})")
    return f"{counted(summary.connections, 'connection')}: {', '.join(told)}"


def _failed(report: Report) -> str:
    """Return how many connections failed, and how many requests where some carried several."""
    summary = report.summary
    if not any(group.requests > group.connections for group in report.groups):
        return f"{summary.failed:,} failed"
    requests = counted(summary.failed_requests, "request")
    return f"{summary.failed:,} failed ({requests})"


def roles(report: Report) -> str:
    """Return which addresses are clients, proxies and upstreams."""
    topology = report.topology
    if topology.assumed:
        return (
            "assumed: who connects is a proxy, who is called its upstream; "
            "change it with --proxy ADDRESS"
        )
    named = [
        (role, addresses)
        for role, addresses in (
            ("client", topology.clients),
            ("proxy", topology.proxies),
            ("upstream", topology.upstreams),
        )
        if addresses
    ]
    return "; ".join(f"{role} {_addresses(addresses)}" for role, addresses in named)


def _addresses(addresses: list[str]) -> str:
    more = len(addresses) - NAMED_ADDRESSES
    named = ", ".join(shown(address) for address in addresses[:NAMED_ADDRESSES])
    return f"{named} and {more:,} more" if more > 0 else named


def samples(report: Report, most: int) -> dict[int, Connection]:
    """Return one connection of each of the first ``most`` groups, by the group's number.

    It is one with a timeline where there is one.
    """
    wanted = {
        (group.point, stream): number
        for number, group in enumerate(report.groups[:most])
        for stream in group.streams
    }
    found: dict[int, Connection] = {}
    full = 0
    for connection in report.connections:
        number = wanted.get((connection.point, connection.stream))
        if number is None or not connection.verdict.failed:
            continue
        known = found.get(number)
        if known is None or (connection.timeline and not known.timeline):
            found[number] = connection
            full += bool(connection.timeline)
            if full == min(len(report.groups), most):
                break
    return found
