"""http.server_errors: An origin answers with errors, far above the rest.

What happened
    A server gave 5xx answers, or failed gRPC calls, much more often than the others that the same
    caller asks.

How pcapdiag can tell
    5 answers or more with a status of 500 and above (or gRPC calls that the server failed), a fifth
    of all, at four times the rate of the same caller's other endpoints. Without any others 10, and
    half of all. Proxies' own answers and health checks are left out.

Usual causes
    - The program fails: a bug, a full disk, a database that is away.
    - It is overloaded and says 503 itself.
    - A rollout of a bad version.

Fixes
    - First: read that server's log for these requests. The network did its work.
    - Application: the exception, its dependencies, its limits.
    - Envoy: `outlier_detection.consecutive_5xx` takes it out; `retry_on: 5xx` only for what may be
      repeated.
    - Istio: `outlierDetection.consecutive5xxErrors`.
    - NGINX: `proxy_next_upstream http_500 http_502 http_503 http_504`.
    - HAProxy: `observe layer7` with `on-error mark-down`; `retry-on 500 503`.
    - Kubernetes: `kubectl rollout undo`, if it came with a rollout.

Can be confused with
    - http.local_reply: a proxy's answer in the upstream's place.
    - grpc.error: one call.
    - endpoint.down: no connection comes up at all.

What would settle it
    - `curl -v` of one of these requests straight to the server.

References
    - RFC 9110 section 15.6.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from pcapdiag.diagnose.findings.checks import checks, outcome_words
from pcapdiag.model.fleet import AskFacts, Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted, format_seconds

FEWEST, FEWEST_ALONE = 5, 10
SHARE, SHARE_ALONE = 0.2, 0.5
TIMES_THE_REST = 4
MAX_FINDINGS = 100
ANSWERS, ERRORS = "answers ", "errors "
"""What a caller's counters count, before an endpoint's name or alone for all."""


class ServerErrors:
    """Compares the endpoints of one caller with each other."""

    def look(self, connection: Connection) -> None:
        """Pass: it is the answered requests that count."""

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each endpoint that stands out, the most errors first."""
        if not any(ask.errors >= FEWEST for ask in fleet.asks):
            return []
        checked = {
            (check.ask.caller, check.ask.endpoint, check.ask.kind) for check in checks(fleet)
        }
        origins = [
            ask
            for ask in fleet.asks
            if ask.kind != "connect"
            and ask.address not in fleet.proxies
            and (ask.caller, ask.endpoint, ask.kind) not in checked
        ]
        callers = _by_caller(origins)
        failing = [ask for ask in origins if ask.errors >= FEWEST]
        found = [(ask, _rest(ask, callers[ask.caller])) for ask in failing]
        standing_out = [(ask, rest) for ask, rest in found if _stands_out(ask, rest)]
        standing_out.sort(key=lambda item: -item[0].errors)
        return [_finding(ask, rest) for ask, rest in standing_out[:MAX_FINDINGS]]


def _by_caller(origins: list[AskFacts]) -> dict[str, Counter[str]]:
    """Return each caller's answers and errors, in all and by endpoint."""
    callers: dict[str, Counter[str]] = defaultdict(Counter)
    for ask in origins:
        counts = callers[ask.caller]
        counts[ANSWERS] += ask.count
        counts[ERRORS] += ask.errors
        counts[ANSWERS + ask.endpoint] += ask.count
        counts[ERRORS + ask.endpoint] += ask.errors
    return callers


def _rest(ask: AskFacts, counts: Counter[str]) -> float | None:
    """Return the share of errors at the caller's other endpoints; None without enough of them."""
    answers = counts[ANSWERS] - counts[ANSWERS + ask.endpoint]
    errors = counts[ERRORS] - counts[ERRORS + ask.endpoint]
    return errors / answers if answers >= FEWEST else None


def _stands_out(ask: AskFacts, rest: float | None) -> bool:
    share = ask.errors / ask.count
    if rest is None:
        return ask.errors >= FEWEST_ALONE and share >= SHARE_ALONE
    return ask.errors >= FEWEST and share >= SHARE and share >= TIMES_THE_REST * rest


def _finding(ask: AskFacts, rest: float | None) -> Finding:
    statuses = sorted((s for s in ask.outcomes if s >= 500), key=lambda s: -ask.outcomes[s])
    kinds = ", ".join(f"{ask.outcomes[one]:,} with {outcome_words(one)}" for one in statuses)
    share = ask.errors / ask.count
    beside = "" if rest is None else f"; its other endpoints: {rest:.0%}"
    return Finding(
        code="http.server_errors",
        severity="warning",
        title=f"{ask.endpoint} answers {share:.0%} of requests with an error of its own",
        detail=(
            f"{ask.errors:,} of {counted(ask.count, 'answer')} to {ask.caller} were errors "
            f"({kinds}){beside}"
        ),
        explanation=(
            "The connections worked and the answers arrived: the program behind this endpoint says "
            "that it failed. Its own log knows why."
        ),
        streams=[],
        addresses=[ask.caller, ask.address],
        endpoint=ask.endpoint,
        first=format_seconds(ask.first),
        last=format_seconds(ask.last),
        count=ask.errors,
        numbers={"errors": ask.errors, "answers": ask.count, "share": round(share, 4)},
        fixes=[
            f"read the program's own log on {ask.address} for that time",
            "take an endpoint that keeps failing out by itself: Envoy and Istio outlier_detection "
            "consecutive_5xx, NGINX max_fails, HAProxy observe layer7",
        ],
    )
