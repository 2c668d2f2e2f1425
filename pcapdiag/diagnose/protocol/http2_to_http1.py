"""protocol.http2_to_http1: HTTP/2 to a server that speaks HTTP/1 only.

What happened
    The initiator began with the HTTP/2 preface (`PRI * HTTP/2.0`) without having agreed on it; the
    server takes that for a strange HTTP/1 request.

How pcapdiag can tell
    An HTTP/1 response (400, 404, 505 ...) or a bare HTML page answers the preface, where HTTP/2
    wants SETTINGS (RFC 9113 section 3.4). Or a close without a byte, where other connections to
    that port speak HTTP/1 and get answers.

Usual causes
    - Envoy with HTTP/2 options for an HTTP/1 upstream.
    - A Kubernetes port named `grpc` or `http2` (or its `appProtocol`) whose server speaks HTTP/1.
    - NGINX `grpc_pass`, or gRPC, to the REST port of a service.

Fixes
    - First: speak HTTP/1 to it, or switch HTTP/2 (h2c) on at the server. For gRPC: is it the gRPC
      port?
    - Application: h2c must be switched on in most servers (Go `http.Protocols` or h2c handler,
      Jetty, Tomcat upgrade protocol).
    - Envoy: `explicit_http_config.http_protocol_options`, or `use_downstream_protocol_config` only
      where the server takes both; as the server `codec_type: AUTO`.
    - Istio: port name `http-`, or `appProtocol: http`; DestinationRule `h2UpgradePolicy:
      DO_NOT_UPGRADE`, `useClientProtocol: false`.
    - NGINX: `proxy_pass` instead of `grpc_pass`; as the server `http2 on`.
    - HAProxy: no `proto h2` on the `server` line.
    - Kubernetes: `appProtocol: kubernetes.io/h2c` only where the server speaks it.
    - Cloud: protocol version of the target group: HTTP1, not HTTP2 or GRPC.

Can be confused with
    - tls.alpn_mismatch: inside TLS, where ALPN should have said it.
    - protocol.plaintext_to_tls: the preface was answered by an alert.
    - http.malformed_response: the answer is neither.

What would settle it
    - `curl -v --http2-prior-knowledge http://SERVER:PORT/` against `curl -v --http1.1`.

References
    - RFC 9113 sections 3.3 and 3.4: the preface, and SETTINGS in answer.
    - Measured in the lab (docs/lab.md): Envoy logs 502 UPE and sends GOAWAY "SETTINGS expected";
      NGINX logs "upstream sent too large http2 frame: 4740180", which is "HTT" read as a length.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.protocol.mismatch import (
    other_version_works,
    shown_by_bytes,
)
from pcapdiag.diagnose.speech import Said, answered, opening, spoken_before, status_of
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="protocol.http2_to_http1",
    title="HTTP/2 to an HTTP/1 server: {responder} met the preface {answer_short}",
    explanation=(
        "{initiator} began with the HTTP/2 preface (frame {asked_frame}); {responder} answered "
        "{answer}. It does not speak HTTP/2 here: {because}."
    ),
    phases=("before_response",),
    envoy=Envoy("UPE", "protocol error"),
    nginx="upstream sent too large http2 frame: 4740180",
    haproxy="SC",
    fix_at=("initiator", "responder"),
    fixes=(
        "speak HTTP/1 to {responder}: Envoy cluster without http2_protocol_options, HAProxy server "
        "without proto h2, NGINX proxy_pass instead of grpc_pass",
        "Kubernetes, Istio: the Service port's name or appProtocol says http2 or grpc for an "
        "HTTP/1 server; DestinationRule connectionPool.http.h2UpgradePolicy, useClientProtocol",
        "or let the server speak it: NGINX listen ... http2, Envoy codec_type AUTO, h2c in the "
        "program; for gRPC check that it is the gRPC port",
    ),
    commands=(
        "curl -v --http2-prior-knowledge --max-time 5 'http://{responder_host}:{responder_port}/'",
        "curl -v --http1.1 --max-time 5 'http://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}",
    ),
)

ANSWERS = frozenset({Said.HTTP1_RESPONSE, Said.HTML})


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a preface that was answered with HTTP/1."""
    first, answer = opening(story), answered(story)
    if first.said is not Said.H2_PREFACE or first.proxy_version or spoken_before(story):
        return None
    if answer not in ANSWERS or story.greeting_bytes:
        return None
    status = status_of(story.hello_responder)
    words = f"with HTTP/1 status {status}" if status is not None else f"with {answer.value}"
    return shown_by_bytes(
        story,
        KIND.code,
        0.98 if answer is Said.HTTP1_RESPONSE else 0.92,
        "it answered the HTTP/2 preface with HTTP/1",
        answer=f"{words} (frame {story.responder.first_data_frame})",
        answer_short=words,
        because="an HTTP/2 server answers with SETTINGS",
    )


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a preface met by a close, where others speak HTTP/1 there."""
    mine, other = Said.H2_PREFACE, Said.HTTP1_REQUEST
    return other_version_works(story, context, KIND.code, mine, other, "an HTTP/1 request")
