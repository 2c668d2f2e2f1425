"""protocol.plaintext_to_tls: Plaintext to a port that speaks TLS.

What happened
    The initiator sent a request in the clear, of HTTP or another protocol; what listens on that
    port wants TLS first.

How pcapdiag can tell
    The request is answered with a TLS alert, or with a 400 that says so (NGINX, Go, Apache,
    Tomcat). Most servers only close (OpenSSL, HAProxy, Envoy by FIN; Istio STRICT, Python by RST):
    then other connections to that port that begin with a ClientHello and get answers tell it, or,
    as weak evidence, a port that is always used for TLS.

Usual causes
    - `http://`, or a cluster without a TLS context, for a TLS port.
    - In Istio: a client without a sidecar, or with DestinationRule DISABLE, to a workload whose
      PeerAuthentication is STRICT.
    - A health check by HTTP on the HTTPS port.

Fixes
    - First: speak TLS to that port, or use the plaintext port.
    - Envoy: `transport_socket` with UpstreamTlsContext on the cluster; health checks of that
      cluster then use TLS, too.
    - Istio: DestinationRule `tls.mode: ISTIO_MUTUAL`; a sidecar for the client; PeerAuthentication
      `PERMISSIVE` while it has none.
    - NGINX: as the client, `proxy_pass https://` or `grpcs://`.
    - HAProxy: `server ... ssl verify required ca-file`; `check-ssl` for its checks.
    - Kubernetes: probe `scheme: HTTPS`; Ingress backend protocol HTTPS.
    - Cloud: protocol and health check protocol of the target group.

Can be confused with
    - tcp.closed_before_response, tcp.reset_before_response: the same close, where nothing says that
      the port speaks TLS.
    - protocol.missing_proxy_header: others begin with a PROXY header.

What would settle it
    - `curl -vk https://SERVER:PORT/` works where `http://` does not.

References
    - Go net/http: "Client sent an HTTP request to an HTTPS server."
    - Measured in the lab (docs/lab.md): NGINX answers 400 in the clear; OpenSSL, HAProxy and Envoy
      only close; Python and an Envoy without a matching filter chain (Istio STRICT) reset.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.protocol.mismatch import (
    SURE_BY_OTHERS,
    TLS_PORTS,
    by_others,
    by_port,
    endpoint_of,
    others_work,
    shown_by_bytes,
    shown_by_others,
    unanswered_close,
)
from pcapdiag.diagnose.speech import (
    PLAIN,
    Said,
    answered,
    opening,
    spoken_before,
    status_of,
)
from pcapdiag.diagnose.unanswered import asks_a_broker
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="protocol.plaintext_to_tls",
    title="plaintext to a TLS port: {responder} met {asked} {answer_short}",
    explanation=(
        "{initiator} sent {asked} in the clear (frame {asked_frame}); {responder} answered "
        "{answer}. That port wants TLS: {because}."
    ),
    phases=("before_response",),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection, or upstream sent no valid HTTP/1.0 header",
    haproxy="SH",
    fix_at=("initiator", "responder"),
    fixes=(
        "speak TLS to {responder}: Envoy cluster with transport_socket tls, NGINX proxy_pass "
        "https:// (grpcs://), HAProxy server ... ssl verify required, https:// in the client",
        "Istio: the workload's PeerAuthentication is STRICT? give the client a sidecar, "
        "DestinationRule trafficPolicy.tls.mode ISTIO_MUTUAL, or PERMISSIVE while it has none",
        "health checks: scheme HTTPS (Kubernetes httpGet.scheme, Envoy health check on the TLS "
        "cluster, HAProxy check-ssl)",
        "or use the plaintext port of the service",
    ),
    commands=(
        "curl -vk --max-time 5 'https://{responder_host}:{responder_port}/'  # from {initiator_ip}",
        "openssl s_client -connect {responder_host}:{responder_port} </dev/null",
        "istioctl x describe pod POD; kubectl get peerauthentication -A  # in a mesh: STRICT?",
    ),
)

SAYS_SO = (
    b"plain http request was sent to https port",
    b"client sent an http request to an https server",
    b"speaking plain http to an ssl-enabled server port",
    b"this combination of host and port requires tls",
)
"""Words of NGINX (and what is built on it), Go's net/http, Apache httpd, Tomcat."""
HANDED_ON = (b"x-envoy-upstream-service-time:", b"\r\nvia:", b"\r\nserver: envoy")
"""Headers of a proxy that only handed its upstream's answer on: the mismatch is on that leg."""
TLS_REFUSALS = frozenset({Said.TLS_ALERT, Said.TLS})
OTHER_PLAIN = frozenset({Said.TEXT, Said.OTHER})
"""What Redis, PostgreSQL, mail and others begin with: a fatal alert in answer shows it, no less."""
FATAL = b"\0\2\2"
"""Length and level of an alert record that is fatal, behind its type and version."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for plaintext that was answered with an alert, or a 400 that says so."""
    first = opening(story)
    if spoken_before(story) or not (first.said in PLAIN or _met_alert(story)):
        return None
    frame = story.responder.first_data_frame
    if answered(story) in TLS_REFUSALS:
        header = OtherCode("protocol.unexpected_proxy_header", 0.3)
        return shown_by_bytes(
            story,
            KIND.code,
            0.65 if first.proxy_version else 0.97,
            "it answered plaintext with a TLS record",
            (header,) if first.proxy_version else (),
            answer=f"with a TLS record (frame {frame})",
            answer_short="with a TLS alert",
            because="only a TLS server answers so",
        )
    if not says_so(story.hello_responder) or story.turn.index > 1:
        return None
    return shown_by_bytes(
        story,
        KIND.code,
        0.96,
        "its answer says that the port is for TLS",
        answer=f"with HTTP status {status_of(story.hello_responder)} (frame {frame})",
        answer_short=f"with status {status_of(story.hello_responder)}",
        because="the answer's text says so",
    )


def _met_alert(story: Story) -> bool:
    """Return whether bytes that are neither TLS nor HTTP met a fatal alert, and nothing else."""
    if story.greeting_bytes or story.turn.index != 1:
        return False
    is_fatal = answered(story) is Said.TLS_ALERT and story.hello_responder[3:6] == FATAL
    return is_fatal and opening(story).said in OTHER_PLAIN


def says_so(answer: bytes) -> bool:
    """Return whether an answer is a TLS server's own error page to plaintext.

    Such a server closes behind it; a proxy that hands the page on keeps its connection, and leaves
    its own headers.
    """
    low = answer.lower()
    closes = low.startswith(b"http/1.0") or b"\r\nconnection: close" in low
    own = closes and not any(header in low for header in HANDED_ON)
    return own and status_of(answer) == 400 and any(words in low for words in SAYS_SO)


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for plaintext met by a close, where the port is known for TLS."""
    close, first = unanswered_close(story), opening(story)
    plain = first.said in PLAIN or asks_a_broker(first.data)
    if close is None or not plain or first.proxy_version:
        return None
    endpoint = endpoint_of(story, context)
    number = others_work(endpoint, frozenset(PLAIN), frozenset({Said.TLS_HELLO}))
    port = story.responder.port
    if number:
        sure, why = SURE_BY_OTHERS, by_others(number, "a TLS ClientHello")
    elif port in TLS_PORTS and not endpoint.turns:
        sure, why = TLS_PORTS[port], by_port(port, "TLS")
    else:
        return None
    return shown_by_others(story, KIND.code, close, sure, why)
