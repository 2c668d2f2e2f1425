"""protocol.tls_to_plaintext: A TLS ClientHello to a port that speaks plaintext.

What happened
    The initiator began a TLS handshake; what listens on that port does not speak TLS.

How pcapdiag can tell
    The initiator's first bytes are a ClientHello, and the responder's first bytes are no TLS
    record: an HTTP/1 status line (mostly 400), HTTP/2 frames in the clear, a mail or SSH greeting,
    other text. Or it closes without a byte, or takes the ClientHello and stays silent until the
    initiator leaves, where other connections to that port speak plaintext and get answers. Behind a
    proxy's yes to CONNECT or SOCKS, and behind STARTTLS, what follows the ClientHello counts. A
    close or silence alone is not enough. A greeting in the clear that TLS follows (NATS) is no
    failure. PostgreSQL is asked first (SSLRequest): where it says N, and the initiator leaves, too.

Usual causes
    - `https://`, or a TLS context, for a port that serves plain HTTP.
    - In Istio: a client with mTLS (DestinationRule ISTIO_MUTUAL) to a pod without a sidecar.
    - A wrong port.
    - STARTTLS services (mail, LDAP) on their plain port.

Fixes
    - First: speak plaintext to that port, use its TLS port, or switch TLS on at the server.
    - Envoy: no `transport_socket` with UpstreamTlsContext on this cluster; as the server,
      DownstreamTlsContext on the listener.
    - Istio: DestinationRule `tls.mode: DISABLE` for a workload without a sidecar, or give it one.
      PeerAuthentication says what the server side expects.
    - NGINX: as the client, `proxy_pass http://` or `grpc://`; as the server, `listen ... ssl`.
    - HAProxy: as the client, no `ssl` on the `server` line; as the server, `bind ... ssl crt`.
    - Kubernetes: a probe with `scheme: HTTPS` on a plain port; Ingress backend protocol HTTP.
    - Cloud: protocol of the target group: HTTP, not HTTPS; TCP, not TLS.

Can be confused with
    - tls.handshake_closed, tls.handshake_reset, tls.handshake_timeout: the same close or silence,
      where nothing says that the port speaks plaintext.
    - protocol.unexpected_proxy_header: a PROXY header stood before the ClientHello.
    - tls.version_mismatch: BoringSSL says alert 70 to bytes that are no TLS.

What would settle it
    - `curl -v http://SERVER:PORT/` and `openssl s_client -connect SERVER:PORT </dev/null`: which
      one gets an answer?

References
    - RFC 8446 section 5.1: what a TLS record looks like.
    - PostgreSQL documentation, "Message Flow": SSL Session Encryption.
    - Measured in the lab (docs/lab.md): NGINX answers a ClientHello on a plain port by 400; Envoy
      logs UF with WRONG_VERSION_NUMBER, HAProxy SC. Redis takes it for the beginning of a command,
      and waits for the end.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.protocol.mismatch import (
    PLAIN_PORTS,
    SURE_BY_OTHERS,
    Close,
    by_others,
    by_port,
    endpoint_of,
    is_mesh_client,
    others_work,
    shown_by_bytes,
    shown_by_others,
    unanswered_close,
)
from pcapdiag.diagnose.speech import (
    PLAIN,
    Opening,
    Said,
    answered,
    answered_directly,
    banner,
    heard_greeting,
    opening,
    said,
    spoken_before,
    status_of,
)
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.tls_state import answered_in_tls
from pcapdiag.diagnose.work import answer_may_be_missing
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.http.connect import connect_target
from pcapdiag.protocols.socks import in_tunnel

KIND = Kind(
    code="protocol.tls_to_plaintext",
    title="TLS to a plaintext port: {responder} met the {hello} {answer_short}",
    explanation=(
        "{initiator} began TLS ({hello} in frame {asked_frame}); {responder} answered "
        "{answer}. So that port speaks plaintext: {because}.{mesh}"
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF", "remote connection failure, TLS_error WRONG_VERSION_NUMBER"),
    nginx="SSL_do_handshake() failed (SSL: ... wrong version number) while SSL handshaking",
    haproxy="SC",
    fix_at=("initiator", "responder"),
    fixes=(
        "speak plaintext to {responder}: Envoy cluster without transport_socket tls, NGINX "
        "proxy_pass http:// (grpc://), HAProxy server without ssl",
        "is it the wrong port? the TLS port of that service is often another one (8443, 443); "
        "mail, FTP and LDAP ports want STARTTLS after their greeting (openssl s_client -starttls "
        "smtp)",
        "Istio: DestinationRule trafficPolicy.tls.mode DISABLE for a workload without sidecar, or "
        "give it one; PeerAuthentication tells what the server side expects",
        "or switch TLS on at {responder}: NGINX listen ... ssl, Envoy DownstreamTlsContext, "
        "HAProxy bind ... ssl crt, PostgreSQL ssl = on",
    ),
    commands=(
        "curl -v --max-time 5 'http://{responder_host}:{responder_port}/'  # from {initiator_ip}",
        "openssl s_client -connect {responder_host}:{responder_port} </dev/null  # 'wrong version "
        "number' confirms it",
        "istioctl proxy-config cluster POD --port {responder_port} -o json  # in a mesh: is "
        "transportSocket tls there?",
    ),
)

HELLO = "ClientHello"
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
ANSWERS = {
    Said.HTTP1_RESPONSE: "an HTTP/1 response in the clear",
    Said.H2_FRAMES: "HTTP/2 frames in the clear",
    Said.HTML: "an HTML page in the clear",
    Said.TEXT: "plain text",
    Said.OTHER: "bytes that are no TLS record",
}
STAYED = "what was said before (STARTTLS?) did not bring it to TLS"
READABLE = (Said.HTTP1_RESPONSE, Said.HTML, Said.TEXT)
"""What no bytes are by chance."""
SURE = {Said.HTTP1_RESPONSE: 0.98, Said.H2_FRAMES: 0.97, Said.HTML: 0.97, Said.TEXT: 0.95}
SURE_OTHERWISE = 0.85
SURE_BY_PLAIN_BYTES = 0.85
SILENT = SECOND
"""A TLS server says something within this, an error at least."""
SURE_BY_SILENCE = 0.8
"""Where others are answered in a protocol that is neither TLS nor HTTP; it may begin TLS later."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a ClientHello whose answer is no TLS."""
    if _asked_postgres_in_vain(story):
        return _no_tls_there(story)
    if story.turn.index > 1 and said(story.turn.request_head) is Said.TLS_HELLO:
        return _within(story)
    first = opening(story)
    known = _is_lone_hello(story, first) or _is_met_by_http(story, first)
    head, frame = story.hello_responder, story.responder.first_data_frame
    if heard_greeting(story) and not _left_over_it(story):
        head, frame = story.turn.response_head, story.turn.response_frame
    answer = said(head)
    if not known or answer not in ANSWERS or answered_in_tls(story):
        return None
    because = "a TLS server answers with TLS records, also when it refuses"
    return _shown(story, answer, _words(head, answer), frame, because=because)


