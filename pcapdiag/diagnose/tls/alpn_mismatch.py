"""tls.alpn_mismatch: The two ends have no application protocol in common.

What happened
    The client named the protocols it can speak inside TLS (ALPN), and the server has none of them;
    or the server picked none, and the client then spoke one that the server does not know.

How pcapdiag can tell
    Alert no_application_protocol (120). Or the client offered HTTP/2 alone, a server whose answer
    is readable (TLS 1.2, or with a key log) picked none, and the connection was given up after the
    first exchange or before it. Or, in TLS 1.3 without keys, right behind the ServerHello comes a
    record of an alert's size where EncryptedExtensions would tell the choice (Go, rustls).

Usual causes
    - A proxy set to HTTP/2 (gRPC) upstreams in front of a server with HTTP/1 only, or the other way
      round.
    - NGINX without http2, HAProxy without `alpn` on its bind line.
    - A TLS library that was not told any protocol.

Fixes
    - First: let both ends have one protocol in common.
    - Application: gRPC needs `h2`. Go `NextProtos`, Java `SSLParameters.setApplicationProtocols`,
      Python `set_alpn_protocols`.
    - Envoy: as the client, `auto_config` or `explicit_http_config.http_protocol_options` in
      HttpProtocolOptions, where the server has no HTTP/2; as the server, `alpn_protocols:
      h2,http/1.1`.
    - Istio: name the port `http-` instead of `grpc-` or `http2-`, or set `appProtocol`;
      DestinationRule `h2UpgradePolicy: DO_NOT_UPGRADE`.
    - NGINX: as the server, `http2 on` (before 1.25.1: `listen ... ssl http2`); as the client,
      `proxy_pass` speaks HTTP/1 and `grpc_pass` HTTP/2.
    - HAProxy: as the client, `server ... alpn http/1.1` (or `h2`); as the server, `bind ... alpn
      h2,http/1.1`.
    - Kubernetes: Ingress backend protocol GRPCS or HTTPS (annotation of the controller).

Can be confused with
    - protocol.http2_to_http1: HTTP/2 bytes met an HTTP/1 server, whatever ALPN said.
    - tls.handshake_closed: the close says nothing of protocols.

What would settle it
    - `openssl s_client -connect SERVER:PORT -alpn h2,http/1.1 </dev/null`: which one does the
      server take?
    - A key log, where TLS 1.3 hides what was chosen.

References
    - RFC 7301 section 3.2.
    - Measured in the lab (docs/lab.md): Envoy, HAProxy and Python go on without a protocol where
      NGINX, node and OpenSSL send alert 120.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.alerts import Refusal, refusal, refused
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls.hidden import alert_in_flight, has_size_of_alert
from pcapdiag.diagnose.tls_state import encrypted_records, first_data, tls_facts
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert, TlsFacts
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tls.alpn_mismatch",
    title="no common ALPN protocol: {initiator_ip} offered {offered}, {responder} {picked}",
    explanation=(
        "{initiator} offered {protocols} {offered} (ClientHello in frame "
        "{hello_frame}) and {responder} {picked}: {how}."
    ),
    phases=("tls_handshake", "before_request", "before_response", "in_response", "idle", "closing"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="SSL_do_handshake() failed (...:SSL alert number 120) while SSL handshaking to upstream",
    haproxy="SC",
    fix_at=("initiator", "responder"),
    fixes=(
        "let {initiator_ip} offer what the server has: Envoy http_protocol_options or auto_config "
        "instead of http2_protocol_options, Istio port name http- instead of grpc- or http2-, "
        "HAProxy server ... alpn http/1.1, gRPC needs h2",
        "or let {responder_ip} have it: NGINX listen ... ssl http2 (from 1.25.1: http2 on), "
        "HAProxy bind ... alpn h2,http/1.1, Envoy alpn_protocols, Go NextProtos",
        "Kubernetes: appProtocol of the Service (kubernetes.io/h2c is without TLS), Ingress "
        "backend-protocol GRPCS or HTTPS",
    ),
    commands=(
        "{s_client} 2>&1 | grep -i alpn  # from {initiator_ip}",
        "{s_client_alpn} 2>&1 | grep -i alpn  # what does the server take?",
    ),
)

NO_PROTOCOL = 120
HTTP2 = "h2"
HTTP2_VERSION = "2"
HIDDEN = 0.7
"""Probability of the code where the alert is told by its place alone, as Go's."""
AT_ONCE = SECOND
"""A connection given up this soon after its first data was not used for anything."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for alert 120, or for HTTP/2 spoken where no protocol was picked."""
    found = refusal(story)
    if found is not None and found.code == NO_PROTOCOL:
        picked = "picked another" if found.by_initiator else _has_none(found.facts)
        how = f"alert {words.alert(found.code)} in frame {found.alert.frame} ended the handshake"
        told = _words(story, found.facts, picked, how)
        return refused(story, KIND.code, found, 0.97, told)
    facts = tls_facts(story)
    end = ending(story)
    hidden = alert_in_flight(story)
    if facts is not None and hidden is not None:
        return _by_place(story, facts, hidden)
    if facts is None or end is None or not _only_http2_and_none_picked(facts):
        return None
    return _given_up(story, facts, end)


