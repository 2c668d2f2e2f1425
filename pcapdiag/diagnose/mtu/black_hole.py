"""mtu.black_hole: Segments above a size vanish, smaller ones arrive.

What happened
    The handshake and small segments passed. Full-size segments of one end never arrived, however
    often they were sent, and nobody on the path said that they were too big.

How pcapdiag can tell
    Captured before the loss: big segments repeated and never acknowledged, while the receiver
    acknowledges (SACK) smaller ones sent after them. Captured behind it: a hole of exactly so many
    full segments that nobody fills, while everything that arrives is smaller. The largest that
    arrived and the smallest that did not enclose the path's MTU. Segments longer than the MSS are
    offload at the sender, and are counted as the pieces in which they left.

Usual causes
    - A tunnel on the way (VXLAN, WireGuard, IPsec, GRE, PPPoE) whose MTU the ends do not know.
    - ICMP "fragmentation needed" is filtered, not sent, or sent to the wrong host behind a load
      balancer.

Fixes
    - First: compare with a small request. Where small ones work and large ones hang, this is
      likely.
    - Envoy: nothing to set. Its access log says UT, or UF with connection timeout when a large
      ClientHello is lost.
    - Istio: mTLS makes the first packets larger: the pod network's MTU must be right.
    - Kubernetes: the network plugin's MTU (Calico `mtu`, Cilium `mtu`, Flannel's backend) must be
      the node's minus the tunnel's header.
    - Linux: on the sender `net.ipv4.tcp_mtu_probing=1` finds the size after some seconds; better,
      the MTU of the interface or of the route (`ip route change ... mtu`).
    - Network: let ICMP type 3 code 4 and ICMPv6 type 2 through; clamp the MSS on the tunnel:
      `iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu`.
    - Cloud: the MTU is 1500 beyond AWS internet gateways and 8500 over a transit gateway, against
      9001 inside a VPC; 1460 by default in Google's VPC.

Can be confused with
    - tcp.data_timeout: small segments vanish, too.
    - tcp.response_timeout: seen from the proxy, where every segment of an answer was full, nothing
      at all comes back.
    - mtu.fragmentation_needed: a router said so.
    - tls.handshake_timeout: the same in a handshake, where the sizes are not known.

What would settle it
    - `ping -M do -s SIZE` from the sender, once below and once above the size in the verdict;
      `tracepath -n` shows where it gets smaller.
    - A capture at the sender: it repeats full-size segments while SACKs for smaller ones come back.

References
    - RFC 2923 section 2.1 (black holes), RFC 1191, RFC 4821 and RFC 8899 (probing).
    - AWS "Network maximum transmission unit", Google "VPC: maximum transmission unit".
    - Measured in the lab (docs/lab.md): with `tcp_mtu_probing=1` it heals after some 3 s, with
      1024-byte segments.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of, gave_up
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.mtu import tunnels
from pcapdiag.diagnose.mtu.sizes import Sizes, sizes
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp import data_timeout
from pcapdiag.diagnose.tcp.unacknowledged import Stuck, stuck_data
from pcapdiag.diagnose.text import PING_HEADERS
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import BigLost, Context
from pcapdiag.model.story import Half, Story
from pcapdiag.model.units import counted

KIND = Kind(
    code="mtu.black_hole",
    title="too big for the path: segments of {lost} bytes from {sender} vanish, {passed} pass",
    explanation=("{how} {silence} {mtu} {then}"),
    phases=("tls_handshake", "in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UT", "response timeout"),
    nginx=(
        "upstream timed out (110: Connection timed out) while reading response header from upstream"
    ),
    haproxy="sH",
    fix_at=("path", "responder", "initiator"),
    fixes=(
        "let ICMP 'fragmentation needed' (type 3 code 4; ICMPv6 type 2) through every firewall "
        "between {sender} and {receiver}",
        "clamp the MSS on the router or tunnel: iptables (IPv6: ip6tables) -t mangle -A FORWARD -p "
        "tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
        "or set the MTU of the interface of {sender} to what the path carries ({suggested}); in "
        "Kubernetes that is the CNI's mtu setting",
        "until then: sysctl net.ipv4.tcp_mtu_probing=1 on {sender} finds the size by itself, after "
        "a stall of seconds",
    ),
    commands=(
        "ping -c 3 -M do -s {probe} {receiver}  # from {sender}: {lost_ip} bytes; does it pass?",
        "tracepath -n {receiver}  # from {sender}: where the MTU gets smaller",
        "ip route get {receiver}; ip link show  # on {sender}: MTU in use, tunnels",
    ),
)

SURE, BY_BARE_ACKS, BY_OTHERS, LESS_SURE = 0.93, 0.85, 0.8, 0.6
TRIES = 3
"""A segment sent so often, with smaller ones passing, was not lost by chance."""
TRIES_WITHOUT_END = 5
"""The file may end while the sender still tries: with the probing of RFC 4821 it would have gone
on with smaller segments by now (measured)."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection whose big segments never arrive."""
    stuck = stuck_data(story)
    found = sizes(story, stuck) if stuck else None
    if stuck is None or found is None:
        return None
    shown = found.arrived_behind and not stuck.late
    others = 0 if shown else _same_way(story, context, stuck)
    if not found.arrived_behind and not others:
        return None
    if not stuck.hole and (found.tries < TRIES or data_timeout.reached(story, context, stuck)):
        return None
    if found.tries < TRIES_WITHOUT_END and data_timeout.match(story, context) is None:
        return None
    return _judgement(story, stuck, found, ending(story), others)


