"""A test suite as JUnit XML, in the form that Jenkins, GitLab and their like agree on.

At most one ``failure``, ``error`` or ``skipped`` in a test case, and counts that are right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

import msgspec

from pcapdiag.report.clock import Clock
from pcapdiag.report.escape import shown

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no document of XML 1.0 may hold (section 2.2), not even as references."""

Result = Literal["passed", "failure", "error", "skipped"]


class Case(msgspec.Struct, kw_only=True):
    """One test case: what was looked at, and what came out."""

    kind: str
    """Its class, of which there are few."""
    name: str
    result: Result = "passed"
    type: str = ""
    message: str = ""
    text: str = ""
    seconds: float = 0.0


class Suite(msgspec.Struct, kw_only=True):
    """One test suite; ``results`` counts its cases by what came out."""

    name: str
    results: Counter[str]
    cases: Iterable[Case]
    seconds: float = 0.0
    first_time: str | None = None
    text: str = ""


def render_suite(suite: Suite) -> Iterator[str]:
    """Yield the document of one suite."""
    results, seconds = suite.results, f'time="{suite.seconds:.3f}"'
    counts = f'tests="{results.total()}" failures="{results["failure"]}"'
    counts += f' errors="{results["error"]}"'
    yield f'{_HEAD}<testsuites name="pcapdiag" {counts} {seconds}>\n'
    at = ""
    if suite.first_time is not None:
        at = f' timestamp="{Clock("utc").full(suite.first_time)[:19]}"'
    name = _attribute(suite.name)
    yield f'  <testsuite name={name} {counts} skipped="{results["skipped"]}" {seconds}{at}>\n'
    yield from map(_case, suite.cases)
    if suite.text:
        yield f"    <system-out>{_text(suite.text)}</system-out>\n"
    yield "  </testsuite>\n</testsuites>\n"


def _case(case: Case) -> str:
    kind, name = _attribute(f"pcapdiag.{case.kind}"), _attribute(case.name)
    head = f'    <testcase classname={kind} name={name} time="{case.seconds:.3f}"'
    if case.result == "passed":
        return head + "/>\n"
    about = f"message={_attribute(case.message)}"
    if case.result != "skipped":
        about = f"type={_attribute(case.type)} {about}"
    inner = f"{_text(case.text)}</{case.result}>" if case.text else ""
    body = f"      <{case.result} {about}" + (f">{inner}\n" if inner else "/>\n")
    return f"{head}>\n{body}    </testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\ufffd", shown(text)))


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))
