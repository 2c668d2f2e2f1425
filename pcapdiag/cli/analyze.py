"""``pcapdiag analyze``: from a capture to verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Unpack

import click

from pcapdiag.cli import progress
from pcapdiag.cli.captures import inputs
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
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report
    from pcapdiag.report.clock import TimeMode
    from pcapdiag.report.conditions import Condition


@click.command(
    short_help="Say what failed in a capture, why, and by whom.",
    epilog=examples(
        "pcapdiag analyze capture.pcap",
        "pcapdiag analyze --host 10.0.2.7:8443 --from +90s ring.pcap0 ring.pcap1",
        "pcapdiag analyze --format json -o report.json capture.pcapng.zst",
        "pcapdiag analyze --html report.html capture.pcap",
        "tcpdump -U -w - | pcapdiag analyze --follow -",
    ),
)
@click.argument(
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    required=True,
    type=click.Path(readable=False),
)
@capture_options
@output_options
@click.option(
    "--follow",
    is_flag=True,
    help="Print each verdict as soon as it is certain, while the input grows; ^C ends with the "
    "full report, and so does SIGTERM.",
)
def analyze(
    captures: tuple[str, ...],
    output_format: Format,
    show_all: bool,
    output: str | None,
    html: str | None,
    follow: bool,
    width: int | None,
    no_color: bool,
    time_mode: TimeMode,
    fail_on: tuple[Condition, ...] | None,
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Say which connections of a capture failed, why, and who did it.

    CAPTURE is a file of tcpdump or Wireshark (pcap or pcapng, also compressed), several files of
    one capture, or - for standard input.
    """
    if follow and output_format not in ("text", "jsonl"):
        raise click.UsageError(
            f"--follow prints text or jsonl; {output_format} is one document at the end"
        )
    paths = inputs(captures)
    check_targets(paths, chosen, output=output, html=html)
    page = page_for(output, width, no_color)
    options = analyze_options(
        needs_all(output_format, show_all), follow, pictures=html is not None, **chosen
    )
    if follow:
        from pcapdiag.cli.follow import Follower

        follower = Follower(page, time_mode, output_format == "jsonl", fail_on)
        return follower.run(paths, options, output, html)
    from pcapdiag.cli.interrupt import ending_on_interrupt

    with ending_on_interrupt() if paths == ["-"] else nullcontext() as stop:
        report = _read(paths, options.with_stop(stop))
    Printer(page, output_format, time_mode, output, html).print(report, options)
    return stop.status if stop and stop.is_set() else status_of(report, fail_on)


def _read(paths: Sequence[str], options: AnalyzeOptions) -> Report:
    """Import the pipeline only now: --help does not need it."""
    from pcapdiag import pipeline

    if not progress.wanted():
        return pipeline.analyze(paths, options)
    with progress.ProgressBar() as bar:
        return pipeline.analyze(paths, options.with_progress(bar.update))
