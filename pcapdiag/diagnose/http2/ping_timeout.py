"""http2.ping_timeout: A PING was not answered, and its sender gave up.

What happened
    One end asked by HTTP/2 PING whether the other one is still there (keep-alive). No PING ACK
    came, and it closed.

How pcapdiag can tell
    A PING without its ACK, not a byte from the other end behind it, and a close or reset by the one
    who asked. If TCP acknowledged the PING, the other end's host lives and its program hangs; if
    not, the path or the whole host is gone.

Usual causes
    - Acknowledged by TCP: the program is stopped or paused (garbage collection, debugger, CPU
      limit), or its event loop is blocked.
    - Not acknowledged: host or network gone, or a NAT or firewall that forgot the connection and
      drops silently.

Fixes
    - First: was the PING acknowledged by TCP? The report says so. Then the program hung; else the
      path or the host is gone.
    - Application: blocked event loop, long pauses; thread dump.
    - gRPC: `GRPC_ARG_KEEPALIVE_TIMEOUT_MS` (20 s; Java `keepAliveTimeout`) where pauses are normal.
    - Envoy: `connection_keepalive.timeout`; an `interval` below the idle timeout of devices
      between.
    - Istio: the same by EnvoyFilter; `connectionPool.tcp.tcpKeepalive`.
    - Kubernetes: CPU limits that throttle the container; nodes that were lost.
    - Cloud: idle timeouts that drop silently (AWS NAT gateway 350 s, Azure 4 min).

Can be confused with
    - tcp.keepalive_timeout: the same with TCP's own probes.
    - tcp.data_timeout: the same packets, where nobody closes.
    - http2.enhance_your_calm: too many pings.

What would settle it
    - A capture at the other end: does the PING arrive there?
    - On that host, while it lasts: `ss -tnp` (Recv-Q not read is a hung program).

References
    - RFC 9113 section 6.7; gRPC's keepalive guide.
    - Measured in the lab (docs/lab.md): Envoy logs UC for its own PING timeout; over a dead path
      its FIN may not appear.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.http2.pings import unanswered_ping, was_acknowledged
from pcapdiag.diagnose.http2.streams import phase_of, unfinished_at
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_may_be_missing
from pcapdiag.model.context import Context
from pcapdiag.model.ends import host_in_url, side_of
from pcapdiag.model.http import Ping
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, counted

KIND = Kind(
    code="http2.ping_timeout",
    title="PING unanswered: {silent} did not answer {asker} for {waited}",
    explanation=(
        "{asker} sent an HTTP/2 PING (frame {ping_frame}); {silent} sent no PING ACK and nothing "
        "else. {acked} After {waited} {asker} ended the connection ({how} in frame {end_frame}); "
        "{lost}."
    ),
    phases=("in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection while reading response header from upstream",
    haproxy="SH / SD",
    fix_at=("responder", "path", "initiator"),
    fixes=(
        "acknowledged by TCP: what blocked the program on {silent} then? (stopped or paused "
        "process, CPU limit, garbage collection, blocked event loop; thread dump, "
        "container throttling)",
        "not acknowledged: was {silent} up? does a NAT, firewall or load balancer between forget "
        "idle connections and drop silently?",
        "a longer timeout where pauses are normal: Envoy connection_keepalive.timeout, gRPC "
        "KEEPALIVE_TIMEOUT_MS (keepAliveTimeout)",
    ),
    commands=(
        "ss -tnp 'sport = :{responder_port}'  # on {responder_ip}: Recv-Q not read is a hung "
        "program",
        "ps -eo pid,stat,wchan:20,cmd | grep -E ' [TD]'  # on {silent}: stopped or stuck processes",
        "tshark -r FILE -Y http2.ping -d tcp.port=={responder_port},http2",
    ),
)

SURE_FROM = 900 * MS
"""Waits from here on (ns) are keep-alive timeouts; shorter ones may be chance."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for an end that left because its PING was not answered."""
    end = ending(story)
    if end is None or answer_may_be_missing(story):
        return None
    ping = unanswered_ping(story, end.by_initiator, end.time)
    return _judgement(story, ping, end) if ping is not None else None


def _judgement(story: Story, ping: Ping, end: Ending) -> Judgement:
    open_ones = unfinished_at(story, ping.time)
    acked = was_acknowledged(story, ping)
    waited = end.time - ping.time
    sure = 0.92 if waited >= SURE_FROM else 0.8
    others = () if acked else (OtherCode("tcp.data_timeout", round(0.97 - sure, 2)),)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_of(open_ones[0]) if open_ones else "idle",
        confidence=sure,
        frames=frames_of(ping.frame, end.frame),
        ended_by=end.actor,
        candidates=_who(ping, acked),
        alternatives=others,
        exchange=open_ones[0].index if open_ones else None,
        facts=_facts(story, ping, end, acked)
        | {"waited": duration(waited), "lost": f"{counted(len(open_ones), 'stream')} open then"},
    )


def _who(ping: Ping, acked: bool) -> tuple[SideHint, ...]:
    silent, frames = side_of(not ping.from_initiator), (ping.frame,)
    if acked:
        why = "its TCP acknowledged the PING, so the host lives and the program did not answer"
        return (SideHint(silent, 0.95, why, frames),)
    why = "nothing acknowledged the PING: the path is dead, or the whole host"
    return (SideHint("path", 0.5, why, frames), SideHint(silent, 0.45, why, frames))


def _facts(story: Story, ping: Ping, end: Ending, acked: bool) -> dict[str, str]:
    asker, silent = story.half(ping.from_initiator), story.half(not ping.from_initiator)
    words = "acknowledged the PING: the host lives, its program hangs."
    dead = "did not acknowledge it: the path or the whole host is gone."
    return {
        "asker": host_in_url(asker.address),
        "silent": host_in_url(silent.address),
        "ping_frame": str(ping.frame),
        "end_frame": str(end.frame),
        "how": end.word,
        "acked": f"Its TCP {words if acked else dead}",
    }
