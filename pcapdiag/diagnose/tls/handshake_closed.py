"""tls.handshake_closed: The TLS handshake was ended by a close, with no word why.

What happened
    TCP worked, the TLS handshake had begun, and one end closed the connection (FIN) without an
    alert.

How pcapdiag can tell
    A ClientHello, then FIN before both ends had sent their Finished, and no alert before it. An
    alert 50 of an OpenSSL client behind the server's FIN is an effect. In TLS 1.3 also a server
    that closes right after the client's Finished with no session ticket and no data: whether it
    refused the client or lost its backend is not visible.

Usual causes
    - A port that does not speak TLS.
    - A TLS or TCP proxy whose backend is dead.
    - A server that shuts down, an access list.
    - A client that does not like the certificate and says nothing; a port scanner.

Fixes
    - First: read the log of the end that closed. If it is a proxy, look behind it.
    - Application: address lists, limits; is it ready to serve?
    - Envoy: as the server in TCP mode, its cluster's hosts;
      `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`.
    - Istio: is the port TLS for the one and plaintext for the other? `istioctl x describe pod POD`.
    - NGINX: as the server, the error log at level `info`; `ssl` missing on `listen`.
    - HAProxy: as the server, `ssl` on the bind line, the state of its servers in TCP mode.
    - Kubernetes: a `preStop` sleep, so that endpoints leave before the program closes.
    - Cloud: a TLS listener without a healthy target.

Can be confused with
    - tls.client_certificate_required, tls.certificate_rejected: the alert is encrypted there.
    - protocol.tls_to_plaintext: something says that the port speaks plaintext.
    - tls.handshake_reset: the same by RST.
    - tcp.initiator_abort: the client left before an answer to its ClientHello could have come.

What would settle it
    - The same handshake by TLS 1.2 (`openssl s_client -tls1_2`): certificates and alerts are
      readable there.
    - A capture behind the end that closed, where it is a proxy.

References
    - RFC 8446 section 6.1: how TLS closes.
    - Measured in the lab (docs/lab.md): OpenSSL clients send alert 50 after a server's FIN; the FIN
      is the cause.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import round_trip
from pcapdiag.diagnose.tls.breakoff import (
    BreakOff,
    break_off,
    broken_off,
    left_unheard,
    who_left_unheard,
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

CLIENT_LEFT = (
    "what does the log of {ender_ip} say at that moment? It had the server's certificate: unknown "
    "issuer, wrong name, a pinned key (gRPC and Node.js check after the handshake, and say no "
    "alert)",
    "does {responder} send the whole chain, for the name that {ender_ip} asks for? (openssl "
    "s_client below)",
    "or was it a probe that only looks at the certificate, or a user who went away?",
)
"""What to try where the client had the server's flight, and closed."""
CHANGED_ITS_MIND = (
    "nothing to mend at {responder}: {ender_ip} left before an answer could have come. Did it race "
    "several connections (Happy Eyeballs, several resolvers), and take another?",
    "was it stopped just then, or its user gone? its log at that moment",
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a FIN within the TLS handshake."""
    found = break_off(story)
    if found is None or found.end.reset is not None:
        return None
    return replace(
        broken_off(story, KIND.code, found),
        candidates=_who(story, found),
        fixes=_fixes(story, found),
    )


def _fixes(story: Story, found: BreakOff) -> tuple[str, ...]:
    if not found.end.by_initiator:
        return ()
    if not found.unanswered_hello:
        return CLIENT_LEFT
    return CHANGED_ITS_MIND if _changed_its_mind(story, found) else ()


def _changed_its_mind(story: Story, found: BreakOff) -> bool:
    """Return whether the client left before an answer to its hello could have come.

    It went by another connection, or was stopped; nothing of the handshake was the reason.
    """
    hello = found.facts.client_hello
    return hello is not None and found.end.time - hello.time < round_trip(story)


def _who(story: Story, found: BreakOff) -> tuple[SideHint, ...]:
    if left_unheard(story, found):
        return who_left_unheard(found)
    frames = (found.end.frame,)
    return (
        SideHint(found.end.actor, 0.97, "the FIN is in order and bears its address", frames),
        SideHint("path", 0.03, "a proxy that answers for it would look the same", frames),
    )
