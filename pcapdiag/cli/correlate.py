"""``pcapdiag correlate``: from the captures of several points to one report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import click

from pcapdiag.cli import completing, progress
from pcapdiag.cli.captures import files_of
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import (
    Format,
    analyze_options,
    capture_options,
    needs_all,
    output_options,
)
from pcapdiag.cli.output import page_for
from pcapdiag.cli.printing import Printer
from pcapdiag.cli.status import status_of
from pcapdiag.cli.targets import check_targets

if TYPE_CHECKING:
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.model.options import AnalyzeOptions, CapturePoint
    from pcapdiag.model.report import Report
    from pcapdiag.report.clock import TimeMode
    from pcapdiag.report.conditions import Condition


@click.command(
    short_help="Compare captures of one incident from several points.",
    epilog=examples(
        "pcapdiag correlate proxy=proxy.pcap upstream=upstream.pcap",
        "pcapdiag correlate client=c.pcapng proxy='ring.pcap*' upstream=up.pcap.zst",
        "pcapdiag correlate proxy=a.pcap fw-inside=b.pcap fw-outside=c.pcap --host 10.0.2.7:8443",
        "pcapdiag correlate --format json -o report.json proxy=p.pcap upstream=u.pcap",
    ),
)
@click.argument(
    "points", metavar="LABEL=FILES...", nargs=-1, required=True, shell_complete=completing.labelled
)
@capture_options
@output_options
def correlate(
    points: tuple[str, ...],
    output_format: Format,
    show_all: bool,
    output: str | None,
    html: str | None,
    width: int | None,
    no_color: bool,
    time_mode: TimeMode,
    fail_on: tuple[Condition, ...] | None,
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Say which connections failed, where, and who did it, from captures of several points.

    LABEL says where a capture was taken: client, proxy or upstream, or any other word. FILES is a
    pcap or pcapng file, also compressed, or a quoted pattern; give a label again for more files of
    the same point. Times are by the first point's clock; --stream numbers are the first point's.
    """
    named = named_points(points)
    files = [path for point in named for path in point.paths]
    check_targets(files, chosen, output=output, html=html)
    page = page_for(output, width, no_color)
    options = analyze_options(
        needs_all(output_format, show_all), follow=False, pictures=html is not None, **chosen
    )
    report = _read(named, options)
    Printer(page, output_format, time_mode, output, html).print(report, options)
    return status_of(report, fail_on)


def _read(points: Sequence[CapturePoint], options: AnalyzeOptions) -> Report:
    """Import the pipeline only now: --help does not need it."""
    from pcapdiag import pipeline

    if not progress.wanted():
        return pipeline.correlate(points, options)
    with progress.ProgressBar() as bar:
        return pipeline.correlate(points, options.with_progress(bar.update))


def named_points(arguments: Sequence[str]) -> list[CapturePoint]:
    """Return the points that ``LABEL=FILES`` arguments name; raises click.UsageError."""
    from pcapdiag.model.options import CapturePoint  # Only here: --help needs it not.

    files: dict[str, list[str]] = {}
    for argument in arguments:
        label, text = _split(argument)
        for path in files_of(text):
            _check_new(path, label, files)
            files.setdefault(label, []).append(path)
    return [CapturePoint(label, tuple(paths)) for label, paths in files.items()]


def _split(argument: str) -> tuple[str, str]:
    label, equals, text = argument.partition("=")
    if not equals or os.sep in label:
        raise click.UsageError(
            f"{argument!r} has no label: write LABEL={argument}, for example proxy={argument}"
        )
    if not text:
        raise click.UsageError(f"{argument!r} names no file: write {argument}FILE")
    if os.path.exists(argument) and not os.path.exists(text):
        raise click.UsageError(f"{argument!r} is a file and has no label: write LABEL={argument}")
    return label, text


def _check_new(path: str, label: str, files: dict[str, list[str]]) -> None:
    for other, known in files.items():
        if any(_is_same(path, one) for one in known):
            where = f"twice at {label}" if other == label else f"at {other} and at {label}"
            raise click.UsageError(f"{path!r} is named {where}: a file belongs to one point, once")


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return one == other
