"""A client that finished the TLS handshake, and left at once: what it did not like, it did not say.

Shared by the certificate kinds: OpenSSL's programs that check after the handshake send no alert.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.tls.certificate import certificate_words, owner_first
from pcapdiag.diagnose.tls.certificates import leaf, readable
from pcapdiag.diagnose.tls.commands import s_client_words
from pcapdiag.diagnose.tls_state import left_first, nothing_asked, secured_at, tls_facts
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Certificate, CertificateFlight, TlsFacts
from pcapdiag.model.units import SECOND

AT_ONCE = SECOND
"""A client that closes this soon after the handshake did not want to keep the connection."""


class Left(msgspec.Struct, frozen=True):
    """A client that finished the handshake and closed at once, without a request."""

    end: Ending
    facts: TlsFacts
    flight: CertificateFlight
    certificate: Certificate


def left_at_once(story: Story, context: Context) -> Left | None:
    """Return how a client left right after it had a readable certificate, or None.

    curl and NGINX check some things only then, and send no alert. Where others ask this server for
    the name and go on, it is a health check or a spare connection.
    """
    facts, end = tls_facts(story), left_unused(story)
    flight = facts.server_certificates if facts is not None else None
    if facts is None or end is None or facts.resumed or flight is None:
        return None
    told = leaf(flight)
    server = context.endpoint(story.responder.address, story.responder.port).tls
    name = (facts.client_hello.sni if facts.client_hello else None) or ""
    if server is not None and name in server.names_used:
        used = readable(server.leaves_used.get(name, []))
        # Where it was replaced by another certificate, others went on with the one before.
        if not used or told in used:
            return None
    return Left(end, facts, flight, told) if told is not None else None


def left_unused(story: Story) -> Ending | None:
    """Return how a client left right after the handshake, resumed or not, without a request."""
    facts, end = tls_facts(story), ending(story)
    if facts is None or end is None or not nothing_asked(story):
        return None
    if not end.by_initiator and not left_first(story, end):
        return None
    return end if end.time - secured_at(facts) <= AT_ONCE else None


def left_judgement(
    story: Story, code: str, left: Left, confidence: float, told: dict[str, str]
) -> Judgement:
    """Return the judgement that a client did not like the certificate, and said nothing."""
    hello, initiator = left.facts.client_hello, story.initiator
    why = f"{initiator.address} left as soon as it had the certificate"
    words_of_both = {"refuser": initiator.host_port, "refuser_ip": initiator.address}
    return Judgement(
        code=code,
        failed=True,
        phase="before_request",
        confidence=confidence,
        frames=frames_of(hello.frame if hello else 0, left.flight.frame, left.end.frame),
        ended_by="initiator",
        candidates=(SideHint("initiator", 0.95, why, (left.end.frame,)),),
        alternatives=(OtherCode("ok", round(0.95 - confidence, 2)),),
        fix_at=owner_first(by_initiator=True),
        facts=words_of_both
        | certificate_words(story, left.flight, left.certificate, by_initiator=True)
        | s_client_words(story, left.facts)
        | told,
    )
