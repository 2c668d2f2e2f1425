"""tls.certificate_rejected: A certificate was refused, and the capture does not say why.

What happened
    One end got the other's certificate and broke off.

How pcapdiag can tell
    A certificate alert (41 to 44, 46, 113, 114) that no name, date or issuer explains. Where the
    certificate can be read, its purpose, a short key, a SHA-1 or MD5 signature, or a missing OCSP
    response that it demands (must-staple) may say why. Or a client that finishes the handshake and
    closes at once, with a certificate for another purpose. Without keys in TLS 1.3 the alert is
    hidden, and its place tells: the client's only encrypted record after the server's flight has an
    alert's size, and its Finished never came; or the server, right after a client flight with a
    real certificate in it and before any session ticket, sends such a record and closes. In TLS 1.2
    a client that sends an encrypted alert before the server's Finished (NSS).

Usual causes
    - Most often, in this order: unknown issuer, wrong name, out of date.
    - Then: revoked, wrong purpose (no clientAuth or serverAuth), weak key, pinning.
    - An application that checks more, as Envoy `match_typed_subject_alt_names` or a SPIFFE
      identity.

Fixes
    - First: read the log of the end that refused. It knows the reason that the capture does not
      show.
    - Application: purpose (`openssl x509 -ext extendedKeyUsage`), revocation, pinned keys. RSA keys
      of 2048 bits or more, signed with SHA-256. A must-staple certificate wants stapling switched
      on.
    - Envoy: `%UPSTREAM_TRANSPORT_FAILURE_REASON%` and `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%` in
      the access log; `match_typed_subject_alt_names`.
    - Istio: trust domain and service account in the SPIFFE name: `istioctl proxy-config secret
      POD`; DestinationRule `subjectAltNames`.
    - NGINX: the error log; for clients at level `info`.
    - HAProxy: `%[ssl_fc_err]` or `%[ssl_bc_err]` in the log format.

Can be confused with
    - tls.client_certificate_required: the client had no certificate.
    - tls.certificate_untrusted, tls.certificate_expired, tls.certificate_name_mismatch: where the
      certificate can be read and says why.
    - tls.handshake_closed: a close_notify has the size of an alert: a TLS proxy whose backend is
      dead closes like this too.

What would settle it
    - A capture with SSLKEYLOGFILE set at one end, and `pcapdiag analyze --keylog FILE`: the alert
      becomes readable.
    - The same handshake by TLS 1.2, where certificates and alerts are in the clear.

References
    - RFC 8446 sections 4.4.2.4 and 6.2; RFC 5280; RFC 7633 (must-staple).
    - OpenSSL SSL_CTX_set_security_level(3): the default refuses keys under 2048 bits and SHA-1.
    - Measured in the lab (docs/lab.md): the sizes of hidden alerts of OpenSSL, BoringSSL and Java.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.certificate import certificate_words, judgement, owner_first, rejection
from pcapdiag.diagnose.tls.certificates import defects, lacks_address, leaf, wrong_purpose
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls.hidden import LATE, HiddenAlert, hidden_alert
from pcapdiag.diagnose.tls.leaving import left_at_once, left_judgement, left_unused
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.certificate_rejected",
    title="certificate rejected: {refuser} refused the one of {owner_ip}",
    explanation=(
        "{refuser} refused the {whose}'s certificate: {how}. {certificate}.{inspection} {purpose}"
    ),
    phases=("tls_handshake", "before_request", "before_response", "closing", "idle"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx=(
        "upstream SSL certificate verify error: (N:...) while SSL handshaking to upstream; or "
        "SSL alert number 42 to 46"
    ),
    haproxy="SC",
    fix_at=("responder", "initiator"),
    fixes=(
        "read the log of {refuser_ip} at that moment: Envoy "
        "%UPSTREAM_TRANSPORT_FAILURE_REASON% or %DOWNSTREAM_TRANSPORT_FAILURE_REASON%, NGINX error "
        "log (client side: level info), HAProxy log with %[ssl_fc_err] or %[ssl_bc_err]",
        "issuer, name and dates of the {whose} certificate of {owner_ip}: are they what "
        "{refuser_ip} expects?",
        "purpose: serverAuth for a server, clientAuth for a client (openssl x509 -ext "
        "extendedKeyUsage); RSA keys of 2048 bits or more, signed with SHA-256; revoked? (CRL, "
        "OCSP); must-staple without stapling? (NGINX ssl_stapling, HAProxy ocsp-update)",
        "to see the alert itself: capture with SSLKEYLOGFILE set at one end",
    ),
    commands=(
        "{s_client_chain}  # from {initiator_ip}",
        "openssl x509 -in CERTIFICATE.pem -noout -subject -issuer -dates -ext "
        "subjectAltName,extendedKeyUsage  # the {whose}'s, on {owner_ip}",
    ),
)

BY_CLIENT, BY_SERVER = 0.8, 0.72
"""Probability of the code where only the place of a hidden alert tells."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a certificate that was refused, in clear or by a hidden alert."""
    seen = rejection(story)
    if seen is not None:
        alert = words.alert(seen.found.code)
        how = f"alert {alert} in frame {seen.found.alert.frame}"
        by_client, address = seen.found.by_initiator, story.responder.address
        wrong = list(defects(seen.found.facts, of_server=by_client))
        if by_client and lacks_address(seen.found.facts, address):
            wrong.append(f"It is not for {address}, which a client without a server name checks.")
        purpose = " ".join(wrong)
        return judgement(story, KIND.code, "rejected", {"how": how, "purpose": purpose})
    hidden = hidden_alert(story)
    if hidden is not None and hidden.about != "missing certificate":
        return _by_place(story, hidden)
    return _left_at_once(story, context)


