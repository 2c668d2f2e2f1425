"""mtu.fragmentation_needed: The path said "packet too big", and it was not mended.

What happened
    A router could not pass on a segment, said so and named the largest size that it can; the data
    never arrived all the same.

How pcapdiag can tell
    ICMP 3/4 or ICMPv6 2 that quotes a segment of this connection, and that data never acknowledged
    until somebody gave up. Where the sender then sent smaller segments that were acknowledged, path
    MTU discovery did its work: `ok` with a note.

Usual causes
    - The sender's own firewall drops the message behind the capture point.
    - A load balancer gave the message to another host.
    - Path MTU discovery is off at the sender.
    - There is a second, smaller MTU further on.

Fixes
    - First: let the sender get the message. Then it sends smaller segments by itself.
    - Kubernetes: the network plugin's MTU; a node firewall that drops ICMP for pods.
    - Linux: accept ICMP type 3 code 4 (IPv6: type 2) in INPUT; `net.ipv4.ip_no_pmtu_disc=0`;
      `net.ipv4.tcp_mtu_probing=1` as a safety net.
    - Network: clamp the MSS on the router that sent it (`TCPMSS --clamp-mss-to-pmtu`), or set the
      interface's MTU at the sender.
    - Cloud: allow ICMP "destination unreachable" in the security group or firewall of the sender.

Can be confused with
    - mtu.black_hole: nobody said anything, or the message did not pass the capture point.
    - icmp.unreachable: other codes of the same ICMP type.
    - `ok`: smaller segments followed and were acknowledged; path MTU discovery did its work.

What would settle it
    - `ip route get RECEIVER` on the sender: does it show the `mtu` of the message? Then it was
      heard.
    - A capture on the sender's own interface: does the message arrive?

References
    - RFC 1191, RFC 8201, RFC 4443 section 3.2, RFC 2923 section 2.1.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of, gave_up
from pcapdiag.diagnose.icmp.quoted import is_too_big
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.mtu import tunnels
from pcapdiag.diagnose.mtu.sizes import HEADERS
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp import data_timeout
from pcapdiag.diagnose.tcp.unacknowledged import Stuck, stuck_data
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import IcmpFact, Story

KIND = Kind(
    code="mtu.fragmentation_needed",
    title="too big for the path: {source} passes {room}, {sender} went on with more",
    explanation=(
        "{source} could not pass on a segment of {sender} to {receiver} and said so (frame "
        "{error_frame}: {name}, {largest}). {reaction} {then}"
    ),
    phases=("tls_handshake", "in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UT", "response timeout"),
    nginx=(
        "upstream timed out (110: Connection timed out) while reading response header from upstream"
    ),
    haproxy="sH",
    fix_at=("initiator", "responder", "path"),
    fixes=(
        "does {sender} drop the message? its firewall must take ICMP type 3 code 4 (IPv6: type 2); "
        "behind a load balancer the message may reach another host",
        "is path MTU discovery off on {sender}? (sysctl net.ipv4.ip_no_pmtu_disc should be 0)",
        "send less from the start: MTU of the interface of {sender}, or MSS clamping on the "
        "router (iptables TCPMSS --clamp-mss-to-pmtu)",
    ),
    commands=(
        "{iptables_save} | grep -i icmp; nft list ruleset | grep -i icmp  # on {sender}",
        "ip route get {receiver}  # on {sender}: does it show a smaller mtu?",
        "tracepath -n {receiver}  # from {sender}",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection that did not get over "packet too big"."""
    errors = [error for error in story.icmp if is_too_big(error)]
    stuck = stuck_data(story) if errors else None
    if stuck is None or data_timeout.match(story, context) is None:
        return None
    errors = [error for error in errors if error.from_initiator == stuck.by_initiator]
    if not errors:
        return None
    return _judgement(story, context, stuck, errors, ending(story))


