"""A probe's report for the terminal, and as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.diagnose.timing import duration, how_long
from pcapdiag.model.ends import join_port
from pcapdiag.model.probe import ProbeCertificate, ProbeCheck, ProbeReport, ProbeVerdict
from pcapdiag.model.units import counted, parse_seconds
from pcapdiag.report.clock import Clock
from pcapdiag.report.escape import json_safe, shown
from pcapdiag.report.json import masked
from pcapdiag.report.layout import LABEL_WIDTH, MIN_WIDTH, Page

MAX_TOLD = 4
"""Different verdicts that are told in full; every failed check has its line all the same."""
MAX_COMMANDS = 6
_STYLES = {"ok": "good", "failed": "bad", "info": "dim", "skipped": "dim"}
_NAMES = {
    "dns": "DNS",
    "tcp": "TCP",
    "proxy_header": "PROXY",
    "tls": "TLS",
    "tls_unverified": "TLS",
    "tls_version": "version",
    "alpn": "ALPN",
    "http2": "HTTP/2",
    "http": "HTTP",
}
_NAME_WIDTH = 9
_WHAT_WIDTH = 20
_TIME_WIDTH = 8


def render_probe_json(report: ProbeReport) -> str:
    """Return the document, indented, with a newline at its end; no secret is in it."""
    encoded = msgspec.json.encode(masked(msgspec.to_builtins(report)))
    return json_safe(msgspec.json.format(encoded, indent=2).decode()) + "\n"


def render_probe_text(report: ProbeReport, page: Page) -> Iterator[str]:
    """Yield the lines for a person: the conclusion, what to do, then a line for each check."""
    yield from _conclusion(report, page)
    told: set[str] = set()
    for check in report.checks:
        verdict = check.verdict
        if check.status == "failed" and verdict is not None and verdict.code not in told:
            if len(told) == MAX_TOLD:
                yield from page.labelled("MORE", "further verdicts stand in the lines below")
                break
            told.add(verdict.code)
            if len(told) > 1:
                yield ""
            yield from _verdict(check, verdict, page, _alike(report, verdict.code) - 1)
    yield ""
    for check in report.checks:
        yield from _line(check, page)
    yield from _end(report, page)


def _conclusion(report: ProbeReport, page: Page) -> Iterator[str]:
    target = report.target
    where = shown(join_port(target.host, target.port))
    made = [check for check in report.checks if check.status != "skipped"]
    failed = [check for check in made if check.status == "failed"]
    checks = counted(len(made), "check")
    when = Clock("utc").full(report.start)
    of = f"{checks} of {where} from here at {when}"
    if failed:
        stopped = ", interrupted" if report.interrupted else ""
        yield from page.labelled("FAILED", f"{len(failed)} of {of}{stopped}", "bad")
    elif report.interrupted:
        yield from page.labelled("STOPPED", f"interrupted after {of}", "warn")
    else:
        yield from page.labelled(
            "OK", f"{where} answers as asked: {checks} from here at {when}", "good"
        )


def _alike(report: ProbeReport, code: str) -> int:
    """Return how many checks failed with a code."""
    failed = (check.verdict for check in report.checks if check.status == "failed")
    return sum(verdict is not None and verdict.code == code for verdict in failed)


def _verdict(check: ProbeCheck, verdict: ProbeVerdict, page: Page, others: int) -> Iterator[str]:
    what = "" if check.what in verdict.title else f" {shown(check.what)}"
    where = f"{_NAMES[check.name]}{what}: "
    right = f"{verdict.code}  {verdict.confidence:.2f}"
    more = f" (and so {counted(others, 'more check')})" if others else ""
    yield from page.with_right("WHAT", where + shown(verdict.title) + more, right)
    yield from page.labelled("", shown(verdict.explanation))
    yield from page.labelled("WHO", shown(verdict.who.says))
    yield from page.labelled("STEPS", _steps(check))
    yield from page.numbered("FIX", [shown(fix) for fix in verdict.fixes])
    yield from page.commands("NEXT", [shown(text) for text in verdict.commands[:MAX_COMMANDS]])
    yield from page.labelled("SEE", f"pcapdiag explain {verdict.code}")


def _steps(check: ProbeCheck) -> str:
    """Return the steps as a chain, each with the time since the one before."""
    told, before = [], None
    for step in check.steps:
        now = parse_seconds(step.time)
        since = f" +{duration(now - before)}" if before is not None else ""
        arrow = {"here": ">", "server": "<", "path": "<"}[step.by]
        told.append(f"#{step.number} {arrow} {shown(step.what)}{since}")
        before = now
    return "  ".join(told) or "none"


def _line(check: ProbeCheck, page: Page) -> Iterator[str]:
    word = check.status.upper() if check.status == "failed" else check.status
    head = f"{word:<{LABEL_WIDTH}}"
    name = f"{_NAMES[check.name]:<{_NAME_WIDTH}}{shown(check.what):<{_WHAT_WIDTH}} "
    spent = f"{how_long(_took(check)):>{_TIME_WIDTH}}  "
    code = f"  [{check.verdict.code}]" if check.verdict is not None else ""
    indent = " " * (LABEL_WIDTH + len(name) + len(spent))
    lines = [shown(check.says) + code]
    lines += [shown(_certificate(one)) for one in check.facts.certificates[:1] if _is_tls(check)]
    begun = page.paint(head, _STYLES[check.status]) + name + spent
    room = max(page.width, MIN_WIDTH)
    for text in lines:
        narrow = Page(max(MIN_WIDTH, room - len(indent) + LABEL_WIDTH))
        for line in narrow.labelled("", text):
            yield begun + line[LABEL_WIDTH:]
            begun = indent


def _took(check: ProbeCheck) -> float:
    """Return the seconds that what was asked took, without what the probe waited for besides."""
    facts = check.facts
    known = (facts.answer_after, facts.handshake, facts.connect if check.name == "tcp" else None)
    return next((seconds for seconds in known if seconds is not None), check.duration)


def _is_tls(check: ProbeCheck) -> bool:
    return check.name in ("tls", "tls_unverified")


def _certificate(one: ProbeCertificate) -> str:
    names = ", ".join(one.names[:6]) + (f" and {len(one.names) - 6} more" if one.names[6:] else "")
    span = counted(abs(one.days_left), "day")
    left = f"{span} left" if one.days_left >= 0 else f"ended {span} ago"
    until = Clock("utc").full(one.not_after)
    return f"certificate for {names or one.subject}, by {one.issuer}, until {until} ({left})"


def _end(report: ProbeReport, page: Page) -> Iterator[str]:
    yield ""
    for note in report.notes:
        yield from page.labelled("NOTE", shown(note))
    used = (
        f"{counted(report.connections, 'TCP connection')} (at most {report.max_connections}), "
        f"{report.duration:.2f} s; {report.openssl}"
    )
    yield from page.labelled("USED", used)
