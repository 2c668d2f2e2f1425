"""A pipeline that hands over made-up reports, and the program run on it.

``python -m tests.cli.stand_in KIND ARGUMENTS...`` is ``pcapdiag ARGUMENTS...`` with it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Sequence
from types import ModuleType

import pcapdiag
from pcapdiag.errors import NotACaptureError
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import FileError, Report
from pcapdiag.model.report_line import Line
from pcapdiag.report.jsonl import line_capture
from tests.report.fabricate import finding, healthy, refused, report, summary_of

PATIENCE = 20.0


def damaged() -> Report:
    capture = summary_of("cut.pcap")
    capture.files[0].error = FileError(byte=99, message="the file ends within a packet")
    return report([], ok=1, capture=capture)


def unreadable() -> Report:
    raise NotACaptureError("empty.pcap", "the file is empty", byte=0)


def broken() -> Report:
    raise RuntimeError("something\nwent \x1b[31mwrong")


def interrupted() -> Report:
    raise KeyboardInterrupt


REPORTS: dict[str, Callable[[], Report]] = {
    "failed": lambda: report([refused(), healthy()], ok=40),
    "finding": lambda: report([], ok=3, findings=[finding()]),
    "healthy": lambda: report([], ok=42),
    "large": lambda: report([refused(n, port=1 + n) for n in range(3000)]),
    "no-packets": lambda: report([], capture=summary_of("none.pcap", packets=0)),
    "damaged": damaged,
    "unreadable": unreadable,
    "broken": broken,
    "interrupted": interrupted,
}


def pipeline(kind: str, seen: list[AnalyzeOptions] | None = None) -> ModuleType:
    """Return a module with the pipeline's two functions."""

    def analyze(_paths: Sequence[str], options: AnalyzeOptions) -> Report:
        if seen is not None:
            seen.append(options)
        return REPORTS[kind]()

    def follow(_paths: Sequence[str], options: AnalyzeOptions) -> Generator[Line, None, Report]:
        done = REPORTS[kind]()
        capture = line_capture(done.capture)
        for connection in done.connections:
            yield Line(type="connection", capture=capture, connection=connection)
        yield Line(type="update", capture=capture, update=refused())
        until = time.monotonic() + PATIENCE
        while options.stop and not options.stop.is_set() and time.monotonic() < until:
            time.sleep(0.01)
        return done

    module = ModuleType("pcapdiag.pipeline")
    vars(module).update(analyze=analyze, follow=follow)
    return module


def install(kind: str) -> None:
    module = pipeline(kind)
    sys.modules["pcapdiag.pipeline"] = module
    vars(pcapdiag)["pipeline"] = module


if __name__ == "__main__":
    install(sys.argv.pop(1))
    from pcapdiag.cli.main import main

    main()
