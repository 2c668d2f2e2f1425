"""http.overflow: A circuit breaker or pool limit of the proxy was reached.

What happened
    The proxy answered 503 at once, because as many connections, pending requests, requests or
    retries as it allows were already under way to that cluster.

How pcapdiag can tell
    Envoy's reply ends in "reset reason: overflow"; it has x-envoy-overloaded besides.

Usual causes
    - A burst, or an upstream that became slow, so that requests pile up.
    - Envoy's defaults for a busy cluster: 1,024 connections, pending and running requests, 3
      retries.
    - An HTTP/1 pool with one request per connection.
    - Retries that pile on.

Fixes
    - First: find out what made the upstream slow, before limits are raised.
    - Envoy: `circuit_breakers.thresholds`: `max_connections`, `max_pending_requests`,
      `max_requests`, `max_retries` (better `retry_budget`).
    - Istio: DestinationRule `connectionPool.tcp.maxConnections`, `http.http1MaxPendingRequests`,
      `http.http2MaxRequests`, `http.maxRetries`.
    - NGINX: upstream `max_conns` is its like.
    - HAProxy: server `maxconn`, `maxqueue`, `timeout queue`.
    - Kubernetes: more replicas, or an autoscaler that sees the queue.

Can be confused with
    - http.no_healthy_upstream: no endpoint at all.
    - http.local_reply: a full queue of HAProxy is told as this: its page does not say. So is
      overload of Envoy itself (reset reason "overload manager reset").
    - http2.refused_stream: the limit is the upstream's.

What would settle it
    - Envoy's `/stats`: `upstream_rq_pending_overflow`, `upstream_cx_overflow`,
      `circuit_breakers.default.*_open`.

References
    - Envoy's documentation, "Circuit breaking" and "Access logging" (UO).
"""

from __future__ import annotations

from pcapdiag.diagnose.http.reply import reply_in_place, reply_judgement
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

KIND = Kind(
    code="http.overflow",
    title="{product} was over its limit towards the upstream: {request} -> {answer}",
    explanation=(
        "{initiator} asked {responder} for {request} ({request_where}). {product} answered "
        "{status} itself{took} ({response_where}): a circuit breaker or pool limit was "
        "reached{details}.{maker}"
    ),
    phases=("before_response",),
    envoy=Envoy("UO", "overflow"),
    haproxy="PC / sQ",
    fix_at=("responder",),
    fixes=(
        "did the upstream become slow? then requests pile up until the limit: look at its answer "
        "times first",
        "raise the limits that are too low: Envoy circuit_breakers (max_connections, "
        "max_pending_requests, max_requests, max_retries), Istio DestinationRule connectionPool "
        "(http1MaxPendingRequests, http2MaxRequests, maxConnections)",
        "more replicas of the upstream, or fewer requests: rate limits, retry budgets (Envoy "
        "retry_budget)",
    ),
    commands=(
        "curl -s localhost:9901/stats | grep -E 'overflow|cx_active|rq_active|rq_pending_active'  "
        "# Envoy's admin port on {responder_ip}; Istio: port 15000",
        "curl -s localhost:9901/stats | grep -E 'circuit_breakers.*(open|remaining)'  # on "
        "{responder_ip}",
    ),
)

REASON = "overflow"


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a reply with the reset reason overflow."""
    reply = reply_in_place(exchange)
    if reply is None or (reply.reason or "").strip().lower() != REASON:
        return None
    return reply_judgement(story, exchange, reply, KIND.code, 0.98)
