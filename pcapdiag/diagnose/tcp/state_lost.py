"""tcp.state_lost: A host or device that had lost the connection reset it.

What happened
    Traffic was under way, without a pause, when a packet was answered by the RST of somebody who
    knew nothing of the connection.

How pcapdiag can tell
    A bare RST (no ACK flag) whose sequence number is the acknowledgment number of the packet it
    answers: so answers a Linux host without the socket. In mid use, no quiet second before, no FIN.
    The MAC address or TTL may change, and a new owner of the address may ask by ARP first. One with
    its sender's own last window, or with no packet to answer, is an abort by who holds it.
    While the initiator waits for its answer: one as far away and as long after what it answers as
    its host is, for who leaves by itself sends RST,ACK or FIN first.

Usual causes
    - The host rebooted, or its address moved to another one: failover, a pod that was replaced.
    - A load balancer or NAT lost its entry: connection tracking flushed, backend removed, packets
      sent to another node.
    - A REJECT rule was added while connections were open.
    - A filter reset one end in the other's name, out of the capture's sight: that end's host then
      answers what comes late.

Fixes
    - First: what restarted, moved or was reconfigured at that moment?
    - Application: retry once on a new connection, where the request may be repeated.
    - Envoy: `retry_on: reset`, `outlier_detection`; `close_connections_on_host_health_failure` ends
      TCP proxies' connections with their host.
    - Istio: `retries.retryOn: reset`, `outlierDetection`.
    - HAProxy: `on-marked-down shutdown-sessions` ends connections to a server that is known to be
      down.
    - Kubernetes: `preStop` and `terminationGracePeriodSeconds`, so that connections end before the
      pod does; `externalTrafficPolicy: Local` or one node less changes which node gets a packet.
    - Linux: `net.netfilter.nf_conntrack_max` on NATs; conntrackd shares state between two of them;
      do not flush tables in use.
    - Network: several NATs or firewalls on equal-cost paths need shared state, or hashing that
      keeps a flow on one.
    - Cloud: drain before removing: AWS `deregistration_delay.timeout_seconds`, GCP connection
      draining timeout.

Can be confused with
    - tcp.stale_connection: the same after a quiet time.
    - tcp.injected_reset: a forged RST, and the sender in whose name it was goes on.
    - path.address_moved: the finding that the address answers from elsewhere since then.

What would settle it
    - A capture on the host: does the same RST leave there?
    - On it: `last -x reboot | head`, `ip -s neigh show`; on NATs between: `conntrack -S`.

References
    - RFC 9293 section 3.10.7.1: a segment for no connection.
    - Linux tcp_v4_send_reset(): sequence number copied from the ACK, window 0, no options. Measured
      in the lab (docs/lab.md).
"""

from __future__ import annotations

from pcapdiag.diagnose.bare import held_by_its_sender, is_bare
from pcapdiag.diagnose.ending import Ending, behind_unseen_bytes, ending
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.closing_reset import reset_judgement
from pcapdiag.diagnose.tcp.unacknowledged import quiet_before_unacked, took_data
from pcapdiag.diagnose.timing import IDLE
from pcapdiag.diagnose.work import Work, connected, one_direction, work
from pcapdiag.model.context import Context
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.state_lost",
    title="connection forgotten in mid use: bare RST with the address of {sender}",
    explanation=(
        "Traffic between {initiator} and {responder} was under way when {sender} answered with a "
        "bare RST (frame {rst_frame}), as a host does that holds no such connection: it "
        "restarted, its address moved, or a device between lost the entry."
    ),
    phases=("in_request", "before_response", "in_response", "tls_handshake"),
    envoy=Envoy("UC", "connection termination"),
    nginx=(
        "recv() failed (104: Connection reset by peer) while reading response header from upstream"
    ),
    haproxy="SH",
    fix_at=("responder", "path"),
    fixes=(
        "did {sender} reboot, fail over, or get its address from another host at that moment? or "
        "did a rule on it begin to reject with tcp reset?",
        "was a load balancer's backend set, a NAT or conntrack table changed or flushed then? "
        "(drain backends instead of removing them; Kubernetes: terminationGracePeriodSeconds, "
        "preStop)",
        "do all packets take the same device? (ECMP or several NATs without shared state)",
        "did something between reset {sender} alone, in the other end's name? filters do; a "
        "capture on {sender} shows it",
    ),
    commands=(
        "last -x reboot | head; uptime; ip -s neigh show  # on {sender}",
        "nft list ruleset | grep -n reject  # on {sender}",
        "conntrack -S; conntrack -L -p tcp --dport {responder_port}  # on NATs and balancers "
        "between",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst}'  # on "
        "{sender}: does the same RST leave there?",
    ),
    path_fixes=(
        "find the device between {initiator_ip} and {responder_ip} that lost its table then: a "
        "failover, a restart, conntrack -F, a change of rules (rules that begin to reject answer "
        "the same)",
        "was a load balancer's backend set changed? (drain backends instead of removing them; "
        "Kubernetes: terminationGracePeriodSeconds, preStop)",
        "do all packets take the same device? (ECMP or several NATs without shared state)",
    ),
    path_commands=(
        "conntrack -S; conntrack -L -p tcp --dport {responder_port}  # on NATs and balancers "
        "between",
        "nft list ruleset | grep -nE '{responder_port}|reject|invalid'  # on routers and nodes "
        "between",
        "tcpdump -ni any '{filter} and {is_rst}'  # at both ends at once",
    ),
)

