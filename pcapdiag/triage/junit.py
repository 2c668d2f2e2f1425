"""The summary of many captures as JUnit XML: each capture is a test case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pcapdiag.model.report_outcome import CaptureOutcome
from pcapdiag.model.units import counted, largest_first
from pcapdiag.report.suite import Case, Suite, render_suite
from pcapdiag.triage.overview import captures_text, connections_text, from_here
from pcapdiag.triage.summary import Summary

NAME = "captures"
MAX_UPSTREAMS = 20
"""Lines on upstreams of one capture."""


def render_junit(
    summary: Summary, outcomes: Iterable[CaptureOutcome], unreadable: Sequence[str]
) -> Iterator[str]:
    """Yield the pieces of the document; ``summary`` is of the same ``outcomes``.

    A capture fails where a connection failed, or a finding has the severity ``failure``;
    one that was not examined is an error, and so is each place in ``unreadable``.
    """
    failed = len(summary.worst) + summary.left_out.get("worst", 0)
    errors = summary.captures - summary.examined
    results = Counter(
        failure=failed, error=errors + len(unreadable), passed=summary.examined - failed
    )
    text = f"{captures_text(summary)}\n{connections_text(summary)}"
    cases = _cases(outcomes, unreadable)
    yield from render_suite(Suite(name=NAME, results=results, cases=cases, text=text))


def _cases(outcomes: Iterable[CaptureOutcome], unreadable: Sequence[str]) -> Iterator[Case]:
    yield from map(_case, outcomes)
    for text in unreadable:
        yield Case(kind="sources", name=text, result="error", type="unreadable", message=text)


def _case(outcome: CaptureOutcome) -> Case:
    case = Case(kind="captures", name=from_here(outcome.names[0]))
    if outcome.status != "examined":
        case.result, case.type, case.message = "error", outcome.status, outcome.reason
    elif outcome.failed:
        case.result, case.type = "failure", next(iter(largest_first(Counter(outcome.failures))))
        of = counted(outcome.connections, "connection")
        kinds = len(outcome.failures)
        more = f" and {counted(kinds - 1, 'more kind')} of failure" if kinds > 1 else ""
        case.message = f"{outcome.failed:,} of {of} failed: {case.type}{more}"
        case.text = "\n".join(_lines(outcome))
    elif outcome.severities.get("failure"):
        case.result, case.type = "failure", "finding"
        found = counted(outcome.severities["failure"], "finding")
        case.message = f"{found} of severity failure among {', '.join(sorted(outcome.findings))}"
        case.text = "\n".join(_lines(outcome))
    return case


def _lines(outcome: CaptureOutcome) -> Iterator[str]:
    for kind in outcome.upstreams[:MAX_UPSTREAMS]:
        at = f" at {kind.upstream}" if kind.upstream else ""
        yield f"{kind.connections:,}  {kind.code} by {kind.party}{at}"
    more = len(outcome.upstreams) - MAX_UPSTREAMS
    if more > 0:
        yield f"and {counted(more, 'more kind')} of failure"
    for code, number in sorted(outcome.findings.items()):
        yield f"{number:,}  finding {code}"
    yield from (f"also found as {from_here(name)}" for name in outcome.names[1:MAX_UPSTREAMS])
