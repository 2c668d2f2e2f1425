"""tcp.connection_refused: the SYN was answered by a RST.

What happened
    The initiator asked for a connection and got "no" at once, within one round trip.

How pcapdiag can tell
    A SYN, no SYN-ACK, and a RST,ACK whose ACK number is the SYN's sequence number plus one. A
    Windows initiator repeats the SYN after each RST, up to three times, 0.5 s apart: still one
    refused connection. When a later SYN of the same try is answered, the connection is ``ok``
    with a note.

Usual causes
    Nothing listens on that port: the process is down, still starting, or rolling out. It listens
    on 127.0.0.1 or on the other address family only. The port in the endpoint or service is
    wrong. A firewall rule answers with "reject with tcp reset". A listener's queue is full and
    the host is set to reset (Windows; Linux drops instead).

Fixes
    Look whether something listens, on which address, and whether it stopped or restarted then.

Can be confused with
    A REJECT rule on the host itself, which is byte for byte the same. ICMP port unreachable
    (icmp.unreachable): the same errno 111 for the program, another packet.

References
    RFC 9293 section 3.10.7.1 (a segment to a closed port); facts 1.2, 1.5.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import connected
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.connection_refused",
    title="refused: {responder} answered the SYN with {flags}",
    explanation=(
        "{initiator_ip} asked {responder} for a connection (frame {syn_frame}) and got {flags} "
        "back {after} later (frame {rst_frame}): no program takes connections on port "
        "{responder_port} of that address, or a firewall rejects them."
    ),
    phases=("connect",),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="connect() failed (111: Connection refused) while connecting to upstream",
    haproxy="SC",
    fix_at=("responder", "initiator", "path"),
    fixes=(
        "is the program on {responder_ip} up, and did it stop or roll out just then? (Kubernetes: "
        "readinessProbe, and preStop sleep so that endpoints leave before the listener does)",
        "is it bound to 127.0.0.1, or to the other address family only? bind 0.0.0.0 or ::",
        "is {responder_port} the right port? (Envoy: endpoint socket_address; Istio and "
        "Kubernetes: Service targetPort; NGINX: upstream server; HAProxy: server line)",
        "does a rule on {responder_ip} or before it reject with tcp reset?",
    ),
    commands=(
        "ss -ltnp 'sport = :{responder_port}'  # on {responder_ip}",
        "nft list ruleset | grep -nE '{responder_port}|reject'  # on {responder_ip}",
        "nc -vz -w 3 {responder_ip} {responder_port}  # from {initiator_ip}",
    ),
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a SYN answered by RST and never by SYN-ACK."""
    if story.syn_count == 0 or story.syn_ack_count or connected(story):
        return None
    reset = next((r for r in story.resets if not r.from_initiator), None)
    if reset is None:
        return None
    exact = _acks_the_syn(story, reset)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="connect",
        confidence=0.99 if exact else 0.75,
        frames=frames_of(*story.syn_frames[:1], reset.frame),
        ended_by="responder",
        reset=reset,
        candidates=(
            SideHint("responder", 0.93, "a closed port is by far the usual cause", (reset.frame,)),
            SideHint("path", 0.07, "a firewall on the way can answer the same", (reset.frame,)),
        ),
        facts=_facts(story, reset),
    )


def _acks_the_syn(story: Story, reset: PacketFact) -> bool:
    isn = story.initiator.isn
    return reset.has_ack and isn is not None and reset.ack == (isn + 1) & 0xFFFFFFFF


def _facts(story: Story, reset: PacketFact) -> dict[str, str]:
    asked = [time for time in story.syn_times if time <= reset.time]
    return {
        "flags": "RST,ACK" if reset.has_ack else "RST",
        "syn_frame": str(story.syn_frames[0] if story.syn_frames else story.first_frame),
        "rst_frame": str(reset.frame),
        "after": duration(reset.time - (asked[-1] if asked else story.start)),
    }
