"""What the outcome of one content gives to the tables: its lines under their names, and rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import zstandard

from pcapdiag.model.report import CaptureOutcome
from pcapdiag.model.report_line import Line, LineCapture, LineError
from pcapdiag.report.json import render_line
from pcapdiag.triage.cells import Cell, Members, cells
from pcapdiag.triage.columns import CAPTURES, CONNECTIONS, FINDINGS
from pcapdiag.triage.manifest import Entry
from pcapdiag.triage.outcome import Outcome, alias, content_of

Row = tuple[str, list[Cell]]
"""The table that it belongs to, and its cells."""


@dataclass(frozen=True, slots=True)
class Told:
    """A content: its outcome, and everything that is called after it.

    ``entry`` is the manifest's of the first of ``names``.
    """

    entry: Entry
    names: list[str]
    outcome: Outcome

    def result(self) -> CaptureOutcome:
        """Return what is said of the capture as a whole."""
        tally = msgspec.structs.asdict(self.outcome.tally)
        return CaptureOutcome(
            **tally,
            names=self.names,
            sha256=content_of(self.outcome.identities),
            status=self.outcome.status,
            reason=self.outcome.reason,
        )

    def outcome_line(self) -> Line:
        """Return the line that says what became of it."""
        where = LineCapture(files=self.entry.files, first_time=self.outcome.first_time)
        return Line(type="outcome", capture=where, outcome=self.result())

    def lines(self) -> Iterator[bytes]:
        """Yield all its JSON lines, what became of it first."""
        outcome = self.outcome_line()
        yield render_line(outcome).encode()
        if not self.outcome.examined:
            error = LineError(file=self.names[0], message=self.outcome.reason)
            yield render_line(Line(type="error", capture=outcome.capture, error=error)).encode()
            return
        names = {
            f'"{alias(sha256)}"'.encode(): msgspec.json.encode(name)
            for sha256, name in zip(self.entry.contents, self.entry.files, strict=True)
        }
        for line in _unpacked(self.outcome.lines):
            for other, name in names.items():
                line = line.replace(other, name)
            yield line

    def rows(self, lines: Iterator[bytes]) -> Iterator[Row]:
        """Yield the rows that lines of this content make."""
        result = msgspec.to_builtins(self.result())
        summary: Members = {}
        findings = 0
        for text in lines:
            line = msgspec.json.decode(text)
            line["outcome"] = result
            if line["type"] == "connection":
                line["request"] = _failed_request(line["connection"])
                yield "connections", cells(CONNECTIONS, line)
            elif line["type"] == "finding":
                line["number"] = findings
                findings += 1
                yield "findings", cells(FINDINGS, line)
            elif line["type"] == "summary":
                summary = line["capture"]
        yield "captures", self._capture_row(result, summary)

    def _capture_row(self, result: Members, summary: Members) -> list[Cell]:
        tally = self.outcome.tally
        line = {
            "outcome": result,
            "input": summary,
            "version": self.outcome.version,
            "options": self.outcome.options,
            "size": sum(identity.size for identity in self.outcome.identities),
            "findings": {
                "all": sum(tally.severities.values()),
                "failure": tally.severities.get("failure", 0),
                "warning": tally.severities.get("warning", 0),
            },
        }
        return cells(CAPTURES, line)


def _failed_request(connection: Members) -> Members | None:
    """Return the exchange that a connection's verdict names."""
    verdict, http = connection["verdict"], connection["http"]
    assert isinstance(verdict, dict)
    if verdict["exchange"] is None or not isinstance(http, dict):
        return None
    found = (one for one in http["exchanges"] if one["index"] == verdict["exchange"])
    return next(found, None)


def _unpacked(packed: bytes) -> Iterator[bytes]:
    if packed:
        with zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            yield from io.BufferedReader(stream)
