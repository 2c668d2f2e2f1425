"""The report as Markdown: for a job's summary, a ticket, a comment on a merge request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from pcapdiag.model.report import Connection, Finding, Group, Report, label_of
from pcapdiag.model.units import counted
from pcapdiag.report import chain, evidence, words
from pcapdiag.report.callers import callers
from pcapdiag.report.clock import Clock, TimeMode
from pcapdiag.report.logs import is_logged, line_texts, log_texts, logged_only, logs_summary
from pcapdiag.report.markup import MAX_CELL, code, fence, prose, table
from pcapdiag.report.order import causes, told_order
from pcapdiag.report.overview import captured, hosts, noted, outcome, roles, samples, warnings
from pcapdiag.report.points import Places, point_texts, stream_filter

MAX_GROUPS = 20
"""Rows of the table of failures; as many findings are told."""
MAX_CHARACTERS = 60_000
"""Of a whole report: a comment on GitHub takes 65,536."""
STEPS = 12
"""Steps of a failure that are told after the first one."""
FOR, AGAINST = 4, 2
"""Signs that are told of a failure."""
KEY = "About a code: <code>pcapdiag explain CODE</code>"
SEVERITIES = ("failure", "warning", "info")


class Room(msgspec.Struct):
    """Counts what is written, so that a report fits where it is pasted."""

    left: int = MAX_CHARACTERS

    def fits(self, text: str) -> bool:
        """Take the room that a text needs; False, and nothing taken, where there is none."""
        if len(text) > self.left:
            return False
        self.left -= len(text)
        return True


def render_markdown(
    report: Report, time: TimeMode = "utc", filtered: bool = False
) -> Iterator[str]:
    """Yield the pieces of the report, each ending with a newline.

    At most MAX_CHARACTERS: what has no room is counted. ``filtered`` as of ``render_text``.
    """
    writer = _Writer(report, Clock(time, report.capture.first_time))
    room = Room()
    head = writer.head(filtered)
    room.fits(head)
    yield head
    yield from writer.failures(room)
    yield from writer.logged(room)
    yield from writer.findings(room)
    if report.summary.failed or report.findings:
        yield f"\n{KEY}\n"


class _Writer:
    def __init__(self, report: Report, clock: Clock) -> None:
        self.report = report
        self.clock = clock
        self.places = Places(tuple(point.label for point in report.points))
        self.samples = samples(report, MAX_GROUPS)
        cause_of = causes(report.groups, self.samples)
        self.callers = callers(report, cause_of, self.samples)
        order = told_order(report.groups, cause_of)
        self.groups = [(report.groups[n], self.samples[n]) for n in order if n in self.samples]

    def head(self, filtered: bool) -> str:
        report = self.report
        lines = [f"## {prose(outcome(report, filtered))}", ""]
        if report.points:
            lines += [
                f"- {code(label)} {prose(said)}; {prose(clock)}"
                for label, said, clock in point_texts(report)
            ]
        else:
            lines.append(prose(captured(report.capture, self.clock)))
        lines += [f"- **Warning:** {prose(text)}" for text in warnings(report.capture)]
        said = noted(report.capture)
        if said:
            lines.append(f"- Noted: {prose(said)}")
        if report.summary.failed and (known := roles(report)):
            lines += ["", f"Roles: {prose(known)}"]
        lines += [f"- Host: {prose(text)}" for text in hosts(report)]
        lines += self._logs()
        return "\n".join(lines) + "\n"

    def _logs(self) -> list[str]:
        """Return an item for each log, and what logs and wire have against each other."""
        lines = []
        for text, more in log_texts(self.report, self.clock):
            lines.append(f"- Log: {prose(text)}")
            lines += [f"  - {prose(one)}" for one in more]
        against = logs_summary(self.report)
        if against:
            lines.append(f"- **{prose(against)}**")
        return ["", *lines] if lines else []

    def logged(self, room: Room) -> Iterator[str]:
        """Yield the connections that a log calls failed, and that did not fail on the wire."""
        found = logged_only(self.report)
        if not found:
            return
        told = 0
        yield "\n### Logged as failed, nothing failed on the wire\n\n"
        for one in found[:MAX_GROUPS]:
            lines = "".join(f"  - {prose(text)}\n" for text in line_texts(one))
            text = f"- {prose(words.ends(one))} {code(self.places.of(one))}\n{lines}"
            if not room.fits(text):
                break
            told += 1
            yield text
        if told < len(found):
            yield f"- and {counted(len(found) - told, 'more connection')}\n"

    def failures(self, room: Room) -> Iterator[str]:
        """Yield the table of failures, then what is behind each of them."""
        rows = [self._row(group, sample) for group, sample in self.groups]
        head = ("Connections", "What", "Who", "Since", "First fix")
        kept = list(_fitting(rows, room))
        if kept:
            yield "\n" + table(head, kept, [0])
        rest = len(self.report.groups) - len(kept)
        if rest:
            yield f"\nand {counted(rest, 'more kind')} of failure\n"
        for group, sample in self.groups[: len(kept)]:
            text = "\n" + self._details(group, sample)
            if room.fits(text):
                yield text

    def findings(self, room: Room) -> Iterator[str]:
        """Yield the findings, the worst first."""
        found = sorted(self.report.findings, key=lambda one: SEVERITIES.index(one.severity))
        if not found:
            return
        told = 0
        yield "\n### Findings\n\n"
        for finding in found[:MAX_GROUPS]:
            text = self._finding(finding)
            if not room.fits(text):
                break
            told += 1
            yield text
        if told < len(found):
            yield f"- and {counted(len(found) - told, 'more finding')}\n"

    def _row(self, group: Group, sample: Connection) -> list[str]:
        fixes = sample.verdict.fixes
        return [
            f"{group.connections:,}",
            f"{prose(group.title, MAX_CELL)} {code(group.code)}",
            self._who(group),
            prose(self.clock.full(group.first) if group.first else ""),
            prose(fixes[0], MAX_CELL) if fixes and not sample.causes else self._cause(sample),
        ]

    def _who(self, group: Group) -> str:
        party = words.PARTY[group.party]
        return f"{party} {code(group.address)}" if group.address else party

    def _cause(self, sample: Connection) -> str:
        if not sample.causes:
            return ""
        last = sample.causes[-1]
        return f"its cause: {code(last.code)} at {code(last.endpoint)}"

    def _details(self, group: Group, sample: Connection) -> str:
        """Return the section that opens at a click: why, on what evidence, and what to do."""
        verdict = sample.verdict
        to = f" to {code(group.responder)}" if group.responder else ""
        many = counted(group.connections, "connection")
        parts = [f"<details><summary>{code(group.code)}: {many}{to}</summary>\n"]
        told = verdict.explanation or verdict.title
        parts.append(f"{prose(self.places.with_source(told, verdict.point))}\n")
        parts.append(f"**Who:** {self._culprit(sample)}\n")
        parts.append(fence(self._evidence(group, sample), "text"))
        if verdict.fixes:
            fixes = enumerate(verdict.fixes, 1)
            parts.append("".join(f"{number}. {prose(fix)}\n" for number, fix in fixes))
        if verdict.commands:
            parts.append(fence(verdict.commands, "sh"))
        return "\n".join([*parts, "</details>\n"])

    def _culprit(self, sample: Connection) -> str:
        who = sample.verdict.attribution
        text = prose(words.culprit(sample, several=self.places.several))
        sure = "" if who.side == "unknown" else f", {words.confidence(who.confidence)}"
        return text + sure + words.mend_places(sample)

    def _evidence(self, group: Group, sample: Connection) -> Iterator[str]:
        who = sample.verdict.attribution
        if who.side == "unknown":
            signs = evidence.signs(sample, self.places)
            yield from (f"sign     {text}" for text in signs[: FOR + AGAINST])
        else:
            speaks_for, against = evidence.for_and_against(who)
            yield from (f"for      {evidence.told(e, self.places)}" for e in speaks_for[:FOR])
            yield from (f"against  {evidence.told(e, self.places)}" for e in against[:AGAINST])
        in_one_line = chain.both_legs if sample.causes else chain.packets
        first, *further = in_one_line(sample, self.places).split(" > ")
        yield f"chain    {first}"
        yield from (f"       > {step}" for step in further[:STEPS])
        if len(further) > STEPS:
            yield f"       > and {counted(len(further) - STEPS, 'more packet')}"
        yield from (f"note     {note}" for note in sample.verdict.notes)
        yield from (f"log      {text}" for text in line_texts(sample))
        caller = self.callers.get((sample.point, sample.stream), "")
        product, said = words.logged(sample.verdict, caller)
        if said and not is_logged(sample):
            yield f"{product.lower():<9}{said}"
        yield f"see      {self._streams(group, sample)}"

    def _streams(self, group: Group, sample: Connection) -> str:
        if group.connections == 1:
            return self.places.of(sample)
        streams = stream_filter(group.streams, group.connections)
        return self.places.streams(streams, group.point)

    def _finding(self, finding: Finding) -> str:
        label = label_of(finding.point)
        at = f"{code(label)}: " if label else ""
        lines = [
            f"- **{finding.severity}** {at}{prose(finding.title)} {code(finding.code)}: "
            f"{prose(finding.detail)}{self._when(finding)}\n"
        ]
        lines += [f"  - {prose(fix)}\n" for fix in finding.fixes[:1] if finding.severity != "info"]
        return "".join(lines)

    def _when(self, finding: Finding) -> str:
        when = self.clock.about(finding)
        return f"; {prose(when)}" if when else ""


def _fitting(rows: Iterable[list[str]], room: Room) -> Iterator[list[str]]:
    for row in rows:
        if not room.fits(" | ".join(row)):
            return
        yield row
