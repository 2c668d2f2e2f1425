"""Writes the report of a command to where the user wants it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output
from pcapdiag.cli.say import warn
from pcapdiag.compiled import is_compiled

if TYPE_CHECKING:
    from pcapdiag.cli.options import Format
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report
    from pcapdiag.report.clock import TimeMode
    from pcapdiag.report.layout import Page


class Printer:
    """Writes a finished report in one form, to standard output or a file, and as a page."""

    def __init__(
        self, page: Page, form: Format, time: TimeMode, target: str | None, html: str | None = None
    ) -> None:
        self._page = page
        self._form = form
        self._time = time
        self._target = target
        self._html = html

    def print(self, report: Report, options: AnalyzeOptions) -> None:
        """Write it, and say on standard error what was wrong with the input.

        A reader who stops early is no fault.
        """
        tell_input(report)
        try:
            with open_output(self._target) as target:
                for text in self._rendered(report, options):
                    target.write(text)
        except ClosedPipeError:
            drop_standard_output()
        if self._html is not None:
            write_html(self._html, report, options, self._time)

    def _rendered(self, report: Report, options: AnalyzeOptions) -> Iterator[str]:
        if self._form == "json":
            from pcapdiag.report.json import render_json

            yield from render_json(report, pictures=False)
        elif self._form == "jsonl":
            from pcapdiag.report.json import render_line
            from pcapdiag.report.jsonl import report_lines

            yield from map(render_line, report_lines(report, pictures=False))
        elif self._form == "markdown":
            from pcapdiag.report.markdown import render_markdown

            yield from render_markdown(report, self._time, options.is_filtered)
        elif self._form == "junit":
            from pcapdiag.report.junit import render_junit

            yield from render_junit(report, self._time, options.is_filtered)
        else:
            from pcapdiag.report.text import render_text

            show_all, filtered = options.all_connections, options.is_filtered
            lines = render_text(report, self._page, self._time, show_all, filtered)
            yield from (line + "\n" for line in lines)


def write_html(path: str, report: Report, options: AnalyzeOptions, time: TimeMode) -> None:
    """Write the report as one page; raises OutputError as every output does."""
    from pcapdiag.report.html.page import render_html

    with open_output(path) as target:
        for text in render_html(report, time, options.is_filtered):
            target.write(text)


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
