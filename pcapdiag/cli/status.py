"""Exit statuses, the same for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapdiag.model.report import Report
    from pcapdiag.report.conditions import Condition

OK = 0
FAILED = 1
WRONG_USE = 2
INTERNAL = 3
OUTPUT_FAILED = 3
INTERRUPTED = 130
TERMINATED = 143
"""What a shell makes of the end by SIGTERM."""


def status_of(report: Report, fail_on: tuple[Condition, ...] | None = None) -> int:
    """Return FAILED where the report has what ``--fail-on`` asked for, else OK.

    Without it: for a failed connection, or a finding of severity failure. INTERNAL where a fault of
    ours left connections without a verdict.
    """
    from pcapdiag.report.conditions import DEFAULT, Tally, fails

    if report.capture.counts.unjudged:
        return INTERNAL
    conditions = DEFAULT if fail_on is None else fail_on
    return FAILED if fails(Tally.of(report), conditions) else OK
