"""The way through the house: from capture files to a report. Read this page first.

    capture/    reads the files and hands over batches of packets, in time order
    flow/       follows every connection (compiled); a healthy one ends here
    diagnose/   says of the others what happened, and who did it
    incident/   brings the connections together: roles, groups, findings
    report/     prints the Report, which is data and knows nothing of formats

A connection is judged twice: when it ends, and again when the whole capture is known.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from pcapdiag import __version__
from pcapdiag.capture import Capture
from pcapdiag.diagnose.findings.capture import capture_findings
from pcapdiag.diagnose.findings.registry import Finders
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.capture_facts import summarize_capture
from pcapdiag.incident.fleet import collect_fleet
from pcapdiag.incident.groups import summarize
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import (
    SCHEMA,
    Line,
    LineCapture,
    Report,
)
from pcapdiag.model.report import (
    Generator as Program,
)
from pcapdiag.model.units import format_seconds


def analyze(paths: Sequence[str | os.PathLike[str]], options: AnalyzeOptions) -> Report:
    """Read captures as one and return everything found out about them.

    Raises pcapdiag.errors.PcapdiagError when nothing can be read, or the options are wrong.
    """
    capture = Capture.open(paths, stop=options.stop)
    analysis = Analysis(capture, options)
    with _without_garbage_collection():
        for batch in capture.batches():
            if batch is not None:
                analysis.take(batch)
            if options.progress:
                options.progress(*capture.progress())
        analysis.finish()
    return _report(analysis)


def follow(
    paths: Sequence[str | os.PathLike[str]], options: AnalyzeOptions
) -> Generator[Line, None, Report]:
    """Yield a line for each verdict as soon as it is certain; return the report at the end.

    A verdict that the rest of the capture changed comes again as an ``update`` line. Raises as
    :func:`analyze` does.
    """
    capture = Capture.open(paths, follow=True, stop=options.stop)
    analysis = Analysis(capture, options)
    for batch in capture.batches():
        if batch is None:
            analysis.let_time_pass()
        else:
            analysis.take(batch)
        yield from _fresh_lines(analysis)
    analysis.finish()
    yield from _fresh_lines(analysis)
    report = _report(analysis)
    where = _line_capture(analysis)
    for connection in analysis.withdrawn:
        yield Line(type="update", capture=where, update=connection)
    for number, changed in analysis.late:
        connection = analysis.connections.read(number)
        if changed:
            yield Line(type="update", capture=where, update=connection)
        else:
            yield Line(type="connection", capture=where, connection=connection)
    return report


def _report(analysis: Analysis) -> Report:
    capture = summarize_capture(analysis)
    connections = analysis.connections
    roles = analysis.surroundings.roles()
    resets = analysis.unlisted_resets.by_party(roles)
    fleet = collect_fleet(analysis)
    finders = Finders()
    summary, groups = summarize(finders.watch(connections), analysis.unlisted, resets)
    return Report(
        schema=SCHEMA,
        generator=Program(name="pcapdiag", version=__version__),
        capture=capture,
        topology=roles.topology(),
        summary=summary,
        connections=connections,
        findings=[
            *finders.findings(fleet),
            *capture_findings(
                capture, summary.connections, analysis.tracker.mixed, analysis.tracker.mixed_frame
            ),
        ],
        groups=groups,
    )


def _fresh_lines(analysis: Analysis) -> Iterator[Line]:
    where = _line_capture(analysis)
    for connection in analysis.fresh:
        yield Line(type="connection", capture=where, connection=connection)
    analysis.fresh.clear()


def _line_capture(analysis: Analysis) -> LineCapture:
    first = analysis.tracker.first_time
    return LineCapture(
        files=[facts.path for facts in analysis.capture.files],
        first_time=format_seconds(first) if first else None,
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # The tracker makes no reference cycles, and scanning its tables over and over costs a tenth.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
