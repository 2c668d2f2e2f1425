"""tcp.stale_connection: a request was sent on a connection that the other side no longer held.

What happened
    The initiator took an idle connection out of its pool and sent a request. The other side, or a
    NAT or load balancer between, had already closed or forgotten it.

How pcapdiag can tell
    The keep-alive race: the responder's FIN does not acknowledge the request (they crossed), and
    a RST answers the request. Or an idle gap of a second or more, then a request, then RST at
    once, with the request never acknowledged. A RST,ACK that covers the request comes from a
    socket that was alive: that is tcp.reset_before_response.

Usual causes
    The server's keep-alive timeout is shorter than, or equal to, the pool's idle timeout of the
    initiator (node 5 s, gunicorn 2 s, Apache 5 s, NGINX 75 s against Envoy 1 h). A NAT or load
    balancer forgets idle connections (350 s, 240 s) and answers the next packet with RST.

Fixes
    The initiator must give up idle connections first. A retry on a new connection is safe here.

Can be confused with
    tcp.state_lost (no idle time). Silence instead of RST is tcp.data_timeout.

References
    RFC 9112 section 9.3.1 (retry), 9.5 (race); facts 1.2, 1.4, 2.5, 11.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of, is_bare
from pcapdiag.diagnose.goodbye import asks_for_answer
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.closing_reset import reset_facts, responder_reset
from pcapdiag.diagnose.tcp.unacknowledged import quiet_before_unacked
from pcapdiag.diagnose.timing import IDLE, SECOND, duration
from pcapdiag.diagnose.tls_state import request_number
from pcapdiag.diagnose.work import Work, answer_may_be_missing, request_may_be_missing, work
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact, seq_after
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.stale_connection",
    title="stale connection: request {turn} after {gap} of quiet met {met} of {responder}",
    explanation=(
        "After {gap} of quiet {initiator} sent a request of {request_bytes} (frame "
        "{request_frame}) on a connection that was no longer held at the other side: {how}. The "
        "request was not processed."
    ),
    phases=("before_response", "in_request", "closing", "before_request"),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection while reading response header from upstream",
    haproxy="SH",
    fix_at=("initiator", "responder", "path"),
    fixes=(
        "make the initiator's idle timeout shorter than the other side's: Envoy idle_timeout in "
        "HttpProtocolOptions, Istio connectionPool.http.idleTimeout, NGINX upstream "
        "keepalive_timeout, HAProxy pool-purge-delay",
        "or the other side's longer: node keepAliveTimeout, gunicorn --keep-alive, Tomcat "
        "keepAliveTimeout, NGINX keepalive_timeout; NAT or load balancer idle timeout",
        "retry once on a new connection: Envoy and Istio retry_on reset-before-request; NGINX "
        "proxy_next_upstream error; HAProxy retry-on conn-failure empty-response",
        "TCP keep-alive below the idle timeout, where a device between forgets: Envoy "
        "tcp_keepalive, HAProxy option srvtcpka, Linux net.ipv4.tcp_keepalive_time",
    ),
    commands=(
        "ss -tno 'sport = :{responder_port}'  # on {responder_ip}: is the connection still there?",
        "tcpdump -ni any 'tcp port {responder_port} and tcp[tcpflags] & (tcp-rst|tcp-fin) != 0' "
        " # on {responder_ip}: does the same RST leave there?",
        "conntrack -L -p tcp --dport {responder_port}  # on NATs between",
    ),
)

SURE_GAP, LIKELY_GAP = 30 * SECOND, 4 * SECOND
"""Servers' keep-alive timeouts start at 2 to 5 s (facts 2.5); a shorter quiet is often chance."""


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a request that met a FIN on its way, or a RST after an idle gap."""
    if not asks_for_answer(story) or work(story) is not Work.WAITING:
        return None
    if answer_may_be_missing(story) or request_may_be_missing(story):
        return None
    end = ending(story)
    if end is not None and end.reset is None and not end.by_initiator:
        return _crossed_fin(story, end)
    return _forgotten(story)


def _crossed_fin(story: Story, end: Ending) -> Judgement | None:
    request_end = (story.initiator.last_data_seq + story.initiator.last_data_length) & 0xFFFFFFFF
    start = (request_end - story.turn.request_bytes) & 0xFFFFFFFF
    if seq_after(story.responder.fin_ack, start) or story.turn.request_bytes == 0:
        return None
    if request_number(story) == 1 and story.turn.gap < IDLE:
        return None
    told = story.turn.request_time - end.time
    how = f"its FIN (frame {end.frame}) does not acknowledge the request; they crossed on the way"
    if told > IDLE:
        how = f"it had sent FIN (frame {end.frame}) long before the request"
    why = "it closed the idle connection in an orderly way; the request came too late"
    reset = next((r for r in story.resets if not r.from_initiator), None)
    return _judgement(
        story,
        end,
        0.97 if story.turn.gap >= IDLE else 0.8,
        ("a FIN", how),
        (SideHint("responder", 0.93, why, (end.frame,)), SideHint("path", 0.05, why, ())),
        frames=(end.frame, reset.frame if reset else 0),
    )


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
    judgement.facts["gap"] = duration(gap)
    return judgement


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
        facts=reset_facts(story, end) | {"met": met, "how": how},
    )
