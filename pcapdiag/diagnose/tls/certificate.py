"""What the certificate kinds share: whose certificate an alert was about, and why.

Stacks do not agree on alerts: Go says 42 to everything, Java and browsers 46; a wrong name is 46
from Envoy and 42 from Python (measured). So the alert says that a certificate was refused, and the
certificate itself, where it can be read, says why.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.tls import certificates, words
from pcapdiag.diagnose.tls.alerts import Refusal, refusal, refused
from pcapdiag.diagnose.tls.certificates import (
    defects,
    fits_name,
    judged_leaf,
    out_of_date,
)
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.diagnose.work import one_direction
from pcapdiag.model.ends import Actor
from pcapdiag.model.once import once
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Certificate, CertificateFlight
from pcapdiag.protocols.tls.certificates import CUT, certificates_in

EXPIRED, UNKNOWN_CA, HANDSHAKE_FAILURE, CERTIFICATE_REQUIRED = 45, 48, 40, 116
VAGUE = (42, 46)
"""bad_certificate and certificate_unknown: any reason at all."""
REFUSALS = (41, 42, 43, 44, 45, 46, 48, 113, 114)
BY_SERVER = (*REFUSALS, HANDSHAKE_FAILURE)
"""A server may also say handshake_failure to a client's certificate (newer Go)."""

Reason = Literal["expired", "untrusted", "name", "rejected"]


class Rejection(msgspec.Struct, frozen=True):
    """A certificate that one end refused by alert."""

    found: Refusal
    flight: CertificateFlight | None
    certificate: Certificate | None
    """The one that was refused, where it could be read."""
    reason: Reason
    confidence: float
    alternatives: tuple[OtherCode, ...] = ()


@once
def rejection(story: Story) -> Rejection | None:
    """Return which certificate an alert refused and why; None where no certificate was."""
    found = refusal(story)
    if found is None or not _about_certificate(found, unseen=one_direction(story)):
        return None
    facts = found.facts
    flight = facts.server_certificates if found.by_initiator else facts.client_certificates
    certificate = judged_leaf(facts, found.by_initiator)
    reason, sure, others = _weigh(found, certificate)
    rest = tuple(OtherCode(code, share) for code, share in others if share >= 0.02)
    return Rejection(found, flight, certificate, reason, sure, rest)


def _about_certificate(found: Refusal, unseen: bool) -> bool:
    """Return whether it is about a certificate; ``unseen``: one end's bytes were not captured."""
    facts = found.facts
    read = facts.server_hello is not None or facts.incomplete
    if found.by_initiator:
        return found.code in REFUSALS and (read or unseen)
    if found.code not in BY_SERVER or not read:
        return False
    given = facts.client_certificates
    if found.code == HANDSHAKE_FAILURE or given is not None:
        return given is not None and bool(given.certificates)
    return facts.certificate_request is not None or facts.is_tls13 or facts.incomplete


Weighed = tuple[Reason, float, tuple[tuple[str, float], ...]]


def _weigh(found: Refusal, certificate: Certificate | None) -> Weighed:
    code = found.code
    if code == EXPIRED:
        return "expired", 0.97, ()
    if code == UNKNOWN_CA:
        return "untrusted", 0.96, ()
    if code not in (*VAGUE, HANDSHAKE_FAILURE):
        return "rejected", 0.95, ()
    if certificate is None:
        return _weigh_unread(found)
    if found.by_initiator and fits_name(certificate, found.facts) == "no":
        late = out_of_date(certificate, found.alert.time)
        expired = ("tls.certificate_expired", 0.25) if late else ("tls.certificate_rejected", 0.06)
        return "name", 0.7 if late else 0.9, (expired,)
    if out_of_date(certificate, found.alert.time):
        return "expired", 0.9, (("tls.certificate_rejected", 0.07),)
    return _weigh_by_elimination(found, certificate)


def _weigh_unread(found: Refusal) -> Weighed:
    others = [("tls.certificate_untrusted", 0.1), ("tls.certificate_expired", 0.03)]
    if found.by_initiator:
        others.insert(1, ("tls.certificate_name_mismatch", 0.07))
    return "rejected", 0.8, tuple(others)


def _weigh_by_elimination(found: Refusal, certificate: Certificate) -> Weighed:
    """Name, dates, purpose, key and signature in order: then it is the issuer most often."""
    if defects(found.facts, of_server=found.by_initiator):
        return "rejected", 0.85, (("tls.certificate_untrusted", 0.1),)
    unnamed = found.by_initiator and fits_name(certificate, found.facts) == "unknown"
    if unnamed and not certificate.self_issued:
        others = (("tls.certificate_untrusted", 0.2), ("tls.certificate_name_mismatch", 0.15))
        return "rejected", 0.6, others
    sure = 0.8 if certificate.self_issued else 0.6
    return "untrusted", sure, (("tls.certificate_rejected", round(0.95 - sure, 2)),)


def judgement(story: Story, code: str, reason: Reason, told: dict[str, str]) -> Judgement | None:
    """Return the judgement for a refused certificate if this is the reason."""
    seen = rejection(story)
    if seen is None or seen.reason != reason:
        return None
    return refused(
        story,
        code,
        seen.found,
        seen.confidence,
        certificate_words(story, seen.flight, seen.certificate, seen.found.by_initiator) | told,
        seen.alternatives,
        owner_first(seen.found.by_initiator),
    )


def owner_first(by_initiator: bool) -> tuple[Actor, ...]:
    """Return where a refused certificate is mended: at its owner, then at who refused it."""
    return ("responder", "initiator") if by_initiator else ("initiator", "responder")


def certificate_words(
    story: Story,
    flight: CertificateFlight | None,
    certificate: Certificate | None,
    by_initiator: bool,
) -> dict[str, str]:
    """Return the words that texts about a certificate use; ``by_initiator``: who refused it."""
    owner = story.half(not by_initiator).address
    told = "The certificate itself could not be read"
    why = "TLS 1.3 encrypts it, a key log (SSLKEYLOGFILE) would show it"
    if certificate is not None:
        told = f"The certificate is for {words.subject(certificate)}, issued by "
        told += words.issuer(certificate)
        why = f"valid from {words.date(certificate.not_before)} until "
        why += words.date(certificate.not_after)
    elif flight is not None or _cut(story):
        why = _problem(flight)
    elif _is_resumed(story):
        why = "the session was resumed, and none sent"
    return {
        "owner_ip": owner,
        "whose": "server" if by_initiator else "client",
        "certificate": f"{told} ({why})",
        "subject": words.subject(certificate) if certificate else "names that were not readable",
        "inspection": _inspection(flight),
    }


def _problem(flight: CertificateFlight | None) -> str:
    """Return why nothing can be said of the first certificate of a flight."""
    first = next(iter(certificates_in(flight)), None)
    return first.problem if first is not None and first.problem else CUT


def _is_resumed(story: Story) -> bool:
    facts = tls_facts(story)
    return facts is not None and facts.resumed and not facts.is_tls13


def _cut(story: Story) -> bool:
    """Return whether not even the ServerHello could be read, which nothing encrypts."""
    facts = tls_facts(story)
    return facts is not None and facts.incomplete and facts.server_hello is None


def _inspection(flight: CertificateFlight | None) -> str:
    issuer = certificates.inspection_issuer(flight)
    if not issuer:
        return ""
    return f" The issuer {words.shown(issuer)} is the authority of a device that decrypts TLS."
