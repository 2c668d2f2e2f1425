"""tls.certificate_untrusted: The certificate's issuer is not known to the other end.

What happened
    One end could not follow the other's certificate to an authority that it trusts.

How pcapdiag can tell
    Alert unknown_ca (48). Or a vaguer certificate alert (42 from Go, 46 from Java and browsers) to
    a certificate whose name, dates and purpose are in order: what is left is the issuer, most
    often.

Usual causes
    - An own authority that the client was not given.
    - A server that does not send its intermediate certificate.
    - A self-signed certificate.
    - A TLS inspection device between, whose authority this client does not know.
    - In a mesh: two trust domains, or two roots.

Fixes
    - First: give the refusing end the authority, or the server its full chain.
    - Application: Java truststore (`keytool -importcert`), Python `REQUESTS_CA_BUNDLE`, node
      `NODE_EXTRA_CA_CERTS`, Go `SSL_CERT_FILE`.
    - Envoy: `validation_context.trusted_ca`.
    - Istio: DestinationRule `tls.caCertificates` or `credentialName`; one root for all clusters of
      a mesh.
    - NGINX: as the client, `proxy_ssl_trusted_certificate`; for client certificates,
      `ssl_client_certificate`. As the server, `ssl_certificate` holds the leaf, then the
      intermediates.
    - HAProxy: `ca-file` on the `server` or `bind` line; `crt` holds leaf, intermediates and key.
    - Kubernetes: mount the authority as a ConfigMap, and name it in the program.
    - Linux: `update-ca-certificates` (Debian), `update-ca-trust` (RHEL).

Can be confused with
    - tls.certificate_rejected: the alert is vague and the certificate hidden.
    - tls.certificate_expired, tls.certificate_name_mismatch: dates and names come first where they
      can be read.

What would settle it
    - `openssl s_client -connect SERVER:PORT -servername NAME -showcerts </dev/null`: is the chain
      whole, and what is its verify error?
    - `openssl verify -CAfile CA.pem -untrusted CHAIN.pem LEAF.pem` on the end that refused.

References
    - RFC 5280 section 6.1; RFC 8446 sections 4.4.2 and 6.2.
    - Measured in the lab (docs/lab.md): OpenSSL and BoringSSL send alert 48 for it, Java 46, Go 42.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls.certificate import judgement, rejection
from pcapdiag.diagnose.tls.certificates import inspection_issuer
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.certificate_untrusted",
    title="issuer not trusted: {refuser} refused the certificate of {owner_ip}",
    explanation=(
        "{refuser} does not trust who issued the {whose}'s certificate and sent the alert {alert} "
        "in frame {alert_frame}. {certificate}.{inspection} {chain}"
    ),
    phases=("tls_handshake", "before_request", "before_response"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx=(
        "upstream SSL certificate verify error: (20:unable to get local issuer certificate) while "
        "SSL handshaking to upstream"
    ),
    haproxy="SC",
    fix_at=("responder", "initiator"),
    fixes=(
        "does {owner_ip} send the whole chain? NGINX ssl_certificate and HAProxy crt hold leaf and "
        "intermediates in one file, leaf first",
        "give {refuser_ip} the authority: Envoy validation_context trusted_ca, Istio "
        "DestinationRule tls.caCertificates, NGINX proxy_ssl_trusted_certificate or "
        "ssl_client_certificate, HAProxy ca-file, Java truststore, update-ca-certificates",
        "is a TLS inspection device between? add its authority, or exempt this destination",
        "mesh: same trust domain and root on both sides? istioctl proxy-config secret POD",
    ),
    commands=(
        "{s_client_chain}  # from {initiator_ip}: the chain, and its verify error",
        "openssl verify -CAfile CA.pem -untrusted CHAIN.pem LEAF.pem  # on {refuser_ip}",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a certificate whose issuer is not trusted."""
    seen = rejection(story)
    if seen is None or seen.reason != "untrusted":
        return None
    found = judgement(story, KIND.code, "untrusted", {"chain": _chain(story)})
    if found is None or not seen.found.by_initiator or not inspection_issuer(seen.flight):
        return found
    frames = (seen.found.alert.frame,)
    why = "the certificate is from a TLS inspection device's authority, which the client lacks"
    who = (
        SideHint("initiator", 0.5, found.candidates[0].why, frames),
        SideHint("path", 0.46, why, (seen.flight.frame,) if seen.flight else frames),
    )
    return replace(found, candidates=who, fix_at=("path", "initiator"))


def _chain(story: Story) -> str:
    seen = rejection(story)
    if seen is None or seen.certificate is None or seen.flight is None:
        return ""
    sent = len(seen.flight.certificates) + seen.flight.left_out
    if seen.certificate.self_issued:
        return "It issued itself: nobody vouches for it."
    if sent == 1:
        return "It came alone: if an intermediate authority issued it, that one was not sent."
    return f"{sent} certificates were sent."
