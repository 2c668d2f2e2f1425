"""protocol.missing_proxy_header: No PROXY protocol header to a server that wants one.

What happened
    The server's listener reads a PROXY header before anything else. This connection began without
    one, and the server closed or reset it at its first bytes.

How pcapdiag can tell
    A FIN (NGINX) or RST (HAProxy, Envoy) within moments of the first bytes, not a byte of an
    answer, and other connections to that port that begin with a PROXY header and get answers, while
    none without it does. Where the server would speak first, the initiator may have said nothing
    when the server closed (Postfix: 421, after its time was up). Without those others the close
    alone says nothing, and this is not even an alternative.

Usual causes
    - A client or health check that goes straight to a backend behind a load balancer.
    - A second or new proxy in front of it, without `send-proxy`.
    - Proxy protocol switched on at the listener only.

Fixes
    - First: send the header, let clients go through the balancer, or let the listener take both.
    - Envoy: as the sender, `envoy.transport_sockets.upstream_proxy_protocol`; as the listener,
      `allow_requests_without_proxy_protocol` of the listener filter.
    - NGINX: as the sender, stream `proxy_protocol on`; as the listener, a second `listen` without
      `proxy_protocol` for direct clients.
    - HAProxy: `server ... send-proxy-v2` with `check-send-proxy`; as the listener, a bind line of
      its own without `accept-proxy`.
    - Kubernetes: hairpin traffic: pods that call the balancer's address may be sent to the pods
      directly, without the header.
    - Cloud: AWS target group `proxy_protocol_v2.enabled`; health checks of an NLB carry the header,
      too.

Can be confused with
    - tcp.closed_before_response, tcp.reset_before_response, tcp.closed_before_request: the same,
      without other connections that carry the header and work.
    - protocol.unexpected_proxy_header: the opposite.
    - protocol.plaintext_to_tls: others begin with TLS.

What would settle it
    - `curl -v --haproxy-protocol http://SERVER:PORT/` works where it fails without.
    - NGINX's error log on the server: "broken header".

References
    - HAProxy's proxy-protocol.txt, section 2.
    - Measured in the lab (docs/lab.md): NGINX closes by FIN, HAProxy and Envoy by RST;
      Postfix (smtpd_upstream_proxy_protocol) says 421 after smtpd_upstream_proxy_timeout, and FIN.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.protocol.mismatch import (
    endpoint_of,
    my_word,
    others_work,
    shown_by_others,
    unanswered_close,
)
from pcapdiag.diagnose.speech import PROXIED, accepted_at, opening
from pcapdiag.diagnose.tcp import closed_before_request
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import counted

KIND = Kind(
    code="protocol.missing_proxy_header",
    title="missing PROXY header: {responder} met {asked} {answer_short}",
    explanation=(
        "{initiator} began with {asked} and no PROXY protocol header (frame {asked_frame}); "
        "{responder} answered {answer}. It wants the header first: {because}."
    ),
    phases=("tls_handshake", "before_response"),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection while reading response header from upstream",
    haproxy="SH",
    fix_at=("initiator", "responder"),
    fixes=(
        "send the header from {initiator_ip}: HAProxy server ... send-proxy-v2 (and "
        "check-send-proxy), Envoy transport_socket upstream_proxy_protocol, NGINX stream "
        "proxy_protocol on",
        "is {initiator_ip} meant to come here directly? if not, let it use the load balancer",
        "or do not demand it: Envoy proxy_protocol filter allow_requests_without_proxy_protocol, a "
        "listener of its own for direct clients (NGINX listen without proxy_protocol, HAProxy bind "
        "without accept-proxy)",
    ),
    commands=(
        "curl -v --haproxy-protocol --max-time 5 'http://{responder_host}:{responder_port}/'  # "
        "works with the header?",
        "grep -i 'proxy protocol' /var/log/nginx/error.log  # on {responder_ip}: 'broken header'",
    ),
)

SURE = 0.93
SURE_IN_SILENCE = 0.85


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for first bytes met by a close, where only those with a header work."""
    close = unanswered_close(story)
    if close is None or opening(story).proxy_version:
        return None
    mine = frozenset({my_word(story)})
    number = others_work(endpoint_of(story, context), mine, frozenset({PROXIED}))
    if not number:
        return None
    return shown_by_others(story, KIND.code, close, SURE, by_header(number))


def match_unasked(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a server that greets only behind a header, and closed without one.

    In protocols in which the server speaks first, an initiator without the header has nothing to
    say: both wait until the server's time is up.
    """
    accepted = accepted_at(endpoint_of(story, context))
    if set(accepted) != {PROXIED}:
        return None
    found = closed_before_request.match(story, context)
    if found is None:
        return None
    plain = OtherCode("tcp.closed_before_request", round(0.97 - SURE_IN_SILENCE, 2))
    return replace(
        found,
        code=KIND.code,
        phase="before_response",
        confidence=SURE_IN_SILENCE,
        alternatives=(plain,),
        facts=found.facts
        | {
            "asked": "silence",
            "asked_frame": str(story.first_frame),
            "answer": f"with FIN {found.facts['since_start']} later (frame "
            f"{found.facts['fin_frame']}) {found.facts['said']}",
            "answer_short": "with a close",
            "because": by_header(accepted[PROXIED]),
        },
    )


def by_header(number: int) -> str:
    """Return the reason that other connections give, which carry the header."""
    others = counted(number, "other connection")
    return f"{others} to that port began with a PROXY header and got answers, none without it did"
