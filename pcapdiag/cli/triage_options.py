"""The options of ``pcapdiag triage`` alone, by what they are about."""

from __future__ import annotations

import click

from pcapdiag.cli import values
from pcapdiag.cli.options import Command, with_options

_YEAR = 366 * 86_400
_TABLES = (
    click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(file_okay=False),
        metavar="OUT",
        help="Folder for the tables; another run into it goes on where the last one ended.",
    ),
    click.option(
        "--format",
        "table_format",
        type=click.Choice(["parquet", "jsonl"]),
        help="Parquet tables and JSON lines (the default where pyarrow is there), or lines only.",
    ),
    click.option(
        "--all", "show_all", is_flag=True, help="Rows for the connections that worked, too."
    ),
)
_LIMITS = (
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Captures at a time; otherwise as many as there are processor cores.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, _YEAR),
        callback=values.finite,
        default=3600,
        show_default=True,
        metavar="SECONDS",
        help="Time for one capture; 0: no limit.",
    ),
    click.option(
        "--memory",
        callback=values.size,
        default="2G",
        show_default=True,
        metavar="SIZE",
        help="Memory for one capture, as 512M or 2G; 0: no limit. Held on Linux only.",
    ),
    click.option(
        "--retry",
        type=click.IntRange(0, 100),
        default=0,
        metavar="N",
        help="Tries more for a capture that ran into a limit, crashed, or could not be fetched.",
    ),
)
_WATCH = (
    click.option(
        "--watch",
        type=click.Path(file_okay=False),
        metavar="DIR",
        help="Instead of SOURCE: take up the captures in this directory as they are closed, until "
        "^C.",
    ),
    click.option(
        "--settle",
        type=click.FloatRange(0, _YEAR),
        callback=values.finite,
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="With --watch: a file that no newer one follows is closed when not written for so "
        "long.",
    ),
    click.option(
        "--keep",
        type=click.Choice(["all", "failed", "none"]),
        default="all",
        show_default=True,
        help="With --watch: which captures stay when they are examined and recorded.",
    ),
)
_METRICS = (
    click.option(
        "--metrics-file",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Metrics for the textfile collector of Prometheus' node exporter, as NAME.prom.",
    ),
    click.option(
        "--metrics-listen",
        callback=values.listener,
        metavar="[HOST]:PORT",
        help="Answer scrapes of Prometheus while this goes on, as :9750; on this machine without "
        "HOST.",
    ),
)
_SUMMARY = (
    click.option(
        "--markdown",
        type=click.Path(dir_okay=False),
        callback=values.file_of_its_own,
        metavar="FILE",
        help="Also write the summary as Markdown there, for a ticket or a job's summary.",
    ),
    click.option(
        "--junit",
        type=click.Path(dir_okay=False),
        callback=values.file_of_its_own,
        metavar="FILE",
        help="Also write JUnit XML there, for a test server: each capture is a test case.",
    ),
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        help="Print one JSON line for each capture instead of the summary.",
    ),
)


def table_options(command: Command) -> Command:
    """Give a command the options of what is written, and where."""
    return with_options(_TABLES, command)


def limit_options(command: Command) -> Command:
    """Give a command the options of what one capture may take."""
    return with_options(_LIMITS, command)


def watch_options(command: Command) -> Command:
    """Give a command the options of a folder that is being written."""
    return with_options(_WATCH, command)


def metrics_options(command: Command) -> Command:
    """Give a command the options of metrics."""
    return with_options(_METRICS, command)


def summary_options(command: Command) -> Command:
    """Give a command the options of how the summary is told."""
    return with_options(_SUMMARY, command)
