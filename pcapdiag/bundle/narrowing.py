"""As little of a capture as shows the same: widened in steps until the proof holds."""

from __future__ import annotations

import os

import msgspec
from msgspec.structs import replace

from pcapdiag.bundle.analysing import Roles, Source, analyse
from pcapdiag.bundle.comparing import Comparison, compare
from pcapdiag.bundle.cutting import Cut, cut
from pcapdiag.bundle.original import Original, found_roles, given_roles
from pcapdiag.bundle.parts import Frames, Part
from pcapdiag.bundle.request import Request
from pcapdiag.bundle.wanted import WIDTHS, Width
from pcapdiag.bundle.wanting import widen
from pcapdiag.errors import ProofError
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Report

MAX_TOLD = 5
"""Differences that are told of a proof that failed."""


class Narrowed(msgspec.Struct):
    """The part of a capture that shows the same as the whole."""

    sources: list[Source]
    """One capture for each part."""
    cuts: list[Cut]
    width: Width
    roles: Roles
    report: Report
    comparison: Comparison
    frames: Frames


def narrow(original: Original, request: Request, folder: str) -> Narrowed:
    """Cut what is wanted out of the captures, and more of them until the verdicts are the same.

    Raises ProofError where even everything does not show the same, CaptureError where a file
    cannot be read again.
    """
    narrowed = None
    for width in WIDTHS:
        if narrowed is not None:
            found = narrowed.comparison
            widen(original.parts, width, original.first, found.changed, found.not_found)
        narrowed = _try(original, request, folder, width)
        if narrowed.comparison.holds:
            return narrowed
        if all(part.wanted.everything for part in original.parts):
            break
    assert narrowed is not None
    raise failed(narrowed.comparison, "cut out")


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
    )


def _try(original: Original, request: Request, folder: str, width: Width) -> Narrowed:
    sources, cuts = [], []
    for part in original.parts:
        path = os.path.join(folder, f"cut-{part.number}.pcapng")
        sources.append(Source(part.label, path))
        cuts.append(_cut_with_strays(part, request, path))
    maps = {part.label: made.frames for part, made in zip(original.parts, cuts, strict=True)}
    frames = Frames(maps, original.first)
    options = own_options(request.options)
    roles = given_roles(request.options)
    report = analyse(sources, options, roles)
    comparison = compare(original.report, report, frames, original.chosen)
    if comparison.about_parties:
        roles = found_roles(original.report, roles, _addresses(report))
        report = analyse(sources, options, roles)
        comparison = compare(original.report, report, frames, original.chosen)
    return Narrowed(sources, cuts, width, roles, report, comparison, frames)


def _cut_with_strays(part: Part, request: Request, path: str) -> Cut:
    """Cut a part; where single packets of other connections are named, with all of these."""
    made = _cut(part, request, path)
    if made.strays - part.wanted.pairs:
        part.wanted.pairs |= made.strays
        made = _cut(part, request, path)
    return made


def _cut(part: Part, request: Request, path: str) -> Cut:
    with open(path, "wb") as file:
        return cut(
            part.paths,
            part.wanted,
            part.analysis.tracker.redirects.places,
            file.write,
            names=not request.sanitise,
            progress=request.progress,
            digest=True,
        )


def _addresses(report: Report) -> set[str]:
    return {end.ip for one in report.connections for end in (one.initiator, one.responder)}