def _left_at_once(story: Story, context: Context) -> Judgement | None:
    left = left_at_once(story, context)
    if left is None or not wrong_purpose(left.certificate, of_server=True):
        return None
    told = {
        "how": f"it finished the handshake and closed without a request (frame {left.end.frame})",
        "purpose": f"It is for {', '.join(left.certificate.purposes)} only.",
    }
    return left_judgement(story, KIND.code, left, 0.75, told)


def left_unused_judgement(story: Story, shown: str) -> Judgement | None:
    """Return the judgement that a client left without a request and did so for the certificate.

    For callers that know from its client's leg that the call had failed, as ``shown`` says.
    """
    end, facts = left_unused(story), tls_facts(story)
    if end is None or facts is None:
        return None
    flight = facts.server_certificates
    told = leaf(flight) if flight is not None else None
    how = (
        f"it finished the handshake and closed without a request (frame {end.frame}), as NGINX and "
        f"other programs do that check the certificate afterwards. {shown}"
    )
    why = f"{story.initiator.address} left as soon as the handshake was finished"
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="before_request",
        confidence=BY_CLIENT,
        frames=frames_of(story.turn.request_frame, end.frame),
        ended_by="initiator",
        candidates=(SideHint("initiator", 0.95, why, (end.frame,)),),
        alternatives=(
            OtherCode("tls.certificate_untrusted", 0.08),
            OtherCode("tls.certificate_name_mismatch", 0.07),
        ),
        fix_at=owner_first(by_initiator=True),
        facts={
            "refuser": story.initiator.host_port,
            "refuser_ip": story.initiator.address,
            "how": how.removesuffix("."),
            "purpose": "",
        }
        | s_client_words(story, facts)
        | certificate_words(story, flight, told, by_initiator=True),
    )


def _by_place(story: Story, hidden: HiddenAlert) -> Judgement:
    by_client = hidden.by_initiator
    facts = hidden.facts
    refuser = side_of(by_client)
    if by_client:
        how = (
            f"right after the server's flight it sent an encrypted record of an alert's size "
            f"(frame {hidden.alert}) instead of its Finished, and the connection ended"
        )
        if not facts.is_tls13:
            how = (
                f"it sent an encrypted alert (frame {hidden.alert}) behind its own Finished, did "
                "not wait for the server's, and closed"
            )
        others = (OtherCode("tls.alert", 0.12), OtherCode("tls.handshake_closed", 0.04))
    else:
        how = (
            f"the client's flight held a certificate; the server answered with an encrypted record "
            f"of an alert's size (frame {hidden.alert}), no session ticket, and closed"
        )
        others = (OtherCode("tcp.closed_before_response", 0.13), OtherCode("tls.alert", 0.08))
    seen = facts.server_certificates if by_client else None
    address = story.half(by_client).address
    why = f"{address} had just got the certificate, and sent a record of an alert's size last"
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="tls_handshake",
        confidence=BY_CLIENT if by_client else BY_SERVER,
        frames=frames_of(hidden.after, hidden.alert, hidden.ended),
        ended_by=refuser,
        candidates=(
            SideHint(refuser, 0.95, why, (hidden.after, hidden.alert)),
            SideHint("path", 0.02, "no keys: what the alert said is not readable"),
        ),
        notes=() if by_client else (LATE,),
        alternatives=others,
        fix_at=owner_first(by_client),
        envoy=None if by_client else ("UC", "connection termination"),
        facts={
            "refuser": story.half(by_client).host_port,
            "refuser_ip": address,
            "how": how,
            "purpose": "",
        }
        | s_client_words(story, facts)
        | certificate_words(story, seen, leaf(seen) if seen else None, by_client),
    )
