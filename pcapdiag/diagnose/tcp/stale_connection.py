"""tcp.stale_connection: The request met a connection that the other side had given up.

What happened
    The initiator took an idle connection out of its pool and sent a request. The other side, or a
    NAT or load balancer between, had already closed or forgotten it.

How pcapdiag can tell
    The keep-alive race: the responder's FIN does not acknowledge the request (they crossed), and a
    RST answers the request. Or an idle gap of a second or more, then a request, then RST at once,
    with the request never acknowledged. Inside TLS a goodbye (close_notify) of the responder a
    second or more before the request is as good as its FIN. A RST,ACK that covers the request comes
    from a socket that was alive: that is tcp.reset_before_response, save where the server closed
    other connections after just that quiet time, and answered none that was quiet for longer.

Usual causes
    - The server's keep-alive timeout is shorter than the pool's idle timeout of the initiator, or
      equal to it: gunicorn 2 s, Apache and older node 5 s, NGINX 75 s, against Envoy's 1 h.
    - A NAT or load balancer forgot the idle connection (350 s at AWS, 4 min at Azure), and answers
      the next packet by a RST.
    - The server restarted, and its FIN crossed the request.

Fixes
    - First: the initiator must give up idle connections before the other side does: set its idle
      timeout some seconds below.
    - Application: or hold them longer at the server: node `server.keepAliveTimeout` (with
      `headersTimeout` above it), gunicorn `--keep-alive`, uvicorn `--timeout-keep-alive`, Tomcat
      `keepAliveTimeout`, Apache `KeepAliveTimeout`, Go `http.Server.IdleTimeout`.
    - Envoy: `common_http_protocol_options.idle_timeout` in HttpProtocolOptions of the cluster
      (default 1 h). `retry_on: reset` tries again on a new connection, for requests that may be
      repeated; `reset-before-request` does not, since the request was written already.
      `tcp_keepalive` where a device forgets.
    - Istio: `connectionPool.http.idleTimeout` in the DestinationRule; `retries.retryOn: reset`.
    - NGINX: upstream `keepalive_timeout` (default 60 s); `proxy_next_upstream error`.
    - HAProxy: `pool-purge-delay` (default 5 s), `retry-on conn-failure empty-response`, `option
      srvtcpka`.
    - Linux: `net.ipv4.tcp_keepalive_time` below the device's timeout, for sockets with
      SO_KEEPALIVE.
    - Cloud: AWS NLB `tcp.idle_timeout.seconds` (350), ALB `idle_timeout.timeout_seconds` (60):
      servers behind an ALB must wait longer than it. GCP Application Load Balancer holds 600 s:
      give servers 620 s. Azure `idleTimeoutInMinutes` (4) with `enableTcpReset`.

Can be confused with
    - tcp.state_lost: a RST in mid use, with no quiet time before.
    - tcp.idle_reset: a RST before any request found out.
    - tcp.data_timeout: silence instead of a RST.
    - path.idle_timeout: the finding that gives the quiet time, and whose default it is.

What would settle it
    - A capture on the server: no RST leaves there while this recurs: a device between did it. The
      same RST leaves there: it is the host.
    - On the server, `ss -tno 'sport = :PORT'`: is the connection still there?

References
    - RFC 9112 section 9.3.1 (retry) and section 9.5 (the race).
    - AWS "Listeners for your Network Load Balancers", Google "Application Load Balancer: timeouts
      and retries", Azure "Load Balancer TCP Reset and Idle Timeout".
    - Measured in the lab (docs/lab.md): a FIN that does not acknowledge the request, then a bare
      RST.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.bare import is_bare
from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.goodbye import asks_for_answer, bytes_not_captured
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.closing_reset import reset_facts, responder_reset
from pcapdiag.diagnose.tcp.keep_alive_race import closed_alike, quiet_for
from pcapdiag.diagnose.tcp.late_request import late_request
from pcapdiag.diagnose.tcp.unacknowledged import quiet_before_unacked
from pcapdiag.diagnose.timing import IDLE, duration
from pcapdiag.diagnose.tls_asked import goodbye_before_request
from pcapdiag.diagnose.tls_state import request_number, within_handshake
from pcapdiag.diagnose.work import Work, answer_may_be_missing, request_may_be_missing, work
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact, seq_after
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Alert
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.stale_connection",
    title="stale connection: request {turn}{rested} met {met} of {responder}",
    explanation=(
        "{initiator} sent a request of {request_bytes} (frame {request_frame}){rested} on a "
        "connection that was no longer held at the other side: {how}. The request was not "
        "processed."
    ),
    phases=("before_response", "in_request", "closing", "before_request"),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection while reading response header from upstream",
    haproxy="SH",
    fix_at=("initiator", "responder", "path"),
    fixes=(
        "make the initiator's idle timeout shorter than the other side's: Envoy idle_timeout in "
        "HttpProtocolOptions, Istio connectionPool.http.idleTimeout, NGINX upstream "
        "keepalive_timeout, HAProxy pool-purge-delay; of a database's pool HikariCP maxLifetime, "
        "SQLAlchemy pool_recycle",
        "or the other side's longer: node keepAliveTimeout, gunicorn --keep-alive, Tomcat "
        "keepAliveTimeout, NGINX keepalive_timeout; MySQL wait_timeout, PostgreSQL "
        "idle_session_timeout, Redis timeout; NAT or load balancer idle timeout",
        "retry once on a new connection: Envoy and Istio retry_on reset; NGINX "
        "proxy_next_upstream error; HAProxy retry-on conn-failure empty-response",
        "TCP keep-alive below the idle timeout, where a device between forgets: Envoy "
        "tcp_keepalive, HAProxy option srvtcpka, Linux net.ipv4.tcp_keepalive_time",
    ),
    commands=(
        "ss -tno 'sport = :{responder_port}'  # on {responder_ip}: is the connection still there?",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst_or_fin}' "
        " # on {responder_ip}: does the same RST leave there?",
        "conntrack -L -p tcp --dport {responder_port}  # on NATs between",
    ),
    path_fixes=(
        "TCP keep-alive below the timeout of the device that forgets: Envoy tcp_keepalive, HAProxy "
        "option srvtcpka, Linux net.ipv4.tcp_keepalive_time",
        "or make the initiator's idle timeout shorter than it: Envoy idle_timeout in "
        "HttpProtocolOptions, Istio connectionPool.http.idleTimeout, NGINX upstream "
        "keepalive_timeout, HAProxy pool-purge-delay",
        "or the device's longer: NAT, firewall or load balancer idle timeout, "
        "net.netfilter.nf_conntrack_tcp_timeout_established",
        "retry once on a new connection: Envoy and Istio retry_on reset; NGINX "
        "proxy_next_upstream error; HAProxy retry-on conn-failure empty-response",
    ),
    path_commands=(
        "sysctl net.netfilter.nf_conntrack_tcp_timeout_established; conntrack -L -p tcp --dport "
        "{responder_port}  # on NATs and firewalls between",
        "ss -tno 'sport = :{responder_port}'  # on {responder_ip}: is the connection still there?",
        "tcpdump -ni any '{filter} and {is_rst_or_fin}'  # at both ends at once",
    ),
)

SURE_GAP, LIKELY_GAP = 30 * SECOND, 4 * SECOND
"""Servers' keep-alive timeouts start at 2 to 5 s (vendors); a shorter quiet is often chance."""
UNREAD = 0.6
"""Probability at most where the request's bytes were cut off, and so few."""
CUT_OFF = (
    "The snaplen cut off what was sent: had it been a farewell (QUIT, TLS close_notify), nothing "
    "was lost."
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a request that met a FIN on its way, or a RST after an idle gap."""
    farewell, end = goodbye_before_request(story), ending(story)
    if farewell is not None and end is not None and story.turn.gap >= IDLE:
        return _after_goodbye(story, end, farewell)
    if not asks_for_answer(story) or work(story) is not Work.WAITING or within_handshake(story):
        return None
    if answer_may_be_missing(story):
        return None
    if request_may_be_missing(story):
        return _unread(story) if bytes_not_captured(story) else None
    if end is not None and end.reset is None and not end.by_initiator:
        return _crossed_fin(story, end) or _raced(story, end, context)
    return _forgotten(story) or _raced(story, end, context)


def _after_goodbye(story: Story, end: Ending, farewell: Alert) -> Judgement:
    since = duration(story.turn.request_time - farewell.time)
    how = f"it had said goodbye inside TLS (frame {farewell.frame}) {since} before the request"
    why = "it had closed the idle connection in an orderly way; the request came too late"
    who = (SideHint("responder", 0.95, why, (farewell.frame,)),)
    return _judgement(story, end, 0.95, ("a goodbye", how), who, (farewell.frame, end.frame))


def _crossed_fin(story: Story, end: Ending) -> Judgement | None:
    asked = late_request(story)
    if asked is None or seq_after(story.responder.fin_ack, asked.seq):
        return None
    if request_number(story) == 1 and asked.gap < IDLE:
        return None
    how = f"its FIN (frame {end.frame}) does not acknowledge the request; they crossed on the way"
    if asked.time - end.time > IDLE:
        how = f"it had sent FIN (frame {end.frame}) long before the request"
    elif asked.knew_fin:
        told = duration(asked.time - end.time)
        how = f"its FIN (frame {end.frame}) had come {told} before, unread by the program"
    why = "it closed the idle connection in an orderly way; the request came too late"
    reset = next((r for r in story.resets if not r.from_initiator), None)
    judgement = _judgement(
        story,
        end,
        0.97 if max(asked.gap, asked.time - end.time) >= IDLE else 0.8,
        ("a FIN", how),
        (SideHint("responder", 0.93, why, (end.frame,)), SideHint("path", 0.05, why, ())),
        frames=(end.frame, reset.frame if reset else 0),
    )
    judgement.facts["rested"] = _rested(max(asked.gap, quiet_for(story, asked.time)))
    return judgement


def _rested(gap: int) -> str:
    """Return the words for the quiet before the request, where there was any."""
    return f" after {duration(gap)} of quiet" if gap >= IDLE else ""


def _raced(story: Story, end: Ending | None, context: Context) -> Judgement | None:
    """Return the verdict for a request that came as the server's timer for idle ones ran out."""
    if end is None or end.by_initiator:
        return None
    alike = closed_alike(story, end, context)
    if not alike:
        return None
    times = f"as it did {alike:,} times with nothing lost"
    how = (
        f"its program was closing it after that time, {times}, though its kernel still took the "
        "request"
    )
    why = f"it closes idle connections after that time, {times}"
    who = (SideHint("responder", 0.93, why, (end.frame,)), SideHint("path", 0.02, why, ()))
    met = "RST" if end.reset is not None else "a FIN"
    plain = "tcp.closed_before_response" if end.reset is None else "tcp.reset_before_response"
    others = (OtherCode(plain, 0.1),)
    return _judgement(story, end, 0.9, (met, how), who, (end.frame,), end.reset, others)


def _forgotten(story: Story) -> Judgement | None:
    found = responder_reset(story)
    gap = quiet_before_unacked(story)
    if found is None or gap < IDLE or _covers_request(story, found[1]):
        return None
    end, reset = found
    sure = 0.95 if gap >= SURE_GAP else 0.9 if gap >= LIKELY_GAP else 0.7
    why = "a host that closed it and a device that forgot it answer alike; the RST's signals decide"
    who = (
        SideHint("responder", 0.55, why, (end.frame,)),
        SideHint("path", 0.45, why, (end.frame,)),
    )
    how = f"it was answered by RST at once (frame {end.frame}) and never acknowledged"
    others = (
        OtherCode("tcp.state_lost", round(0.6 * (1 - sure), 2)),
        OtherCode("tcp.reset_before_response", 0.02),
    )
    judgement = _judgement(story, end, sure, ("RST", how), who, (end.frame,), reset, others)
    judgement.facts["rested"] = _rested(gap)
    return judgement


def _unread(story: Story) -> Judgement | None:
    """Return the verdict where the capture cut off what was sent: it may have been a farewell."""
    found = _forgotten(story)
    if found is None:
        return None
    sure = min(found.confidence, UNREAD)
    return replace(found, confidence=sure, notes=(*found.notes, CUT_OFF))


def _covers_request(story: Story, reset: PacketFact) -> bool:
    """Return whether a live socket had taken the request: acknowledged before, or by the RST."""
    turn = story.turn
    if turn.request_acked and 0 < turn.request_acked_time < reset.time:
        return True
    alive = reset.window > 0 or reset.option_bytes > 0
    sent = story.initiator.next_seq
    covered = sent is not None and not seq_after(sent, reset.ack)
    return not is_bare(reset) and alive and covered


def _judgement(
    story: Story,
    end: Ending,
    confidence: float,
    words: tuple[str, str],
    who: tuple[SideHint, ...],
    frames: tuple[int, ...],
    reset: PacketFact | None = None,
    others: tuple[OtherCode, ...] = (),
) -> Judgement:
    met, how = words
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time),
        confidence=confidence,
        frames=frames_of(story.turn.request_frame, *frames),
        ended_by=end.actor,
        reset=reset,
        candidates=who,
        alternatives=others,
        facts=reset_facts(story, end) | {"met": met, "how": how, "rested": _rested(story.turn.gap)},
    )
