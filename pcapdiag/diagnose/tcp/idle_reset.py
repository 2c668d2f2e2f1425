"""tcp.idle_reset: An idle connection was reset.

What happened
    Nothing was under way, the connection had been quiet for a second or more, and then a RST with
    the responder's address ended it.

How pcapdiag can tell
    RST by the responder after a quiet second, every request answered (or, where the protocol cannot
    be read, the last bytes were the responder's). A keep-alive probe of the initiator that is
    answered by RST is the same: the other side no longer held the connection. A RST with the
    initiator's address is its own business, unless the signals say that the path sent it.

Usual causes
    - An idle timeout of the server.
    - A load balancer or firewall that resets at expiry: Azure Load Balancer with `enableTcpReset`,
      Cisco ASA with `reset`, F5 BIG-IP.
    - The server was restarted.

Fixes
    - First: no request was hurt, so this is often harmless. Let the initiator's pool drop idle
      connections sooner than the other side does, or keep them alive.
    - Application: raise the server's idle timeout above the pool's.
    - Envoy: `common_http_protocol_options.idle_timeout` of the cluster;
      `upstream_connection_options.tcp_keepalive`.
    - Istio: `connectionPool.http.idleTimeout`, `connectionPool.tcp.tcpKeepalive`.
    - NGINX: upstream `keepalive_timeout`; `proxy_socket_keepalive on`.
    - HAProxy: `pool-purge-delay`; `option srvtcpka`.
    - Linux: `net.ipv4.tcp_keepalive_time`, for sockets with SO_KEEPALIVE.
    - Cloud: raise Azure `idleTimeoutInMinutes`, AWS `tcp.idle_timeout.seconds`.

Can be confused with
    - tcp.stale_connection: the next request found out.
    - tcp.state_lost: in mid use.
    - tcp.keepalive_timeout: probes were unanswered before the RST.

What would settle it
    - A capture on the responder: does the same RST leave there?
    - Several of them with the same quiet time are a timer: path.idle_timeout tells it.

References
    - RFC 9293 section 3.8.4: keep-alives.
    - Azure "Load Balancer TCP Reset and Idle Timeout"; Cisco ASA CLI guide, "Configuring Connection
      Settings".
"""

from __future__ import annotations

from pcapdiag.diagnose.attribution import attribute_reset
from pcapdiag.diagnose.bare import held_by_its_sender, is_bare
from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.tcp.closing_reset import reset_judgement
from pcapdiag.diagnose.timing import IDLE, quiet_before
from pcapdiag.diagnose.work import Work, one_direction, work
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.idle_reset",
    title="idle connection reset: {sender} sent {flags} after {quiet} of quiet",
    explanation=(
        "The connection from {initiator} to {responder} had nothing under way and had been quiet "
        "for {quiet} when a {flags} with the address of {sender} ended it (frame {rst_frame}). No "
        "request was lost, but one sent at that moment would have been."
    ),
    phases=("idle",),
    fix_at=("initiator", "path", "responder"),
    fixes=(
        "let the initiator close idle connections before {quiet}: Envoy idle_timeout, Istio "
        "connectionPool.http.idleTimeout, NGINX upstream keepalive_timeout, HAProxy "
        "pool-purge-delay",
        "or keep them alive more often than that: Envoy tcp_keepalive, Istio "
        "connectionPool.tcp.tcpKeepalive, NGINX proxy_socket_keepalive, HAProxy option srvtcpka, "
        "Linux tcp_keepalive_time",
        "or raise the idle timeout of {responder_ip} or of the device between",
    ),
    commands=(
        "ss -tno 'dst {responder_host}'  # on {initiator_ip}: timer:(keepalive,...) if on",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst}'  # on "
        "{responder_ip}: does the same RST leave there?",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a RST on a connection with nothing outstanding.

    An initiator may drop its own idle connection: a RST with its address counts only where the
    signals do not let it be the sender (a device that resets both ends at expiry).
    """
    end = ending(story)
    reset = end.reset if end else None
    if end is None or reset is None or one_direction(story):
        return None
    idle = work(story) in (Work.DONE, Work.UNKNOWN) or (story.midstream and not story.turn.index)
    if not idle or quiet_before(story, end.time) < IDLE or story.responder.unacked > 1:
        return None
    if end.by_initiator and attribute_reset(story, reset, context).side == end.actor:
        return None
    why = "a host's own timeout and a device's expiry look alike; the signals of the RST decide"
    even = (
        SideHint(end.actor, 0.6, why, (end.frame,)),
        SideHint("path", 0.4, why, (end.frame,)),
    )
    forgotten = is_bare(reset) and not held_by_its_sender(story, reset)
    others = (OtherCode("tcp.state_lost", 0.12),) if forgotten else ()
    sure = 0.93 if work(story) is Work.DONE else 0.85
    if end.by_initiator:
        sure = 0.75
    if others:
        sure = min(sure, 0.88)
    return reset_judgement(story, KIND.code, end, sure, others, even, phase="idle")
