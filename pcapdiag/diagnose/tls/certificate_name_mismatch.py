"""tls.certificate_name_mismatch: The certificate is for other names than the one asked for.

What happened
    The server's certificate does not hold the name that the client asked for.

How pcapdiag can tell
    The names in the certificate (subjectAltName) against the server name in the ClientHello, with
    alert 42 or 46 by the client; or with a client that finished the handshake and closed at once
    without a request, as curl and NGINX do. Where the same client side asks for the same name and
    then uses the connection, the name is not what it minds. In TLS 1.3 the certificate can be read
    with a key log only.

Usual causes
    - The server gives its default certificate, because it does not know the name.
    - A certificate without the new host name.
    - A client that connects by another name: a Service's short name, an IP address.
    - A wildcard that is meant to cover two labels.

Fixes
    - First: a certificate with the name, or a client that asks for and checks the right one.
    - Application: put every name into subjectAltName. Current clients do not read the common name,
      and a wildcard covers one label.
    - Envoy: `sni` or `auto_sni`, and `match_typed_subject_alt_names` or `auto_san_validation` for
      what is checked.
    - Istio: DestinationRule `tls.sni` and `tls.subjectAltNames`; Gateway `credentialName`.
    - NGINX: as the client, `proxy_ssl_name` and `proxy_ssl_server_name on`; as the server,
      `server_name` in the block with the certificate.
    - HAProxy: as the client, `server ... sni` with `verifyhost`; as the server, `crt-list`.
    - Kubernetes: `tls.hosts` of the Ingress; cert-manager `dnsNames`.
    - Cloud: a certificate for every name on the listener.

Can be confused with
    - tls.certificate_untrusted: the same alert from some stacks.
    - tls.sni_rejected: the server refused the name instead.
    - `ok`: a TLS health check also finishes the handshake and closes at once.

What would settle it
    - `openssl s_client -connect SERVER:PORT -servername NAME </dev/null | openssl x509 -noout -ext
      subjectAltName`.

References
    - RFC 9525 sections 6.1 to 6.5 (RFC 6125 before); RFC 6066 section 3.
    - Measured in the lab (docs/lab.md): Envoy sends alert 46 for it, Python 42; curl and NGINX
      finish the handshake and close.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.certificate import judgement, rejection
from pcapdiag.diagnose.tls.certificates import (
    by_common_name,
    fits_name,
    inspection_issuer,
    judged_leaf,
)
from pcapdiag.diagnose.tls.leaving import Left, left_at_once, left_judgement
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Certificate, TlsFacts

KIND = Kind(
    code="tls.certificate_name_mismatch",
    title="certificate for other names: {initiator_ip} asked for {host}, got one for {subject}",
    explanation=(
        "{initiator} asked {responder} for {name} and got a certificate for {subject}{by_name}: "
        "{how}. {certificate}.{inspection}"
    ),
    phases=("tls_handshake", "before_request", "closing", "idle"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx='upstream SSL certificate does not match "NAME" while SSL handshaking to upstream',
    haproxy="SC",
    fix_at=("responder", "initiator"),
    fixes=(
        "is it the default certificate because the server does not know the name? NGINX "
        "server_name, HAProxy crt-list, Istio Gateway credentialName, Kubernetes Ingress tls.hosts",
        "or issue a certificate with the name in subjectAltName (a wildcard covers one label, the "
        "common name is not read by current clients)",
        "or let {initiator_ip} ask for and check the right name: Envoy sni with "
        "match_typed_subject_alt_names, Istio DestinationRule tls.sni and subjectAltNames, NGINX "
        "proxy_ssl_name and proxy_ssl_server_name on, HAProxy server ... sni and verifyhost",
    ),
    commands=(
        "{s_client} 2>/dev/null | openssl x509 -noout -subject -ext subjectAltName  # from "
        "{initiator_ip}",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a certificate that does not hold the name asked for."""
    seen = rejection(story)
    if seen is not None:
        told = judged_leaf(seen.found.facts, seen.found.by_initiator)
        if seen.reason != "name" or told is None:
            return None
        alert = words.alert(seen.found.code)
        how = f"it refused with the alert {alert} in frame {seen.found.alert.frame}"
        return judgement(
            story,
            KIND.code,
            "name",
            {"how": how, "by_name": _by_name(told), "host": _host(seen.found.facts)},
        )
    return _left_at_once(story, context)


def _left_at_once(story: Story, context: Context) -> Judgement | None:
    left = left_at_once(story, context)
    if left is None or fits_name(left.certificate, left.facts) != "no":
        return None
    return _by_close(story, left)


def _by_close(story: Story, left: Left) -> Judgement:
    how = (
        f"it finished the handshake and closed without a request (frame {left.end.frame}), as "
        "clients do that check the name afterwards"
    )
    told = {
        "name": words.server_name(left.facts),
        "how": how,
        "by_name": _by_name(left.certificate),
        "host": _host(left.facts),
    }
    found = left_judgement(story, KIND.code, left, 0.8, told)
    if inspection_issuer(left.flight):
        return replace(found, fix_at=("path", "responder"))
    return found


def _host(facts: TlsFacts) -> str:
    hello = facts.client_hello
    return words.shown(hello.sni or "") if hello else ""


def _by_name(told: Certificate) -> str:
    return " (common name; it has no subjectAltName)" if by_common_name(told) else ""
