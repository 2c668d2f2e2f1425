"""http2.stream_lost: A stream was unfinished when its connection drained and ended.

What happened
    The server announced that it would close (GOAWAY with NO_ERROR: restart, maximum age, drain).
    This stream was above the last one that it still served, or the connection was closed before it
    was done.

How pcapdiag can tell
    GOAWAY(NO_ERROR) by the responder, and a stream without END_STREAM or RST_STREAM whose number is
    above its last_stream_id, or that was open when the connection ended behind it. In a two-step
    shutdown the second GOAWAY's number counts.

Usual causes
    - A deployment or restart with less time to drain than the longest request needs.
    - A limit on the age of connections, or on requests for each.
    - A request that crossed the GOAWAY on its way.

Fixes
    - First: drain longer than the longest stream, or end long streams in time. What was never
      processed may be retried.
    - Application: long streams (watch, server-sent events) must open again by themselves.
    - gRPC: `MaxConnectionAgeGrace` (Java `maxConnectionAgeGrace`) beside `MaxConnectionAge`. It
      retries by itself what is above the last stream.
    - Envoy: `--drain-time-s`, `drain_timeout`; `retry_on: refused-stream,reset`.
    - Istio: `terminationDrainDuration`, or `EXIT_ON_ZERO_ACTIVE_CONNECTIONS`; `retries.retryOn:
      refused-stream`.
    - NGINX: `worker_shutdown_timeout`; `keepalive_requests` and `keepalive_time` end connections on
      purpose.
    - HAProxy: `hard-stop-after`.
    - Kubernetes: `terminationGracePeriodSeconds`, and a `preStop` sleep.
    - Cloud: deregistration delay (AWS) or connection draining (GCP) longer than the longest stream.

Can be confused with
    - http2.goaway: the same frame with an error.
    - tcp.stale_connection: the same race without HTTP/2.
    - http2.draining: the finding for a server's drain that lost streams.

What would settle it
    - The events of that minute: `kubectl get events --sort-by=.lastTimestamp`.
    - `tshark -r FILE -Y 'http2.type == 7'` (GOAWAY): which was the last stream that it
      still served?

References
    - RFC 9113 section 6.8.
    - gRPC proposal A9 (server-side connection management); NGINX ngx_http_core_module,
      `keepalive_time`.
    - Measured in the lab (docs/lab.md): Envoy logs UR for what is above the last stream, UC for the
      rest.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http2.known import drained, is_incomplete, is_unfinished, streams
from pcapdiag.diagnose.http2.streams import phase_of, refused_by, stream_facts
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange, GoAway
from pcapdiag.model.story import Story

KIND = Kind(
    code="http2.stream_lost",
    title=(
        "stream lost in a drain: {responder} closed with {request} unfinished (HTTP/2 stream "
        "{stream})"
    ),
    explanation=(
        "{responder} announced a graceful end (GOAWAY NO_ERROR, last stream {last_stream}, frame "
        "{goaway_frame}). {lost}; {got}. {retry}"
    ),
    phases=("in_request", "before_response", "in_response"),
    envoy=Envoy("UR / UC", "remote refused stream reset (above the last stream), else termination"),
    nginx="upstream sent goaway with error 0, or upstream prematurely closed connection",
    haproxy="SH / SD",
    fix_at=("responder", "initiator"),
    fixes=(
        "let {responder} drain longer than its longest stream: NGINX worker_shutdown_timeout, "
        "Envoy --drain-time-s and drain_timeout, gRPC MaxConnectionAgeGrace, Kubernetes "
        "terminationGracePeriodSeconds and a preStop sleep",
        "was it a rollout, restart or maximum connection age (Envoy max_connection_duration, NGINX "
        "keepalive_requests, keepalive_time, gRPC MaxConnectionAge)? its log at that moment",
        "retry what was not processed: Envoy and Istio retry_on refused-stream,reset; gRPC retries "
        "transparently above the last stream",
        "long streams (watch, server-sent events, gRPC streaming) must reconnect by themselves",
    ),
    commands=(
        "kubectl get events --sort-by=.lastTimestamp | tail  # a rollout at that moment?",
        "tshark -r FILE -Y 'http2.type == 7 || http2.streamid == {stream}' -d "
        "tcp.port=={responder_port},http2",
    ),
)


def match_reset(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a drained connection that was reset with streams open."""
    end = ending(story)
    if end is None or end.reset is None or end.by_initiator or drained(story) is None:
        return None
    lost = (match(story, exchange, context) for exchange in streams(story))
    return next((judgement for judgement in lost if judgement is not None), None)


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a stream that a graceful end left unfinished."""
    goaway, stream = drained(story), exchange.stream_id
    if goaway is None or stream is None or not is_unfinished(exchange):
        return None
    if stream > goaway.last_stream_id:
        refused = f"Stream {stream} is above it: {story.responder.address} did not process it"
        retry = "It is safe to retry (RFC 9113 section 6.8)."
        return _judgement(story, exchange, goaway, refused, retry)
    end = ending(story)
    if end is None or is_incomplete(story) or not _cut(exchange, goaway, end):
        return None
    later = duration(end.time - goaway.time)
    lost = (
        f"It served stream {stream} on, and ended the connection {later} later ({end.word}, frame "
        f"{end.frame})"
    )
    return _judgement(story, exchange, goaway, lost, "The request may have been processed.", end)


def _cut(exchange: Exchange, goaway: GoAway, end: Ending) -> bool:
    """Return whether the responder's close, and nobody's leaving, ended an open stream."""
    opened = exchange.request_time is None or exchange.request_time < end.time
    return opened and not end.by_initiator and end.time >= goaway.time


def _judgement(
    story: Story,
    exchange: Exchange,
    goaway: GoAway,
    lost: str,
    retry: str,
    end: Ending | None = None,
) -> Judgement:
    return request_failed(
        story,
        exchange,
        KIND.code,
        phase_of(exchange),
        0.95,
        refused_by(False, "its GOAWAY ended the connection's use", (goaway.frame,)),
        frames=(goaway.frame, end.frame if end else None),
        facts=stream_facts(story, exchange)
        | {
            "last_stream": str(goaway.last_stream_id),
            "goaway_frame": str(goaway.frame),
            "lost": lost,
            "retry": retry,
        },
    )
