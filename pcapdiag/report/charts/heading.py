"""The words around a picture: what it shows, who did it, the evidence, where it comes from."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from pcapdiag.model.report import Connection, Report, SegmentSeries
from pcapdiag.model.units import counted
from pcapdiag.report import evidence, words
from pcapdiag.report.charts.canvas import Canvas
from pcapdiag.report.charts.look import BODY, LINE, MARGIN, SMALL, TITLE, Look
from pcapdiag.report.charts.ruler import wrapped
from pcapdiag.report.clock import between, duration
from pcapdiag.report.points import Places

SUBTITLE = 9.0
LABEL = 56.0
"""Points that a label beside the text takes."""
MARK = 9.0
FOR, AGAINST, SIGNS, NOTES, FINDINGS = 3, 2, 4, 2, 4
"""Lines of evidence that are told; what is more is counted."""
TITLE_LINES = 2
TEXT_LINES = 2


class Said(msgspec.Struct, frozen=True):
    """A text with a label before it, broken into lines."""

    label: str
    lines: list[str]


class Heading(msgspec.Struct, frozen=True):
    """A title over some lines, the last of them in a colour with a mark before it."""

    title: list[str]
    lines: list[str]
    who: list[str] = []
    colour: str = ""

    @property
    def height(self) -> float:
        """Points that it takes."""
        rows = len(self.lines) + len(self.who)
        return len(self.title) * TITLE * LINE + rows * SUBTITLE * LINE + 2

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        y = canvas.lines(MARGIN, top, self.title, size=TITLE, bold=True) + 2
        y = canvas.lines(MARGIN, y, self.lines, size=SUBTITLE, colour=canvas.look.muted)
        if self.who:
            at = y + SUBTITLE * LINE / 2
            canvas.rectangle(MARGIN, at - MARK / 2, MARK, MARK, self.colour, gid="who")
            x = MARGIN + MARK + 6
            canvas.lines(x, y, self.who, size=SUBTITLE, bold=True, colour=self.colour)


class Caption(msgspec.Struct, frozen=True):
    """Texts under a picture with their labels, and one last line: where it comes from."""

    texts: list[Said]
    source: str

    @property
    def height(self) -> float:
        """Points that it takes."""
        rows = sum(len(text.lines) for text in self.texts)
        return rows * BODY * LINE + len(self.texts) * 2 + SMALL * LINE + 8

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        y, look = top, canvas.look
        for text in self.texts:
            at = y + BODY * LINE / 2
            canvas.text(MARGIN, at, text.label, size=SMALL, colour=look.muted, bold=True)
            y = canvas.lines(MARGIN + LABEL, y, text.lines) + 2
        at = y + 6 + SMALL * LINE / 2
        room = canvas.width - 2 * MARGIN
        canvas.text(MARGIN, at, self.source, size=SMALL, colour=look.muted, room=room)


def connection_heading(connection: Connection, look: Look, places: Places) -> Heading:
    """Return the title of one connection: the verdict, between whom, who did it."""
    verdict, room = connection.verdict, look.points - 2 * MARGIN
    title = wrapped(verdict.title, room, TITLE, bold=True, most=TITLE_LINES)
    start = look.clock.full(connection.start)
    took = duration(max(between(connection.start, connection.end), 0.0))
    ends = f"{words.end(connection.initiator)} \u2192 {words.end(connection.responder)}"
    lines = wrapped(f"{ends} \u00b7 {verdict.code}{_sure(verdict.confidence)}", room, SUBTITLE)
    lines += wrapped(f"begun {start}, lasted {took}, {_traffic(connection)}", room, SUBTITLE)
    if not verdict.failed:
        return Heading(title, lines)
    who = words.culprit(connection, several=places.several)
    if verdict.attribution.side != "unknown":
        who += _sure(verdict.attribution.confidence)
    told = wrapped(who, room - MARK - 6, SUBTITLE, bold=True)
    return Heading(title, lines, told, look.party(verdict.attribution.party))


def _sure(confidence: float) -> str:
    return f", confidence {words.confidence(confidence)}" if confidence else ""


def _traffic(connection: Connection) -> str:
    packets = connection.packets.initiator + connection.packets.responder
    text = counted(packets, "packet")
    sizes = connection.bytes.initiator, connection.bytes.responder
    if any(sizes):
        text += f", {words.size(sizes[0])} there and {words.size(sizes[1])} back"
    again = connection.retransmissions.initiator + connection.retransmissions.responder
    return text + (f", {again:,} sent again" if again else "")


def capture_heading(report: Report, look: Look) -> Heading:
    """Return the title of a whole capture: how much failed, of what, and when."""
    summary, capture = report.summary, report.capture
    room = look.points - 2 * MARGIN
    all_of_them = counted(summary.connections, "connection")
    if summary.failed:
        title = f"{summary.failed:,} of {all_of_them} failed"
    else:
        title = f"no failure in {all_of_them}"
    what = f"{counted(capture.packets, 'packet')}, {words.size(capture.bytes)}"
    if capture.first_time and capture.last_time:
        took = duration(max(between(capture.first_time, capture.last_time), 0.0))
        what += f", {took} from {look.clock.absolute(capture.first_time)}"
    kinds = ", ".join(
        f"{number:,} \u00d7 {code}"
        for code, number in sorted(summary.by_verdict.items(), key=lambda item: -item[1])
        if code not in _NOT_FAILED
    )
    lines = wrapped(what, room, SUBTITLE)
    lines += wrapped(kinds, room, SUBTITLE) if kinds else []
    return Heading(wrapped(title, room, TITLE, bold=True), lines)


_NOT_FAILED = ("ok", "capture.partial")


def capture_caption(report: Report, look: Look) -> Caption:
    """Return the findings about the capture, and of which capture the picture is."""
    room = look.points - 2 * MARGIN - LABEL
    found = [f"{one.title}: {one.detail}" for one in report.findings if one.severity != "info"]
    told = [
        Said(label, wrapped(text, room, BODY, most=TEXT_LINES))
        for label, text in _some("FINDING", found, FINDINGS)
    ]
    return Caption(told, source(report))


def connection_caption(
    report: Report, connection: Connection, look: Look, places: Places
) -> Caption:
    """Return the evidence for and against, and of which capture the picture is."""
    who = connection.verdict.attribution
    if who.side == "unknown":
        told = _some("SIGNS", evidence.signs(connection, places), SIGNS)
    else:
        speaks_for, against = evidence.for_and_against(who)
        told = _some("FOR", [evidence.told(e, places) for e in speaks_for], FOR)
        told += _some("AGAINST", [evidence.told(e, places) for e in against], AGAINST)
    told += _some("NOTE", connection.verdict.notes, NOTES)
    series = connection.series
    if isinstance(series, SegmentSeries) and series.thinned:
        left_out = counted(series.thinned, "packet")
        told.append(("DRAWN", f"{left_out} of the many are not drawn, chosen evenly over time"))
    room = look.points - 2 * MARGIN - LABEL
    texts = [Said(label, wrapped(text, room, BODY, most=TEXT_LINES)) for label, text in told]
    return Caption(texts, f"{source(report)} \u00b7 {places.of(connection)}")


def _some(label: str, texts: Sequence[str], most: int) -> list[tuple[str, str]]:
    told = [(label if n == 0 else "", text) for n, text in enumerate(texts[:most])]
    if len(texts) > most:
        told.append(("", f"and {len(texts) - most} more (in the JSON of analyze)"))
    return told


def source(report: Report) -> str:
    """Return the names of the captures and of the program."""
    program = f"{report.generator.name} {report.generator.version}"
    if report.points:
        named = [(f"{p.label}=", p.files) for p in report.points]
    else:
        named = [("", [file.path for file in report.capture.files])]
    texts = [label + _first(files) for label, files in named]
    return " \u00b7 ".join([", ".join(texts), program])


def _first(files: Sequence[str]) -> str:
    if not files:
        return "no file"
    more = f" and {counted(len(files) - 1, 'file')} more" if len(files) > 1 else ""
    return os.path.basename(files[0]) + more
