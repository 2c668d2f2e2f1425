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
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import msgspec

from pcapdiag.capture import Capture
from pcapdiag.errors import UsageError
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.conclusion import joint_report, report_of
from pcapdiag.model.harmless import harmless
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.report import Report
from pcapdiag.model.report_line import Line, LineCapture
from pcapdiag.model.units import format_seconds

if TYPE_CHECKING:
    from pcapdiag.incident.carrying import Carry
    from pcapdiag.incident.correlation import Correlation
    from pcapdiag.incident.following import Following
    from pcapdiag.incident.progress import Progress


def analyze(paths: Sequence[str | os.PathLike[str]], options: AnalyzeOptions) -> Report:
    """Read captures as one and return everything found out about them.

    Raises pcapdiag.errors.PcapdiagError when nothing can be read, or the options are wrong.
    """
    analysis = read(paths, options)
    report = report_of(analysis)
    analysis.let_go()
    return report


def read(paths: Sequence[str | os.PathLike[str]], options: AnalyzeOptions) -> Analysis:
    """Read captures as one; what comes back knows more of them than ``report_of`` tells.

    Raises as :func:`analyze` does.
    """
    analysis = Analysis(Capture.open(paths, stop=options.stop), options)
    _read(analysis)
    return analysis


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
    report = report_of(analysis)
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


def correlate(points: Sequence[CapturePoint], options: AnalyzeOptions) -> Report:
    """Read the captures of several points, each by itself, and return one report of all.

    The files are read twice: packets are kept only of the connections that deserve it. Raises as
    :func:`analyze` does, and UsageError for what are not two points or more with names of their
    own.
    """
    return joint_report(compare(points, options))


def compare(
    points: Sequence[CapturePoint],
    options: AnalyzeOptions,
    drawn: tuple[int, int] | None = None,
) -> Correlation:
    """Compare the captures of several points; what comes back knows more than ``joint_report``.

    ``drawn``: number of a point and stream of a connection that is to be drawn packet by packet.
    Raises as :func:`correlate` does.
    """
    # Only here: one capture needs none of it.
    from pcapdiag.flow.sieve import MAX_DRAWN
    from pcapdiag.incident.correlation import Correlation
    from pcapdiag.incident.point_study import PointStudy, check_points, options_at_a_point
    from pcapdiag.incident.progress import Progress
    from pcapdiag.incident.second_look import SecondLook

    check_points(points)
    captures = [Capture.open(point.paths, stop=options.stop) for point in points]
    progress = Progress(options.progress, captures)
    studies = []
    with _without_garbage_collection():
        for number, (point, capture) in enumerate(zip(points, captures, strict=True)):
            analysis = Analysis(capture, options_at_a_point(options))
            _follow_all(analysis, progress)
            analysis.end_reading()
            studies.append(PointStudy(number, point.label, analysis))
        correlation = Correlation(studies, options, drawn)
        share = MAX_DRAWN // len(points)
        for watch, study, point in zip(correlation.compare(), studies, points, strict=True):
            again = Capture.open(point.paths, stop=options.stop)
            look = SecondLook(again, options, study.number, watch, share)
            _follow_all(look, progress)
            look.finish()
            study.second = look
        correlation.conclude()
    return correlation


def picture(
    paths: Sequence[str | os.PathLike[str]], stream: int, options: AnalyzeOptions
) -> Report:
    """Return a report that lists one connection, failed or not, with its packets to draw.

    Its ``series`` has all of them up to ``flow.sieve.MAX_DRAWN``, and beyond that an even choice
    (``thinned`` counts the others). All else is as :func:`analyze` has it for the whole capture:
    filters among the options are ignored. Reads the input once, standard input too. Raises as
    :func:`analyze` does, and UsageError where the capture has no such stream.
    """
    from pcapdiag.incident.drawing import for_picture, no_such_stream  # Only here: see draw().

    analysis = Analysis(Capture.open(paths, stop=options.stop), for_picture(options))
    analysis.draw(stream)
    _read(analysis)
    report = report_of(analysis)
    found = analysis.connections.at(stream)
    if found is None:
        raise no_such_stream(stream, analysis.tracker.table.next_stream)
    return msgspec.structs.replace(report, connections=[found])


def picture_points(
    points: Sequence[CapturePoint], stream: int, options: AnalyzeOptions, label: str = ""
) -> Report:
    """Return a report of several points that lists one connection, with its packets at each.

    ``stream`` is its number at the point ``label``, the first one where that is empty. Its
    ``series`` has the packets at the point whose numbers it has, those in ``seen_at`` the others':
    ``flow.sieve.MAX_DRAWN`` altogether, and beyond that an even choice. All else is as
    :func:`correlate` has it; filters are ignored. Raises as that does, and UsageError for a label
    or a stream that is not there.
    """
    from pcapdiag.incident.drawing import for_picture, no_such_stream

    options = for_picture(options)
    labels = [point.label for point in points]
    if label and label not in labels:
        raise UsageError(f"there is no point {harmless(label)!r}", f"one of {', '.join(labels)}")
    point = labels.index(label) if label else 0
    correlation = compare(points, options, (point, stream))
    report = joint_report(correlation)
    found = correlation.drawn()
    if found is None:
        streams = correlation.studies[point].analysis.tracker.table.next_stream
        raise no_such_stream(stream, streams, labels[point])
    return msgspec.structs.replace(report, connections=[found])


def analyze_part(
    path: str, options: AnalyzeOptions, carried: Carry | None = None, *, last: bool = False
) -> tuple[Report, Carry | None]:
    """Return the report of one file of a rotated set, and what it leaves to the next one.

    Connections that are still open at the file's end are not in the report: they are in what is
    carried over, with their packets, to be ``carried`` into the next file. After the ``last`` file
    all are judged. Frames and streams count from the packets that were carried in; the capture's
    own numbers are of the file alone. Raises as :func:`analyze` does.
    """
    # Only here: one file that is a capture of its own needs it not.
    from pcapdiag.flow.unfinished import dig
    from pcapdiag.incident.carrying import carried_over, of_the_file_alone

    with carried.as_file() if carried else nullcontext() as earlier:
        paths = [path, earlier] if earlier else [path]
        analysis = Analysis(Capture.open(paths, stop=options.stop), options)
        if carried:
            dig(analysis.tracker.table, carried.graves)
        with _without_garbage_collection():
            for batch in analysis.capture.batches():
                if batch is not None:
                    analysis.take(batch)
            if analysis.capture.warnings:
                raise analysis.capture.warnings[0]
            rest = None if last else carried_over(analysis, paths)
            analysis.finish()
        report = report_of(analysis)
    if carried:
        of_the_file_alone(report.capture, carried)
    return report, rest


def _read(analysis: Analysis) -> None:
    capture, progress = analysis.capture, analysis.options.progress
    with _without_garbage_collection():
        for batch in capture.batches():
            if batch is not None:
                analysis.take(batch)
            if progress:
                progress(*capture.progress())
        analysis.finish()


def _follow_all(following: Following, progress: Progress) -> None:
    for batch in following.capture.batches():
        if batch is not None:
            following.take(batch)
        progress.tell(following.capture)
    progress.end(following.capture)


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
