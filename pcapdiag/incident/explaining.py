"""Which findings explain which failures, and in which order findings are told."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.model.explains import explains
from pcapdiag.model.report import Finding, Group, label_of

_RANK = {"failure": 0, "warning": 1, "info": 2}


def in_order(
    findings: Sequence[Finding], groups: Sequence[Group], first: str = ""
) -> list[Finding]:
    """Return findings as they are told: what explains failures, then warnings, then the rest.

    ``first`` is the label of the first of several points, whose streams need no label.
    """
    failed = {
        (label_of(group.point, first), stream) for group in groups for stream in group.streams
    }

    def rank(finding: Finding) -> tuple[bool, int]:
        at = label_of(finding.point, first)
        named = any((at, stream) in failed for stream in finding.streams)
        explained = finding.severity == "failure" or (named and explains(finding))
        return not explained, _RANK[finding.severity]

    return sorted(findings, key=rank)


def by_stream(findings: Sequence[Finding], first: str = "") -> dict[tuple[str, int], list[int]]:
    """Return the places of the findings that name a connection, by its point and stream."""
    found: dict[tuple[str, int], list[int]] = {}
    for place, finding in enumerate(findings):
        for stream in dict.fromkeys(finding.streams):
            found.setdefault((label_of(finding.point, first), stream), []).append(place)
    return found
