"""http2.rst_stream: One stream was reset with an error; the connection goes on.

What happened
    An end sent RST_STREAM before the answer was complete. Other streams of the connection are not
    concerned.

How pcapdiag can tell
    The frame, on a stream whose answer's end (END_STREAM) was not seen: by the responder with any
    code, NO_ERROR and CANCEL included; by the initiator with a code that finds fault with what it
    got. An END_STREAM before all bytes of Content-Length is none. Not a failure: a reset after a
    complete answer, the initiator's own CANCEL, NO_ERROR or INTERNAL_ERROR (it left, or its timeout
    fired), the end of a tunnel or WebSocket.

Usual causes
    - INTERNAL_ERROR: the program failed in this request, or a proxy lost its own upstream within
      the answer.
    - CANCEL: a deadline, or cancelled by the server.
    - PROTOCOL_ERROR and the like: the two ends do not agree on a frame or header.

Fixes
    - First: read the sender's log at that moment. With a proxy, look at its own upstream first.
    - Application: exceptions in a streaming handler; header names in lower case, no connection
      headers in HTTP/2.
    - gRPC: deadlines; the maximum message size.
    - Envoy: `retry_on: reset`, before the answer has begun. Its own reset of a client's stream
      means that the upstream broke off.
    - Istio: `retries.retryOn: reset` in the VirtualService.
    - NGINX: `grpc_next_upstream error`.
    - HAProxy: `retry-on` before the answer has begun.

Can be confused with
    - http2.refused_stream, http2.enhance_your_calm: narrower codes.
    - grpc.error: trailers with a status came before.
    - tcp.reset_in_response: the whole connection, not one stream.

What would settle it
    - `tshark -r FILE -Y 'http2.streamid == NUMBER'`: what was sent on the stream before?
    - A capture behind the sender, where it is a proxy.

References
    - RFC 9113 sections 5.4.2, 6.4 and 7; gRPC's doc/PROTOCOL-HTTP2.md.
    - Measured in the lab (docs/lab.md): Envoy logs UR for most codes, UPE for PROTOCOL_ERROR; from
      1.37 it resets clients by INTERNAL_ERROR, before by NO_ERROR.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http.words import exchange_frames
from pcapdiag.diagnose.http2.errors import (
    CANCEL,
    INTERNAL_ERROR,
    NO_ERROR,
    error_name,
)
from pcapdiag.diagnose.http2.known import (
    drained,
    is_incomplete,
    is_short,
    tells_all,
    with_late_reset,
)
from pcapdiag.diagnose.http2.streams import is_effect, phase_of, refused_by, stream_facts
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.grpc import status_name, status_of_reset

KIND = Kind(
    code="http2.rst_stream",
    title="stream reset: {sender} ended {request} by RST_STREAM {error} (HTTP/2 stream {stream})",
    explanation=(
        "{initiator} sent {request} on stream {stream} ({request_where}). {sender} reset the "
        "stream {waited} after the request (RST_STREAM {error}, code {error_number}, frame "
        "{reset_frame}); {got}. With this code {sender} says: {meaning}.{draining} gRPC turns it "
        "into status {grpc_status}."
    ),
    phases=("in_request", "before_response", "in_response"),
    envoy=Envoy("UR / UPE", "remote reset (code 1: protocol error)"),
    nginx="upstream rejected request with error N",
    haproxy="SH",
    fix_at=("responder", "initiator"),
    fixes=(
        "what did {sender} log at that moment for this request? (exception, deadline, limit)",
        "{advice}",
        "retry where safe: Envoy and Istio retry_on reset",
    ),
    commands=(
        "curl -v --http2-prior-knowledge --max-time 10 '{scheme}://{responder_host}:{responder_port}/'",
        "tshark -r FILE -Y 'http2.streamid == {stream}' -d tcp.port=={responder_port},http2",
    ),
)

ENABLE_CONNECT_PROTOCOL = 8
"""Setting of a server that takes CONNECT with a ``:protocol`` (RFC 8441 section 3)."""
NO_EXTENDED_CONNECT = (
    "It was a CONNECT with a path, as for WebSocket over HTTP/2 (RFC 8441), and the server's "
    "SETTINGS do not allow that (ENABLE_CONNECT_PROTOCOL): Envoy allow_connect, HAProxy from 2.4 "
    "on, not NGINX; or let the client use HTTP/1.1 for WebSocket."
)
BY_ITS_OWN_WISH = frozenset({NO_ERROR, INTERNAL_ERROR, CANCEL})
"""An initiator with these left or gave up waiting: its timeout or its user, not the answer."""
ENDS_A_TUNNEL = frozenset({NO_ERROR, CANCEL})
NEED_ALL_BYTES = frozenset({NO_ERROR, CANCEL})
"""Codes that are harmless behind a complete answer, whose end a hole in the capture may hide, or
its late start."""


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a stream that was reset before its answer was complete."""
    if is_short(exchange):
        exchange = with_late_reset(story, exchange)
    elif exchange.complete:
        return None
    code = exchange.reset_code
    if code is None or exchange.ended_by not in ("initiator", "responder"):
        return None
    by_initiator = exchange.ended_by == "initiator"
    pushed = exchange.stream_id is None or exchange.stream_id % 2 == 0
    if by_initiator and (code in BY_ITS_OWN_WISH or pushed):
        return None
    if code in ENDS_A_TUNNEL and (exchange.upgrade or exchange.websocket_close):
        return None
    if code in NEED_ALL_BYTES and not tells_all(story):
        return None
    if is_effect(story, exchange.reset_time or 0, by_initiator) or one_direction(story):
        return None
    return _judgement(story, exchange, code, by_initiator)


def _judgement(story: Story, exchange: Exchange, code: int, by_initiator: bool) -> Judgement:
    frames = exchange_frames(exchange, exchange.reset_frame)
    why = f"the RST_STREAM ({error_name(code)}) bears its address"
    going = drained(story)
    draining = "" if going is None else f" It was draining then (GOAWAY, frame {going.frame})."
    found = request_failed(
        story,
        exchange,
        KIND.code,
        phase_of(exchange),
        0.9 if is_incomplete(story) else 0.97,
        refused_by(by_initiator, why, frames),
        frames=(exchange.reset_frame,),
        alike=error_name(code),
        facts=stream_facts(story, exchange)
        | {"draining": draining, "grpc_status": _grpc_status(code)},
    )
    if not _unasked_connect(story, exchange):
        return found
    return replace(found, notes=(NO_EXTENDED_CONNECT,))


def _unasked_connect(story: Story, exchange: Exchange) -> bool:
    """Return whether an extended CONNECT, which has a path, was sent without leave (RFC 8441)."""
    facts = story.http2
    extended = exchange.method == "CONNECT" and exchange.target is not None and tells_all(story)
    allowed = facts is not None and facts.settings_responder.get(ENABLE_CONNECT_PROTOCOL)
    return extended and exchange.ended_by == "responder" and not allowed


def _grpc_status(code: int) -> str:
    """Return the grpc-status that a client makes of a RST_STREAM code, with its name."""
    status = status_of_reset(code)
    if status is None:
        return "13 INTERNAL or 2 UNKNOWN, as the library likes"
    return f"{status} {status_name(status)}"