def _same_way(story: Story, context: Context, stuck: Stuck) -> int:
    """Return on how many more connections of the two hosts big segments vanished all the same.

    Counted are those whose handshake worked while big segments of this one, or before it, vanished:
    neither host was gone, and the path let through what is small.
    """
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    known = endpoint.lost_big.get((story.initiator.address, stuck.by_initiator), [])
    own = BigLost(story.established_time, stuck.first_time)
    return sum(
        other.established > own.lost or other.lost < own.established
        for other in known
        if other != own
    )


def _sure(stuck: Stuck, found: Sizes, others: int) -> float:
    if others:
        return BY_OTHERS
    if not found.whole or stuck.late:
        return LESS_SURE
    return BY_BARE_ACKS if found.bare else SURE


def _judgement(
    story: Story, stuck: Stuck, found: Sizes, end: Ending | None, others: int
) -> Judgement:
    sure = _sure(stuck, found, others)
    why = (
        f"packets of up to {found.passed_ip} bytes arrived, those of {found.lost_ip} did not: "
        "neither end drops by size"
    )
    frames = frames_of(stuck.first_frame, found.passed_frame)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time if stuck.late and end else stuck.first_time),
        confidence=sure,
        frames=frames_of(stuck.first_frame, stuck.last_frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=(SideHint("path", 0.93, why, frames),),
        alternatives=(OtherCode("tcp.data_timeout", round(0.97 - sure, 2)),),
        numbers={
            "passed_size": found.passed_ip,
            "vanished_size": found.lost_ip,
            "by_initiator": int(stuck.by_initiator),
        },
        facts=_words(story, stuck, found, end, others),
    )


def _words(
    story: Story, stuck: Stuck, found: Sizes, end: Ending | None, others: int
) -> dict[str, str]:
    sender, receiver = story.half(stuck.by_initiator), story.half(not stuck.by_initiator)
    return {
        "sender": sender.address,
        "receiver": receiver.address,
        "lost": f"{found.lost:,}",
        "lost_ip": f"{found.lost_ip}",
        "passed": f"{found.passed:,}" if found.passed else "those without data",
        "probe": str(found.lost_ip - PING_HEADERS[story.ip_version]),
        "how": _how(story, stuck, found) + _meanwhile(story, stuck, found, others),
        "silence": _silence(sender, stuck),
        "mtu": _mtu_between(found),
        "suggested": f"below {found.lost_ip}",
        "then": gave_up(story, end),
    }


def _how(story: Story, stuck: Stuck, found: Sizes) -> str:
    sender = story.half(stuck.by_initiator).address
    passed = f"From {sender} every segment of up to {found.passed:,} bytes arrived"
    if not found.passed:
        passed = f"From {sender} packets without data arrived"
    if found.passed_frame:
        passed += f" (frame {found.passed_frame})"
    end = ending(story)
    took = duration((end.time if end else story.end) - stuck.first_time)
    if stuck.hole:
        missing = counted(found.lost_segments, "full-size segment")
        much = f"as much as {missing} of {found.lost:,}"
        lost = f"{passed}; {stuck.length:,} bytes before frame {stuck.first_frame}, {much}, never"
        if stuck.bare:
            return f"{lost} came: by its number, that packet without data was sent after them."
        return f"{lost} came in {took}, though asked for."
    lost = f"none of the {found.lost_segments} larger ones did"
    if found.lost_segments == 1:
        lost = f"the one of {found.lost:,} did not"
    return (
        f"{passed}, {lost}, though the first (frame {stuck.first_frame}) was sent {found.tries} "
        f"times in {took}."
    )


def _meanwhile(story: Story, stuck: Stuck, found: Sizes, others: int) -> str:
    """Say what shows that small packets arrived while the big ones did not."""
    sender, receiver = (
        story.half(by).address for by in (stuck.by_initiator, not stuck.by_initiator)
    )
    if others:
        more = counted(others, "more connection")
        return (
            f" So it went on {more} of the two hosts, and meanwhile {sender} and {receiver} could "
            "shake hands."
        )
    if found.bare and not stuck.hole:
        return (
            f" {receiver} got the bare ACK in frame {found.bare}: it did not repeat what that "
            "acknowledges."
        )
    return ""


def _silence(sender: Half, stuck: Stuck) -> str:
    """Say what is known of a router's word on it: it goes to the sender, and shows only there."""
    if stuck.hole:
        return f"Whether a router told {sender.address} (ICMP) cannot be seen from behind it."
    return f"No router said that they were too big (ICMP), so {sender.address} could not know."


def _mtu_between(found: Sizes) -> str:
    """Say which MTU (IP bytes) sizes that pass and vanish allow, and what may have made it."""
    least = f"at least {found.passed_ip} and " if found.passed else ""
    text = f"The path's MTU is {least}less than {found.lost_ip}"
    likely = tunnels.explain(found.passed_ip, found.lost_ip)
    return f"{text}: {likely}." if likely else f"{text}."
