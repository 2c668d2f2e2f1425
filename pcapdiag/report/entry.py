"""One failure in the terminal: what, who, for and against, when, how far, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.model.failed_request import failed_exchange
from pcapdiag.model.report import Connection, Finding, Group, Verdict, label_of
from pcapdiag.model.units import counted
from pcapdiag.report import chain, evidence, words
from pcapdiag.report.because import repeats
from pcapdiag.report.callers import Callers
from pcapdiag.report.chain import own_timeline
from pcapdiag.report.clock import Clock
from pcapdiag.report.escape import shown
from pcapdiag.report.layout import Page
from pcapdiag.report.logs import LINES, is_logged, line_texts, lines_of
from pcapdiag.report.points import ONE_PLACE, Places, stream_filter
from pcapdiag.report.requests import other_text, request_head
from pcapdiag.report.scope import scope_text
from pcapdiag.report.signs import signs_text
from pcapdiag.report.timeline import timeline_rows
from pcapdiag.report.tls import offers

FOR_LINES = 4
AGAINST_LINES = 2
SIGN_LINES = 5
OTHER_LINES = 3
"""Kinds of further failures of one connection that are told."""
CHAIN_ENTRIES = 4
"""A timeline this short is told in one line."""
BECAUSE_LINES = 3
"""Findings that are named under one failure."""
SCANNED = 50
"""Ports of one address that another one tried in vain, from which on it looks like a scan."""
UNLIKELY = 0.05
"""Other codes below this probability are only in the JSON."""


class EntryWriter(msgspec.Struct, frozen=True):
    """Writes failures and findings on one page with one clock."""

    page: Page
    clock: Clock
    vantage: str = "unknown"
    """Where the capture was taken (``capture.vantage``)."""
    places: Places = ONE_PLACE
    callers: Callers = {}
    """Which programs opened connections: their logs' words are told."""
    whole: bool = False
    """Every sign, finding and further failure is told, however many."""

    def connection(
        self,
        connection: Connection,
        head: str,
        *,
        because: Sequence[Finding] = (),
        in_short: bool = False,
    ) -> Iterator[str]:
        """Yield the lines of one failed connection under its first line's words.

        ``because`` are the findings that explain it; ``in_short`` where what caused it on another
        leg is told too.
        """
        yield from self.page.labelled("FAILED", head, "bad")
        if in_short:
            yield from self._effect(connection, self.places.of(connection), because)
            return
        yield from self._why(connection)
        scope = self._scope_text(connection)
        if scope:
            yield from self.page.labelled("SCOPE", scope)
        yield from self._because(because)
        yield from self._what_next(connection, self.places.of(connection))

    def group(
        self,
        group: Group,
        sample: Connection,
        *,
        because: Sequence[Finding] = (),
        in_short: bool = False,
    ) -> Iterator[str]:
        """Yield the lines of many equal failures, told by the one of them that is at hand.

        ``because`` and ``in_short`` as of :meth:`connection`.
        """
        yield from self.page.labelled("FAILED", self._group_head(group), "bad")
        streams = stream_filter(group.streams, group.connections)
        streams = self.places.streams(streams, group.point)
        if in_short:
            yield from self._effect(sample, streams, because)
            return
        yield from self._why(sample)
        signs = signs_text(group, sample, self.vantage)
        if signs:
            yield from self.page.labelled("ALIKE", signs)
        yield from self.page.labelled("SCOPE", self._scope(group, sample))
        yield from self._because(because)
        yield from self._what_next(sample, streams)

    def finding(self, finding: Finding) -> Iterator[str]:
        """Yield the lines of a finding; what only informs gets one line."""
        label, style = _SEVERITY[finding.severity]
        detail = shown(finding.detail) + self._when(finding)
        if finding.severity == "info":
            text = shown(f"{self._at(finding)}{finding.title}: ") + detail
            yield from self.page.with_right(label, text, finding.code, style)
            return
        title = shown(f"{self._at(finding)}{finding.title}")
        yield from self.page.with_right(label, title, finding.code, style)
        yield from self.page.labelled("", detail)
        yield from self._what_to_do(finding.fixes, finding.commands)
        if finding.streams:
            streams = stream_filter(finding.streams, len(finding.streams))
            yield from self.page.labelled("SEE", self.places.streams(streams, finding.point))

    def _because(self, findings: Sequence[Finding]) -> Iterator[str]:
        """Yield a line for each finding that explains a failure; all of it is told at the end."""
        most = len(findings) if self.whole else BECAUSE_LINES
        for finding in findings[:most]:
            text = finding.title
            if repeats(finding):
                text += f": {finding.detail}"
            text = shown(f"{self._at(finding)}{text}")
            yield from self.page.with_right("BECAUSE", text, finding.code)
        rest = len(findings) - most
        if rest > 0:
            yield from self.page.labelled("", f"and {counted(rest, 'more finding')} below")

    def _when(self, finding: Finding) -> str:
        """Return the time that a finding is about, as it follows its detail."""
        when = self.clock.about(finding)
        return f"; {when}" if when else ""

    def _at(self, finding: Finding) -> str:
        """Return the point that a finding is about, unless its title says it."""
        label = label_of(finding.point)
        return f"{label}: " if label and label not in finding.title.split() else ""

    def head(self, connection: Connection) -> str:
        """Return what was asked, where a request failed, who called whom, when, and the frame."""
        exchange = failed_exchange(connection)
        if exchange is not None:
            when = self.clock.short(exchange.request_time or connection.start)
            frame = exchange.request_frame or connection.first_frame
            where = self.places.frame(frame, connection.point)
            return f"{request_head(connection, exchange)} at {when} {where}"
        when = self.clock.short(connection.start)
        where = self.places.frame(connection.first_frame, connection.point)
        return f"{words.ends(connection)} at {when} {where}"

    def _group_head(self, group: Group) -> str:
        to = f" to {shown(group.responder)}" if group.responder else ""
        when = self.clock.span(group.first, group.last)
        many = counted(group.connections, "connection")
        if group.requests > group.connections:
            many = f"{counted(group.requests, 'request')} on {many}"
        return f"{many}{to}, {when}"

    def _effect(
        self, connection: Connection, display_filter: str, because: Sequence[Finding]
    ) -> Iterator[str]:
        """Yield the lines of a failure that another leg caused, which tells what to do."""
        verdict = connection.verdict
        yield from self._what(verdict)
        yield from self.page.labelled("CHAIN", chain.both_legs(connection, self.places))
        yield from self._notes(connection)
        yield from self._because(because)
        yield from self.logged(connection)
        yield from self.page.labelled("SEE", self._see(display_filter, connection))

    def _notes(self, connection: Connection) -> Iterator[str]:
        for note in connection.verdict.notes:
            yield from self.page.labelled("NOTE", shown(note))
        yield from self._others(connection)

    def logged(self, connection: Connection) -> Iterator[str]:
        """Yield what proxies' logs say of a connection."""
        most = len(lines_of(connection)) if self.whole else LINES
        label = "LOG"
        for text in line_texts(connection, most):
            yield from self.page.hanging(label, text, 2)
            label = ""

    def _what(self, verdict: Verdict) -> Iterator[str]:
        what = f"{verdict.code}  {words.confidence(verdict.confidence)}"
        yield from self.page.with_right("WHAT", shown(verdict.title), what)

    def _why(self, connection: Connection) -> Iterator[str]:
        """Yield what happened, who did it, and the evidence."""
        verdict = connection.verdict
        yield from self._what(verdict)
        if verdict.explanation:
            text = " ".join(shown(verdict.explanation).split())
            yield from self.page.labelled("", self.places.with_source(text, verdict.point))
        yield from self._who(connection)
        packets = self._ladder(connection)
        if connection.causes:
            yield from self.page.labelled("CHAIN", chain.both_legs(connection, self.places))
        elif not packets and 0 < len(own_timeline(connection)) <= CHAIN_ENTRIES:
            yield from self.page.labelled("CHAIN", chain.packets(connection, self.places))
        yield from self._evidence(connection)
        for line in offers(connection):
            yield from self.page.labelled("TLS", line)
        yield from self._alternatives(verdict)
        if packets:
            yield from self.page.verbatim("PATH", packets)
        elif len(own_timeline(connection)) > CHAIN_ENTRIES:
            yield from self._timeline(connection)
        yield from self._notes(connection)

    def _ladder(self, connection: Connection) -> list[str]:
        if not self.places.several:
            return []
        from pcapdiag.report.ladder import ladder  # Only here: one point has none.

        lines = ladder(connection, self.places.labels, self.page.room)
        return [self.page.cut(line) for line in lines]

    def _others(self, connection: Connection) -> Iterator[str]:
        """Yield the further requests of the connection that failed."""
        others = connection.other_failures
        most = len(others) if self.whole else OTHER_LINES
        for other in others[:most]:
            yield from self.page.with_right("ALSO", other_text(other), other.code)
            for note in other.notes:
                yield from self.page.labelled("", shown(note))
        rest = sum(other.count for other in others[most:])
        if rest:
            yield from self.page.labelled("", f"and {rest:,} more (in the JSON)")

    def _what_next(self, connection: Connection, display_filter: str) -> Iterator[str]:
        yield from self.logged(connection)
        yield from self._what_to_do(connection.verdict.fixes, connection.verdict.commands)
        yield from self.page.labelled("SEE", self._see(display_filter, connection))

    def _see(self, display_filter: str, connection: Connection) -> str:
        if is_logged(connection):
            return display_filter
        caller = self.callers.get((connection.point, connection.stream), "")
        product, said = words.logged(connection.verdict, caller)
        return f"{display_filter}   {product} log: {said}" if said else display_filter

    def _who(self, connection: Connection) -> Iterator[str]:
        who = connection.verdict.attribution
        text = words.culprit(connection, several=self.places.several)
        text += words.mend_places(connection)
        if who.side == "unknown":
            yield from self.page.labelled("WHO", text)
        else:
            yield from self.page.with_right("WHO", text, words.confidence(who.confidence))

    def _evidence(self, connection: Connection) -> Iterator[str]:
        who = connection.verdict.attribution
        if who.side == "unknown":
            signs = evidence.signs(connection, self.places)
            yield from self._some("SIGNS", signs, SIGN_LINES)
            return
        speaks_for, against = evidence.for_and_against(who)
        yield from self._some("FOR", [evidence.told(e, self.places) for e in speaks_for], FOR_LINES)
        yield from self._some(
            "AGAINST", [evidence.told(e, self.places) for e in against], AGAINST_LINES
        )

    def _some(self, label: str, texts: list[str], most: int) -> Iterator[str]:
        most = len(texts) if self.whole else most
        for text in texts[:most]:
            yield from self.page.labelled(label, text)
        if len(texts) > most:
            yield from self.page.labelled("", f"and {len(texts) - most} more (in the JSON)")

    def _timeline(self, connection: Connection) -> Iterator[str]:
        label = "TIME"
        for line in timeline_rows(connection, own_timeline(connection), self.places):
            yield from self.page.verbatim(label, [self.page.cut(line)])
            label = ""

    def _alternatives(self, verdict: Verdict) -> Iterator[str]:
        likely = [o for o in verdict.alternatives if o.confidence >= UNLIKELY]
        if likely:
            names = [f"{o.code} {words.confidence(o.confidence)}" for o in likely]
            yield from self.page.labelled("OR", f"could also be {', '.join(names)}")

    def _what_to_do(self, fixes: list[str], commands: list[str]) -> Iterator[str]:
        if fixes:
            yield from self.page.numbered("FIX", [shown(fix) for fix in fixes])
        if commands:
            yield from self.page.commands("NEXT", [shown(command) for command in commands])

    def _scope(self, group: Group, sample: Connection) -> str:
        reach = self._scope_text(sample)
        if group.responder is None:
            reach = "many endpoints"
        elif not group.responder.endswith(f":{sample.responder.port}"):
            reach = f"many ports of {shown(group.responder)}"
        if group.initiator is not None and group.endpoints > 1:
            reach += f", all tried by {shown(group.initiator)}"
            # Monitoring calls as many addresses, but hardly anything so many ports of one.
            scans = group.responder is not None and group.endpoints >= SCANNED
            reach += ", as a scan does" if scans else ""
        where = f" at {self.places.label(sample.point)}" if self.places.several else ""
        lines = f"the lines above are of stream {sample.stream}{where}"
        return f"{reach or 'the same each time'}; {lines}"

    def _scope_text(self, connection: Connection) -> str:
        text = scope_text(connection, self.clock)
        if text and self.places.several:
            return f"at {self.places.label(connection.point)}, {text}"
        return text


_SEVERITY = {
    "failure": ("FINDING", "bad"),
    "warning": ("WARNING", "warn"),
    "info": ("INFO", "label"),
}
