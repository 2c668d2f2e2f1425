"""http2.goaway: An end gave the whole connection up with an error.

What happened
    An end sent GOAWAY with an error code and closed; every open stream of the connection ended with
    it.

How pcapdiag can tell
    The frame, not sent in answer to a close by the other end. Its debug text, where there is one,
    names the reason. NO_ERROR is a graceful end (see http2.stream_lost); an error after all
    requests were done counts only where it accuses the other end.

Usual causes
    - A frame, header block or setting that the sender takes for a violation (FRAME_SIZE_ERROR,
      COMPRESSION_ERROR, PROTOCOL_ERROR): a bug, a limit, another protocol, a device that edits the
      stream.
    - INTERNAL_ERROR: the sender's own trouble.

Fixes
    - First: read the debug text in the frame, and the sender's log at that moment.
    - Application: versions of both HTTP/2 libraries; header names in lower case.
    - gRPC: `GRPC_ARG_MAX_METADATA_SIZE` and message limits of both sides.
    - Envoy: `/stats`: `http2.rx_messaging_error`, `http2.header_overflow`; `max_request_headers_kb`
      of the connection manager; `override_stream_error_on_invalid_http_message` makes a bad message
      cost one stream only.
    - Istio: the same by EnvoyFilter.
    - NGINX: `large_client_header_buffers`, `http2_max_concurrent_streams`.
    - HAProxy: `tune.bufsize` bounds a header block; `tune.h2.max-frame-size`.

Can be confused with
    - protocol.http1_to_http2, protocol.http2_to_http1: the GOAWAY answers bytes that are no HTTP/2.
    - http2.enhance_your_calm: the code for too much.
    - http2.stream_lost: GOAWAY with NO_ERROR, a graceful end.
    - http2.rst_stream: one stream only.

What would settle it
    - `tshark -r FILE -Y 'http2.type == 7' -V` shows the debug text. In TLS a key log is needed.

References
    - RFC 9113 sections 5.4.1, 6.8 and 7.
    - Envoy's documentation, "HTTP connection manager: statistics".
    - Measured in the lab (docs/lab.md): Envoy logs UR for streams above the last one, UC for the
      rest.
"""

from __future__ import annotations

from pcapdiag.diagnose.http2.closing import error_goaway, exchange_judgement, goaway_judgement
from pcapdiag.diagnose.http2.errors import ENHANCE_YOUR_CALM
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange, GoAway
from pcapdiag.model.story import Story

KIND = Kind(
    code="http2.goaway",
    title="HTTP/2 connection given up: {sender} sent GOAWAY {error}",
    explanation=(
        "{sender} sent GOAWAY {error} (code {error_number}, frame {goaway_frame}, last stream "
        "{last_stream}){debug}, {age} after the connection began. With this code it says: "
        "{meaning}. {lost}"
    ),
    phases=("in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UR / UC", "remote refused stream reset / connection termination"),
    nginx="upstream sent goaway with error N",
    haproxy="SH / SD",
    fix_at=("initiator", "responder"),
    fixes=(
        "what did {sender} log at that moment? Envoy: http2.* stats (rx_messaging_error, "
        "header_overflow, protocol errors), trace logging of http2",
        "{advice}",
        "retry where safe: Envoy and Istio retry_on reset,refused-stream",
    ),
    commands=(
        "tshark -r FILE -Y 'http2.type == 7' -V -d tcp.port=={responder_port},http2",
        "curl -v --http2-prior-knowledge --max-time 10 '{scheme}://{responder_host}:{responder_port}/'",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a connection that an end gave up with an error."""
    goaway = _goaway(story)
    return goaway_judgement(story, KIND.code, goaway) if goaway is not None else None


def match_exchange(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for one stream that ended so."""
    goaway = _goaway(story)
    return exchange_judgement(story, KIND.code, goaway, exchange) if goaway is not None else None


def _goaway(story: Story) -> GoAway | None:
    goaway = error_goaway(story)
    return goaway if goaway is not None and goaway.code != ENHANCE_YOUR_CALM else None
