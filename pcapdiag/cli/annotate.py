"""``pcapdiag annotate``: the capture again, with comments that Wireshark shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Unpack

import click

from pcapdiag.cli import progress
from pcapdiag.cli.captures import files_of
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import analyze_options, capture_options, time_option
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_binary_output
from pcapdiag.cli.printing import tell_input
from pcapdiag.cli.say import warn
from pcapdiag.cli.status import status_of
from pcapdiag.cli.targets import check_targets
from pcapdiag.errors import UsageError
from pcapdiag.model.units import counted

if TYPE_CHECKING:
    from pcapdiag.capture.writing.section import Copied
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report
    from pcapdiag.report.clock import TimeMode


@click.command(
    short_help="Write the capture again with the verdicts as comments on its frames.",
    epilog=examples(
        "pcapdiag annotate capture.pcap -o annotated.pcapng",
        "pcapdiag annotate --host 10.0.2.7:8443 ring.pcap0 ring.pcap1 -o annotated.pcapng",
        "pcapdiag annotate --drop-secrets capture.pcapng -o to-share.pcapng",
        "pcapdiag annotate capture.pcap -o - | tshark -r - -Y frame.comment",
    ),
)
@click.argument(
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    required=True,
    type=click.Path(readable=False),
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    metavar="FILE",
    help="The pcapng file to write, or - for standard output. It may not be one of the captures.",
)
@click.option(
    "--drop-secrets",
    is_flag=True,
    help="Leave out the TLS secrets that the capture holds. Those of --keylog are never written.",
)
@capture_options
@time_option
def annotate(
    captures: tuple[str, ...],
    output: str,
    drop_secrets: bool,
    time_mode: TimeMode,
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Write a capture again as pcapng, with comments on the frames that matter.

    CAPTURE is a file of tcpdump or Wireshark (pcap or pcapng, also compressed), or several files of
    one capture, which become one. It is read twice, so it cannot be standard input. Everything but
    the comments is copied as it is.
    """
    paths = _inputs(captures)
    check_targets(paths, chosen, output=output)
    options = analyze_options(False, False, **chosen)
    with progress.ProgressBar() if progress.wanted() else nullcontext() as bar:
        report = _read(paths, options, bar)
        tell_input(report)
        try:
            copied = _write(report, output, options, drop_secrets, time_mode, bar)
        except ClosedPipeError:
            drop_standard_output()
            return status_of(report)
    if output != "-":
        click.echo(_told(report, copied, output))
    if copied.too_long:
        warn(f"{copied.too_long} frames are too long for a comment")
    return status_of(report)


def _read(
    paths: Sequence[str], options: AnalyzeOptions, bar: progress.ProgressBar | None
) -> Report:
    """Import the pipeline only now: --help does not need it."""
    from pcapdiag import pipeline

    return pipeline.analyze(paths, options.with_progress(bar.update if bar else None))


def _write(
    report: Report,
    output: str,
    options: AnalyzeOptions,
    drop_secrets: bool,
    time_mode: TimeMode,
    bar: progress.ProgressBar | None,
) -> Copied:
    from pcapdiag.report.annotate import annotate_capture

    size = sum(file.size for file in report.capture.files)
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if bar:
            bar.update(done, size)

    with open_binary_output(output) as write:
        return annotate_capture(
            report,
            write,
            filtered=options.is_filtered,
            drop_secrets=drop_secrets,
            time_mode=time_mode,
            tell=tell,
        )


def _told(report: Report, copied: Copied, output: str) -> str:
    """Return one line: what was written, and how to see it."""
    from pcapdiag.report.escape import shown

    failed, connections = report.summary.failed, report.summary.connections
    text = f"{shown(output)}: {counted(copied.frames, 'frame')}, {copied.commented:,} with "
    text += f"comments; {failed:,} of {counted(connections, 'connection')} failed"
    if copied.secrets_dropped:
        text += f"; {counted(copied.secrets_dropped, 'block')} of TLS secrets left out"
    return text


def _inputs(captures: Sequence[str]) -> list[str]:
    """Return the files meant; raises UsageError for what cannot be read twice."""
    paths = [path for capture in captures for path in files_of(capture)]
    for path in paths:
        if path == "-" or (os.path.exists(path) and not os.path.isdir(path) and not _is_file(path)):
            name = "standard input" if path == "-" else path
            raise UsageError(f"{name} cannot be read twice", "write it to a file first")
    return paths


def _is_file(path: str) -> bool:
    return os.path.isfile(path)
