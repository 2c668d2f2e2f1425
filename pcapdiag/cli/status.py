"""Exit statuses, the same for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapdiag.model.report import Report

OK = 0
FAILED = 1
WRONG_USE = 2
INTERNAL = 3
OUTPUT_FAILED = 3
INTERRUPTED = 130


def status_of(report: Report) -> int:
    """Return FAILED for a failed connection or a finding of severity failure, else OK."""
    worst = any(finding.severity == "failure" for finding in report.findings)
    return FAILED if report.summary.failed or worst else OK
