"""tls.handshake_closed: the TLS handshake was ended by an orderly close, with no word why.

What happened
    TCP worked, the TLS handshake had begun, and one end closed the connection ({word}) without an
    alert.

How pcapdiag can tell
    A ClientHello, then FIN before both ends had sent their Finished, and no alert before it. An
    alert 50 of an OpenSSL client behind the server's FIN is an effect. In TLS 1.3 also a server
    that closes right after the client's Finished with no session ticket and no data: whether it
    refused the client or lost its backend is not visible.

Usual causes
    A port that does not speak TLS, a TLS or TCP proxy whose backend is dead, a server shutting
    down, an access list, a client that does not like the certificate and says nothing, a port
    scanner.

Fixes
    Read the log of the end that closed; look behind it if it is a proxy.

Can be confused with
    tls.client_certificate_required and tls.certificate_rejected, where the alert is encrypted;
    protocol.tls_to_plaintext, where nothing is known of the port.

References
    RFC 8446 section 6.1; facts 3.3, 10 (alert 50 after a FIN), 11.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.judgement import Actor, Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls.breakoff import (
    BreakOff,
    alternatives,
    break_off,
    envoy_words,
    step_words,
)
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tls.handshake_closed",
    title="TLS handshake closed: {ender} sent {word} {since} after the last message, no alert",
    explanation=(
        "{initiator} began a TLS handshake with {responder} (ClientHello in frame {hello_frame}: "
        "{offer}). The last message was {step}; {since} later {ender} closed the connection "
        "({word} in frame {end_frame}) without an alert. {hint}"
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF / UC", "remote connection failure"),
    nginx="peer closed connection in SSL handshake while SSL handshaking to upstream",
    haproxy="SC",
    fix_at=("responder", "initiator", "path"),
    fixes=(
        "does that port speak TLS at all? (openssl s_client below, or curl http://)",
        "is {responder} a TLS or TCP proxy? then its own backend is the place to look (HAProxy "
        "mode tcp, Envoy tcp_proxy, a cloud load balancer's TLS listener)",
        "client certificate wanted, or address not allowed? the log of {ender_ip} at that moment",
        "was it shutting down? (Kubernetes: preStop sleep)",
    ),
    commands=(
        "{s_client}  # from {initiator_ip}",
        "{s_client_tls12}  # by TLS 1.2 certificates and alerts are readable",
        "journalctl -e  # on {ender_ip}",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a FIN within the TLS handshake."""
    found = break_off(story)
    if found is None or found.end.reset is not None:
        return None
    others = alternatives(found)
    sure = min(0.93, round(0.98 - sum(other.confidence for other in others), 2))
    hello = found.facts.client_hello
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="tls_handshake",
        confidence=sure,
        frames=frames_of(hello.frame if hello else 0, found.end.frame),
        ended_by=found.end.actor,
        candidates=_who(found),
        alternatives=others,
        fix_at=("initiator", "responder") if found.end.by_initiator else (),
        envoy=envoy_words(found.facts),
        facts=step_words(story, found),
    )


def _who(found: BreakOff) -> tuple[SideHint, ...]:
    side: Actor = found.end.actor
    frames = (found.end.frame,)
    return (
        SideHint(side, 0.97, "the FIN is in order and bears its address", frames),
        SideHint("path", 0.03, "a proxy that answers for it would look the same", frames),
    )