def _by_place(story: Story, facts: TlsFacts, hidden: Alert) -> Judgement | None:
    """Return the verdict for a TLS 1.3 server that broke off where its choice would have been."""
    hello = facts.client_hello
    first = encrypted_records(facts, from_initiator=False)[0]
    if hello is None or not hello.alpn or not has_size_of_alert(first, facts):
        return None
    how = (
        "in place of its EncryptedExtensions, where its choice would be, it sent an encrypted "
        f"record of an alert's size (frame {hidden.frame})"
    )
    told = _words(story, facts, _has_none(facts), how)
    others = (OtherCode("tls.alert", 0.25),)
    return refused(story, KIND.code, Refusal(hidden, NO_PROTOCOL, facts), HIDDEN, told, others)


def _only_http2_and_none_picked(facts: TlsFacts) -> bool:
    hello, answer = facts.client_hello, facts.server_hello
    if hello is None or answer is None or not words.alpn_answer_known(facts):
        return False
    return facts.established and hello.alpn == (HTTP2,) and answer.alpn is None


def _given_up(story: Story, facts: TlsFacts, end: Ending) -> Judgement | None:
    hello = facts.client_hello
    last = facts.records[-1].time if facts.records else story.start
    since = first_data(facts)
    started = since.time if since else last
    answered = story.turn.response_frame if facts.client_data and facts.server_data else 0
    if end.time - started > AT_ONCE or facts.records_left_out:
        return None
    if any(one.version != HTTP2_VERSION for one in story.exchanges):
        # A key log shows that the client did without HTTP/2.
        return None
    how = "it then spoke HTTP/2 all the same and the connection was given up after one exchange"
    sure = 0.8
    if not facts.client_data:
        how, sure = "it closed the connection without a request", 0.75
    why = "it gave up on the protocol that the two had not agreed on"
    neither_said = "the server has no HTTP/2, and neither end said so"
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time),
        confidence=sure,
        frames=frames_of(hello.frame if hello else 0, answered, end.frame),
        ended_by=end.actor,
        candidates=(
            SideHint(end.actor, 0.88, why, (end.frame,)),
            SideHint(side_of(not end.by_initiator), 0.1, neither_said),
        ),
        alternatives=(OtherCode("protocol.http2_to_http1", 0.1), OtherCode("ok", 0.08)),
        envoy=("UPE", "protocol error"),
        facts=_words(story, facts, "picked none", how),
    )


def _has_none(facts: TlsFacts) -> str:
    hello = facts.client_hello
    return "does not have it" if hello and len(hello.alpn) == 1 else "has none of them"


def _words(story: Story, facts: TlsFacts, picked: str, how: str) -> dict[str, str]:
    hello = facts.client_hello
    return {
        "offered": words.listed(map(words.shown, hello.alpn if hello else ()), "nothing readable"),
        "protocols": "the application protocol" + ("s" if hello and len(hello.alpn) > 1 else ""),
        "hello_frame": str(hello.frame if hello else 0),
        "picked": picked,
        "how": how,
    } | s_client_words(story, facts)
