"""``pcapdiag timeline``: a capture, or one connection of it, as a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Unpack

import click

from pcapdiag.cli import completing, progress, values
from pcapdiag.cli.captures import inputs, is_labelled
from pcapdiag.cli.correlate import named_points
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import analyze_options, picture_options, time_option
from pcapdiag.cli.output import open_binary_output
from pcapdiag.cli.printing import tell_input
from pcapdiag.cli.status import FAILED, OK, status_of

if TYPE_CHECKING:
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report
    from pcapdiag.report.charts.look import Form
    from pcapdiag.report.clock import TimeMode

FORMS: dict[str, Form] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
WIDTH, DPI = 10, 144
"""Inches: what A4 paper and a ticket show without loss; and dots of a PNG per inch."""


def _target(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if _ending(value) not in FORMS:
        endings = ", ".join(FORMS)
        raise click.BadParameter(f"{value!r}: the ending says the format, one of {endings}")
    return value


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


@click.command(
    short_help="Draw a capture, or one connection, as a picture.",
    epilog=examples(
        "pcapdiag timeline capture.pcap -o capture.png",
        "pcapdiag timeline capture.pcap --stream 17 -o ticket.svg",
        "pcapdiag timeline client=c.pcap proxy=p.pcap --stream 3 -o slide.pdf --dark",
    ),
)
@click.argument(
    "captures", metavar="CAPTURE...", nargs=-1, required=True, shell_complete=completing.captures
)
@picture_options
@click.option(
    "-o",
    "--output",
    callback=_target,
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="The picture: .png, .svg or .pdf. Replaced only when all went well.",
)
@time_option
@click.option(
    "--width",
    type=click.FloatRange(6, 40),
    callback=values.finite,
    default=WIDTH,
    show_default=True,
    metavar="INCHES",
    help="How wide the picture is; the height follows from what is in it.",
)
@click.option(
    "--dpi",
    type=click.IntRange(50, 600),
    default=DPI,
    show_default=True,
    metavar="N",
    help="Pixels per inch of a PNG; fewer where it would have over 100 megapixels.",
)
@click.option("--dark", is_flag=True, help="Light on dark, for slides.")  # fmt: skip
def timeline(
    captures: tuple[str, ...],
    output: str,
    time_mode: TimeMode,
    width: float,
    dpi: int,
    dark: bool,
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Draw what a capture shows over time, or with --stream one connection of it.

    CAPTURE as for analyze; or LABEL=FILES as for correlate, for captures of several points. One
    connection: each packet between its ends, what decided and who did it; its bytes over time; the
    evidence. A whole capture: traffic, open connections, resets and failures over time, and each
    failed connection as a bar.
    """
    if len(chosen["streams"]) > 1:
        raise click.UsageError("a picture is of one connection: give --stream once")
    stream = chosen["streams"][0] if chosen["streams"] else None
    report = _read(_reader(captures, stream), analyze_options(False, False, **chosen))
    tell_input(report)
    from pcapdiag.report.charts.file import draw_capture, draw_connection
    from pcapdiag.report.charts.look import Look
    from pcapdiag.report.clock import Clock

    look = Look(width, dark, Clock(time_mode, report.capture.first_time))
    form = FORMS[_ending(output)]
    if stream is None:
        drawn = draw_capture(report, look, form, dpi)
        with open_binary_output(output) as write:
            write(drawn)
        return status_of(report)
    connection = report.connections[0]
    drawn = draw_connection(report, connection, look, form, dpi)
    with open_binary_output(output) as write:
        write(drawn)
    return FAILED if connection.verdict.failed else OK


def _reader(captures: Sequence[str], stream: int | None) -> Callable[[AnalyzeOptions], Report]:
    """Return what reads the captures; the pipeline is imported only now: --help needs none."""
    from pcapdiag import pipeline

    if any(is_labelled(capture) for capture in captures):
        points = named_points(captures)
        if stream is None:
            return lambda options: pipeline.correlate(points, options)
        return lambda options: pipeline.picture_points(points, stream, options)
    paths = inputs(captures)
    if stream is None:
        return lambda options: pipeline.analyze(paths, options)
    return lambda options: pipeline.picture(paths, stream, options)


def _read(read: Callable[[AnalyzeOptions], Report], options: AnalyzeOptions) -> Report:
    if not progress.wanted():
        return read(options)
    with progress.ProgressBar() as bar:
        return read(options.with_progress(bar.update))
