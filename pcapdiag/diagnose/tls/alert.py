"""tls.alert: One end broke off with an alert that has no narrower code.

What happened
    One end sent a fatal TLS alert: something in the other's messages, its own configuration, or the
    bytes on the way was not as it should be.

How pcapdiag can tell
    A readable fatal alert that came first and is about no protocol list, name, version, cipher or
    certificate; or is, but nothing in the offers explains it. In TLS 1.3 without keys: a server
    whose flight ends with a record of an alert's size before the client has answered.

Usual causes
    - 80 internal_error: configuration or certificate missing at the sender. Its log tells.
    - 40 handshake_failure to a usual ClientHello: a name or certificate problem at the server.
    - 20 bad_record_mac, 51 decrypt_error: different keys, or bytes changed on the way.
    - 50 decode_error to a large ClientHello: a server that cannot read it in two segments.
    - 49 access_denied: an access list; in answer to the ClientHello, rustls without a certificate
      for the name.

Fixes
    - First: the log of the end that sent the alert names the reason.
    - Application: a key that does not belong to the certificate; a certificate callback that fails
      for this name (Go `GetCertificate`).
    - Envoy: `%UPSTREAM_TRANSPORT_FAILURE_REASON%`; leave X25519MLKEM768 out of `ecdh_curves` to
      test a ClientHello in one segment.
    - NGINX: the error log at level `info` for what clients did.
    - HAProxy: `%[ssl_fc_err_str]` or `%[ssl_bc_err_str]` in the log format.
    - Network: a device that opens or edits TLS: compare captures on both sides of it.

Can be confused with
    - tls.sni_rejected, tls.version_mismatch, tls.no_shared_cipher: some servers say 40 or 80 to a
      name, version or cipher that they do not have.
    - tls.client_certificate_required: alert 40 or 116 after the server asked for one.

What would settle it
    - The same handshake with one thing changed at a time: other name, other version, no ALPN
      (`openssl s_client`).

References
    - RFC 8446 section 6; IANA "TLS Alerts".
    - Measured: OpenJDK, Go and rustls look for a common signature scheme, Go and rustls for a
      common protocol, behind their ServerHello, so that the alert is encrypted.
    - tldr.fail: servers that cannot read a ClientHello in two segments.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls.alerts import Refusal, refusal, refused
from pcapdiag.diagnose.tls.hidden import alert_in_flight
from pcapdiag.diagnose.tls.offers import odd_alpn
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.alert",
    title="TLS alert {alert}: {refuser} broke off",
    explanation=(
        "{refuser} sent the fatal alert {alert} in frame {alert_frame}: {meaning}. Client: "
        "{offer}. Server: {answer}."
    ),
    phases=(
        "tls_handshake",
        "before_request",
        "in_request",
        "before_response",
        "in_response",
        "idle",
        "closing",
    ),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="SSL_do_handshake() failed (...:SSL alert number N) while SSL handshaking to upstream",
    haproxy="SC",
    fix_at=("responder", "initiator"),
    fixes=(
        "read the log of {refuser_ip} at that moment: it knows why it sent {alert}",
        "{advice}",
        "try the same handshake with one thing changed at a time: other name, other version, no "
        "ALPN",
    ),
    commands=(
        "{s_client}  # from {initiator_ip}",
        "{s_client_tls12}",
        "journalctl -e  # on {refuser_ip}",
    ),
)

HANDSHAKE_FAILURE, ACCESS_DENIED, INTERNAL_ERROR, DECODE_ERROR = 40, 49, 80, 50
MEANINGS = {
    10: "a message came that it did not expect there",
    20: "a record did not carry the right authentication code: different keys, or changed bytes",
    21: "a record could not be decrypted",
    22: "a record was longer than allowed",
    40: "it could not agree on anything, or wants something that it did not get",
    47: "a field in the handshake had a value that is not allowed",
    49: "it does not let in whoever has this certificate (GnuTLS: or cannot verify it)",
    50: "a message could not be read",
    51: "a signature, Finished or key did not check out",
    60: "export restrictions",
    70: "it does not take this version",
    71: "the parameters offered are too weak for it",
    80: "something went wrong inside it, not in the messages",
    90: "a person or program cancelled the handshake",
    109: "an extension that it needs was missing",
    110: "an extension came that it had not asked for",
    115: "it does not know the pre-shared key's identity",
    121: "it needs the encrypted ClientHello to be retried",
}
KEYS = "do both ends have the same key? (pre-shared key, certificate and key file of one pair)"
COMPARE = "compare name, versions, lists and certificates of both ends (the lines TLS above)"
ADVICE = {
    20: KEYS,
    51: KEYS,
    21: KEYS,
    80: "certificate and key configured for this name? right file rights? enough memory?",
    50: "large ClientHello (post-quantum key share, two segments)? try without X25519MLKEM768",
    49: "access list by certificate: Istio AuthorizationPolicy, Envoy RBAC, HAProxy ACL; does a "
    "server with GnuTLS know the certificate's authority?",
}
UNREAD, HIDDEN = -1, 0.75
"""No code, and the probability of ours where an alert is told by its place alone."""
OF_HIDDEN = (
    "read the log of {refuser_ip} at that moment: it knows why it broke off",
    "{advice}",
    "capture with SSLKEYLOGFILE set at one end: a key log makes the alert readable",
)
NONE_FOR_HELLO = "it has no certificate for what was asked (so says rustls), or lets nobody in"
HAS_CERTIFICATE = "has it a certificate for this name, and of a kind that the client takes?"
USUAL = 0x0303
"""TLS 1.2: nearly every server takes it. GnuTLS answers an offer without its versions with 40, not
70 (measured)."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a fatal alert that no narrower kind took."""
    found = refusal(story)
    if found is None:
        return _by_place(story)
    others = tuple(_alternatives(found))
    sure = round(0.95 - sum(other.confidence for other in others), 2)
    meaning = MEANINGS.get(found.code, "it could not go on")
    advice = ADVICE.get(found.code, COMPARE)
    if found.code == ACCESS_DENIED and found.before_server_hello:
        meaning, advice = NONE_FOR_HELLO, HAS_CERTIFICATE
    told = {"meaning": meaning, "advice": advice}
    return refused(story, KIND.code, found, sure, told, others)


