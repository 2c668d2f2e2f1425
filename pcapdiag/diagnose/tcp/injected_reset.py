"""tcp.injected_reset: A reset forged on the path cut a live connection.

What happened
    Both ends held the connection and meant to keep it. Something between them sent a RST in the
    name of one end (often of both).

How pcapdiag can tell
    The signals say that the end whose address the RST bears did not send it: it sends data after
    it, the TTL, MAC or IP ID is another's, the RST came faster than the path allows, several came
    with sequence numbers apart. Only where the path is the sender with a probability of 0.8 or
    more, and an expired or lost entry in a device does not explain it.

Usual causes
    - A firewall or intrusion prevention system with a reset action.
    - A policy on the name in the ClientHello, on an address or on content.
    - A data-loss or URL filter, a censor.

Fixes
    - First: find the device. The number of hops is in the evidence; its own log has the rule.
    - Istio: an egress gateway with an address of its own is easier to allow than every pod.
    - Kubernetes: a network plugin's layer-7 policy may reset, too.
    - Network: allow this flow, name or content in the device's policy: Palo Alto actions
      reset-client, reset-server, reset-both; FortiGate and Check Point policies and their intrusion
      prevention profiles.
    - Cloud: AWS Network Firewall REJECT rules, Azure Firewall rules.

Can be confused with
    - tcp.stale_connection, tcp.idle_reset, tcp.state_lost: made by a device that only forgot the
      connection.
    - tls.handshake_reset, tcp.reset_before_response: where the signals do not suffice for the path.
    - path.reset_device: the finding for one device that resets many.

What would settle it
    - Captures at both ends at once: a RST that arrives at one end and never left the other is
      proof. `pcapdiag correlate` compares them.
    - The same request with another name or content: does it pass?

References
    - Weaver, Sommer, Paxson: "Detecting Forged TCP Reset Packets", NDSS 2009.
    - Raman et al.: "Global, Passive Detection of Connection Tampering", SIGCOMM 2023.
    - Clayton, Murdoch, Watson: "Ignoring the Great Firewall of China", 2006.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.bare import is_bare
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.work import connected
from pcapdiag.model.report import Attribution
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.injected_reset",
    title="reset forged on the path: RST in the name of {sender} (frame {rst_frame})",
    explanation=(
        "A RST with the address of {sender} ended the connection between {initiator} and "
        "{responder} (frame {rst_frame}), but the evidence says that {sender} did not send it: a "
        "device between them did, to cut the connection."
    ),
    phases=("tls_handshake", "before_request", "in_request", "before_response", "in_response"),
    envoy=Envoy("UC", "connection termination"),
    nginx=(
        "recv() failed (104: Connection reset by peer) while reading response header from upstream"
    ),
    haproxy="SH",
    fix_at=("path",),
    fixes=(
        "find the device: firewall, intrusion prevention, URL or DLP filter; its log at that "
        "moment",
        "is there a rule on the name, the address or the content of this connection? allow it",
    ),
    commands=(
        "tcpdump -ni any '{filter} and {is_rst}'  # at both ends at once",
        "traceroute -T -p {responder_port} {responder_ip}  # from {initiator_ip}",
    ),
)

SURE_ENOUGH, WORTH_NAMING = 0.8, 0.1
PLAIN_RESETS = frozenset(
    {
        "tcp.reset_before_request",
        "tcp.reset_before_response",
        "tcp.reset_in_response",
        "tcp.initiator_abort",
        "tcp.accept_queue_overflow",
        "tls.handshake_reset",
        "tls.sni_rejected",
    }
)


def refined(judgement: Judgement, attribution: Attribution, story: Story) -> Judgement | None:
    """Return the verdict for a RST that the path sent; None where another code stays as it is."""
    reset = judgement.reset
    named = judgement.code in PLAIN_RESETS or judgement.code == "tcp.state_lost"
    if reset is None or not named or not connected(story):
        return None
    if judgement.code == "tcp.state_lost" and not _sender_went_on(story, judgement):
        return None
    if attribution.side == "unknown":
        return _doubtful(judgement, attribution)
    if attribution.side != "path" or attribution.confidence < SURE_ENOUGH:
        return None
    sender = story.half(reset.from_initiator).address
    return replace(
        judgement,
        code=KIND.code,
        confidence=round(min(attribution.confidence, 0.97), 2),
        ended_by="path",
        alternatives=(OtherCode(judgement.code, round(1 - attribution.confidence, 2)),),
        facts=judgement.facts | {"sender": sender, "rst_frame": str(reset.frame)},
    )


def _doubtful(judgement: Judgement, attribution: Attribution) -> Judgement:
    """Return the judgement with the forged reset as alternative, as likely as the path is."""
    path = sum(each.confidence for each in attribution.candidates if each.side == "path")
    if path < WORTH_NAMING:
        return judgement
    kept = 1 - path
    others = [_scaled(other, kept) for other in judgement.alternatives]
    return replace(
        judgement,
        confidence=round(judgement.confidence * kept, 2),
        alternatives=(OtherCode(KIND.code, round(path * 0.97, 2)), *others),
    )


def _scaled(other: OtherCode, factor: float) -> OtherCode:
    """Return an alternative made less likely."""
    return OtherCode(other.code, round(other.confidence * factor, 2))


def _sender_went_on(story: Story, judgement: Judgement) -> bool:
    """Return whether the end named by the RST still held the connection: it sent on."""
    reset = judgement.reset
    if reset is None or not is_bare(reset):
        return True
    return any(
        p.frame > reset.frame and p.from_initiator == reset.from_initiator and not p.is_rst
        for p in story.packets
    )
