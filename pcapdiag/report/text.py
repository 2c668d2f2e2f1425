"""The report for a person at a terminal: the first numbers, then every failure."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.model.report import CaptureFile, CaptureSummary, Connection, Group, Report
from pcapdiag.report import words
from pcapdiag.report.because import Because
from pcapdiag.report.clock import Clock, TimeMode, between, duration
from pcapdiag.report.entry import EntryWriter
from pcapdiag.report.escape import shown
from pcapdiag.report.layout import Page
from pcapdiag.report.order import causes, told_order
from pcapdiag.report.points import Places, point_lines

FULL_ENTRIES = 30
"""Failures told in full; further ones get one line each."""
SHORT_ENTRIES = 100
"""Failures with one line; what is still more is counted."""
NAMED_ADDRESSES = 4
"""Addresses named of one role."""

_OTHERS = 10
_OTHER_SHARE = 0.05
"""Packets, and share of them, from which other protocols are worth a word."""


def render_text(
    report: Report,
    page: Page,
    time: TimeMode = "utc",
    show_all: bool = False,
    filtered: bool = False,
) -> Iterator[str]:
    """Yield the report line by line, without newlines.

    ``show_all`` lists what worked, too; ``filtered`` says that only chosen connections are counted.
    """
    places = Places(tuple(point.label for point in report.points))
    clock = Clock(time, report.capture.first_time)
    writer = EntryWriter(page, clock, report.capture.vantage, places)
    yield from _capture(report, writer)
    yield from _summary(report, page, filtered)
    because = Because(report)
    for lines in _failures(report, writer, because):
        yield ""
        yield from lines
    for finding in because.not_told():
        yield ""
        yield from writer.finding(finding)
    if show_all:
        yield from _others(report, writer)
    if report.summary.failed:
        yield ""
        yield page.paint("Numbers at the right: how sure, 0 to 1.", "dim")


def render_connection(connection: Connection, page: Page, clock: Clock) -> Iterator[str]:
    """Yield one connection's lines, as ``--follow`` prints them one by one."""
    if connection.verdict.failed:
        writer = EntryWriter(page, clock)
        yield from writer.connection(connection, writer.head(connection))
    else:
        yield from _one_line(connection, EntryWriter(page, clock))


def _capture(report: Report, writer: EntryWriter) -> Iterator[str]:
    capture, page = report.capture, writer.page
    text = f"{_files(capture.files)}: {words.count(capture.packets, 'packet')}"
    text += f", {words.size(capture.bytes)}"
    if capture.first_time and capture.last_time:
        span = duration(between(capture.first_time, capture.last_time))
        text += f", {span} from {writer.clock.absolute(capture.first_time)}"
    if report.points:
        yield from point_lines(report, page)
    else:
        yield from page.labelled("CAPTURE", text)
    for unreadable in capture.unreadable:
        what = f"{shown(unreadable.path)} was not read: {shown(unreadable.message)}"
        yield from page.labelled("WARNING", what, "warn")
    for file in capture.files:
        if file.error:
            where = f"{shown(file.path)} is damaged at byte {file.error.byte:,}"
            what = f"{where}: {shown(file.error.message)}; what could be read is reported"
            yield from page.labelled("WARNING", what, "warn")
    for note in capture.notes:
        yield from page.labelled("WARNING", shown(note), "warn")
    noted = _counts(capture)
    if noted:
        yield from page.labelled("NOTED", noted)


def _files(files: list[CaptureFile]) -> str:
    if not files:
        return "no file"
    more = f" and {words.count(len(files) - 1, 'file')} more" if len(files) > 1 else ""
    return shown(files[0].path) + more


def _counts(capture: CaptureSummary) -> str:
    """Return what no finding says."""
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
    told = [f"{words.count(number, one)} {what}" for number, one, what in named if number]
    told += [f"limit of {shown(what)} met {n:,} times" for what, n in counts.limits.items() if n]
    return "; ".join(told)


def _summary(report: Report, page: Page, filtered: bool) -> Iterator[str]:
    summary = report.summary
    style = "bad" if summary.failed else "good"
    yield from page.labelled("SUMMARY", outcome(report, filtered), style)
    codes = {code: n for code, n in summary.by_verdict.items() if code not in NOT_FAILED}
    widest = max((len(f"{n:,}") for n in codes.values()), default=0)
    for code, number in codes.items():
        yield " " * 8 + f"{number:>{widest},}  {page.paint(code, 'code')}"
    if summary.by_party:
        known_first = sorted(summary.by_party.items(), key=lambda item: item[0] == "unknown")
        parties = ", ".join(f"{words.PARTY[party]} {n:,}" for party, n in known_first)
        yield from page.labelled("WHO", parties)
    roles = _roles(report)
    if roles and summary.failed:
        yield from page.labelled("ROLES", roles)


