"""tls.certificate_name_mismatch: the certificate is for other names than the one asked for.

What happened
    The server's certificate does not hold the name that the client asked for.

How pcapdiag can tell
    The names in the certificate (subjectAltName) against the server name in the ClientHello, with
    alert 42 or 46 by the client; or with a client that finished the handshake and closed at once
    without a request, as curl and NGINX do. Where the same client side asks for the same name and
    then uses the connection, the name is not what it minds. In TLS 1.3 the certificate can be read
    with a key log only.

Usual causes
    The server gives its default certificate because it does not know the name; a certificate
    without the new host name; a client that connects by another name (a Service's short name, an IP
    address); a wildcard that is meant to cover two labels.

Fixes
    A certificate with the name, or a client that asks for and checks the right one.

Can be confused with
    tls.certificate_untrusted, where the alert is vague. A TLS health check also closes at once.

References
    RFC 9525 sections 6.1 to 6.5 (RFC 6125); RFC 6066 section 3; facts 3.3, 10.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.text import base_words
from pcapdiag.diagnose.timing import SECOND
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.certificate import certificate_words, judgement, owner_first, rejection
from pcapdiag.diagnose.tls.certificates import (
    by_common_name,
    fits_name,
    inspection_issuer,
    judged_leaf,
    leaf,
)
from pcapdiag.diagnose.tls.commands import s_client
from pcapdiag.diagnose.tls_state import left_first, nothing_asked, tls_facts
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Certificate, TlsFacts

KIND = Kind(
    code="tls.certificate_name_mismatch",
    title="certificate for other names: {initiator_ip} asked for {name}, got one for {subject}",
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

AT_ONCE = SECOND
"""A client that closes this soon after the handshake did not want to keep the connection."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a certificate that does not hold the name asked for."""
    seen = rejection(story)
    if seen is not None:
        told = judged_leaf(seen.found.facts, seen.found.by_initiator)
        if seen.reason != "name" or told is None:
            return None
        alert = words.alert(seen.found.code)
        how = f"it refused with the alert {alert} in frame {seen.found.alert.frame}"
        return judgement(story, KIND.code, "name", {"how": how, "by_name": _by_name(told)})
    return _left_at_once(story, context)


def _left_at_once(story: Story, context: Context) -> Judgement | None:
    facts, end = tls_facts(story), ending(story)
    if facts is None or end is None or not nothing_asked(story):
        return None
    if not end.by_initiator and not left_first(story, end.time, end.frame):
        return None
    told = leaf(facts.server_certificates)
    if told is None or facts.resumed or fits_name(told, facts) != "no":
        return None
    finished = max((r.time for r in facts.records if r.from_initiator), default=end.time)
    if end.time - finished > AT_ONCE or _name_is_used(story, facts, context):
        return None
    return _by_close(story, facts, told, end)


def _name_is_used(story: Story, facts: TlsFacts, context: Context) -> bool:
    """Return whether others ask this server for the name and go on: nobody checks it then."""
    server = context.endpoint(story.responder.address, story.responder.port).tls
    name = facts.client_hello.sni if facts.client_hello else None
    return server is not None and (name or "") in server.names_used


def _by_close(story: Story, facts: TlsFacts, told: Certificate, end: Ending) -> Judgement:
    hello, flight = facts.client_hello, facts.server_certificates
    names = base_words(story)
    why = f"{story.initiator.address} left as soon as it had the certificate"
    inspected = bool(inspection_issuer(flight))
    how = (
        f"it finished the handshake and closed without a request (frame {end.frame}), as clients "
        "do that check the name afterwards"
    )
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="before_request",
        confidence=0.8,
        frames=frames_of(hello.frame if hello else 0, flight.frame if flight else 0, end.frame),
        ended_by="initiator",
        candidates=(SideHint("initiator", 0.95, why, (end.frame,)),),
        alternatives=(OtherCode("ok", 0.15),),
        fix_at=("path", "responder") if inspected else owner_first(by_initiator=True),
        facts={
            "refuser": names["initiator"],
            "refuser_ip": names["initiator_ip"],
            "name": words.server_name(facts),
            "how": how,
            "by_name": _by_name(told),
            "s_client": s_client(story, facts),
        }
        | certificate_words(story, flight, told, by_initiator=True),
    )


def _by_name(told: Certificate) -> str:
    return " (common name; it has no subjectAltName)" if by_common_name(told) else ""
