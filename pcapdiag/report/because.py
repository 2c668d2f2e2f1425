"""Which findings are named under a failure, and which are still to be told."""

from __future__ import annotations

from pcapdiag.model.explains import explains
from pcapdiag.model.report import Finding, Group, Report, label_of

ONE_FAILURE = {"path.mtu": "failed"}
"""Findings that say of one failed connection what its verdict says, with the number of them."""


def repeats(finding: Finding) -> bool:
    """Return whether a finding says no more than the verdict of the one connection it is about."""
    return finding.numbers.get(ONE_FAILURE.get(finding.code, "")) == 1


class Because:
    """Finds what explains a group of failures; every finding is told in full once at most."""

    def __init__(self, report: Report) -> None:
        self._first = report.points[0].label if report.points else ""
        self._findings = report.findings
        self._told: set[int] = set()
        self._by_stream: dict[tuple[str, int], list[int]] = {}
        for place, finding in enumerate(report.findings):
            if not explains(finding):
                continue
            for stream in dict.fromkeys(finding.streams):
                self._by_stream.setdefault(self._key(finding, stream), []).append(place)

    def explain(self, group: Group) -> list[Finding]:
        """Return the findings that name connections of the group, in the report's order."""
        places = {
            place
            for stream in group.streams
            for place in self._by_stream.get(self._key(group, stream), ())
        }
        self._told |= {place for place in places if repeats(self._findings[place])}
        return [self._findings[place] for place in sorted(places)]

    def not_told(self) -> list[Finding]:
        """Return the findings that a line under a failure did not tell in full."""
        return [one for place, one in enumerate(self._findings) if place not in self._told]

    def _key(self, one: Finding | Group, stream: int) -> tuple[str, int]:
        return label_of(one.point, self._first), stream
