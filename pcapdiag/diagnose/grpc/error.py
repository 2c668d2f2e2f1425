"""grpc.error: A gRPC call ended with a status that means failure.

What happened
    The call was answered, and the grpc-status in its trailers says that it failed: UNKNOWN (2),
    DEADLINE_EXCEEDED (4), RESOURCE_EXHAUSTED (8), UNIMPLEMENTED (12), INTERNAL (13), UNAVAILABLE
    (14) or DATA_LOSS (15).

How pcapdiag can tell
    grpc-status in trailers, or in the headers of a trailers-only answer. The other statuses
    (NOT_FOUND, PERMISSION_DENIED ...) are an application's answers: `ok`. A status with a proxy's
    own text is http.local_reply. An answer that is none of gRPC (a page, an error of HTTP) has no
    grpc-status: clients make one of the HTTP status. One of gRPC that ends without its trailers has
    lost it: clients make INTERNAL or UNKNOWN of it.

Usual causes
    - 2 UNKNOWN: an exception in the server's method.
    - 4 DEADLINE_EXCEEDED: a deadline that passed further behind.
    - 8 RESOURCE_EXHAUSTED: a quota, or a message over the size limit.
    - 12 UNIMPLEMENTED: the method is not there: another version, a wrong service name, a proxy that
      speaks no gRPC.
    - 13 INTERNAL: a broken message or library; trailers that a proxy dropped.
    - 15 DATA_LOSS: data that cannot be had back.
    - 14 UNAVAILABLE: the server's own backend is away, or it is shutting down.

Fixes
    - First: read the server's log for that method at that moment.
    - Application: map exceptions to a status with a message; log them with the request's id.
    - gRPC: deadlines are handed on from call to call: who set it, and to what? Size limits
      `MaxRecvMsgSize` (4 MB). A service config `retryPolicy` for UNAVAILABLE.
    - Envoy: `retry_on: unavailable,resource-exhausted,deadline-exceeded,internal,cancelled` for
      gRPC statuses; route `timeout`, `grpc_timeout_header_max`.
    - Istio: port name `grpc-`; `retries.retryOn: unavailable`.
    - NGINX: `grpc_pass`, `client_max_body_size` (0 for streams).
    - Kubernetes: several backends in turn need a headless Service, or a proxy: gRPC keeps one
      connection.

Can be confused with
    - http.local_reply: a proxy's own text in grpc-message.
    - http2.rst_stream: the call was cut without any status.
    - tcp.response_timeout: the client's own deadline passed, and no status came.

What would settle it
    - A capture behind the server: what did its own calls get?
    - `grpcurl -v SERVER:PORT list`: does it know the service?

References
    - gRPC's doc/statuscodes.md, doc/PROTOCOL-HTTP2.md and doc/http-grpc-status-mapping.md.
    - Envoy's documentation, `x-envoy-retry-grpc-on`.
"""

from __future__ import annotations

from pcapdiag.diagnose.disorder import answers_unseen
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.words import frame_words, quoted
from pcapdiag.diagnose.http2.known import is_incomplete, tells_all
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Kind
from pcapdiag.model.context import Context
from pcapdiag.model.harmless import harmless
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.grpc import status_name

KIND = Kind(
    code="grpc.error",
    title="gRPC call failed with {grpc_name}: {request} -> {outcome}",
    explanation=(
        "{initiator} called {request} on {responder} ({request_where}). The answer {ended} "
        "({status_where}). {meaning}"
    ),
    phases=("before_response", "in_response"),
    fix_at=("responder",),
    fixes=(
        "read the log of the server on {responder_ip} for {grpc_status} {grpc_name} at that moment",
        "{advice}",
        "is {responder} a proxy? it handed the status on: look at the connections that it opened",
    ),
    commands=(
        "grpcurl -v {plaintext}{responder_host}:{responder_port} list  # from {initiator_ip}",
        "tcpdump -ni any -w behind.pcap '{behind}'  # on {responder_ip}: what it asked behind it",
    ),
)

MEANINGS = {
    2: (
        "The server's method raised an error that it did not turn into a status.",
        "catch the exception in the method and give it a status of its own",
    ),
    4: (
        "A deadline passed before the server had its answer.",
        "give the call more time (grpc-timeout; Envoy: the route's timeout and "
        "max_stream_duration; Istio: VirtualService timeout), or find what was slow behind it",
    ),
    8: (
        "A quota or a limit was used up, or a message was larger than allowed (4 MB by default).",
        "raise the limit (max_receive_message_length, quotas), or send less",
    ),
    12: (
        "The server does not have this method or service.",
        "same version of the .proto on both ends? right host and path? does the route lead to a "
        "server that speaks gRPC? (an Envoy without a route answers so, too; its log: NR)",
    ),
    13: (
        "Something that both ends rely on is broken.",
        "same library versions and compression on both ends? does a proxy change the messages?",
    ),
    14: (
        "The service is away for now: the call may be tried again.",
        "is it shutting down, or is what it needs away? Kubernetes: readiness and "
        "terminationGracePeriodSeconds; gRPC: a retryPolicy in the service config; Envoy: retry_on "
        "unavailable",
    ),
    15: (
        "The server says that data was lost or damaged beyond repair.",
        "look after the data on the server: this is no matter of the network",
    ),
}
"""Statuses that count as a failure: what they mean, and what to do."""