def _within(story: Story) -> Judgement | None:
    """Return the verdict for TLS begun in a tunnel, or by STARTTLS, whose answer is no TLS."""
    turn = story.turn
    answer = said(turn.response_head)
    through = in_tunnel(story) or connect_target(story) is not None
    if answer not in (ANSWERS if through else READABLE) or answered_in_tls(story):
        return None
    if story.midstream or story.responder.gaps or story.initiator.acked_unseen:
        return None
    target = connect_target(story) or "the other end"
    end = f"that is {target} behind the tunnel" if through else STAYED
    words = _words(turn.response_head, answer)
    because = f"{end}; a TLS server answers with TLS records"
    asked, frame = turn.request_frame, turn.response_frame
    found = _shown(story, answer, words, frame, because=because, asked_frame=str(asked))
    return replace(found, phase="tls_handshake", frames=(asked, frame))


def _shown(story: Story, answer: Said, words: str, frame: int, **facts: str) -> Judgement:
    return shown_by_bytes(
        story,
        KIND.code,
        SURE.get(answer, SURE_OTHERWISE),
        f"the ClientHello was answered with {words}",
        (),
        answer=f"with {words} (frame {frame})",
        answer_short=f"with {words}",
        hello=HELLO,
        **facts,
    )


def _asked_postgres_in_vain(story: Story) -> bool:
    """Return whether PostgreSQL has no TLS, and who asked for it would not go on without.

    Its SSLRequest is answered by one byte, S or N ("SSL Session Encryption" in its documentation).
    """
    end = ending(story)
    asked = story.hello_initiator == SSL_REQUEST == story.turn.request_head
    left = end is not None and end.by_initiator and not spoken_before(story)
    return asked and left and story.hello_responder == b"N"


