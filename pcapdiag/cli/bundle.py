"""``pcapdiag bundle``: one file to escalate with, sanitised, and proven to show the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Unpack

import click

from pcapdiag.cli import completing, progress, values
from pcapdiag.cli.captures import files_of, is_labelled
from pcapdiag.cli.correlate import named_points
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import always_in_utc, analyze_options, capture_options
from pcapdiag.cli.output import open_binary_output
from pcapdiag.cli.printing import tell_input
from pcapdiag.cli.say import warn
from pcapdiag.cli.status import status_of
from pcapdiag.cli.targets import check_targets
from pcapdiag.errors import UsageError

if TYPE_CHECKING:
    from pcapdiag.bundle.build import Made
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.model.options import AnalyzeOptions, CapturePoint, Network


@click.command(
    short_help="Pack what failed for a ticket: sanitised, and proven to show the same.",
    epilog=examples(
        "pcapdiag bundle capture.pcap -o case.zip",
        "pcapdiag bundle --host 10.0.2.7:8443 ring.pcap0 ring.pcap1 -o case.zip",
        "pcapdiag bundle --for aws --key team.key --keep 203.0.113.0/24 capture.pcapng -o case.zip",
        "pcapdiag bundle client=c.pcap proxy=p.pcap upstream=u.pcap -o case.zip",
        "pcapdiag bundle --no-sanitize capture.pcap -o for-us-alone.zip",
    ),
)
@click.argument(
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    required=True,
    shell_complete=completing.captures,
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The zip file to write. It is replaced only when all was proven.",
)
@capture_options
@always_in_utc
@click.option(
    "--all",
    "show_all",
    is_flag=True,
    help="Put in the connections that worked, too: with filters the chosen ones, otherwise all.",
)
@click.option(
    "--for",
    "vendor",
    metavar="VENDOR",
    shell_complete=completing.vendors,
    default="generic",
    show_default=True,
    help="Who gets it: aws, gcp, azure, cloudflare, istio, envoy or generic. Its README begins "
    "with what they ask for.",
)
@click.option(
    "--no-sanitize",
    is_flag=True,
    help="Leave addresses, names and contents as they were captured. TLS secrets never go in.",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Rename by the key in this file, which is made where there is none and stays with you: "
    "the same key gives the same stand-ins. Otherwise by a key that is thrown away.",
)
@click.option(
    "--keep",
    callback=values.networks,
    multiple=True,
    metavar="NETWORK",
    help="Do not rename the addresses of this network, as 203.0.113.0/24. Repeatable.",
)
def bundle(
    captures: tuple[str, ...],
    output: str,
    show_all: bool,
    vendor: str,
    no_sanitize: bool,
    key_file: str | None,
    keep: tuple[Network, ...],
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Pack what failed into one file for a ticket, sanitised.

    In it: the connections that failed, cut out of the capture with their other legs, lookups and
    ICMP; the report as page, text and JSON; charts; a manifest with digests; a README for the
    reader. Addresses, names and contents are replaced, and the file is written only when an
    analysis of it says the same as one of the original, and nothing replaced is left in it.

    CAPTURE as for analyze, or LABEL=FILES as for correlate, for captures of several points; not
    standard input: it is read several times.
    """
    _check_vendor(vendor)
    if no_sanitize and (key_file is not None or keep):
        raise click.UsageError("--no-sanitize renames nothing: leave out --key and --keep")
    points = named_points(captures) if any(map(is_labelled, captures)) else []
    paths = [] if points else [path for capture in captures for path in files_of(capture)]
    files = [*paths, *(path for point in points for path in point.paths)]
    _check_files(files, output)
    check_targets(files, chosen, output=output, key=key_file)
    options = analyze_options(show_all, False, **chosen)
    made = _make(paths, points, options, vendor, no_sanitize, key_file, keep)
    tell_input(made.report)
    with open_binary_output(output) as write:
        write(made.content)
    if no_sanitize:
        warn(f"{output} is NOT sanitised: it holds real addresses, names and contents")
    _print(made, output)
    return status_of(made.report)


def _make(
    paths: Sequence[str],
    points: Sequence[CapturePoint],
    options: AnalyzeOptions,
    vendor: str,
    no_sanitize: bool,
    key_file: str | None,
    keep: tuple[Network, ...],
) -> Made:
    """Import the bundle's modules only now: --help does not need them."""
    from pcapdiag.bundle.build import make_bundle
    from pcapdiag.bundle.key import key_from
    from pcapdiag.bundle.request import Request

    key = key_from(key_file) if key_file is not None else None
    with progress.ProgressBar() if progress.wanted() else nullcontext() as bar:
        options = options.with_progress(bar.update if bar is not None else None)
        request = Request(
            paths=tuple(paths),
            points=tuple(points),
            options=options,
            sanitise=not no_sanitize,
            key=key,
            keep=keep,
            vendor=vendor,
        )
        return make_bundle(request)


def _check_vendor(name: str) -> None:
    from pcapdiag.bundle.vendors.registry import VENDORS

    if name not in VENDORS:
        raise click.BadParameter(
            f"{name!r} is not known; there are {', '.join(VENDORS)}", param_hint="'--for'"
        )


def _print(made: Made, output: str) -> None:
    from pcapdiag.cli.bundle_told import told

    for line in told(made, output):
        click.echo(line)


def _check_files(paths: Sequence[str], output: str) -> None:
    """Raise UsageError for what cannot be read several times."""
    for path in paths:
        strange = os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path)
        if path == "-" or strange:
            name = "standard input" if path == "-" else path
            raise UsageError(f"{name} cannot be read several times", "write it to a file first")
    if output == "-":
        raise UsageError("a bundle needs a file", "give a name to -o")
