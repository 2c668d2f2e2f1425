"""``pcapdiag analyze``: from a capture to verdicts."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Unpack

import click

from pcapdiag.cli import progress
from pcapdiag.cli.examples import examples
from pcapdiag.cli.interrupt import ending_on_interrupt
from pcapdiag.cli.options import (
    CaptureArguments,
    analyze_options,
    capture_options,
)
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output, page_for
from pcapdiag.cli.say import warn
from pcapdiag.cli.status import INTERRUPTED, status_of
from pcapdiag.compiled import is_compiled
from pcapdiag.report.clock import TimeMode

if TYPE_CHECKING:
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report
    from pcapdiag.report.layout import Page

Format = Literal["text", "json", "jsonl"]


@click.command(
    short_help="Say what failed in a capture, why, and by whom.",
    epilog=examples(
        "pcapdiag analyze capture.pcap",
        "pcapdiag analyze --host 10.0.2.7:8443 --from +90s ring.pcap0 ring.pcap1",
        "pcapdiag analyze --format json -o report.json capture.pcapng.zst",
        "tcpdump -U -w - | pcapdiag analyze --follow -",
    ),
)
@capture_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="For people, as one JSON document, or as JSON lines.",
)
@click.option("--all", "show_all", is_flag=True, help="Show the connections that worked, too.")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write there; the file is replaced only when all went well.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Print each verdict as soon as it is certain, while the input grows; ^C ends with the "
    "full report.",
)
@click.option(
    "--width",
    type=click.IntRange(min=40),
    metavar="COLUMNS",
    help="Width of the text; otherwise the terminal's, or 100.",
)
@click.option("--no-color", is_flag=True, help="No colour on a terminal (so does NO_COLOR).")
def analyze(
    captures: tuple[str, ...],
    output_format: Format,
    show_all: bool,
    output: str | None,
    follow: bool,
    width: int | None,
    no_color: bool,
    time_mode: TimeMode,
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Say which connections of a capture failed, why, and who did it.

    CAPTURE is a file of tcpdump or Wireshark (pcap or pcapng, also compressed), several files of
    one capture, or - for standard input.
    """
    if follow and output_format == "json":
        raise click.UsageError("--follow prints text or jsonl; json is one document at the end")
    paths = _inputs(captures)
    page = page_for(output, width, no_color)
    options = analyze_options(show_all, follow, **chosen)
    if follow:
        from pcapdiag.cli.follow import Follower

        follower = Follower(page, time_mode, as_lines=output_format == "jsonl")
        return follower.run(paths, options, output)
    with ending_on_interrupt() if paths == ["-"] else nullcontext() as stop:
        report = _read(paths, replace(options, stop=stop))
    tell_input(report)
    try:
        with open_output(output) as target:
            for text in _rendered(report, options, output_format, page, time_mode):
                target.write(text)
    except ClosedPipeError:
        drop_standard_output()
    return INTERRUPTED if stop and stop.is_set() else status_of(report)


def _read(paths: Sequence[str], options: AnalyzeOptions) -> Report:
    """Import the pipeline only now: --help does not need it."""
    from pcapdiag import pipeline

    if not progress.wanted():
        return pipeline.analyze(paths, options)
    with progress.ProgressBar() as bar:
        return pipeline.analyze(paths, replace(options, progress=bar.update))


def _rendered(
    report: Report, options: AnalyzeOptions, output_format: Format, page: Page, time: TimeMode
) -> Iterator[str]:
    if output_format == "json":
        from pcapdiag.report.json import render_json

        yield from render_json(report)
    elif output_format == "jsonl":
        from pcapdiag.report.json import render_line
        from pcapdiag.report.jsonl import report_lines

        yield from map(render_line, report_lines(report))
    else:
        from pcapdiag.report.text import render_text

        lines = render_text(report, page, time, options.all_connections, options.is_filtered)
        yield from (line + "\n" for line in lines)


def _inputs(captures: Sequence[str]) -> list[str]:
    """Return the files meant: patterns that the shell left alone are expanded."""
    paths: list[str] = []
    for capture in captures:
        if capture == "-" or os.path.exists(capture) or not glob.has_magic(capture):
            paths.append(capture)
        else:
            paths += sorted(glob.glob(capture)) or [capture]
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("- (standard input) cannot be read together with files")
    if paths == ["-"] and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; pipe a capture into it")
    return paths


def tell_input(report: Report) -> None:
    """Say on standard error what a reader of the result alone would miss."""
    if not is_compiled():
        warn("running uncompiled, which is slower (pcapdiag --version)")
    for unreadable in report.capture.unreadable:
        warn(f"{unreadable.path}: {unreadable.message}")
    for file in report.capture.files:
        if file.error:
            warn(f"{file.path}: damaged at byte {file.error.byte}: {file.error.message}")
    if not report.capture.packets:
        names = ", ".join(file.path for file in report.capture.files) or "the input"
        warn(f"{names}: a valid capture without packets")
