"""``pcapdiag triage``: many captures, each on its own, into tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Unpack

import click

from pcapdiag.cli import progress, values
from pcapdiag.cli.engines import EngineKind, engine_options, open_engine
from pcapdiag.cli.examples import examples
from pcapdiag.cli.measuring import measuring
from pcapdiag.cli.options import (
    always_in_utc,
    analyze_options,
    capture_options,
    fail_on_option,
    page_options,
)
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output, page_for
from pcapdiag.cli.say import warn
from pcapdiag.cli.status import FAILED, OK, WRONG_USE
from pcapdiag.cli.targets import check_targets
from pcapdiag.cli.triage_options import (
    limit_options,
    metrics_options,
    summary_options,
    table_options,
    watch_options,
)
from pcapdiag.compiled import is_compiled
from pcapdiag.errors import UsageError

if TYPE_CHECKING:
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.report.conditions import Condition, Tally
    from pcapdiag.triage.capture import Capture
    from pcapdiag.triage.dask import DaskEngine
    from pcapdiag.triage.local import LocalEngine
    from pcapdiag.triage.metrics import Metrics
    from pcapdiag.triage.run import Triage
    from pcapdiag.triage.sources import Sources
    from pcapdiag.triage.summary import Summary
    from pcapdiag.triage.tables import Form
    from pcapdiag.triage.watch import Keep


@click.command(
    short_help="Examine many captures; write tables of what failed.",
    epilog=examples(
        "pcapdiag triage /var/captures -o out",
        "pcapdiag triage 'day/*.pcap' s3://bucket/captures/ -o out --jobs 8 --timeout 600",
        "pcapdiag triage --watch /var/captures -o out --metrics-listen :9750",
        "pcapdiag triage -q /var/captures -o out | jq 'select(.outcome.failed > 0)'",
    ),
)
@click.argument("sources", metavar="SOURCE...", nargs=-1, type=click.Path())
@capture_options
@table_options
@limit_options
@engine_options
@fail_on_option
@watch_options
@metrics_options
@summary_options
@page_options
@always_in_utc
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
    _check_for_pipelines(watch, fail_on, markdown=markdown, junit=junit)
    check_targets(sources, chosen, markdown=markdown, junit=junit, **{"metrics-file": metrics_file})
    _check_files(chosen, watch)
    from pcapdiag.triage.limits import Limits

    limits = Limits(timeout or None, memory or None)
    setup = _Setup(
        partial(open_engine, engine, scheduler, jobs, limits, retry),
        output,
        analyze_options(show_all, follow=False, **chosen),
        _form(table_format),
        partial(measuring, path=metrics_file, listener=metrics_listen),
    )
    if watch is not None:
        from pcapdiag.cli.watching import Watched, go_on

        with setup.opened(None) as (run, metrics):
            go_on(run, Watched(watch, settle, keep), metrics, quiet=quiet)
        return OK
    summary, tally = _once(setup, sources, _Summaries(markdown, junit, quiet, width, no_color))
    return status_of(summary, tally, fail_on)


@dataclass(frozen=True, slots=True)
class _Setup:
    """Who examines the captures, what is asked, and where the answers are kept."""

    engine: Callable[[int | None], LocalEngine | DaskEngine]
    """Takes the number of captures, where that is known."""
    output: str
    options: AnalyzeOptions
    form: Form
    measured: Callable[..., AbstractContextManager[Metrics | None]]

    @contextmanager
    def opened(self, captures: int | None) -> Iterator[tuple[Triage, Metrics | None]]:
        """Give the run into the folder, and its metrics where they were asked for."""
        from pcapdiag.triage.run import Triage

        with (
            self.engine(captures) as examiner,
            Triage(self.output, self.options, examiner, self.form) as run,
            self.measured(run) as metrics,
        ):
            yield run, metrics


@dataclass(frozen=True, slots=True)
class _Summaries:
    """Where the numbers of the captures named are told."""

    markdown: str | None
    junit: str | None
    quiet: bool
    width: int | None
    no_color: bool

    def write(self, run: Triage, names: Sequence[str], summary: Summary, found: Sources) -> None:
        """Write the files, and the lines of a quiet run."""
        from pcapdiag.report.json import render_line
        from pcapdiag.triage.junit import render_junit
        from pcapdiag.triage.markdown import render_markdown

        if self.markdown:
            _write(self.markdown, render_markdown(summary))
        if self.junit:
            outcomes = (told.result() for told in run.told(names))
            _write(self.junit, render_junit(summary, outcomes, found.unreadable))
        if self.quiet:
            _write(None, (render_line(told.outcome_line()) for told in run.told(names)))

    def show(self, summary: Summary, output: str) -> None:
        """Print the summary, unless the run is a quiet one."""
        from pcapdiag.triage.overview import render_overview

        if not self.quiet:
            page = page_for(None, self.width, self.no_color)
            _write(None, (line + "\n" for line in render_overview(summary, page, output)))


def _once(setup: _Setup, sources: Sequence[str], summaries: _Summaries) -> tuple[Summary, Tally]:
    """Examine the captures that sources name, and tell what was found in them."""
    from pcapdiag.triage.sources import Sources

    found = Sources(setup.output)
    captures = found.find(sources)
    _tell_input(found, captures)
    with setup.opened(len(captures)) as (run, metrics):
        _tell_outdated(run, captures)
        _take(run, captures, metrics)
        run.write(found.unreadable)
        if metrics:
            metrics.write()
        names = [capture.name for capture in captures]
        counting = run.count(names)
        summary = counting.result(found.unreadable)
        summaries.write(run, names, summary, found)
    summaries.show(summary, setup.output)
    return summary, counting.tally


def _check_files(chosen: CaptureArguments, watch: str | None) -> None:
    """Raise UsageError for files that are not what they are taken for.

    Otherwise every capture would say it, and lose what is known of it.
    """
    if chosen["logs"] and watch is not None:
        raise UsageError(
            "--log is not for --watch: the lines of a capture may not be written when it is closed",
            "give both to a run over the folder, later",
        )
    if chosen["names"] is not None:
        from pcapdiag.correlate.names import NameTable

        NameTable.from_file(chosen["names"])
    if chosen["snapshots"]:
        from pcapdiag.host.load import load_snapshots

        load_snapshots(chosen["snapshots"])
    if chosen["logs"]:
        from pcapdiag.logs import read_log

        for source in chosen["logs"]:
            next(iter(read_log(source, brief=True)), None)


def _check_for_pipelines(
    watch: str | None, fail_on: tuple[Condition, ...] | None, **files: str | None
) -> None:
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
    from pcapdiag.triage import parquet

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
