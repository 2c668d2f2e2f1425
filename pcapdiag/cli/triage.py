"""``pcapdiag triage``: many captures, each on its own, into tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Literal, Unpack

import click

from pcapdiag.cli import progress, values
from pcapdiag.cli.engines import EngineKind, engine_options, open_engine
from pcapdiag.cli.examples import examples
from pcapdiag.cli.measuring import measuring
from pcapdiag.cli.options import (
    analyze_options,
    fail_on_option,
    fleet_options,
    page_options,
)
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output, page_for
from pcapdiag.cli.say import warn
from pcapdiag.cli.status import FAILED, OK, WRONG_USE
from pcapdiag.compiled import is_compiled
from pcapdiag.errors import UsageError

if TYPE_CHECKING:
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.fleet.capture import Capture
    from pcapdiag.fleet.metrics import Metrics
    from pcapdiag.fleet.run import Triage
    from pcapdiag.fleet.sources import Sources
    from pcapdiag.fleet.summary import Summary
    from pcapdiag.fleet.tables import Form
    from pcapdiag.fleet.watch import Keep
    from pcapdiag.report.conditions import Condition, Tally


@click.command(
    short_help="Examine many captures; write tables of what failed.",
    epilog=examples(
        "pcapdiag triage /var/captures -o out",
        "pcapdiag triage 'day/*.pcap' s3://bucket/captures/ -o out --jobs 8 --timeout 600",
        "pcapdiag triage --watch /var/captures -o out --metrics-listen :9750",
        "pcapdiag triage -q /var/captures -o out | jq 'select(.outcome.failed > 0)'",
    ),
)
@click.argument("sources", metavar="SOURCE...", nargs=-1)
@fleet_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    metavar="OUT",
    help="Folder for the tables; another run into it goes on where the last one ended.",
)
@click.option(
    "--format",
    "table_format",
    type=click.Choice(["parquet", "jsonl"]),
    help="Parquet tables and JSON lines (the default where pyarrow is there), or lines only.",
)
@click.option("--all", "show_all", is_flag=True, help="Rows for the connections that worked, too.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Captures at a time; otherwise as many as there are processor cores.",
)
@engine_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Time for one capture; 0: no limit.",
)
@click.option(
    "--memory",
    callback=values.size,
    default="2G",
    show_default=True,
    metavar="SIZE",
    help="Memory for one capture, as 512M or 2G; 0: no limit. Held on Linux only.",
)
@click.option(
    "--retry",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Tries more for a capture that ran into a limit, crashed, or could not be fetched.",
)
@fail_on_option
@click.option(
    "--watch",
    type=click.Path(),
    metavar="DIR",
    help="Instead of SOURCE: take up the captures in this directory as they are closed, until ^C.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: a file that no newer one follows is closed when not written for so long.",
)
@click.option(
    "--keep",
    type=click.Choice(["all", "failed", "none"]),
    default="all",
    show_default=True,
    help="With --watch: which captures stay when they are examined and recorded.",
)
@click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Metrics for the textfile collector of Prometheus' node exporter, as NAME.prom.",
)
@click.option(
    "--metrics-listen",
    callback=values.listener,
    metavar="[HOST]:PORT",
    help="Answer scrapes of Prometheus while this goes on, as :9750; on this machine without HOST.",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the summary as Markdown there, for a ticket or a job's summary.",
)
@click.option(
    "--junit",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write JUnit XML there, for a test server: each capture is a test case.",
)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help="Print one JSON line for each capture instead of the summary.",
)
@page_options
def triage(
    sources: tuple[str, ...],
    output: str,
    table_format: Literal["parquet", "jsonl"] | None,
    show_all: bool,
    jobs: int | None,
    engine: EngineKind,
    scheduler: str | None,
    timeout: float,
    memory: int,
    retry: int,
    fail_on: tuple[Condition, ...] | None,
    watch: str | None,
    settle: float,
    keep: Keep,
    metrics_file: str | None,
    metrics_listen: values.Listener | None,
    markdown: str | None,
    junit: str | None,
    quiet: bool,
    width: int | None,
    no_color: bool,
    **chosen: Unpack[CaptureArguments],
) -> int:
    """Examine many captures, each on its own, and write tables of what failed.

    SOURCE is a capture, a directory (what looks like a capture in it and below is read), a quoted
    pattern, or a URL: s3://, gs://, az://, http://. OUT gets tables of captures, connections and
    findings, JSON lines, summary.html and summary.json. No capture stops the others.
    """
    _check_sources(sources, watch, keep)
    from pcapdiag.cli.watching import Watched, go_on
    from pcapdiag.fleet.limits import Limits
    from pcapdiag.fleet.overview import render_overview
    from pcapdiag.fleet.run import Triage
    from pcapdiag.fleet.sources import Sources
    from pcapdiag.report.json import render_line

    _check_for_pipelines(watch, fail_on, markdown=markdown, junit=junit)
    options = analyze_options(show_all, follow=False, **chosen)
    limits = Limits(timeout or None, memory or None)
    form = _form(table_format)
    if watch is not None:
        with (
            open_engine(engine, scheduler, jobs, None, limits, retry) as examiner,
            Triage(output, options, examiner, form) as run,
            measuring(run, metrics_file, metrics_listen) as metrics,
        ):
            go_on(run, Watched(watch, settle, keep), metrics, quiet=quiet)
        return OK
    found = Sources(output)
    captures = found.find(sources)
    _tell_input(found, captures)
    with (
        open_engine(engine, scheduler, jobs, len(captures), limits, retry) as examiner,
        Triage(output, options, examiner, form) as run,
        measuring(run, metrics_file, metrics_listen) as metrics,
    ):
        _tell_outdated(run, captures)
        _take(run, captures, metrics)
        run.write(found.unreadable)
        if metrics:
            metrics.write()
        names = [capture.name for capture in captures]
        counting = run.count(names)
        summary = counting.result(found.unreadable)
        _write_files(run, names, summary, found, markdown, junit)
        if quiet:
            _write(None, (render_line(told.outcome_line()) for told in run.told(names)))
    if not quiet:
        page = page_for(None, width, no_color)
        _write(None, (line + "\n" for line in render_overview(summary, page, output)))
    return status_of(summary, counting.tally, fail_on)


def _check_for_pipelines(
    watch: str | None, fail_on: tuple[Condition, ...] | None, **files: str | None
) -> None:
    for option, path in files.items():
        if path == "-":
            raise click.UsageError(f"--{option} needs a file: standard output has the summary")
    if watch is not None and (fail_on is not None or any(files.values())):
        raise UsageError(
            "--fail-on, --markdown and --junit are for a run that ends",
            "with --watch there are metrics, -q, and the summary in OUT",
        )


def _check_sources(sources: Sequence[str], watch: str | None, keep: Keep) -> None:
    if watch is not None and sources:
        raise UsageError("--watch DIR takes the place of SOURCE", "leave one of them out")
    if watch is None and not sources:
        raise UsageError("no SOURCE given", "name captures, a directory, or --watch DIR")
    if watch is None and keep != "all":
        raise UsageError("--keep is for --watch: what is named as SOURCE is never deleted")
    if watch is not None and not os.path.isdir(watch):
        raise UsageError(f"{watch} is no directory")


def _tell_outdated(run: Triage, captures: Sequence[Capture]) -> None:
    for why, number in run.outdated(captures).items():
        known = "1 known capture was" if number == 1 else f"{number:,} known captures were"
        warn(f"{known} examined with {why}: examined again")


def _form(wanted: Form | None) -> Form:
    from pcapdiag.fleet import parquet

    if wanted == "parquet":
        parquet.need()
    if wanted is None and not parquet.is_there():
        warn("no Parquet without pyarrow (pip install 'pcapdiag[parquet]'): JSON lines only")
        return "jsonl"
    return wanted or "parquet"


def _tell_input(found: Sources, captures: Sequence[Capture]) -> None:
    if not is_compiled():
        warn("running uncompiled, which is slower (pcapdiag --version)")
    for text in found.unreadable:
        warn(f"{text}: left out")
    if not captures:
        raise UsageError("no capture found", "in directories, files of other content are left out")


def _take(run: Triage, captures: Sequence[Capture], metrics: Metrics | None) -> None:
    """Examine captures; a bar on standard error shows how many are done, on a terminal."""
    bar = progress.ProgressBar("captures") if progress.wanted() else None
    with bar or nullcontext(), closing(run.take(captures)) as entries:
        for number, _ in enumerate(entries, 1):
            if bar:
                bar.update(number, len(captures))
            if metrics:
                metrics.waiting = len(captures) - number
                metrics.update()


def _write_files(
    run: Triage,
    names: Sequence[str],
    summary: Summary,
    found: Sources,
    markdown: str | None,
    junit: str | None,
) -> None:
    from pcapdiag.fleet.junit import render_junit
    from pcapdiag.fleet.markdown import render_markdown

    if markdown:
        _write(markdown, render_markdown(summary))
    if junit:
        outcomes = (told.result() for told in run.told(names))
        _write(junit, render_junit(summary, outcomes, found.unreadable))


def _write(path: str | None, texts: Iterable[str]) -> None:
    try:
        with open_output(path) as target:
            for text in texts:
                target.write(text)
    except ClosedPipeError:
        drop_standard_output()


def status_of(summary: Summary, tally: Tally, fail_on: tuple[Condition, ...] | None = None) -> int:
    """Return FAILED where a condition holds, else WRONG_USE where something was not examined.

    No condition at all (``never``) is OK whatever was not examined.
    """
    from pcapdiag.report.conditions import DEFAULT, fails

    if fails(tally, DEFAULT if fail_on is None else fail_on):
        return FAILED
    not_examined = summary.not_examined or summary.unreadable
    return WRONG_USE if not_examined and fail_on != () else OK
