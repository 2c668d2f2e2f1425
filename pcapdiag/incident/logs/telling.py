"""A tied line as the report shows it, and a log with its numbers."""

from __future__ import annotations

from pcapdiag.correlate.logs.ties import Tie
from pcapdiag.diagnose.log_agreement import Agreement
from pcapdiag.model.ends import HostPort, join_port
from pcapdiag.model.logs import LogEntry
from pcapdiag.model.report import EnvoyObserved, EnvoyWords, LogLine, Verdict
from pcapdiag.model.units import format_seconds, in_seconds

MAX_FIELD = 1_000
"""Characters of one field of a line that are kept."""


def log_line(entry: LogEntry, tie: Tie | None = None, found: Agreement | None = None) -> LogLine:
    """Return a line as it stands in the report, with its connection's tie where it has one."""
    line = LogLine(
        product=entry.product,
        kind=entry.kind,
        file=entry.file,
        line=entry.line,
        time=format_seconds(entry.time),
        duration=in_seconds(entry.duration),
        client=_end(entry.client),
        upstream=_end(entry.upstreams[-1]) if entry.upstreams else entry.upstream_name,
        upstream_local=_end(entry.upstream_local),
        request_id=_cut(entry.request_id),
        method=_cut(entry.method),
        target=_cut(entry.target),
        host=_cut(entry.host),
        status=entry.status,
        grpc_status=entry.grpc_status,
        flags=[flag[:MAX_FIELD] for flag in entry.flags],
        details=_cut(entry.details),
        reset_reason=_cut(entry.reset_reason),
        transport_failure=_cut(entry.transport_failure),
        message=_cut(entry.message),
    )
    if tie is not None:
        line.leg, line.tied_by, line.apart = tie.leg, list(tie.shared), in_seconds(tie.apart)
    if found is not None:
        line.agrees, line.why = found
    return line


def observe(verdict: Verdict, line: LogLine) -> None:
    """Put what Envoy logged beside what it prints for such a failure."""
    if line.product != "envoy" or not (line.flags or line.details):
        return
    flag = next((flag for flag in line.flags if flag != "URX"), None)
    words = verdict.envoy
    if words is None:
        if flag is None:
            return
        words = verdict.envoy = EnvoyWords(flag=flag, reset_reason=_plain(line.reset_reason))
    said = words.observed
    if said is None:
        words.observed = EnvoyObserved(
            flag=flag,
            reset_reason=_plain(line.reset_reason) or None,
            details=line.details,
            agrees=line.agrees,
        )
        return
    said.flag = said.flag or flag
    said.details = said.details or line.details


def _plain(reason: str | None) -> str:
    return (reason or "").replace("_", " ")


def _end(end: HostPort | None) -> str | None:
    if end is None:
        return None
    return join_port(*end) if end[1] else end[0]


def _cut(text: str | None) -> str | None:
    return text and text[:MAX_FIELD]