def _no_tls_there(story: Story) -> Judgement:
    found = shown_by_bytes(
        story,
        KIND.code,
        0.9,
        "it was told that the server has no TLS",
        answer=f"N (frame {story.responder.first_data_frame}), which is PostgreSQL's no",
        answer_short="with a no",
        hello="SSLRequest",
        because="the answer says so, and the initiator left (sslmode=require and above)",
    )
    return replace(found, phase="tls_handshake")


def _left_over_it(story: Story) -> bool:
    """Return whether the connection ended soon behind the ClientHello, a greeting before it.

    A client that takes the greeting for the answer leaves at once. Some protocols (NATS) begin TLS
    behind theirs.
    """
    end = ending(story)
    return end is not None and end.time - story.turn.request_time < SILENT


def _is_hello(first: Opening) -> bool:
    return first.said is Said.TLS_HELLO and not first.proxy_version


def _is_lone_hello(story: Story, first: Opening) -> bool:
    return _is_hello(first) and not spoken_before(story)


def _is_met_by_http(story: Story, first: Opening) -> bool:
    """Return whether HTTP answers a ClientHello on a connection that began before the capture."""
    http = answered(story) in (Said.HTTP1_RESPONSE, Said.HTML)
    return _is_hello(first) and http and answered_directly(story)


def _words(head: bytes, answer: Said) -> str:
    status, name = status_of(head), banner(head)
    if status is not None:
        return f"HTTP/1 status {status} in the clear"
    return f"plain text ({name})" if answer is Said.TEXT and name else ANSWERS[answer]


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a ClientHello met by a close, where the port is known as plaintext."""
    close = unanswered_close(story)
    if close is None or not _is_lone_hello(story, opening(story)):
        return None
    endpoint = endpoint_of(story, context)
    mine, port = frozenset({Said.TLS_HELLO}), story.responder.port
    number = others_work(endpoint, mine, frozenset(PLAIN))
    more = others_work(endpoint, mine, frozenset({Said.OTHER}))
    if number:
        sure, why = SURE_BY_OTHERS, by_others(number, "plaintext HTTP")
    elif more:
        sure, why = SURE_BY_PLAIN_BYTES, by_others(more, "bytes that are no TLS")
    elif port in PLAIN_PORTS and not is_mesh_client(story) and not endpoint.turns:
        sure, use = PLAIN_PORTS[port]
        why = by_port(port, f"plain {use}")
    else:
        return None
    return shown_by_others(story, KIND.code, close, sure, why, hello=HELLO)


def match_silence(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a ClientHello that was taken in silence by what speaks plaintext.

    Who reads lines, or a length first, may wait for more: Redis does, for the end of a command.
    """
    end, turn = ending(story), story.turn
    if end is None or not end.by_initiator or story.responder.payload_bytes or turn.index != 1:
        return None
    waited = end.time - turn.request_last_time
    if waited < SILENT or not turn.request_acked or not _is_lone_hello(story, opening(story)):
        return None
    if answer_may_be_missing(story):
        return None
    plain = frozenset((*PLAIN, Said.OTHER))
    number = others_work(endpoint_of(story, context), frozenset({Said.TLS_HELLO}), plain)
    if not number:
        return None
    found = shown_by_others(
        story,
        KIND.code,
        Close(end, waited),
        SURE_BY_SILENCE,
        by_others(number, "bytes that are no TLS"),
        hello=HELLO,
        answer=f"with nothing for {duration(waited)}, and {story.initiator.host_port} left",
        answer_short="with silence",
    )
    return replace(found, reset=None, alternatives=(OtherCode("tls.handshake_timeout", 0.17),))
