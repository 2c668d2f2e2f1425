"""Where the time of an analysis goes: ``python -m benchmark.stages CAPTURE`` prints it as JSON.

Run by the Python that pcapdiag is installed in.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from pcapdiag import pipeline
from pcapdiag.capture import Capture
from pcapdiag.flow.records import Flow
from pcapdiag.incident.analysis import Analysis
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.report.layout import Page
from pcapdiag.report.text import render_text

BLOCK = 1 << 20
spent: defaultdict[str, float] = defaultdict(float)


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Add the time until the end of the block to a stage."""
    begin = time.perf_counter()
    yield
    spent[stage] += time.perf_counter() - begin


class TimedAnalysis(Analysis):
    """The analysis with its plain-Python parts timed."""

    def _ended(self, flow: Flow) -> None:
        with timed("tell and judge what is not plainly healthy"):
            super()._ended(flow)

    def finish(self) -> None:
        """Judge again."""
        with timed("judge again, knowing the whole capture"):
            super().finish()


def measure(path: str) -> dict[str, float]:
    """Return the seconds of each stage; reading and walking are measured by themselves."""
    with timed("read the file"), open(path, "rb", buffering=0) as file:
        while file.read(BLOCK):
            pass
    with timed("walk"):
        for _ in Capture.open([path]).batches():
            pass
    # The name is imported there, and not handed on: only a measurement puts another in its place.
    pipeline.Analysis = TimedAnalysis  # type: ignore[attr-defined]
    with timed("analyze"):
        report = pipeline.analyze([path], AnalyzeOptions())
    walk, whole = spent.pop("walk"), spent.pop("analyze")
    with timed("print"):
        for _ in render_text(report, Page()):
            pass
    reading, printing = spent.pop("read the file"), spent.pop("print")
    return {
        "read the file": reading,
        "find the records": max(0.0, walk - reading),
        "decode headers, follow connections": whole - walk - sum(spent.values()),
        **spent,
        "print": printing,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
