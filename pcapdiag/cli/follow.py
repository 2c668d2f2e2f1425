"""``analyze --follow``: each verdict as soon as it is certain, the full report at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from pcapdiag import pipeline
from pcapdiag.cli.interrupt import ending_on_interrupt
from pcapdiag.cli.output import Writer, open_output
from pcapdiag.cli.printing import tell_input, write_html
from pcapdiag.cli.status import status_of
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection, Report
from pcapdiag.model.report_line import Line
from pcapdiag.report.clock import Clock, TimeMode
from pcapdiag.report.conditions import Condition
from pcapdiag.report.json import render_line
from pcapdiag.report.jsonl import closing_lines
from pcapdiag.report.layout import Page
from pcapdiag.report.text import render_connection, render_text


@dataclass(frozen=True, slots=True)
class Follower:
    """Prints lines as they come, for people or as JSON lines."""

    page: Page
    time: TimeMode
    as_lines: bool
    fail_on: tuple[Condition, ...] | None = None

    def run(
        self,
        paths: Sequence[str],
        options: AnalyzeOptions,
        output: str | None,
        html: str | None = None,
    ) -> int:
        """Print verdicts until the input or the user ends, then the report; return the status.

        The page is written at the end, where one is wanted.
        """
        with ending_on_interrupt() as stop, open_output(output) as target:
            lines = pipeline.follow(paths, options.with_stop(stop))
            report = self._print(lines, target)
            tell_input(report)
            self._print_report(report, options, target)
        if html is not None:
            write_html(html, report, options, self.time)
        return stop.status if stop.is_set() else status_of(report, self.fail_on)

    def _print(self, lines: Generator[Line, None, Report], target: Writer) -> Report:
        while True:
            try:
                line = next(lines)
            except StopIteration as end:
                report: Report = end.value
                return report
            for text in self._rendered(line):
                target.write(text)
            target.flush()

    def _rendered(self, line: Line) -> Iterator[str]:
        if self.as_lines:
            yield render_line(line)
            return
        connection = line.update or line.connection
        if isinstance(connection, Connection):
            if line.type == "update":
                yield "UPDATE  what came later changed this verdict:\n"
            clock = Clock(self.time, line.capture.first_time)
            yield from (text + "\n" for text in render_connection(connection, self.page, clock))
            yield "\n"

    def _print_report(self, report: Report, options: AnalyzeOptions, target: Writer) -> None:
        if self.as_lines:
            for line in closing_lines(report):
                target.write(render_line(line))
            return
        show_all, filtered = options.all_connections, options.is_filtered
        for text in render_text(report, self.page, self.time, show_all, filtered):
            target.line(text)