def _by_place(story: Story) -> Judgement | None:
    """Return the verdict for a TLS 1.3 server's encrypted alert within its own flight."""
    facts, alert = tls_facts(story), alert_in_flight(story)
    if facts is None or alert is None:
        return None
    told = {"meaning": "by its size and its place within the server's flight", "advice": COMPARE}
    others = (OtherCode("tls.no_shared_cipher", 0.15), OtherCode("tls.handshake_closed", 0.05))
    found = Refusal(alert, UNREAD, facts)
    return replace(refused(story, KIND.code, found, HIDDEN, told, others), fixes=OF_HIDDEN)


def _alternatives(found: Refusal) -> list[OtherCode]:
    hello = found.facts.client_hello
    if hello is None or not found.before_server_hello:
        return []
    if found.code == ACCESS_DENIED:
        return [OtherCode("tls.sni_rejected", 0.4), OtherCode("tls.no_shared_cipher", 0.1)]
    if found.code not in (HANDSHAKE_FAILURE, INTERNAL_ERROR):
        return []
    others = []
    unnamed = 0.15 if hello.sni else 0.3
    if hello.versions and hello.versions[0] < USUAL:
        others.append(OtherCode("tls.version_mismatch", 0.4))
    elif hello.versions and min(hello.versions) > USUAL:
        others.append(OtherCode("tls.version_mismatch", 0.3))
        unnamed = 0.1
    elif hello.versions and hello.versions[0] == USUAL:
        others.append(OtherCode("tls.version_mismatch", 0.1))
    if odd_alpn(hello):
        others.append(OtherCode("tls.alpn_mismatch", 0.2))
    if not hello.encrypted_hello:
        others.append(OtherCode("tls.sni_rejected", unnamed))
    others.append(OtherCode("tls.no_shared_cipher", 0.1))
    return sorted(others, key=lambda other: -other.confidence)
