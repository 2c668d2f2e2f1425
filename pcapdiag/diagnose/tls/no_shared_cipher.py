"""tls.no_shared_cipher: No cipher suite, group or signature algorithm in common.

What happened
    The server read the ClientHello and found nothing in one of its lists that it has itself.

How pcapdiag can tell
    Alert handshake_failure (40) or insufficient_security (71) by the server before its ServerHello,
    and a list in the ClientHello that is short: it lacks what every current server has, or what
    this server took on other connections. Alert 40 to a ClientHello that offers everything usual is
    tls.alert.

Usual causes
    - A hardened or very old server.
    - A client or proxy with a cipher list of its own.
    - A server with an ECDSA certificate, and clients with RSA suites or signatures only.
    - One group only on either side.

Fixes
    - First: compare the offer (in the report) with what the server has, and give both ends one in
      common.
    - Application: a second certificate, RSA beside ECDSA, where old clients must be served.
    - Envoy: `tls_params.cipher_suites`, `ecdh_curves` and `signature_algorithms`, at either end.
    - Istio: Gateway `tls.cipherSuites`.
    - NGINX: as the client, `proxy_ssl_ciphers`; as the server, `ssl_ciphers` and `ssl_ecdh_curve`.
    - HAProxy: as the client, `ssl-default-server-ciphers` and `ssl-default-server-ciphersuites`; as
      the server, `bind ... ciphers`, `ciphersuites`, `curves`.
    - Linux: system-wide lists: `CipherString` and `Groups` in openssl.cnf, `update-crypto-policies`
      on RHEL.
    - Cloud: the security policy of the listener.

Can be confused with
    - tls.sni_rejected: some servers answer alert 40 to a name that is missing or not known.
    - tls.client_certificate_required: alert 40 by TLS 1.2, after the server asked for a
      certificate.
    - tls.alert: alert 40 to an offer that has everything usual.
    - tls.version_mismatch: alert 70.

What would settle it
    - `nmap --script ssl-enum-ciphers -p PORT SERVER` lists what the server has.

References
    - RFC 8446 sections 4.1.1, 6.2 and 9.1; RFC 9325 section 4.2.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls.alerts import refusal, refused
from pcapdiag.diagnose.tls.offers import shortages, taken_elsewhere
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.no_shared_cipher",
    title="nothing in common: {responder} takes none of the {missing} offered",
    explanation=(
        "{initiator} offered {lists} (ClientHello in frame {hello_frame}), and {responder} "
        "refused with the alert {alert} in frame {alert_frame}. {known}"
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="SSL_do_handshake() failed (...:SSL alert number 40) while SSL handshaking to upstream",
    haproxy="SC",
    fix_at=("initiator", "responder"),
    fixes=(
        "give {initiator_ip} the usual lists: Envoy and Istio tls_params cipher_suites, "
        "ecdh_curves, NGINX proxy_ssl_ciphers, HAProxy ssl-default-server-ciphers, "
        "ssl-default-server-curves",
        "or {responder_ip}: NGINX ssl_ciphers, ssl_ecdh_curve, HAProxy bind ... ciphers, "
        "ciphersuites, curves, Envoy tls_params; OpenSSL system-wide: CipherString and Groups in "
        "openssl.cnf, update-crypto-policies",
        "has the server an ECDSA key only? add an RSA certificate beside it, or let clients take "
        "ECDSA",
    ),
    commands=(
        "{s_client}  # from {initiator_ip}",
        "{nmap} --script ssl-enum-ciphers -p {responder_port} {responder_ip}  # what it has",
    ),
)

HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY = 40, 71
PROVEN, SHORT, UNEXPLAINED = 0.95, 0.87, 0.8


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for alert 40 or 71 to a ClientHello whose lists explain it."""
    found = refusal(story)
    codes = (HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY)
    if found is None or found.code not in codes or not found.before_server_hello:
        return None
    server = context.endpoint(story.responder.address, story.responder.port).tls
    short = shortages(found.facts, server)
    if not short and found.code == HANDSHAKE_FAILURE:
        return None
    if short and short[0].proven:
        short = [each for each in short if each.proven]
    hello = found.facts.client_hello
    named = hello is not None and hello.sni
    sure = UNEXPLAINED if not short else PROVEN if short[0].proven else SHORT
    rest = round(0.98 - sure, 2)
    told = {
        "missing": " or ".join(each.what for each in short) or "cipher suites",
        "lists": "; ".join(each.text for each in short) or "the usual lists",
        "hello_frame": str(hello.frame if hello else 0),
        "known": taken_elsewhere(server),
    }
    others = (OtherCode("tls.alert" if named else "tls.sni_rejected", rest),)
    return refused(story, KIND.code, found, sure, told, others)
