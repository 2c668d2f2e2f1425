"""protocol.http1_to_http2: An HTTP/1 request to a server that speaks HTTP/2 only.

What happened
    The initiator sent an HTTP/1 request line; the server waits for the HTTP/2 preface.

How pcapdiag can tell
    The server's first bytes are an HTTP/2 frame in the clear (SETTINGS, or GOAWAY with
    PROTOCOL_ERROR), sent at once or in answer to the request. Some only close (Envoy with codec
    HTTP2 after a second, HAProxy): then other connections to that port that begin with the preface
    and get answers tell it.

Usual causes
    - A gRPC or h2c port that is reached by HTTP/1: an Envoy cluster without HTTP/2 options, NGINX
      `proxy_pass` instead of `grpc_pass`.
    - A Kubernetes port that is not named `grpc` or `http2`.
    - A health check by HTTP/1 on the gRPC port.

Fixes
    - First: speak HTTP/2 to it, or use its HTTP/1 port.
    - Envoy: `explicit_http_config.http2_protocol_options` in HttpProtocolOptions of the cluster;
      `grpc_health_check` for checks.
    - Istio: port name `grpc-` or `http2-`, or `appProtocol: grpc`.
    - NGINX: `grpc_pass grpc://` for gRPC. Its `proxy_pass` speaks HTTP/1.
    - HAProxy: `server ... proto h2`; `option httpchk` with `check-proto h2`.
    - Kubernetes: `grpc` probe instead of `httpGet`; `appProtocol: kubernetes.io/h2c`.
    - Cloud: protocol version of the target group: GRPC or HTTP2.

Can be confused with
    - tcp.closed_before_response: the same close, where nothing says that the port speaks HTTP/2.
    - http2.goaway: both ends speak HTTP/2, and one found fault.

What would settle it
    - `curl -v --http2-prior-knowledge http://SERVER:PORT/`, or `grpcurl -plaintext SERVER:PORT
      list`.

References
    - RFC 9113 sections 3.3 and 3.4.
    - Measured in the lab (docs/lab.md): NGINX answers SETTINGS and GOAWAY, nghttpd SETTINGS and
      FIN, HAProxy and Envoy only close.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.protocol.mismatch import (
    other_version_works,
    shown_by_bytes,
)
from pcapdiag.diagnose.speech import Said, answered, opening, spoken_before
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="protocol.http1_to_http2",
    title="HTTP/1 to an HTTP/2 server: {responder} met the request {answer_short}",
    explanation=(
        "{initiator} sent an HTTP/1 request (frame {asked_frame}); {responder} answered {answer}. "
        "It speaks HTTP/2 only: {because}."
    ),
    phases=("before_response",),
    envoy=Envoy("UPE", "protocol error"),
    nginx="upstream sent no valid HTTP/1.0 header while reading response header from upstream",
    haproxy="PH",
    fix_at=("initiator", "responder"),
    fixes=(
        "speak HTTP/2 to {responder}: Envoy cluster with explicit http2_protocol_options, HAProxy "
        "server ... proto h2, NGINX grpc_pass for gRPC",
        "Kubernetes, Istio: name the Service port grpc or http2, or set appProtocol "
        "kubernetes.io/h2c or grpc",
        "health checks on a gRPC port: Envoy grpc_health_check, Kubernetes grpc probe, HAProxy "
        "option httpchk with proto h2",
        "or use the service's HTTP/1 port",
    ),
    commands=(
        "curl -v --http2-prior-knowledge --max-time 5 'http://{responder_host}:{responder_port}/'",
        "grpcurl -plaintext {responder_host}:{responder_port} list  # from {initiator_ip}, if it "
        "is gRPC",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for an HTTP/1 request to a server whose first bytes are HTTP/2 frames."""
    first = opening(story)
    if first.said is not Said.HTTP1_REQUEST or first.proxy_version or spoken_before(story):
        return None
    if answered(story) is not Said.H2_FRAMES:
        return None
    when = " before it had read anything" if story.greeting_bytes else ""
    return shown_by_bytes(
        story,
        KIND.code,
        0.98,
        "its first bytes are HTTP/2 frames",
        answer=f"with HTTP/2 frames{when} (frame {story.responder.first_data_frame})",
        answer_short="with HTTP/2 frames",
        because="an HTTP/1 server answers with a status line",
    )


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a request met by a close, where others speak HTTP/2 there."""
    mine, other = Said.HTTP1_REQUEST, Said.H2_PREFACE
    return other_version_works(story, context, KIND.code, mine, other, "the HTTP/2 preface")
