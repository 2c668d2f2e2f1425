"""The report as JUnit XML, which test servers read: an endpoint that was called is a test case.

A test case keeps its name from run to run, so that its history can be followed. A finding of
severity ``failure`` is one, too; so is every file, which was read or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from pcapdiag.model.report import CaptureFile, Connection, Finding, PointLabel, Report, label_of
from pcapdiag.model.units import counted
from pcapdiag.report.clock import Clock, TimeMode, between
from pcapdiag.report.entry import EntryWriter
from pcapdiag.report.escape import shown
from pcapdiag.report.layout import Page
from pcapdiag.report.overview import captured, files, noted, outcome, samples, warnings
from pcapdiag.report.points import Places, point_texts
from pcapdiag.report.suite import Case, Suite, render_suite

MAX_ENDPOINTS = 10_000
"""Endpoints with a test case of their own; further ones share one."""
MAX_FILES = 1_000
"""Files with a test case of their own; what is wrong with further ones is in ``system-out``."""
MAX_GROUPS = 200
"""Groups of failures whose text is told."""
TOLD = 3
"""Kinds of failure of one endpoint whose text is told."""
OTHERS = "other endpoints"


def render_junit(report: Report, time: TimeMode = "utc", filtered: bool = False) -> Iterator[str]:
    """Yield the pieces of the document; the same report gives the same bytes.

    Healthy endpoints are there only where ``report`` has healthy connections. ``filtered`` as of
    ``render_text``.
    """
    clock = Clock(time, report.capture.first_time)
    cases = [*_files(report), *_endpoints(report, clock), *_findings(report)]
    first, last = report.capture.first_time, report.capture.last_time
    labels = ", ".join(point.label for point in report.points)
    suite = Suite(
        name=labels or files(report.capture.files),
        results=Counter(case.result for case in cases),
        cases=cases,
        seconds=between(first, last) if first and last else 0.0,
        first_time=first,
        text="\n".join(_summary(report, clock, filtered)),
    )
    yield from render_suite(suite)


def _summary(report: Report, clock: Clock, filtered: bool) -> Iterator[str]:
    if report.points:
        yield from (f"{label}: {said}; {its}" for label, said, its in point_texts(report))
    else:
        yield captured(report.capture, clock)
    yield from warnings(report.capture)
    said = noted(report.capture)
    if said:
        yield said
    yield outcome(report, filtered)
    for finding in report.findings:
        if finding.severity != "failure":
            yield shown(f"{finding.severity}: {finding.title} ({finding.code}): {finding.detail}")


def _files(report: Report) -> Iterator[Case]:
    """Yield a case for each file: whether it could be read, to its end."""
    for unreadable in report.capture.unreadable[:MAX_FILES]:
        yield Case(
            kind="capture",
            name=unreadable.path,
            result="error",
            type="unreadable",
            message=unreadable.message,
        )
    yield from map(_file, report.capture.files[:MAX_FILES])


def _file(file: CaptureFile) -> Case:
    if file.error is None:
        return Case(kind="capture", name=file.path)
    message = f"damaged at byte {file.error.byte:,}: {file.error.message}"
    return Case(kind="capture", name=file.path, result="skipped", message=message)


def _findings(report: Report) -> Iterator[Case]:
    return (_finding(one) for one in report.findings if one.severity == "failure")


def _finding(finding: Finding) -> Case:
    label = label_of(finding.point)
    at = f"{label}: " if label else ""
    lines = [finding.detail, finding.explanation, *finding.fixes, *finding.commands]
    return Case(
        kind="findings",
        name=f"{finding.code}: {at}{finding.title}",
        result="failure",
        type=finding.code,
        message=finding.title,
        text="\n".join(shown(line) for line in lines if line),
    )


class _Endpoint(msgspec.Struct):
    """What became of the connections to one endpoint."""

    name: str
    first: str
    last: str
    connections: int = 0
    partial: int = 0
    codes: Counter[str] = msgspec.field(default_factory=Counter)
    titles: dict[str, str] = {}
    groups: list[int] = []

    def add(self, connection: Connection, group: int | None) -> None:
        verdict = connection.verdict
        self.connections += 1
        self.partial += verdict.code == "capture.partial"
        self.first = min(self.first, connection.start, key=float)
        self.last = max(self.last, connection.end, key=float)
        if verdict.failed:
            self.codes[verdict.code] += 1
            self.titles.setdefault(verdict.code, verdict.title)
            if group is not None and group not in self.groups and len(self.groups) < TOLD:
                self.groups.append(group)


def _endpoints(report: Report, clock: Clock) -> Iterator[Case]:
    group_of: dict[tuple[PointLabel, int], int] = {
        (group.point, stream): number
        for number, group in enumerate(report.groups)
        for stream in group.streams
    }
    found: dict[str, _Endpoint] = {}
    for connection in report.connections:
        # The same connection before a NAT counts once, there.
        if connection.same_as is None:
            number = group_of.get((connection.point, connection.stream))
            _endpoint(connection, found).add(connection, number)
    texts = _texts(report, clock, {n for end in found.values() for n in end.groups})
    for endpoint in found.values():
        yield _judged(endpoint, texts)


def _endpoint(connection: Connection, found: dict[str, _Endpoint]) -> _Endpoint:
    name = connection.responder.host_port
    if name not in found and len(found) >= MAX_ENDPOINTS:
        name = OTHERS
    if name not in found:
        found[name] = _Endpoint(name, connection.start, connection.end)
    return found[name]


def _texts(report: Report, clock: Clock, wanted: set[int]) -> dict[int, str]:
    """Return what the terminal tells of each group, by its number."""
    places = Places(tuple(point.label for point in report.points))
    writer = EntryWriter(Page(), clock, report.capture.vantage, places)
    texts = {}
    for number, sample in samples(report, MAX_GROUPS).items():
        if number in wanted:
            texts[number] = "\n".join(writer.group(report.groups[number], sample))
    return texts


def _judged(endpoint: _Endpoint, texts: dict[int, str]) -> Case:
    seconds = between(endpoint.first, endpoint.last)
    case = Case(kind="connections", name=endpoint.name, seconds=seconds)
    of = counted(endpoint.connections, "connection")
    if endpoint.codes:
        code = endpoint.codes.most_common(1)[0][0]
        told = f"{endpoint.codes.total():,} of {of} failed: {endpoint.titles[code]}"
        more = len(endpoint.codes) - 1
        case.result, case.type = "failure", code
        case.message = f"{told}; and {counted(more, 'more kind')} of failure" if more else told
        case.text = "\n\n".join(texts[n] for n in endpoint.groups if n in texts)
    elif endpoint.partial == endpoint.connections:
        case.result, case.message = "skipped", f"{of}: the capture holds too little to judge"
    return case
