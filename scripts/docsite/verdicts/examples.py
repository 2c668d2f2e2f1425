"""What the report says of a stored capture that has a code: the example on the code's page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import chdir
from functools import cache
from typing import Any, NamedTuple

from docsite.places import ROOT
from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.report import Report
from pcapdiag.report.layout import LABEL_WIDTH, Page
from pcapdiag.report.text import render_text

CAPTURES = ROOT / "fixtures" / "pcaps"
WIDTH = 88
TRIES = 30
"""Captures that are tried before a code goes without an example."""
LONG = 30
"""Lines of a failure from which on its packets are left out, too."""
LEFT_OUT = ("FIX", "NEXT", "RUN")
"""Parts of a report that the page itself has."""
SHOWN_BY = {"ok": "healthy-refused-then-retry-same-syn", "path.mtu": "healthy-path-mtu-"}
"""Codes without scenarios of their own, and whose show them."""
SNAPSHOT = "--snapshot="
NOT_FAILED = {"ok": "OK", "capture.partial": "PARTIAL"}
"""Codes of connections that did not fail, and what their line begins with."""


class Example(NamedTuple):
    """A command that a user could type, and the part of its output that has the code."""

    command: str
    text: str


def example(code: str) -> Example | None:
    """Return the example of a code from the first fitting capture; None where none has it."""
    found = (shown(code, arguments) for arguments in candidates(code)[:TRIES])
    return next((one for one in found if one is not None), None)


def shown(code: str, arguments: tuple[str, ...]) -> Example | None:
    """Return what the report of these captures says of a code, or None."""
    with chdir(ROOT):
        report = _report(arguments)
    lines = render_text(report, Page(WIDTH), "utc", code in NOT_FAILED)
    for block in blocks(lines):
        if _is_of(code, block):
            command = "pcapdiag correlate" if "=" in arguments[0] else "pcapdiag analyze"
            extra = ["--all"] if code in NOT_FAILED else []
            return Example(" ".join([command, *extra, *arguments]), "\n".join(_told(code, block)))
    return None


def candidates(code: str) -> list[tuple[str, ...]]:
    """Return captures of which the truth says the code: its own scenarios, a proxy's view first."""
    fitting = []
    for truth, capture in _stored():
        own = truth["scenario"].startswith(SHOWN_BY.get(code, f"{code}-"))
        if own or code in _codes(truth, capture):
            arguments = _arguments(truth, capture)
            size = sum(os.path.getsize(ROOT / _path(one)) for one in arguments)
            fitting.append(((not own, capture["name"] != "proxy", size), arguments))
    return [arguments for _, arguments in sorted(fitting)]


def blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield what stands between blank lines."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _is_of(code: str, block: list[str]) -> bool:
    """Return whether a block tells of the code, of a failure with its evidence."""
    parts = _parts(block)
    if code in NOT_FAILED:
        return NOT_FAILED[code] in parts
    if "FAILED" in parts:
        return code in parts["WHAT"].split() and not {"FOR", "SIGNS"}.isdisjoint(parts)
    return any(code in parts.get(label, "").split() for label in ("FINDING", "WARNING", "INFO"))


def _told(code: str, block: list[str]) -> Iterator[str]:
    """Yield the lines that say what, who and why; ``...`` stands for what is left out."""
    left_out = LEFT_OUT if len(block) <= LONG else (*LEFT_OUT, "TIME")
    label, gap = "", False
    for line in block:
        label = line[:LABEL_WIDTH].strip() or label
        wanted = label not in left_out and label == NOT_FAILED.get(code, label)
        if wanted and gap:
            yield "..."
        if wanted:
            yield line
        gap = not wanted


def _parts(block: list[str]) -> dict[str, str]:
    """Return the text under each label."""
    parts: dict[str, str] = {}
    label = ""
    for line in block:
        label = line[:LABEL_WIDTH].strip() or label
        parts[label] = parts.get(label, "") + " " + line[LABEL_WIDTH:]
    return parts


@cache
def _stored() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the truth of what may be looked at, with each of its captures that can tell."""
    found = []
    for path in sorted(CAPTURES.glob("*/truth.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        if truth["split"] == "fit" and not truth["options"]:
            found += [(truth, capture) for capture in truth["captures"] if _is_plain(capture)]
    return found


def _is_plain(capture: dict[str, Any]) -> bool:
    return capture["can_tell"] and (capture["command"] == "analyze" or "together" in capture)


def _codes(truth: dict[str, Any], capture: dict[str, Any]) -> set[str]:
    """Return the codes that the truth expects of a capture first."""
    findings = (capture.get("together") or truth)["findings"]["expected"]
    return {*findings, *(one["codes"][0] for one in truth["connections"])}


def _arguments(truth: dict[str, Any], capture: dict[str, Any]) -> tuple[str, ...]:
    """Return what the command is given: files, or those with their points' labels; snapshots."""
    folder = f"fixtures/pcaps/{truth['scenario']}"
    snapshots = [f"{SNAPSHOT}{folder}/{file}" for file in truth.get("snapshots", [])]
    if capture["command"] == "analyze":
        return (*(f"{folder}/{file}" for file in capture["files"]), *snapshots)
    points = capture["together"]["points"]
    files = [f"{label}={folder}/{file}" for label, listed in points.items() for file in listed]
    return (*files, *snapshots)


def _path(argument: str) -> str:
    return argument.rpartition("=")[2]


def _report(arguments: tuple[str, ...]) -> Report:
    snapshots = tuple(_path(one) for one in arguments if one.startswith(SNAPSHOT))
    arguments = tuple(one for one in arguments if not one.startswith(SNAPSHOT))
    options = AnalyzeOptions(all_connections=True, snapshots=snapshots)
    if "=" not in arguments[0]:
        return pipeline.analyze(list(arguments), options)
    points: dict[str, list[str]] = {}
    for argument in arguments:
        label, _, path = argument.partition("=")
        points.setdefault(label, []).append(path)
    named = [CapturePoint(label, tuple(paths)) for label, paths in points.items()]
    return pipeline.correlate(named, options)
