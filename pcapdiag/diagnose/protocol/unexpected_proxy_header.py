"""protocol.unexpected_proxy_header: A PROXY protocol header to a server that does not expect one.

What happened
    The initiator put a PROXY header before its first bytes; the server took the header for a
    request (or for TLS) and refused it.

How pcapdiag can tell
    The header, then an HTTP 400 by which the server closes, a TLS alert that no ClientHello of
    today earns (70, 10, 22), or plaintext in answer to the ClientHello behind the header; or an
    error that says so (MariaDB). Or a close without a byte, where other connections to that port
    work without a header.

Usual causes
    - HAProxy `send-proxy` or `send-proxy-v2`, Envoy's upstream_proxy_protocol transport socket,
      NGINX stream `proxy_protocol on`, in front of a listener that was not told.
    - A cloud load balancer's target group with proxy protocol v2.

Fixes
    - First: switch the header off at the sender, or on at the listener. Both ends must agree, and
      change together.
    - Envoy: as the sender, `envoy.transport_sockets.upstream_proxy_protocol`; as the listener,
      `envoy.filters.listener.proxy_protocol`.
    - Istio: the ingress gateway needs the listener filter by EnvoyFilter, when its balancer sends
      the header.
    - NGINX: as the sender, stream `proxy_protocol on`; as the listener, `listen ...
      proxy_protocol`.
    - HAProxy: as the sender, `send-proxy`, `send-proxy-v2`, `check-send-proxy`; as the listener,
      `bind ... accept-proxy`.
    - Kubernetes: ingress-nginx `use-proxy-protocol`; Service annotation
      `service.beta.kubernetes.io/aws-load-balancer-proxy-protocol`.
    - Cloud: AWS target group `proxy_protocol_v2.enabled`; GCP `--proxy-header PROXY_V1`.

Can be confused with
    - protocol.tls_to_plaintext: the server takes the header and speaks plaintext behind it.
    - protocol.missing_proxy_header: the opposite.
    - `ok`: an origin's own 400 keeps the connection, as a rule.

What would settle it
    - `curl -v http://SERVER:PORT/` without the header, and with `--haproxy-protocol`.

References
    - HAProxy's proxy-protocol.txt, section 2.
    - Measured in the lab (docs/lab.md): NGINX, HAProxy, Envoy, node and Java answer 400; Envoy TLS
      sends alert 70; a proxy in front hands the 400 on (Envoy: `via_upstream`, no flag).
"""

from __future__ import annotations

import re

from pcapdiag.diagnose.completeness import HEAD_END
from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.protocol.mismatch import (
    SURE_BY_OTHERS,
    by_others,
    endpoint_of,
    mine_works,
    others_work,
    shown_by_bytes,
    shown_by_others,
    unanswered_close,
)
from pcapdiag.diagnose.protocol.plaintext_to_tls import says_so
from pcapdiag.diagnose.speech import (
    PROXIED,
    Opening,
    Said,
    answered,
    opening,
    spoken_before,
    status_of,
)
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="protocol.unexpected_proxy_header",
    title="unexpected PROXY header: {responder} met it {answer_short}",
    explanation=(
        "{initiator} put a PROXY protocol header (version {version}) before its first bytes (frame "
        "{asked_frame}); {responder} answered {answer}. It does not expect the header: {because}."
    ),
    phases=("tls_handshake", "before_response"),
    envoy=Envoy("UF", "remote connection failure (behind TLS; in plain HTTP its 400 is handed on)"),
    nginx="no error with plain HTTP: the upstream's 400 is handed on",
    haproxy="---- with status 400; SC behind TLS",
    fix_at=("initiator", "responder"),
    fixes=(
        "switch the header off at {initiator_ip}: HAProxy send-proxy, send-proxy-v2, "
        "check-send-proxy; Envoy transport_socket upstream_proxy_protocol; NGINX stream "
        "proxy_protocol on; AWS target group proxy_protocol_v2.enabled",
        "or let {responder} expect it: NGINX listen ... proxy_protocol, Envoy listener filter "
        "proxy_protocol, HAProxy bind ... accept-proxy, Apache RemoteIPProxyProtocol On, MariaDB "
        "proxy_protocol_networks",
        "both at once, or one port for each: a listener that wants it refuses those without",
    ),
    commands=(
        "curl -v --max-time 5 'http://{responder_host}:{responder_port}/'  # without the header",
        "curl -v --haproxy-protocol --max-time 5 'http://{responder_host}:{responder_port}/'  # "
        "with it",
    ),
)

