"""``README.md``: what whoever gets a bundle reads first."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

import msgspec

from pcapdiag.bundle.manifest import Manifest
from pcapdiag.bundle.vendors.vendor import Vendor
from pcapdiag.model.report import Connection, Finding, Group, Report
from pcapdiag.model.units import counted
from pcapdiag.report import words
from pcapdiag.report.clock import Clock, between, duration
from pcapdiag.report.markup import code, fence, prose, table
from pcapdiag.report.overview import outcome, samples

MAX_GROUPS = 20
"""Kinds of failure that are told, and rows of the table of five-tuples; as many findings."""
MAX_MARKS = 20
MAX_COMMAND = 160
"""Characters of a command in one line."""
RENAMED = "Original"
"""How a row begins that is filled in only where addresses were renamed."""
_PLAIN = re.compile(r"<code>([\w.:/\[\]-]+)</code>", re.ASCII)
"""Code that needs no references: also readable where nobody renders it."""


class Told(msgspec.Struct):
    """What a README is made from."""

    report: Report
    manifest: Manifest
    vendor: Vendor
    what: Mapping[str, str]
    """What each member is, by its name."""


def render(told: Told) -> str:
    """Return the text; all that strangers wrote in it is escaped."""
    if not told.manifest.sanitised:
        fill_in = tuple(row for row in told.vendor.fill_in if not row[0].startswith(RENAMED))
        told.vendor = msgspec.structs.replace(told.vendor, fill_in=fill_in)
    parts = (_title, _what_failed, _for_vendor, _members, _opening, _altered, _proof, _keys)
    text = "\n".join(line.rstrip("\n") for part in parts for line in part(told))
    return _PLAIN.sub(r"`\1`", text).replace("-&gt;", "->") + "\n"


def _title(told: Told) -> Iterator[str]:
    yield f"# {prose(_headline(told.report))}"
    yield ""
    if not told.manifest.sanitised:
        yield "> **NOT SANITISED.** This holds real addresses, names and contents of connections."
        yield "> Hand it on only to those who may see them, and delete it when it is done."
        yield ""


def _headline(report: Report) -> str:
    if report.groups:
        group = report.groups[0]
        to = f" to {group.responder}" if group.responder else ""
        return f"{counted(report.summary.failed, 'failed connection')}: {group.title}{to}"
    if report.findings:
        return report.findings[0].title
    return outcome(report, filtered=False)


def _what_failed(told: Told) -> Iterator[str]:
    report = told.report
    clock = Clock("utc", None)
    yield f"{prose(outcome(report, filtered=False))}. All times are UTC."
    yield ""
    sample_of = samples(report, MAX_GROUPS)
    for number, group in enumerate(report.groups[:MAX_GROUPS]):
        yield from _group(group, sample_of.get(number), clock)
    if len(report.groups) > MAX_GROUPS:
        yield f"- and {counted(len(report.groups) - MAX_GROUPS, 'more kind')} of failure"
    for finding in report.findings[:MAX_GROUPS]:
        if finding.severity != "info":
            yield _finding(finding)
    yield ""


def _group(group: Group, sample: Connection | None, clock: Clock) -> Iterator[str]:
    to = f" to {code(group.responder)}" if group.responder else ""
    when = f", {prose(clock.span(group.first, group.last))}" if group.first else ""
    many = counted(group.connections, "connection")
    yield f"- **{many}**{to}{when}: {prose(group.title)} ({code(group.code)})"
    if sample is None:
        return
    verdict = sample.verdict
    sure = words.confidence(verdict.confidence)
    yield f"  - who: {prose(words.culprit(sample))}; sure of what: {sure}"
    for cause in sample.causes[-1:]:
        yield f"  - its cause: {code(cause.code)} at {code(cause.endpoint)} on the other leg"
    if verdict.fixes and not sample.causes:
        yield f"  - first thing to do: {prose(verdict.fixes[0])}"


def _finding(finding: Finding) -> str:
    return f"- **{finding.severity}**: {prose(finding.title)} ({code(finding.code)})"


def _for_vendor(told: Told) -> Iterator[str]:
    vendor = told.vendor
    yield f"## For {vendor.reader}"
    yield ""
    yield from _window(told)
    yield "The flows, an example of each kind (protocol TCP; `stream` is Wireshark's `tcp.stream`):"
    yield ""
    yield from _flows(told)
    yield ""
    yield "To be filled in by the sender:"
    yield ""
    yield table(("what", "where to find it", "value"), ((*row, " ") for row in vendor.fill_in))
    yield ""
    if vendor.beside:
        yield "What else helps:"
        yield ""
        yield from (f"- {hint}" for hint in vendor.beside)
        yield ""
    yield "Asked for:"
    yield ""
    yield from _questions(told)
    yield ""
    if vendor.sources:
        yield f"Asked for by: {', '.join(f'<{page}>' for page in vendor.sources)}"
        yield ""


def _window(told: Told) -> Iterator[str]:
    cut = told.manifest.capture
    if cut.first_time and cut.last_time:
        clock = Clock("utc", None)
        span = duration(between(cut.first_time, cut.last_time))
        first, last = clock.absolute(cut.first_time), clock.absolute(cut.last_time)
        yield f"Captured from **{first}** to **{last}** (UTC, {span})."
        yield ""


def _flows(told: Told) -> Iterator[str]:
    clock = Clock("utc", None)
    rows = []
    for _, sample in sorted(samples(told.report, MAX_GROUPS).items()):
        time = sample.verdict.time or sample.start
        rows.append(
            (
                prose(clock.absolute(time)),
                code(sample.initiator.host_port),
                code(sample.responder.host_port),
                f"{sample.stream}",
                code(sample.verdict.code),
            )
        )
    altered = " (renamed)" if told.manifest.sanitised else ""
    head = ("UTC", f"from{altered}", f"to{altered}", "stream", "what")
    yield table(head, rows) if rows else "No connection: see the findings above."


def _questions(told: Told) -> Iterator[str]:
    sample_of = samples(told.report, MAX_GROUPS)
    asked: dict[str, None] = {}
    for sample in sample_of.values():
        asked[_question(sample)] = None
    yield from (f"- {text}" for text in asked)
    if not asked:
        yield "- What do your logs say of it?"


def _question(sample: Connection) -> str:
    who = sample.verdict.attribution
    at = code(sample.responder.host_port)
    if who.side == "path":
        near, far = code(sample.initiator.ip), code(sample.responder.ip)
        return f"Which device between {near} and {far} did it, by which rule or limit?"
    if who.side == "unknown":
        return f"Did it arrive at {at}, and what left from there? A capture there would tell."
    if who.side == "responder":
        return f"What did {at} do at that time: its log, limits, restarts, rules?"
    return f"Why did {code(sample.initiator.ip)} end it: its timeouts, its log?"


def _members(told: Told) -> Iterator[str]:
    yield "## What is in here"
    yield ""
    yield table(("file", "what it is"), ((f"`{name}`", what) for name, what in told.what.items()))
    yield ""


def _opening(told: Told) -> Iterator[str]:
    yield "## How to open it"
    yield ""
    yield "`report.html` in a browser; it needs no network."
    if told.report.points:
        yield "The captures in Wireshark: frames and streams are numbered in each by itself."
    else:
        yield "The capture in Wireshark: each decisive frame has a comment; the filter is"
        yield '`frame.comment contains "pcapdiag"`.'
    yield f"The same report again, with pcapdiag {told.manifest.generator.version}:"
    yield ""
    yield fence(wrapped(told.manifest.command), "sh")
    yield ""


def wrapped(command: str) -> list[str]:
    """Return a command as lines short enough that none is cut where it is shown."""
    if len(command) <= MAX_COMMAND:
        return [command]
    lines: list[list[str]] = [[]]
    for word in shlex.split(command):
        if word.startswith("--"):
            lines.append([])
        lines[-1].append(word)
    texts = [shlex.join(line) for line in lines]
    return [f"{text} \\" for text in texts[:-1]] + texts[-1:]


def _altered(told: Told) -> Iterator[str]:
    manifest = told.manifest
    yield "## What was altered"
    yield ""
    yield from (f"- {text}" for text in manifest.altered)
    if manifest.kept_networks:
        kept = ", ".join(code(network) for network in manifest.kept_networks)
        yield f"- Not renamed, on purpose: {kept}."
    yield ""


def _proof(told: Told) -> Iterator[str]:
    proof, cut = told.manifest.proof, told.manifest.capture
    yield "## How far it can be trusted"
    yield ""
    of = f"{cut.packets:,} of {counted(cut.packets_of_originals, 'packet')}"
    about = "chosen" if cut.filtered else "that failed"
    yield f"- The capture has {of}: {_WIDTH[cut.width].format(about=about)}."
    if cut.not_chosen:
        yield f"- Not among those chosen: {counted(cut.not_chosen, 'connection')} in it."
    if cut.not_in_it:
        yield f"- {counted(cut.not_in_it, 'more failed connection')} of the same kinds are not"
        yield "  in it."
    yield f"- {counted(proof.connections, 'connection')} compared with the analysis of the"
    yield f"  original: the same {', '.join(proof.compared)}; confidences within {proof.tolerance}."
    if proof.scanned:
        many = counted(proof.scanned, "file")
        yield f"- {many} searched for what was renamed: nothing was found."
    if proof.findings_not_shown:
        codes = ", ".join(code(one) for one in proof.findings_not_shown)
        yield f"- Also found in the original, and not to be seen here: {codes}."
    table_of = "A table (`...frames.csv`)" if told.report.points else "`frames.csv`"
    yield f"- {table_of} leads from each frame to the original file and frame; `manifest.json` has"
    yield "  the digests of all files, of the originals, too."
    yield ""


_WIDTH = {
    "implicated": "the connections {about}, their other legs, lookups and ICMP",
    "endpoints": "those {about}, and all others to the same endpoints: evidence rests on them",
    "hosts": "those {about}, and all others of the same hosts: evidence rests on them",
    "everything": "all there are",
}


def _keys(told: Told) -> Iterator[str]:
    use = told.manifest.key_log
    if not use.used:
        return
    yield "## TLS secrets"
    yield ""
    yield "None are in here. The sender had some; everything above is what can be told without."
    for mark in use.connections[:MAX_MARKS]:
        yield f"- original stream {mark.original_stream}: with secrets {code(mark.with_keys)}; "
        yield f"  without {code(mark.without_keys)}"
    if len(use.connections) > MAX_MARKS:
        more = len(use.connections) - MAX_MARKS
        yield f"- and {counted(more, 'more connection')}: see `manifest.json`"
    yield ""
