"""The way of a bundle: what failed, the part that shows it, renamed, proven, packed.

original    what the captures show, and which of it the bundle is about
narrowing   the part of them that shows the same
sanitising  names, addresses and contents replaced in place
comparing   the proof: the bundle's own analysis says what the original's says
outputs     reports and charts, made from the bundle's own analysis
manifest    what is in it, where it came from, what was proven
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from pcapdiag import __version__
from pcapdiag.bundle import manifest as listing
from pcapdiag.bundle import readme
from pcapdiag.bundle.analysing import Source, analyse
from pcapdiag.bundle.archive import packed
from pcapdiag.bundle.comparing import TOLERANCE, Comparison, compare
from pcapdiag.bundle.facts import clocks, originals
from pcapdiag.bundle.logs import kept
from pcapdiag.bundle.logs import write as write_logs
from pcapdiag.bundle.narrowing import Narrowed, failed, narrow, own_options
from pcapdiag.bundle.original import Original, study
from pcapdiag.bundle.outputs import outputs
from pcapdiag.bundle.request import Request
from pcapdiag.bundle.sanitising import Treated, left_as_it_is, sanitise
from pcapdiag.bundle.snapshots import write as write_states
from pcapdiag.bundle.vendors.registry import VENDORS
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Generator, Report
from pcapdiag.report.annotate import annotate_capture

MANIFEST = "manifest.json"
README = "README.md"
NAMES = "names.hosts"
COMPARED = ["code", "side", "party", "end that closed it", "frames", "causes"]


class Made(msgspec.Struct):
    """A finished bundle: the zip file's bytes, and what is to be said of it."""

    content: bytes
    report: Report
    manifest: listing.Manifest
    original: Original


class _Proven(msgspec.Struct):
    report: Report
    comparison: Comparison
    captures: dict[str, bytes]
    command: str


def make_bundle(request: Request) -> Made:
    """Make a bundle, or raise.

    Raises as ``pipeline.analyze``; UsageError where nothing is to be escalated; ProofError where
    the bundle would not show what the original shows, or hold what it must not.
    """
    original = study(request)
    with tempfile.TemporaryDirectory(prefix="pcapdiag-bundle-") as folder:
        narrowed = narrow(original, request, folder)
        if request.sanitise:
            treated = sanitise(narrowed, original, request, folder)
        else:
            treated = left_as_it_is(narrowed, original, request)
        proven = _prove(original, narrowed, treated, request, folder)
    members, what = _members(original, proven, narrowed, treated, request)
    manifest = _manifest(original, narrowed, treated, proven, request)
    told = readme.Told(proven.report, manifest, VENDORS[request.vendor], _with_own(what))
    members = {README: readme.render(told).encode(), **members}
    what = _with_own(what)
    treated.check({**members, MANIFEST: listing.render(manifest)})
    manifest.proof.scanned = len(members) + 1 if request.sanitise else 0
    told = readme.Told(proven.report, manifest, VENDORS[request.vendor], what)
    members[README] = readme.render(told).encode()
    manifest.members = listing.listed(members, what)
    rendered = listing.render(manifest)
    first = {README: members.pop(README), MANIFEST: rendered}
    treated.check(first)
    return Made(packed({**first, **members}), proven.report, manifest, original)


def _with_own(what: dict[str, str]) -> dict[str, str]:
    own = {README: "this", MANIFEST: "digests, windows, what was altered, what was proven"}
    return {**own, **what}


def _prove(
    original: Original, narrowed: Narrowed, treated: Treated, request: Request, folder: str
) -> _Proven:
    """Annotate the capture, and compare its analysis with the original's; raises ProofError."""
    options = _options(request, treated, folder)
    others = [one.name for one in treated.logs] + [one.name for one in treated.states]
    names = {os.path.join(folder, name): name for name in others}
    sources = _annotated(original, treated, options, names, folder)
    report = analyse(sources, options, treated.roles, names, pictures=True)
    comparison = compare(original.report, report, narrowed.frames, original.chosen)
    if not comparison.holds:
        raise failed(comparison, "sanitised" if request.sanitise else "cut out")
    captures = {}
    for one in sources:
        with open(one.path, "rb") as file:
            captures[one.name] = file.read()
    return _Proven(report, comparison, captures, _command(original, treated, request))