OK = 200
UNIMPLEMENTED, UNKNOWN, INTERNAL, UNAVAILABLE = 12, 2, 13, 14
REFLECTION = "grpc.reflection."
"""Tools ask for the newer of two reflection services first, and for the other when it is not there
(grpc/doc/server-reflection.md)."""
BY_HTTP = {400: INTERNAL, 401: 16, 403: 7, 404: UNIMPLEMENTED} | dict.fromkeys(
    (429, 502, 503, 504), UNAVAILABLE
)
"""What clients make of an HTTP status where there is no grpc-status (http-grpc-status-mapping.md);
of all others UNKNOWN."""
NO_GRPC = (
    "What answered does not speak gRPC there.",
    "right host, port and path? does the route lead to a server of gRPC? (NGINX grpc_pass, not "
    "proxy_pass; Ingress backend-protocol GRPC; Envoy http2_protocol_options)",
)
NO_TRAILERS = (
    "gRPC has its status in the trailers: who left them out broke the call, whatever had come.",
    "does something between drop trailers? NGINX wants grpc_pass, not proxy_pass; HTTP/1 on the "
    "way loses them (Envoy enable_trailers), and so do load balancers and CDNs without gRPC",
)
WEB = "application/grpc-web"
"""There the trailers are in the body (grpc/doc/PROTOCOL-WEB.md)."""


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a call whose status says that it failed."""
    grpc = exchange.grpc
    if grpc is None:
        return None
    status = grpc.status if grpc.status is not None else _made_of_http(story, exchange)
    if status is None or status not in MEANINGS:
        return None
    if status == UNIMPLEMENTED and (grpc.service or "").startswith(REFLECTION):
        return None
    told = grpc.status is not None
    meaning, advice = MEANINGS[status] if told else NO_TRAILERS if _is_grpc(exchange) else NO_GRPC
    frame = exchange.response_end_frame or exchange.response_frame
    frames = (frame,) if frame else ()
    plaintext = story.application is None or story.application.tls is None
    return request_failed(
        story,
        exchange,
        KIND.code,
        "in_response" if grpc.messages and told else "before_response",
        0.97 if told else 0.9,
        (SideHint("responder", 0.96, f"its answer bears {_outcome(exchange)}", frames),),
        frames=frames,
        alike=_outcome(exchange),
        facts={
            "grpc_status": str(status),
            "grpc_name": status_name(status),
            "outcome": _outcome(exchange),
            "ended": _ended(exchange, status),
            "status_where": frame_words(frame),
            "meaning": meaning,
            "advice": advice,
            "plaintext": "-plaintext " if plaintext else "",
        },
    )


def _made_of_http(story: Story, exchange: Exchange) -> int | None:
    """Return the status that clients make of a whole answer without one; None where one may be."""
    unsure = exchange.headers_unknown or is_incomplete(story) or not exchange.complete
    if unsure or exchange.status is None or exchange.stream_id is None:
        return None
    if _is_grpc(exchange):
        web = exchange.content_type.lower().startswith(WEB)
        # Trailers that were captured before the request are put to no call.
        told = tells_all(story) and not answers_unseen(story)
        return INTERNAL if exchange.status == OK and not web and told else None
    if exchange.status == OK and not exchange.content_type:
        return None
    return BY_HTTP.get(exchange.status, UNKNOWN)


def _is_grpc(exchange: Exchange) -> bool:
    return exchange.content_type.lower().startswith("application/grpc")


def _outcome(exchange: Exchange) -> str:
    status = exchange.grpc.status if exchange.grpc else None
    if status is not None:
        return f"grpc-status {status}"
    return f"HTTP {exchange.status} without grpc-status"


def _ended(exchange: Exchange, status: int) -> str:
    grpc, name = exchange.grpc, status_name(status)
    if grpc is not None and grpc.status is not None:
        message = f", {quoted(grpc.message)}" if grpc.message else ""
        return f"ended with grpc-status {status} {name}{message}"
    if _is_grpc(exchange):
        made = "clients make INTERNAL (13) or UNKNOWN (2) of it"
        return f"ended without trailers, so without grpc-status; {made}"
    if not exchange.status:
        # NGINX's word where proxy_pass got HTTP/2 frames in answer to HTTP/1 (measured, 1.22.1).
        return "has status 0: what a proxy got behind it had no status line, so it was no HTTP/1"
    kind = harmless(exchange.content_type, 40) or "no content-type"
    return f"is none of gRPC: HTTP {exchange.status}, {kind}; clients make {name} ({status}) of it"