NOT_FAILED = frozenset({"ok", "capture.partial"})
"""Codes that no failure has."""


def outcome(report: Report, filtered: bool) -> str:
    """Return how many connections there are, and how many of them failed.

    ``filtered`` says that only chosen ones are counted.
    """
    summary, capture = report.summary, report.capture
    if not capture.packets:
        return f"{words.captures(report)} hold{'' if report.points else 's'} no packets"
    if not summary.connections and filtered:
        return f"no connection in {words.captures(report)} matches the options"
    if not summary.connections:
        return f"no TCP connection among {words.count(capture.packets, 'packet')}"
    partial = summary.by_verdict.get("capture.partial", 0)
    worked = summary.connections - summary.failed - partial
    if not summary.failed and not partial:
        return f"nothing failed: {words.count(summary.connections, 'connection')}, all worked"
    told = [f"{summary.failed:,} failed" if summary.failed else "nothing failed"]
    if worked:
        told.append(f"{worked:,} worked")
    if partial:
        them = "it" if partial == 1 else "them"
        told.append(f"{partial:,} not told (the capture holds too little of {them})")
    return f"{words.count(summary.connections, 'connection')}: {', '.join(told)}"


def _roles(report: Report) -> str:
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


def _failures(report: Report, writer: EntryWriter, because: Because) -> Iterator[Iterator[str]]:
    samples = _samples(report)
    cause_of = causes(report.groups, samples)
    for place, number in enumerate(told_order(report.groups, cause_of)):
        group, sample = report.groups[number], samples.get(number)
        if place >= FULL_ENTRIES + SHORT_ENTRIES:
            rest = len(report.groups) - place
            yield iter([f"and {words.count(rest, 'more kind')} of failure (in the JSON)"])
            return
        if sample is None or place >= FULL_ENTRIES:
            yield writer.page.labelled("FAILED", _short(group), "bad")
            continue
        why, in_short = because.explain(group), number in cause_of
        if group.connections == 1:
            head = _head(report, sample, writer)
            yield writer.connection(sample, head, because=why, in_short=in_short)
        else:
            yield writer.group(group, sample, because=why, in_short=in_short)


def _samples(report: Report) -> dict[int, Connection]:
    """Return one connection of each group that is told in full, by the group's number.

    It is one with a timeline where there is one.
    """
    wanted = {
        (group.point, stream): number
        for number, group in enumerate(report.groups[:FULL_ENTRIES])
        for stream in group.streams
    }
    samples: dict[int, Connection] = {}
    full = 0
    for connection in report.connections:
        number = wanted.get((connection.point, connection.stream))
        if number is None or not connection.verdict.failed:
            continue
        known = samples.get(number)
        if known is None or (connection.timeline and not known.timeline):
            samples[number] = connection
            full += bool(connection.timeline)
            if full == min(len(report.groups), FULL_ENTRIES):
                break
    return samples


def _head(report: Report, connection: Connection, writer: EntryWriter) -> str:
    of = words.count(report.summary.connections, "connection")
    return f"1 of {of}: {writer.head(connection)}"


def _short(group: Group) -> str:
    return f"{words.count(group.connections, 'connection')}: {shown(group.title)}  {group.code}"


def _others(report: Report, writer: EntryWriter) -> Iterator[str]:
    others = [c for c in report.connections if not c.verdict.failed]
    if others:
        yield ""
    for connection in others:
        yield from _one_line(connection, writer)


def _one_line(connection: Connection, writer: EntryWriter) -> Iterator[str]:
    partial = connection.verdict.code == "capture.partial"
    span = duration(between(connection.start, connection.end))
    sent, got = words.size(connection.bytes.initiator), words.size(connection.bytes.responder)
    text = f"{words.ends(connection)}  {span}, {sent} out, {got} back"
    notes = "; ".join(shown(note) for note in connection.verdict.notes)
    text += f"  {writer.places.of(connection)}" + (f"  {notes}" if notes else "")
    label, style = ("PARTIAL", "warn") if partial else ("OK", "good")
    yield from writer.page.labelled(label, text, style)
