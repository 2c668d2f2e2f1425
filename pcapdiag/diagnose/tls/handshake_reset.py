"""tls.handshake_reset: The TLS handshake was cut by a reset.

What happened
    TCP worked, the TLS handshake had begun, and a RST ended it without an alert.

How pcapdiag can tell
    A ClientHello, then RST before both ends had sent their Finished, and no alert before it. Who
    sent the RST is weighed by its signals. A RST behind an alert or FIN is an effect.

Usual causes
    - A server that does not want the name: an Envoy listener without a filter chain for it resets
      without an alert.
    - A crash, a killed process, a load balancer without a healthy backend.
    - A server that cannot read a large ClientHello in two segments.
    - A filter between that reads the name.

Fixes
    - First: try another name and a smaller ClientHello, then read the server's log.
    - Application: a ClientHello of 1.5 kB and more (post-quantum) needs a server that reads on.
    - Envoy: as the server, `filter_chain_match.server_names` and a default filter chain; as the
      client, `ecdh_curves` without X25519MLKEM768 to test.
    - Istio: Gateway `hosts`; PeerAuthentication STRICT resets what is no mesh TLS.
    - HAProxy: in TCP mode, the state of the servers behind it.
    - Network: a device's policy on names: compare captures at both ends.
    - Cloud: has the listener a healthy target?

Can be confused with
    - tls.sni_rejected: another name is known to work.
    - tls.handshake_closed: the same by FIN.
    - protocol.tls_to_plaintext: something says that the port speaks plaintext.
    - tcp.injected_reset: the signals say that neither end sent it.

What would settle it
    - A capture on the server: does the same RST leave there?
    - `openssl s_client` with this name, another name, and `-groups x25519`.

References
    - RFC 8446 section 6: an alert should have come.
    - Measured in the lab (docs/lab.md): Envoy 1.40 without a matching filter chain: ClientHello,
      RST,ACK, no alert.
    - tldr.fail: ClientHello in two segments.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.closing_reset import reset_facts
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
    code="tls.handshake_reset",
    title="TLS handshake reset: {sender} sent {flags} {since} after the last message",
    explanation=(
        "{initiator} began a TLS handshake with {responder} (ClientHello in frame {hello_frame}: "
        "{offer}). The last message was {step}; {since} later a {flags} with the address of "
        "{sender} ended it (frame {rst_frame}), without an alert. {hint}"
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF / UC", "remote connection failure"),
    nginx="peer closed connection in SSL handshake (104: Connection reset by peer)",
    haproxy="SC",
    fix_at=("responder", "path", "initiator"),
    fixes=(
        "does the server know this name? (Envoy filter_chain_match server_names, Istio Gateway "
        "hosts, a load balancer's listener rules) try another name",
        "did the program behind {responder} crash or restart, or has its load balancer no healthy "
        "backend?",
        "is the ClientHello in several segments the difference? try without X25519MLKEM768 (curl "
        "--curves x25519, Envoy ecdh_curves)",
        "a filter by name between? compare a capture at both ends",
    ),
    commands=(
        "{s_client}  # from {initiator_ip}",
        "{s_client_tls12}",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst}'  # on "
        "{responder_ip}: does the same RST leave there?",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a RST within the TLS handshake."""
    found = break_off(story)
    if found is None or found.end.reset is None:
        return None
    judgement = broken_off(story, KIND.code, found)
    last = found.last.frame if found.last else 0
    return replace(
        judgement,
        frames=frames_of(found.hello_frame, last, found.end.frame),
        reset=found.end.reset,
        candidates=_who(story, found),
        facts=reset_facts(story, found.end) | judgement.facts,
    )


def _who(story: Story, found: BreakOff) -> tuple[SideHint, ...]:
    """Return no hint for a server's RST: the prior after a ClientHello is attribution's own."""
    if not found.end.by_initiator:
        return ()
    if left_unheard(story, found):
        return who_left_unheard(found)
    why = "clients that give up in a handshake reset it"
    frames = (found.end.frame,)
    return (SideHint("initiator", 0.92, why, frames), SideHint("path", 0.08, why, frames))