RECENT = 3 * SECOND
"""The RST may answer a repeat by timer, so "no idle time" needs slack."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a bare RST in mid use."""
    end = ending(story)
    if end is None or end.reset is None or not is_bare(end.reset) or not connected(story):
        return None
    if one_direction(story) or not _in_use(story, end) or not _answers(story, end.reset):
        return None
    if behind_unseen_bytes(story, end.reset) or held_by_its_sender(story, end.reset):
        return None
    why = "a host that lost the connection and a device that lost it answer alike"
    who = (
        SideHint(end.actor, 0.55, why, (end.frame,)),
        SideHint("path", 0.45, why, (end.frame,)),
    )
    plain = "tcp.reset_in_response" if story.turn.response_bytes else "tcp.reset_before_response"
    other = plain if not end.by_initiator else "tcp.initiator_abort"
    sure = 0.85 if work(story) is not Work.UNKNOWN else 0.75
    others: tuple[OtherCode, ...] = (OtherCode(other, 0.1),)
    if end.by_initiator and work(story) is Work.WAITING:
        sure, others = 0.7, (OtherCode("tcp.injected_reset", 0.17), *others)
    return reset_judgement(story, KIND.code, end, sure, others, who)


def _in_use(story: Story, end: Ending) -> bool:
    state = work(story)
    turn = story.turn
    if state is Work.WAITING:
        used = turn.index > 1 or story.midstream or took_data(story)
        own = not end.by_initiator or (end.reset is not None and _host_answers(story, end.reset))
        return used and quiet_before_unacked(story) < IDLE and own
    flowing = end.time - max(turn.response_last_time, turn.request_last_time) < RECENT
    if state is Work.ANSWERING:
        return flowing
    # A program that closed after its answer sends FIN first; a bare RST alone was never its own.
    unread = flowing and turn.response_bytes > 0 and story.responder.unacked > 0
    return unread and (state is Work.UNKNOWN or end.by_initiator)


def _host_answers(story: Story, reset: PacketFact) -> bool:
    """Return whether the initiator's RST is its host's answer: from as far away, and as long after.

    Who leaves while it waits sends RST,ACK, or FIN first; something else had ended its socket.
    """
    rtt = story.min_rtt_to_initiator or story.rtt_to_initiator
    if reset.window or not rtt or reset.ttl not in story.initiator.ttls:
        return False
    before = (p for p in story.packets if moment(p) < moment(reset))
    asked = [p for p in before if not p.from_initiator and p.has_ack and p.ack == reset.seq]
    return bool(asked) and reset.time - asked[-1].time >= rtt // 2


def _answers(story: Story, reset: PacketFact) -> bool:
    """Return whether the RST's sequence number is copied from its receiver's ACK."""
    acks = [p.ack for p in story.packets if p.from_initiator != reset.from_initiator and p.has_ack]
    return reset.seq in acks[-64:]
