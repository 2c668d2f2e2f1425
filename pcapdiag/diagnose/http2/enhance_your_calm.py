"""http2.enhance_your_calm: An end says that the other one asks too much.

What happened
    A stream was reset, or the connection given up, with ENHANCE_YOUR_CALM: too many pings, resets,
    settings or streams for the sender's taste.

How pcapdiag can tell
    The code, in GOAWAY (gRPC: with the text `too_many_pings`) or in RST_STREAM.

Usual causes
    - A gRPC client whose keep-alive pings come more often than the server allows (one in 5 minutes
      by default, none without calls).
    - Protection against rapid reset (CVE-2023-44487) that a client which cancels a lot runs into.
    - Rate limits of a gateway.

Fixes
    - First: ping less often, or permit it at the server. Cancel less. Spread over more connections.
    - gRPC: at the client, `GRPC_ARG_KEEPALIVE_TIME_MS` of 5 minutes or more and
      `GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS` off (Java `keepAliveTime`, Go
      `keepalive.ClientParameters`); at the server, Go `EnforcementPolicy.MinTime`, Java
      `permitKeepAliveTime`.
    - Envoy: as the client, `connection_keepalive.interval`; as the server,
      `max_inbound_priority_frames_per_stream` and the like, and the `overload.premature_reset_*`
      runtime keys.
    - NGINX: as the server, `keepalive_requests`, `http2_max_concurrent_streams`.
    - Cloud: gateways with rate limits: slow down, more connections.

Can be confused with
    - http2.refused_stream: a limit of streams, without reproach.
    - http2.goaway: another code.
    - http2.ping_timeout: a PING that was not answered.

What would settle it
    - `tshark -r FILE -Y 'http2.ping || http2.type == 7 || http2.type == 3'`: how often were pings
      or resets sent?

References
    - RFC 9113 section 7.
    - gRPC proposal A8 (client-side keepalive) and gRPC's keepalive guide.
    - Envoy's documentation, "HTTP/2 protocol options"; CVE-2023-44487.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.words import exchange_frames
from pcapdiag.diagnose.http2.closing import error_goaway, exchange_judgement, goaway_judgement
from pcapdiag.diagnose.http2.errors import ENHANCE_YOUR_CALM
from pcapdiag.diagnose.http2.known import tells_all, with_late_reset
from pcapdiag.diagnose.http2.streams import phase_of, refused_by, stream_facts
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange, GoAway
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted

KIND = Kind(
    code="http2.enhance_your_calm",
    title="too much asked: {sender} told {receiver} ENHANCE_YOUR_CALM",
    explanation=(
        "{sender} sent {what} with ENHANCE_YOUR_CALM (code 11){debug}: {receiver} asks too much of "
        "it. {lost} {pings} had been sent on this connection."
    ),
    phases=("in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UR / UC", "remote reset / connection termination"),
    nginx="upstream rejected request with error 11, or upstream sent goaway with error 11",
    haproxy="SH",
    fix_at=("initiator", "responder"),
    fixes=(
        "gRPC too_many_pings: at {receiver} raise GRPC_ARG_KEEPALIVE_TIME_MS (5 minutes or more), "
        "keepalive_permit_without_calls off; Envoy connection_keepalive.interval",
        "or permit it at {sender}: gRPC EnforcementPolicy.MinTime and PermitWithoutStream "
        "(permitKeepAliveTime, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS)",
        "rapid reset protection: why does {receiver} cancel so many requests (deadlines too short, "
        "retries)? limits: Envoy premature_reset runtime keys and max_inbound_* options, NGINX "
        "keepalive_requests, http2_max_concurrent_streams",
        "rate limits of a gateway: spread over more connections, slow down",
    ),
    commands=(
        "tshark -r FILE -Y 'http2.ping || http2.type == 7 || http2.type == 3' -d "
        "tcp.port=={responder_port},http2",
        "curl -s localhost:15000/stats | grep -E 'http2.*(flood|reset|keepalive)'  # in Istio; "
        "Envoy's own admin port is often 9901",
    ),
)

HEADERS = (
    "are the headers of {receiver} too large, or too many? (cookies and tokens grow) NGINX and "
    "Node.js say so at their limits: NGINX large_client_header_buffers, Node.js maxHeaderListPairs "
    "and maxHeaderSize, Envoy max_request_headers_kb and max_headers_count"
)
SMALLER = (
    "raise the limit at {sender}: grpc.max_receive_message_length (C core), MaxCallRecvMsgSize "
    "(Go), maxInboundMessageSize (Java)",
    "or let {receiver} answer with less at once: pages, or a stream of messages",
)
TOO_LARGE = (
    "The answer was complete: gRPC's C core (Python, C++, Ruby, PHP) says so of a message that is "
    "larger than its client takes (grpc.max_receive_message_length, 4 MB by default), and the call "
    "ends with RESOURCE_EXHAUSTED."
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a connection given up so."""
    goaway = _goaway(story)
    if goaway is None:
        return None
    return _with_fixes(goaway_judgement(story, KIND.code, goaway), story)


def match_exchange(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for one stream that was reset so, or ended with such a connection."""
    if exchange.complete and exchange.grpc is not None and tells_all(story):
        late = with_late_reset(story, exchange)
        if late.reset_code == ENHANCE_YOUR_CALM and late.ended_by == "initiator":
            return replace(_stream_judgement(story, late, TOO_LARGE), fixes=SMALLER)
    seen = tells_all(story) and not one_direction(story)
    told = exchange.ended_by == "responder" or seen
    if exchange.reset_code == ENHANCE_YOUR_CALM and not exchange.complete and told:
        failed = _stream_judgement(story, exchange, "The stream's request failed.")
        return _with_fixes(failed, story)
    goaway = _goaway(story)
    found = exchange_judgement(story, KIND.code, goaway, exchange) if goaway is not None else None
    return _with_fixes(found, story) if found is not None else None


def _with_fixes(judgement: Judgement, story: Story) -> Judgement:
    """Return the judgement without advice on pings where none were sent."""
    facts = story.http2
    pinged = facts is not None and facts.ping_count > 0
    return judgement if pinged else replace(judgement, fixes=(HEADERS, *KIND.fixes[2:]))


def _goaway(story: Story) -> GoAway | None:
    goaway = error_goaway(story)
    return goaway if goaway is not None and goaway.code == ENHANCE_YOUR_CALM else None


def _stream_judgement(story: Story, exchange: Exchange, lost: str) -> Judgement:
    facts = story.http2
    frames = exchange_frames(exchange, exchange.reset_frame)
    by_initiator = exchange.ended_by == "initiator"
    return request_failed(
        story,
        exchange,
        KIND.code,
        phase_of(exchange),
        0.97,
        refused_by(by_initiator, "its RST_STREAM says so", frames),
        frames=(exchange.reset_frame,),
        facts=stream_facts(story, exchange)
        | {
            "what": f"RST_STREAM on stream {exchange.stream_id} (frame {exchange.reset_frame})",
            "debug": "",
            "lost": lost,
            "pings": counted(facts.ping_count if facts else 0, "PING frame"),
        },
    )
