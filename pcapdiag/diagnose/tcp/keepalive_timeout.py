"""tcp.keepalive_timeout: Keep-alive probes went unanswered until one end gave up.

What happened
    The connection was idle, one end asked "are you still there?" several times, and nobody
    answered.

How pcapdiag can tell
    Keep-alive probes (no payload or one byte, one below the next sequence number) by one end, at
    least three of them unanswered, then a RST by the same end, or nothing more while the capture
    went on.

Usual causes
    - The other host went away without a word: power, crash, a paused virtual machine.
    - A NAT or firewall forgot the connection and drops silently.
    - The path broke.

Fixes
    - First: was the other host up? If so, does something between drop idle connections?
    - Application: SO_KEEPALIVE with TCP_KEEPIDLE below the timeout of the device between.
    - Envoy: `tcp_keepalive.keepalive_time` below it; for HTTP/2 `connection_keepalive.interval`.
    - Istio: `connectionPool.tcp.tcpKeepalive.time`.
    - NGINX: `proxy_socket_keepalive on`, as the server `listen ... so_keepalive=`.
    - HAProxy: `option srvtcpka` with `srvtcpka-idle`, `option clitcpka`.
    - Kubernetes: nodes that were drained or lost: `kubectl get nodes`, events of that minute.
    - Linux: `net.ipv4.tcp_keepalive_time` (7200), `tcp_keepalive_intvl` (75),
      `tcp_keepalive_probes` (9).
    - Cloud: AWS NAT gateway and NLB 350 s, Azure 4 min, GCP firewall 10 min without a packet.

Can be confused with
    - tcp.idle_reset: a RST without unanswered probes.
    - tcp.data_timeout: real data was unanswered.
    - http2.ping_timeout: the same by HTTP/2.

What would settle it
    - A capture at the other end: do the probes arrive there?
    - `ping` and `ip neigh show` from the prober.

References
    - RFC 9293 section 3.8.4; tcp(7), `tcp_keepalive_time`.
    - Google "Compute Engine: troubleshooting general issues" (10 min), AWS and Azure documentation
      of their timeouts.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import capture_left, duration
from pcapdiag.diagnose.work import connected, one_direction
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import KEEP_ALIVE, PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.keepalive_timeout",
    title="peer gone: {probes} keep-alive probes of {prober} to {silent} unanswered",
    explanation=(
        "The connection was idle. {prober} probed {silent} {probes} times, every {interval} (from "
        "frame {probe_frame}), and heard nothing. {then}"
    ),
    phases=("idle", "before_response", "in_response", "before_request"),
    envoy=Envoy("UC", "connection termination"),
    nginx="recv() failed (110: Connection timed out) while reading response header from upstream",
    haproxy="SH",
    fix_at=("responder", "path", "initiator"),
    fixes=(
        "was {silent} up then? (crash, power, paused virtual machine, node drained)",
        "does a NAT, firewall or load balancer between forget idle connections and drop silently? "
        "keep alive more often than its timeout: Envoy tcp_keepalive keepalive_time, Istio "
        "connectionPool.tcp.tcpKeepalive.time, HAProxy option srvtcpka, Linux tcp_keepalive_time",
    ),
    commands=(
        "ping -c 3 {silent}; ip neigh show {silent}  # from {prober}",
        "ss -tno 'dst {silent_host}'  # on {prober}: timer:(keepalive,...)",
        "tcpdump -ni any 'host {prober} and tcp port {responder_port}'  # on {silent}",
    ),
)

ENOUGH_PROBES = 3
LIKELY_PROBES = 2


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an end that gave up after unanswered probes."""
    if not connected(story) or one_direction(story) or not story.packets:
        return None
    end = ending(story)
    probes = _unanswered_probes(story, end)
    if len(probes) < LIKELY_PROBES:
        return None
    by_initiator = probes[0].from_initiator
    interval = (probes[-1].time - probes[0].time) // (len(probes) - 1)
    if end is None:
        silence = capture_left(story, context)
        if len(probes) < ENOUGH_PROBES or silence < max(3 * interval, 3 * SECOND):
            return None
    elif end.by_initiator != by_initiator or end.time < probes[-1].time:
        return None
    return _judgement(story, probes, interval, context)


def _unanswered_probes(story: Story, end: Ending | None) -> list[PacketFact]:
    """Return the keep-alive probes by one end since the other end's last packet.

    What comes behind the prober's RST is late: the path is whole again, or the other host awake.
    """
    probes: list[PacketFact] = []
    until = end.time if end and end.reset else story.end
    for packet in reversed(story.packets):
        if packet.is_rst or packet.time > until or (packet.is_fin and not probes):
            continue
        if not packet.marks & KEEP_ALIVE:
            break
        if probes and packet.from_initiator != probes[0].from_initiator:
            break
        probes.append(packet)
    return probes[::-1]


def _judgement(
    story: Story, probes: list[PacketFact], interval: int, context: Context
) -> Judgement:
    end = ending(story)
    by_initiator = probes[0].from_initiator
    silent = side_of(not by_initiator)
    address = story.half(not by_initiator).address
    frames = frames_of(probes[0].frame, probes[-1].frame, end.frame if end else 0)
    arrived = address in context.capture_hosts
    why = "nothing came back, as from a host that is gone; a path that drops looks the same"
    if arrived:
        why = f"the probes reached {address}, where the capture was taken"
    then = f"Then it gave up (frame {end.frame})." if end else "Then it gave up without a word."
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="idle",
        confidence=0.95 if len(probes) >= ENOUGH_PROBES else 0.8,
        frames=frames,
        ended_by=end.actor if end else None,
        candidates=(
            SideHint(silent, 0.92 if arrived else 0.5, why, frames),
            SideHint("path", 0.06 if arrived else 0.48, why, frames),
        ),
        facts={
            "probes": str(len(probes)),
            "prober": story.half(by_initiator).address,
            "silent": address,
            "interval": duration(interval),
            "probe_frame": str(probes[0].frame),
            "then": then,
        },
    )