NOT_OF_THE_HELLO = frozenset({10, 22, 70})
"""unexpected_message, record_overflow, protocol_version: what bytes that are no TLS record earn."""
PLAIN_ANSWERS = frozenset({Said.HTTP1_RESPONSE, Said.HTML})
SURE, SURE_BEHIND_TLS, SURE_BEFORE_H2 = 0.95, 0.9, 0.7
REQUEST_LINE = rb"[A-Z]+ [!-~]+ HTTP/1\.[01]\r\n"
SAYS_SO = b"proxy header is not accepted"
"""MariaDB's error 1130 where proxy_protocol_networks does not name the sender (measured)."""
NOT_THE_PARSER = (b"application/json", b"too large")
"""Words of answers by a program, or about a request's size: not about its first line."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a header that was answered with a refusal.

    Where another connection with a header was accepted, the refusal is about something else.
    """
    first = opening(story)
    if not first.proxy_version or spoken_before(story):
        return None
    if SAYS_SO in story.hello_responder.lower() and _closes(story):
        return _shown(story, first, SURE, "with an error about the header", "that is what it says")
    if story.greeting_bytes or mine_works(story, context):
        return None
    if first.said is Said.TLS_HELLO or (first.said is Said.NOTHING and _is_alert(story)):
        return _behind_tls(story, first)
    answer = story.hello_responder
    if status_of(answer) != 400 or _goes_on(story) or not _closes(story):
        return None
    if says_so(answer) or not _is_sound(first) or _is_about_the_request(answer):
        return None
    words = "with HTTP status 400 and closed"
    if first.said is Said.H2_PREFACE:
        other = OtherCode("protocol.http2_to_http1", 0.28)
        return _shown(story, first, SURE_BEFORE_H2, words, _TAKEN_FOR_A_REQUEST, (other,))
    return _shown(story, first, SURE, words, _TAKEN_FOR_A_REQUEST)


_TAKEN_FOR_A_REQUEST = "it took the header for a request line"


def _behind_tls(story: Story, first: Opening) -> Judgement | None:
    if _is_alert(story):
        code = story.hello_responder[6] if len(story.hello_responder) > 6 else -1
        if code not in NOT_OF_THE_HELLO:
            return None
        why = "it took the header for a TLS record"
        return _shown(story, first, SURE_BEHIND_TLS, f"with TLS alert {code}", why)
    if answered(story) not in PLAIN_ANSWERS:
        return None
    if says_so(story.hello_responder):
        return _shown(story, first, SURE, "with HTTP status 400 in the clear", _TAKEN_FOR_A_REQUEST)
    other = OtherCode("protocol.tls_to_plaintext", 0.25)
    words = "with plaintext before any TLS"
    return _shown(story, first, 0.7, words, _TAKEN_FOR_A_REQUEST, (other,))


def _is_alert(story: Story) -> bool:
    return answered(story) is Said.TLS_ALERT


def _shown(
    story: Story,
    first: Opening,
    sure: float,
    words: str,
    why: str,
    others: tuple[OtherCode, ...] = (),
) -> Judgement:
    return shown_by_bytes(
        story,
        KIND.code,
        sure,
        why,
        others,
        answer=f"{words} (frame {story.responder.first_data_frame})",
        answer_short=words,
        because=why,
        version=str(first.proxy_version),
    )


def _goes_on(story: Story) -> bool:
    """Return whether more was answered than the header, which may come long before a request."""
    return story.turn.index > 2 or (story.turn.index == 2 and story.turn.response_bytes > 0)


def _closes(story: Story) -> bool:
    """Return whether the responder closed behind its answer, or said that it would."""
    low = story.hello_responder.partition(HEAD_END)[0].lower()
    end = ending(story)
    by_responder = end is not None and not end.by_initiator
    return by_responder or low.startswith(b"http/1.0") or b"\r\nconnection: close" in low


def _is_sound(first: Opening) -> bool:
    """Return whether the request behind the header gives no reason for a 400 itself."""
    if first.said in (Said.H2_PREFACE, Said.NOTHING):
        return True
    line = re.match(REQUEST_LINE, first.data)
    return line is not None and b"\nhost:" in first.data.lower()


def _is_about_the_request(answer: bytes) -> bool:
    low = answer.lower()
    return any(words in low for words in NOT_THE_PARSER)


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a header met by a close, where others work without one."""
    close, first = unanswered_close(story), opening(story)
    if close is None or not first.proxy_version:
        return None
    plain = frozenset({Said.HTTP1_REQUEST, Said.H2_PREFACE, Said.TLS_HELLO})
    number = others_work(endpoint_of(story, context), frozenset({PROXIED}), plain)
    if not number:
        return None
    why = by_others(number, "no header")
    version = str(first.proxy_version)
    return shown_by_others(story, KIND.code, close, SURE_BY_OTHERS, why, version=version)
