"""The report as one HTML file that needs no network: readable as it is, explored with its script.

Jinja2 escapes every value; the connections come as packed data, which the script shows as text
only. A Content-Security-Policy forbids every request and all but this script and style.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from pcapdiag.model.report import Report
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.clock import Clock, TimeMode
from pcapdiag.report.html import assets
from pcapdiag.report.html.embed import MAX_ROWS, Embedded, Embedder
from pcapdiag.report.html.members import Members
from pcapdiag.report.html.plain import packed, plain
from pcapdiag.report.html.told import FULL_GROUPS, SHORT_GROUPS, Teller, Told
from pcapdiag.report.html.topology import draw_topology
from pcapdiag.report.logs import log_texts, logs_summary
from pcapdiag.report.overview import captured, files, hosts, noted, outcome, roles, warnings
from pcapdiag.report.points import point_texts

GLANCE = 3
"""Kinds of failure on the first screen."""


def render_html(report: Report, time: TimeMode = "utc", filtered: bool = False) -> Iterator[str]:
    """Yield the pieces of the page.

    ``filtered`` says that only chosen connections are counted. The same report gives the same
    bytes.
    """
    clock = Clock(time, report.capture.first_time)
    teller = Teller(report, clock)
    groups = list(teller.groups())
    embedder = Embedder(clock, teller.connection, Members(report.groups))
    data = embedder.embed(report.connections, teller.samples.values())
    values = {
        **_first_screen(report, clock, filtered, groups),
        **_style_and_script(),
        "groups": groups,
        "more_groups": max(0, len(report.groups) - FULL_GROUPS - SHORT_GROUPS),
        "logged": list(teller.logged()),
        "findings": list(teller.findings()),
        "topology": draw_topology(report),
        "left_out": _left_out(data),
        "listed": len(data.rows),
        "blocks": list(_blocks(report, data)),
    }
    yield from _environment().get_template("page.html").generate(values)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pcapdiag.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _first_screen(
    report: Report, clock: Clock, filtered: bool, groups: list[Told]
) -> dict[str, object]:
    summary, capture = report.summary, report.capture
    known_first = sorted(summary.by_party.items(), key=lambda item: item[0] == "unknown")
    first = min((group.first for group in report.groups), key=float, default="")
    last = max((group.last for group in report.groups), key=float, default="")
    return {
        "name": files(capture.files),
        "version": report.generator.version,
        "failed": summary.failed,
        "mood": "bad" if summary.failed else "good" if summary.connections else "",
        "outcome": outcome(report, filtered),
        "parties": [(party, words.PARTY[party], f"{n:,}") for party, n in known_first],
        "since": clock.span(first, last).removeprefix("at ") if first else "",
        "requests": counted(summary.failed_requests, "request") if summary.failed_requests else "",
        "captured": captured(capture, clock),
        "points": list(point_texts(report)),
        "warnings": list(warnings(capture)),
        "noted": noted(capture),
        "roles": roles(report),
        "logs": list(log_texts(report, clock)),
        "logs_summary": logs_summary(report),
        "hosts": list(hosts(report)),
        "glance": groups[:GLANCE],
    }


def _style_and_script() -> dict[str, object]:
    style, script = assets.style(), assets.script()
    return {
        "style": style,
        "script": script,
        "style_source": assets.integrity(style),
        "script_source": assets.integrity(script),
    }


def _left_out(data: Embedded) -> list[str]:
    """Return what the file does not hold, and why."""
    told = []
    if data.not_listed:
        many = counted(data.not_listed, "more connection")
        told.append(f"{many} not listed: this page lists {MAX_ROWS:,} (all are in the JSON)")
    if data.without_details:
        many = counted(data.without_details, "connection")
        told.append(f"{many} listed without details, to keep this file small (see the JSON)")
    if data.without_pictures:
        many = counted(data.without_pictures, "connection")
        told.append(f"{many} without charts of their packets, to keep this file small")
    return told


def _blocks(report: Report, data: Embedded) -> Iterator[tuple[str, str]]:
    """Yield the data blocks by name."""
    shell = plain(msgspec.structs.replace(report, connections=[]))
    yield "report", packed(shell)
    yield "rows", packed({"rows": data.rows})
    for number, chunk in enumerate(data.chunks):
        yield f"chunk-{number}", chunk