def _judgement(
    story: Story, context: Context, stuck: Stuck, errors: list[IcmpFact], end: Ending | None
) -> Judgement:
    error = errors[0]
    after = _sent_after(story, stuck, error)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, stuck.first_time),
        confidence=0.95,
        frames=frames_of(stuck.first_frame, error.frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=_who(story, context, stuck, error, after),
        numbers=_numbers(story, stuck, error),
        facts=_words(story, stuck, errors, after, end),
    )


def _numbers(story: Story, stuck: Stuck, error: IcmpFact) -> dict[str, float]:
    numbers: dict[str, float] = {"mtu": error.mtu, "by_initiator": int(stuck.by_initiator)}
    return numbers if error.mtu else numbers | {"vanished_size": _refused(story, error)}


def _refused(story: Story, error: IcmpFact) -> int:
    """Return how many bytes the packet had that was too big, at least: TCP options not counted."""
    return HEADERS[story.ip_version] + error.quoted_length


def _sent_after(story: Story, stuck: Stuck, error: IcmpFact) -> list[PacketFact]:
    """Return the sender's data behind the first message."""
    return [
        packet
        for packet in story.packets
        if packet.from_initiator == stuck.by_initiator
        and packet.length
        and not packet.is_rst
        and packet.time > error.time
    ]


def _obeyed(story: Story, error: IcmpFact, after: list[PacketFact]) -> bool:
    """Return whether everything sent after the message was small enough; offload cuts segments.

    A router that is older than RFC 1191 names no size (section 5): then less than what it refused.
    """
    room = (error.mtu or _refused(story, error) - 1) - HEADERS[story.ip_version]
    return bool(after) and all(p.length + p.option_bytes <= room for p in after)


def _who(
    story: Story, context: Context, stuck: Stuck, error: IcmpFact, after: list[PacketFact]
) -> tuple[SideHint, ...]:
    sender = side_of(stuck.by_initiator)
    address = story.half(stuck.by_initiator).address
    frames = (error.frame,)
    if _obeyed(story, error, after):
        why = f"{address} sent smaller segments after the message, and they vanished, too"
        return (SideHint("path", 0.93, why, frames),)
    if address in context.capture_hosts:
        why = f"the message reached {address}, where the capture was taken, which did not heed it"
        return (SideHint(sender, 0.85, why, frames), SideHint("path", 0.12, why, frames))
    why = f"the message was sent, and {address} did not heed it or did not get it"
    return (SideHint(sender, 0.5, why, frames), SideHint("path", 0.47, why, frames))


def _words(
    story: Story,
    stuck: Stuck,
    errors: list[IcmpFact],
    after: list[PacketFact],
    end: Ending | None,
) -> dict[str, str]:
    error = errors[0]
    sender = story.half(stuck.by_initiator).address
    mtu = error.mtu
    explained = tunnels.explain(mtu, mtu + 1)
    tunnel = f": {explained.partition(', ')[2]}" if explained else ""
    return {
        "source": error.source,
        "room": f"{mtu} bytes at most" if mtu else f"less than {_refused(story, error)} bytes",
        "largest": f"largest size {mtu}{tunnel}" if mtu else "which names no size",
        "sender": sender,
        "receiver": story.half(not stuck.by_initiator).address,
        "error_frame": str(error.frame),
        "name": "ICMPv6 packet too big" if error.version == 6 else "ICMP fragmentation needed",
        "reaction": _reaction(story, sender, errors, after),
        "then": gave_up(story, end),
    }


def _reaction(story: Story, sender: str, errors: list[IcmpFact], after: list[PacketFact]) -> str:
    error = errors[0]
    if _obeyed(story, error, after):
        largest = max(p.length for p in after)
        return (
            f"{sender} then sent no more than {largest:,} bytes at a time, which never arrived "
            "either: a smaller MTU further on says nothing."
        )
    again = f" and heard it {len(errors)} times" if len(errors) > 1 else ""
    return (
        f"{sender} sent segments of the old size after it{again}: the message did not reach it, or "
        "it does not heed it."
    )
