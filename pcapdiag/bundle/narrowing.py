"""As little of a capture as shows the same: widened in steps until the proof holds."""

from __future__ import annotations

import os
from dataclasses import replace

import msgspec

from pcapdiag.bundle.analysing import Roles, analyse
from pcapdiag.bundle.choosing import widen
from pcapdiag.bundle.comparing import Comparison, compare
from pcapdiag.bundle.cutting import Cut, cut
from pcapdiag.bundle.original import Original, found_roles, given_roles
from pcapdiag.bundle.request import Request
from pcapdiag.bundle.wanted import WIDTHS, Width
from pcapdiag.errors import ProofError
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Report

MAX_TOLD = 5
"""Differences that are told of a proof that failed."""
CUT = "cut.pcapng"


class Narrowed(msgspec.Struct):
    """The part of a capture that shows the same as the whole."""

    path: str
    cut: Cut
    width: Width
    roles: Roles
    report: Report
    comparison: Comparison


def narrow(original: Original, request: Request, folder: str) -> Narrowed:
    """Cut what is wanted out of the captures, and more of them until the verdicts are the same.

    Raises ProofError where even everything does not show the same, CaptureError where a file
    cannot be read again.
    """
    narrowed = None
    for width in WIDTHS:
        if narrowed is not None:
            found = narrowed.comparison
            widen(original.wanted, width, found.changed, found.not_found)
            request.tell(f"what was cut out tells less than the whole: {_TOLD[width]}")
        narrowed = _try(original, request, folder, width)
        if narrowed.comparison.holds:
            return narrowed
        if original.wanted.everything:
            break
    assert narrowed is not None
    raise failed(narrowed.comparison, "cut out")


_TOLD: dict[Width, str] = {
    "implicated": "",
    "endpoints": "all connections to the same endpoints come along",
    "hosts": "all packets of the same hosts come along",
    "everything": "all packets come along",
}


def failed(comparison: Comparison, done: str) -> ProofError:
    """Return the error of a proof that failed."""
    told = [one.told for one in comparison.differences[:MAX_TOLD]]
    more = len(comparison.differences) - len(told)
    if more:
        told.append(f"and {more:,} more")
    return ProofError(
        f"no bundle: what was {done} does not show the same as the original: {'; '.join(told)}",
        "--no-sanitize writes one that was only cut" if done == "sanitised" else "",
    )


def own_options(options: AnalyzeOptions) -> AnalyzeOptions:
    """Return the options by which a bundle's capture is analysed: no filters, files nor secrets."""
    return replace(
        options.without_filters(),
        keylog=None,
        logs=(),
        snapshots=(),
        use_secrets=False,
        progress=None,
    )


def _try(original: Original, request: Request, folder: str, width: Width) -> Narrowed:
    path = os.path.join(folder, CUT)
    made = _cut(original, request, path)
    if made.strays - original.wanted.pairs:
        original.wanted.pairs |= made.strays
        made = _cut(original, request, path)
    options = own_options(request.options)
    roles = given_roles(request.options)
    report = analyse(path, options, roles)
    comparison = compare(original.report, report, made.frames, original.chosen)
    if comparison.about_parties:
        near = _addresses(report)
        roles = found_roles(original.report, roles, near)
        report = analyse(path, options, roles)
        comparison = compare(original.report, report, made.frames, original.chosen)
    return Narrowed(path, made, width, roles, report, comparison)


def _cut(original: Original, request: Request, path: str) -> Cut:
    with open(path, "wb") as file:
        return cut(
            request.paths,
            original.wanted,
            original.analysis.tracker.redirects,
            file.write,
            names=not request.sanitise,
            progress=request.progress,
            digest=True,
        )


def _addresses(report: Report) -> set[str]:
    return {end.ip for one in report.connections for end in (one.initiator, one.responder)}
