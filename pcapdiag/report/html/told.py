"""The groups and findings as the page tells them before any script runs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.model.explains import explains
from pcapdiag.model.report import Connection, Finding, Group, Report
from pcapdiag.report import words
from pcapdiag.report.because import Because
from pcapdiag.report.callers import callers
from pcapdiag.report.clock import Clock
from pcapdiag.report.entry import EntryWriter
from pcapdiag.report.escape import shown
from pcapdiag.report.html.embed import key_text
from pcapdiag.report.html.slips import Slip, SlipPage, slips_of
from pcapdiag.report.logs import LOGGED, logged_only
from pcapdiag.report.order import causes, told_order
from pcapdiag.report.overview import samples
from pcapdiag.report.points import Places

FULL_GROUPS = 60
"""Groups told in full; further ones get one line each."""
SHORT_GROUPS = 500
"""Groups with one line; what is still more is counted."""


class Told(msgspec.Struct, kw_only=True):
    """One group of failures: its line, and its slips where it is told in full."""

    number: int
    title: str
    code: str
    party: str
    party_words: str
    count: str
    span: str
    who: str = ""
    sure: str = ""
    first_fix: str = ""
    cause: int = -1
    """Number of the group that caused this one on another leg."""
    cause_title: str = ""
    key: str = ""
    """The connection that it is told by."""
    verdict: str = ""
    """The code and how sure it is, as they stand at the right of WHAT."""
    slips: list[Slip] = []
    """What is said under the title, which is not repeated."""


class Teller:
    """Tells groups, findings and connections in the terminal's words, as slips."""

    def __init__(self, report: Report, clock: Clock) -> None:
        self._report, self._clock = report, clock
        self._page = SlipPage()
        places = Places(tuple(point.label for point in report.points))
        self._writer = EntryWriter(self._page, clock, report.capture.vantage, places, whole=True)
        self._because = Because(report)
        self.samples = samples(report, FULL_GROUPS)
        """A connection of each group that is told in full, by the group's number."""

    def groups(self) -> Iterator[Told]:
        """Yield the groups in the order in which the terminal tells them."""
        cause_of = causes(self._report.groups, self.samples)
        named = callers(self._report, cause_of, self.samples)
        self._writer = msgspec.structs.replace(self._writer, callers=named)
        order = told_order(self._report.groups, cause_of)
        for number in order[: FULL_GROUPS + SHORT_GROUPS]:
            group = self._report.groups[number]
            told = self._told(number, group, self.samples.get(number), number in cause_of)
            if number in cause_of:
                told.cause = cause_of[number]
                told.cause_title = shown(self._report.groups[told.cause].title)
            yield told

    def findings(self) -> Iterator[list[Slip]]:
        """Yield the findings that no group told in full; call it after :meth:`groups`."""
        for finding in self._because.not_told():
            yield slips_of(self._writer.finding(finding), self._page)

    def logged(self) -> Iterator[list[Slip]]:
        """Yield the connections that a log calls failed, and that did not fail on the wire."""
        for one in logged_only(self._report)[:LOGGED]:
            head = f"{key_text(one.stream, one.point)}: {words.ends(one)}"
            yield [Slip(label="LOGGED", texts=[head]), *self.connection(one)]

    def connection(self, one: Connection) -> list[Slip]:
        """Return what is said of one connection."""
        if not one.verdict.failed:
            return slips_of(self._not_failed(one), self._page)
        head, because = self._writer.head(one), self._naming(one)
        return slips_of(self._writer.connection(one, head, because=because), self._page)

    def _not_failed(self, one: Connection) -> Iterator[str]:
        if one.verdict.explanation:
            yield from self._page.labelled("WHAT", shown(one.verdict.explanation))
        for note in one.verdict.notes:
            yield from self._page.labelled("NOTE", shown(note))
        yield from self._writer.logged(one)
        yield from self._page.labelled("SEE", self._writer.places.of(one))

    def _told(self, number: int, group: Group, sample: Connection | None, in_short: bool) -> Told:
        told = Told(
            number=number,
            title=shown(group.title),
            code=group.code,
            party=group.party,
            party_words=words.PARTY[group.party],
            count=f"{group.connections:,}",
            span=self._clock.span(group.first, group.last).removeprefix("at "),
        )
        if sample is None:
            return told
        because = self._because.explain(group)
        if group.connections == 1:
            lines = self._writer.connection(
                sample, self._writer.head(sample), because=because, in_short=in_short
            )
        else:
            lines = self._writer.group(group, sample, because=because, in_short=in_short)
        told.slips = list(_under(told, slips_of(lines, self._page)))
        told.key = key_text(sample.stream, sample.point)
        who = sample.verdict.attribution
        told.who = words.culprit(sample, several=bool(self._report.points))
        told.sure = words.confidence(who.confidence) if who.side != "unknown" else ""
        told.first_fix = next((shown(fix) for fix in sample.verdict.fixes), "")
        return told

    def _naming(self, one: Connection) -> list[Finding]:
        findings = self._report.findings
        named = [findings[place] for place in one.findings if place < len(findings)]
        return [finding for finding in named if explains(finding)]


def _under(told: Told, slips: list[Slip]) -> Iterator[Slip]:
    for slip in slips:
        if slip.label == "WHAT":
            told.verdict = slip.right
            said = slip.texts[1:] if slip.texts[0] == told.title else slip.texts
            if not said:
                continue
            slip = Slip(label="WHAT", texts=said)
        yield slip
