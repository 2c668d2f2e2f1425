"""What a pipeline calls a failure: ``--fail-on KEY=VALUE``, any of which is enough.

A condition is tried on a :class:`Tally`, so that it means the same for one capture and for ten
thousand of them.
"""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import Literal, get_args

import msgspec

from pcapdiag.model.report import CaptureOutcome, Party, Report, Severity

Key = Literal["code", "party", "finding", "severity", "failed"]
FORMS = "code=PATTERN, party=PARTY, finding=PATTERN, severity=SEVERITY, failed>NUMBER, or never"
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the least one to the worst."""
_PARTIES: tuple[Party, ...] = get_args(Party)
_PATTERN = r"[a-z0-9_.*?]+"
_NUMBER = r"[0-9]{1,18}"
_UNTOLD = "capture.partial"


class Tally(msgspec.Struct):
    """How often there was what conditions ask for, in one capture or in many."""

    failed: int = 0
    """Failed connections."""
    codes: Counter[str] = msgspec.field(default_factory=Counter)
    """Connections by the code of their verdict, ``ok`` left out."""
    parties: Counter[str] = msgspec.field(default_factory=Counter)
    """Failures by the party whose doing they were, each at its cause."""
    findings: Counter[str] = msgspec.field(default_factory=Counter)
    """Findings by code."""
    severities: Counter[str] = msgspec.field(default_factory=Counter)
    """Findings by severity."""

    @classmethod
    def of(cls, report: Report) -> Tally:
        """Count one report."""
        summary, findings = report.summary, report.findings
        return cls(
            summary.failed,
            Counter({code: n for code, n in summary.by_verdict.items() if code != "ok"}),
            Counter(summary.by_party),
            Counter(finding.code for finding in findings),
            Counter(finding.severity for finding in findings),
        )

    def add(self, outcome: CaptureOutcome) -> None:
        """Count in what became of one of many captures."""
        self.failed += outcome.failed
        self.codes.update({code: n for code, n in outcome.by_verdict.items() if code != "ok"})
        self.parties.update(outcome.by_party)
        self.findings.update(outcome.findings)
        self.severities.update(outcome.severities)


class Condition(msgspec.Struct, frozen=True):
    """One thing that makes a run fail."""

    key: Key
    value: str
    """A code or a pattern of codes (``*`` and ``?``), a party, a severity, or a number."""

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``code=tls.*``, ``failed>10`` and their like; raises ValueError for other text.

        Also for a pattern that no code fits: a pipeline with a slip of the pen in it would pass
        for ever.
        """
        key, mark, value = _split(text)
        if mark == ">" and key == "failed" and re.fullmatch(_NUMBER, value):
            return cls("failed", value)
        if mark == "=" and key in ("code", "finding") and re.fullmatch(_PATTERN, value):
            return cls._of_codes("code" if key == "code" else "finding", value)
        if mark == "=" and key == "party" and value in _PARTIES:
            return cls("party", value)
        if mark == "=" and key == "severity" and value in SEVERITIES:
            return cls("severity", value)
        raise ValueError(f"wanted is {FORMS}")

    @classmethod
    def _of_codes(cls, key: Literal["code", "finding"], pattern: str) -> Condition:
        # Only here: without conditions nobody asks which codes there are.
        from pcapdiag.diagnose.pages import finding_codes, verdict_codes

        known = verdict_codes() if key == "code" else finding_codes()
        if not any(fnmatchcase(code, pattern) for code in known):
            raise ValueError(f"there is no such {key} (pcapdiag explain lists them)")
        return cls(key, pattern)

    def holds(self, tally: Tally) -> bool:
        """Return whether it happened."""
        match self.key:
            case "failed":
                return tally.failed > int(self.value)
            case "party":
                return tally.parties[self.value] > 0
            case "code":
                return any(n and self._fits(code) for code, n in tally.codes.items())
            case "finding":
                return any(n and fnmatchcase(c, self.value) for c, n in tally.findings.items())
            case "severity":
                worse = SEVERITIES[SEVERITIES.index(self._severity()) :]
                failed = tally.failed > 0
                return failed or any(tally.severities[severity] for severity in worse)

    def _severity(self) -> Severity:
        return next(severity for severity in SEVERITIES if severity == self.value)

    def _fits(self, code: str) -> bool:
        # What the capture holds too little of has not failed: it is meant by its name only.
        return fnmatchcase(code, self.value) and (code != _UNTOLD or self.value == _UNTOLD)


def _split(text: str) -> tuple[str, str, str]:
    for mark in ("=", ">"):
        key, found, value = text.partition(mark)
        if found and key.isalpha():
            return key, found, value
    return text, "", ""


DEFAULT = (Condition("severity", "failure"),)
"""Without ``--fail-on``: a failed connection, or a finding of severity failure."""


def fails(tally: Tally, conditions: tuple[Condition, ...]) -> bool:
    """Return whether any of the conditions happened; none at all never do."""
    return any(condition.holds(tally) for condition in conditions)
