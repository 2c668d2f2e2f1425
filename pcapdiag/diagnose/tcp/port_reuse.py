"""tcp.port_reuse: The SYN used a pair of ports that the other side still held.

What happened
    The initiator opened a connection from a port that it (or a NAT) had used for the same
    destination before, and the responder, or a device between, still held the old connection.

How pcapdiag can tell
    The SYN is met not by SYN-ACK but by an ACK of the old connection (a challenge ACK), whose
    number does not fit the SYN; the initiator answers that with RST. On Linux the next SYN then
    works, 10 to 100 ms later, and the verdict is `ok` with a note; here it never did.

Usual causes
    - Few ephemeral ports for many short connections to one destination.
    - A SNAT that uses ports again sooner than the server forgets them.
    - The initiator rebooted, or binds a fixed source port.

Fixes
    - First: open fewer connections. Pools help more than port ranges do.
    - Application: do not bind a source port. Keep connections open between requests.
    - Envoy: leave `max_requests_per_connection` unset, raise the pool's idle timeout below the
      server's. More source addresses by `upstream_bind_config`.
    - Istio: `connectionPool.http.maxRequestsPerConnection: 0`; h2 to the upstream needs one
      connection.
    - NGINX: upstream `keepalive`, with `proxy_http_version 1.1` and `proxy_set_header Connection
      ""`; several addresses in `proxy_bind`.
    - HAProxy: `http-reuse safe` or `always`; several `source` addresses.
    - Linux: widen `net.ipv4.ip_local_port_range`; keep `net.ipv4.tcp_timestamps=1` at both ends,
      which makes early reuse safe.
    - Cloud: more SNAT addresses or ports per host (Azure outbound rules, GCP Cloud NAT
      `--min-ports-per-vm`, more AWS NAT gateway addresses).

Can be confused with
    - tcp.connection_timeout: nothing at all came back (a socket in TIME_WAIT answers once in 500 ms
      only).
    - tcp.ephemeral_ports_low: the finding for a client that is near its last port.

What would settle it
    - On the server, `ss -tano 'sport = :PORT and dst CLIENT'`: which state does the old connection
      have?
    - A capture on both sides of a NAT: are ports used again there?

References
    - RFC 5961 section 4 (challenge ACK), RFC 6191 and RFC 9293 section 3.10.7.4 (reuse in
      TIME_WAIT).
    - Measured in the lab (docs/lab.md): on Linux the retry after the RST works, 10 to 100 ms later.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import frames_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.work import connected
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact, seq_add
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.port_reuse",
    title="ports still in use: {responder} took the SYN from {initiator} for an old connection",
    explanation=(
        "The SYN of {initiator} (frame {syn_frame}) was answered by an ACK that belongs to an "
        "older connection on the same two ports (frame {ack_frame}): {responder} still held it. "
        "{then}"
    ),
    phases=("connect",),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="connect() failed (104: Connection reset by peer) while connecting to upstream",
    haproxy="SC",
    fix_at=("initiator", "path", "responder"),
    fixes=(
        "widen net.ipv4.ip_local_port_range on {initiator_ip}; more source addresses, or more "
        "destinations, where one pair uses it up",
        "open fewer connections: keep-alive pools (Envoy, NGINX upstream keepalive, HAProxy "
        "http-reuse)",
        "a NAT between: more SNAT ports, and no port reuse sooner than the responder's time-wait",
        "keep net.ipv4.tcp_timestamps=1 at both ends: it makes early reuse safe",
    ),
    commands=(
        "ss -tano 'dst {responder_host}' | awk '{{print $1}}' | sort | uniq -c  # on "
        "{initiator_ip}",
        "ss -tano 'sport = :{responder_port} and dst {initiator_host}'  # on {responder_ip}",
        "sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse  # on {initiator_ip}",
    ),
)


DUE = SECOND
"""The SYN behind the RST is answered in this time, or repeated."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a SYN met by an ACK of an older connection, and never accepted."""
    if not story.syn_frames or story.syn_ack_count or connected(story):
        return None
    challenge = challenge_ack(story)
    if challenge is None:
        return None
    reset = next((r for r in story.resets if r.from_initiator), None)
    if reset is not None and _may_be_cured(story, context, reset):
        return None
    frames = frames_of(*story.syn_frames[:1], challenge.frame, reset.frame if reset else 0)
    then = f"{story.initiator.address} answered with RST (frame {reset.frame})." if reset else ""
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="connect",
        confidence=0.96 if reset else 0.88,
        frames=frames,
        ended_by="initiator" if reset else None,
        candidates=(
            SideHint("responder", 0.58, "it kept the old connection and refused the new", frames),
            SideHint("initiator", 0.25, "it chose ports that were still in use", frames),
            SideHint("path", 0.15, "a NAT may have chosen the port, or lost the cure", frames),
        ),
        facts={
            "syn_frame": str(story.syn_frames[0]),
            "ack_frame": str(challenge.frame),
            "then": f"{then} The connection never came up.".strip(),
        },
    )


def _may_be_cured(story: Story, context: Context, reset: PacketFact) -> bool:
    """Return whether the file ends before the SYN that follows the RST could be answered."""
    last = story.packets[-1].frame == story.syn_frames[-1] > reset.frame
    return last and context.last_time - story.end < DUE


def challenge_ack(story: Story) -> PacketFact | None:
    """Return the ACK that answers the SYN for another connection, or None."""
    isn = story.initiator.isn
    for packet in story.packets:
        if packet.from_initiator:
            continue
        plain = packet.has_ack and not packet.is_rst and not packet.is_syn_ack
        fits = isn is not None and packet.ack == seq_add(isn, 1)
        return packet if plain and not fits else None
    return None