def _annotated(
    original: Original,
    treated: Treated,
    options: AnalyzeOptions,
    names: Mapping[str, str],
    folder: str,
) -> list[Source]:
    """Write the captures with comments; those of several points say only that they were altered."""
    sources = []
    for part, one in zip(original.parts, treated.sources, strict=True):
        path = os.path.join(folder, part.name)
        draft = analyse([one], options, treated.roles, names)
        if part.label:
            draft = replace(draft, connections=[], findings=[], groups=[])
        with open(path, "wb") as file:
            annotate_capture(draft, file.write, said=[treated.told], drop_secrets=True)
        sources.append(Source(part.label, path, part.name))
    return sources


def _options(request: Request, treated: Treated, folder: str) -> AnalyzeOptions:
    options = replace(
        own_options(request.options),
        logs=write_logs(treated.logs, folder),
        snapshots=write_states(treated.states, folder),
    )
    if not treated.names:
        return replace(options, names=None)
    path = os.path.join(folder, NAMES)
    with open(path, "wb") as file:
        file.write(treated.names)
    return replace(options, names=path)


def _command(original: Original, treated: Treated, request: Request) -> str:
    names = [f"{part.label}={part.name}" if part.label else part.name for part in original.parts]
    verb = "analyze" if len(names) == 1 else "correlate"
    words = ["pcapdiag", verb, *names, *treated.roles.told()]
    if treated.names:
        words += ["--names", NAMES]
    for log in treated.logs:
        words += ["--log", log.argument()]
    for state in treated.states:
        words += ["--snapshot", state.name]
    if request.options.all_connections:
        words.append("--all")
    return shlex.join(words)


def _members(
    original: Original, proven: _Proven, narrowed: Narrowed, treated: Treated, request: Request
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the members but for README and manifest, and what each of them is."""
    members: dict[str, bytes] = {}
    what: dict[str, str] = {}
    for name, content, told in outputs(proven.report, healthy=request.options.all_connections):
        members[name], what[name] = content, told
    for part in original.parts:
        at = f" at {part.label}" if part.label else ", with comments that Wireshark shows"
        members[part.name] = proven.captures[part.name]
        what[part.name] = f"the packets{at}"
        members[part.frames_name] = narrowed.frames.maps[part.label].table().encode()
        what[part.frames_name] = f"where each frame of {part.name} was in the original files"
    for log in treated.logs:
        members[log.name] = log.content
        what[log.name] = f"the lines of a log of {log.source.product} that matter, for --log"
        if log.form_name:
            members[log.form_name] = f"{log.form}\n".encode()
            what[log.form_name] = f"the format of {log.name}"
    for state in treated.states:
        members[state.name] = state.content
        what[state.name] = "the state of a host, for --snapshot"
    if treated.names:
        members[NAMES] = treated.names
        what[NAMES] = "names of addresses, for --names"
    return members, what


def _not_chosen(original: Original, report: Report) -> int:
    if not original.chosen.selected:
        return 0
    return max(0, report.summary.connections - len(original.chosen.streams))


def _manifest(
    original: Original,
    narrowed: Narrowed,
    treated: Treated,
    proven: _Proven,
    request: Request,
) -> listing.Manifest:
    whole = original.report.capture
    return listing.Manifest(
        generator=Generator(name="pcapdiag", version=__version__),
        sanitised=request.sanitise,
        altered=treated.altered,
        kept_networks=[str(network) for network in request.keep] if request.sanitise else [],
        command=proven.command,
        vendor=request.vendor,
        originals=[
            file
            for part, made in zip(original.parts, narrowed.cuts, strict=True)
            for file in originals(made.files, part.label, hide=request.sanitise)
        ],
        capture=listing.CutFacts(
            packets=sum(len(one.frames) for one in narrowed.cuts),
            packets_of_originals=whole.packets,
            first_time=whole.first_time,
            last_time=whole.last_time,
            width=narrowed.width,
            filtered=original.chosen.selected,
            not_chosen=_not_chosen(original, proven.report),
            not_in_it=original.chosen.left_out,
        ),
        clocks=clocks(proven.report),
        logs=kept(treated.logs, original.report, proven.report),
        proof=listing.Proof(
            connections=proven.comparison.compared,
            tolerance=TOLERANCE,
            compared=COMPARED,
            findings_not_shown=proven.comparison.not_shown,
        ),
        key_log=listing.KeyLogUse(used=original.used_keys, connections=original.key_marks),
        connections=proven.comparison.matches,
    )
