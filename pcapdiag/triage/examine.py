"""All that is done with one capture, on whatever machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import zstandard

from pcapdiag import __version__, pipeline
from pcapdiag.errors import CaptureError, FileAccessError, PcapdiagError
from pcapdiag.model.report import Connection, Report
from pcapdiag.model.report_outcome import Tally
from pcapdiag.model.units import counted, largest_first
from pcapdiag.report.json import render_line
from pcapdiag.report.jsonl import report_lines
from pcapdiag.triage import carry
from pcapdiag.triage.kinds import Kind, most_frequent
from pcapdiag.triage.not_examined import failed
from pcapdiag.triage.outcome import LEVEL, Outcome, alias
from pcapdiag.triage.stamp import identify, stamp_of
from pcapdiag.triage.task import Claim, Task, always

EARLIER = "an earlier file"
"""Where a connection begins that was carried over."""
CHANGED = "it changed while it was read; try again when it is complete"


def examine(task: Task, claim: Claim = always) -> Outcome | None:
    """Return what became of a capture, None where the claim was refused; its files are local.

    What is wrong with the capture is in the outcome; faults of this program are raised.
    """
    outcome = Outcome(status="examined", options=task.fingerprint, version=__version__)
    try:
        paths = [file.place for file in task.capture.files]
        before = [stamp_of(path) for path in paths]
        outcome.identities = [identify(path) for path in paths]
        if not claim(outcome.identities):
            return None
        report = _analyze(task, paths, outcome)
        if [stamp_of(path) for path in paths] != before:
            return failed(outcome, CHANGED, transient=True)
        unjudged = report.capture.counts.unjudged
        if unjudged:
            # A row without them would look like any other: nobody reads the notes of thousands.
            number = counted(unjudged, "connection")
            reason = f"internal error over {number}; analyze tells the others"
            return failed(outcome, reason, status="crash", transient=True)
        _fill(outcome, report, paths)
    except CaptureError as error:
        reason = error.told.removeprefix("byte 0: ")
        return failed(outcome, reason, transient=isinstance(error, FileAccessError))
    except PcapdiagError as error:
        return failed(outcome, str(error), transient=True)
    except OSError as error:
        # Of temporary files: what a capture's own file does is a CaptureError.
        return failed(outcome, error.strerror or str(error), transient=True)
    return outcome


def _analyze(task: Task, paths: Sequence[str], outcome: Outcome) -> Report:
    if task.part is None:
        return pipeline.analyze(paths, task.options)
    carried = carry.unpacked(task.part.carried)
    report, rest = pipeline.analyze_part(paths[0], task.options, carried, last=task.part.last)
    outcome.carried = carry.packed(rest)
    outcome.tally.carried = carried.count if carried else 0
    return report


def _fill(outcome: Outcome, report: Report, paths: Sequence[str]) -> None:
    digests = [identity.sha256 for identity in outcome.identities]
    known = dict(zip(paths, digests, strict=True))
    aliases = {path: alias(sha256) for path, sha256 in known.items()}
    capture = report.capture
    for file in capture.files:
        file.path, file.sha256 = aliases[file.path], known[file.path]
    for unreadable in capture.unreadable:
        unreadable.path = aliases.get(unreadable.path, unreadable.path)
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    packed = []
    failures: Counter[str] = Counter()
    kinds: Counter[Kind] = Counter()
    for line in report_lines(report):
        if isinstance(line.connection, Connection):
            if line.connection.file:
                line.connection.file = aliases.get(line.connection.file, EARLIER)
            failures.update(_failures(line.connection))
            kinds.update(_kinds(line.connection))
        packed.append(packer.compress(render_line(line).encode()))
    packed.append(packer.flush())
    outcome.lines = b"".join(packed)
    outcome.first_time = capture.first_time
    outcome.last_time = capture.last_time
    carried = outcome.tally.carried
    outcome.tally = _tally(report, failures, kinds)
    outcome.tally.carried = carried


def _tally(report: Report, failures: Counter[str], kinds: Counter[Kind]) -> Tally:
    summary, capture = report.summary, report.capture
    return Tally(
        packets=capture.packets,
        bytes=capture.bytes,
        connections=summary.connections,
        failed=summary.failed,
        failed_requests=summary.failed_requests,
        by_verdict=summary.by_verdict,
        failures=largest_first(failures),
        by_party=summary.by_party,
        resets=summary.resets,
        upstreams=most_frequent(kinds),
        findings=largest_first(Counter(finding.code for finding in report.findings)),
        severities=largest_first(Counter(finding.severity for finding in report.findings)),
        complete=capture.complete,
    )


def _failures(connection: Connection) -> Iterator[str]:
    if connection.verdict.failed and connection.same_as is None:
        yield connection.verdict.code


def _kinds(connection: Connection) -> Iterator[Kind]:
    """Yield the kind of a failure that is counted where it happened, and once."""
    verdict = connection.verdict
    if not verdict.failed or connection.same_as is not None or connection.caused_by is not None:
        return
    called = connection.responder
    to_proxy = connection.leg == "downstream" or called.role == "proxy"
    upstream = None if to_proxy else called.host_port
    yield Kind(verdict.code, verdict.attribution.party, upstream)
