"""http2.refused_stream: The server would not take the stream, and did nothing for it.

What happened
    The server answered a new stream with RST_STREAM(REFUSED_STREAM): the request was not processed,
    so it may be sent again, elsewhere or later.

How pcapdiag can tell
    The frame says it. A stream over the server's SETTINGS_MAX_CONCURRENT_STREAMS that is met by
    PROTOCOL_ERROR is the same (RFC 9113 section 5.1.2 allows either).

Usual causes
    - More streams at once than the server allows, opened before its SETTINGS were read, or by a
      client that does not count.
    - A server that shuts down, or is overloaded.

Fixes
    - First: retry it. It was not processed. Then let the client respect the limit, or raise it
      where the server has room.
    - Application: more connections in the client's pool; Go `MaxConcurrentStreams` of http2.Server.
    - gRPC: retries it by itself (transparent retry); `GRPC_ARG_MAX_CONCURRENT_STREAMS` at the
      server.
    - Envoy: `retry_on: refused-stream`; as the client
      `http2_protocol_options.max_concurrent_streams` of the cluster opens more connections; as the
      server the same of the listener.
    - Istio: `connectionPool.http.maxConcurrentStreams`; `retries.retryOn: refused-stream`.
    - NGINX: as the server, `http2_max_concurrent_streams` (128).
    - HAProxy: as the server, `tune.h2.max-concurrent-streams` (100).

Can be confused with
    - http2.enhance_your_calm: a server that calls it abuse.
    - http2.stream_lost: refused by GOAWAY.
    - http.overflow: the limit is the proxy's own.

What would settle it
    - `tshark -r FILE -Y http2.settings.max_concurrent_streams`: which limit did the server
      announce?

References
    - RFC 9113 sections 5.1.2, 7 and 8.7 (safe to retry).
    - Measured in the lab (docs/lab.md): Envoy logs UR, "remote refused stream reset".
"""

from __future__ import annotations

from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.words import exchange_frames
from pcapdiag.diagnose.http2.errors import PROTOCOL_ERROR, REFUSED_STREAM
from pcapdiag.diagnose.http2.streams import phase_of, refused_by, stream_facts, stream_limit
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

KIND = Kind(
    code="http2.refused_stream",
    title="stream refused: {responder} did not take {request} (HTTP/2 stream {stream}, {error})",
    explanation=(
        "{initiator} opened stream {stream} for {request} ({request_where}); {responder} refused "
        "it {waited} later (RST_STREAM {error}, frame {reset_frame}). It had not processed the "
        "request, so that it is safe to retry. {limit_words}"
    ),
    phases=("in_request", "before_response", "in_response"),
    envoy=Envoy("UR", "remote refused stream reset"),
    nginx="upstream rejected request with error 7",
    haproxy="SH",
    fix_at=("initiator", "responder"),
    fixes=(
        "retry it, it was not processed: Envoy and Istio retry_on refused-stream, gRPC retries it "
        "by itself (transparent retry)",
        "respect the server's limit: Envoy http2_protocol_options.max_concurrent_streams of the "
        "cluster (it then opens more connections), more connections in the client's pool",
        "raise the limit where the server has room: NGINX http2_max_concurrent_streams, Envoy "
        "listener max_concurrent_streams, HAProxy tune.h2.max-concurrent-streams, gRPC "
        "MaxConcurrentStreams",
        "was the server shutting down or overloaded at that moment? its log",
    ),
    commands=(
        "curl -s localhost:15000/stats | grep -E 'http2.*(rx_reset|streams_active)'  # in Istio; "
        "Envoy's own admin port is often 9901",
        "tshark -r FILE -Y 'http2.settings.max_concurrent_streams || http2.rst_stream.error == 7' "
        "-d tcp.port=={responder_port},http2",
    ),
)


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a stream that the responder refused."""
    if exchange.ended_by != "responder" or exchange.complete:
        return None
    if exchange.reset_code == REFUSED_STREAM:
        return _judgement(story, exchange, 0.98, ())
    if exchange.reset_code == PROTOCOL_ERROR and _over_limit(story) and _untouched(exchange):
        return _judgement(story, exchange, 0.8, (OtherCode("http2.rst_stream", 0.18),))
    return None


def _untouched(exchange: Exchange) -> bool:
    return exchange.status is None and exchange.response_frame is None


def _over_limit(story: Story) -> bool:
    facts, limit = story.http2, stream_limit(story)
    return facts is not None and limit is not None and facts.most_open > limit


def _judgement(
    story: Story, exchange: Exchange, sure: float, others: tuple[OtherCode, ...]
) -> Judgement:
    frames = exchange_frames(exchange, exchange.reset_frame)
    return request_failed(
        story,
        exchange,
        KIND.code,
        phase_of(exchange),
        sure,
        refused_by(False, "the frame bears its address and refuses the stream", frames),
        frames=(exchange.reset_frame,),
        alternatives=others,
        facts=stream_facts(story, exchange) | {"limit_words": _limit_words(story)},
    )


def _limit_words(story: Story) -> str:
    facts, limit = story.http2, stream_limit(story)
    if facts is None or limit is None:
        return "It set no limit of streams at once."
    words = f"It allows {limit} at once (SETTINGS, frame {facts.settings_frame_responder})"
    most = facts.most_open
    return f"{words}; {most} were open at most." if most > limit else f"{words}: not reached here."
