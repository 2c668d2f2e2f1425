"""What an entry's fields together say: whether the line tells of a failure, and of which kind."""

from __future__ import annotations

from pcapdiag.model.logs import LogEntry
from pcapdiag.protocols.http.grpc import FAILURES

_HEADS = ("upstream_reset_before_response_started{", "upstream_reset_after_response_started{")
_CLIENT_GONE = (408, 499)
_HARMLESS = {"envoy": {"RFCF"}, "haproxy": {"LR"}, "nginx": set[str]()}
"""An answer from the cache; HAProxy's own answer, as a redirect or its statistics."""


def finish(entry: LogEntry) -> None:
    """Split the reset reason out of the details, and say whether the line tells of a failure."""
    if entry.details is not None:
        _split(entry, entry.details)
    if entry.product == "envoy" and entry.status == 0 and not entry.method:
        # A TCP proxy's connection: the number is printed, and says nothing.
        entry.status = None
    entry.failed = _fails(entry)


def _fails(entry: LogEntry) -> bool:
    """Return whether a line tells of a failure, a try that was repeated included."""
    status = entry.status
    if status is not None and (not 100 <= status < 500 or status in _CLIENT_GONE):
        return True
    if entry.grpc_status in FAILURES and not _is_question(entry):
        return True
    if entry.product == "haproxy" and entry.message is not None:
        return True
    if set(entry.flags) - _HARMLESS[entry.product]:
        return True
    if entry.numbers.get("retries", 0) > 0 or entry.transport_failure is not None:
        return True
    return any(one is not None and not 100 <= one < 500 for one in entry.upstream_statuses)


def _is_question(entry: LogEntry) -> bool:
    """Return whether a tool asked which of two reflection services is there: one never is."""
    return (entry.target or "").startswith("/grpc.reflection.")


def _split(entry: LogEntry, details: str) -> None:
    """Split ``upstream_reset_before_response_started{REASON|TEXT}``; a comma in old releases."""
    _, opened, rest = details.partition("{")
    if not opened or not details.startswith(_HEADS):
        return
    inner = rest.removesuffix("}")
    cuts = [at for at in (inner.find("|"), inner.find(",")) if at >= 0]
    reason = inner[: min(cuts)] if cuts else inner
    entry.reset_reason = reason.strip().replace(" ", "_") or None
    if cuts and entry.transport_failure is None:
        entry.transport_failure = inner[min(cuts) + 1 :] or None
