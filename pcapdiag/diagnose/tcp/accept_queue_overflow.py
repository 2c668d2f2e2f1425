"""tcp.accept_queue_overflow: The listener did not take the finished handshake.

What happened
    The initiator finished the handshake and began to send, but the responder's kernel could not
    hand the connection to its program, because the queue of the listening socket was full.

How pcapdiag can tell
    The final ACK, or data, was sent, and the SYN-ACK is repeated all the same (after 1, 3, 7 s)
    while the data is never acknowledged. With tcp_abort_on_overflow=1 a bare RST answers the final
    ACK, before the responder sent anything but its SYN-ACK; data sent behind that ACK gets a RST
    too, so a single one answers the data alone, and is another failure. With SYN cookies nothing
    more comes: that looks like tcp.data_timeout, which then names this code as an alternative. A
    listener with TCP_DEFER_ACCEPT also repeats the SYN-ACK, to a client that says nothing again and
    again, and serves when it does: `ok`.

Usual causes
    - The program hangs, or accepts too slowly: out of threads, out of file descriptors, paused.
    - The backlog is too short for the bursts that come.

Fixes
    - First: find out why the program does not accept, before the queue is made longer.
    - Application: raise the listen backlog: Tomcat `acceptCount`, node `server.listen({backlog})`,
      gunicorn `--backlog`, Go takes it from `net.core.somaxconn`.
    - Envoy: as the server, listener `tcp_backlog_size`; as the client, keep connections
      (`max_requests_per_connection` unset).
    - NGINX: as the server, `listen ... backlog=` (511 by default); as the client, upstream
      `keepalive`.
    - HAProxy: as the server, `bind ... backlog`; as the client, `http-reuse always`.
    - Linux: raise `net.core.somaxconn` (the smaller of it and the program's backlog counts). Leave
      `net.ipv4.tcp_abort_on_overflow=0`: clients then get a second chance.

Can be confused with
    - tcp.handshake_stalled: seen at the initiator alone, a final ACK lost on the way gives the same
      packets.
    - tcp.data_timeout: with SYN cookies the server repeats nothing, and only the data is lost.
    - tcp.reset_before_request: a guard that answers the SYN for the server, and then resets, sends
      the same RST, from nearer than the server is.
    - tcp.listen_backlog: the finding when several connections show it.

What would settle it
    - On the server, while it lasts: `ss -ltn 'sport = :PORT'` (Recv-Q above Send-Q is full) and
      `nstat -az TcpExtListenOverflows` twice.
    - A capture on the server: the final ACK arrives there, and is ignored.

References
    - Linux tcp_v4_syn_recv_sock(), inet_csk_reqsk_queue_add(); tcp(7), `tcp_abort_on_overflow`.
    - Measured in the lab (docs/lab.md): SYN-ACK again after 1, 3, 7 s; a bare RST with
      `tcp_abort_on_overflow=1`, and one more for each segment behind that ACK, as the listener
      then gets it (RFC 9293 section 3.10.7.2); nothing with SYN cookies.
"""

from __future__ import annotations

from pcapdiag.diagnose.attribution.across import answered_elsewhere
from pcapdiag.diagnose.attribution.ttl import ROUTE_CHANGE, as_far
from pcapdiag.diagnose.bare import is_bare
from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.unacknowledged import took_data
from pcapdiag.diagnose.timing import capture_left, duration, round_trip
from pcapdiag.model.context import Context
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, SECOND

KIND = Kind(
    code="tcp.accept_queue_overflow",
    title="not accepted: {responder} never took the finished handshake, its accept queue is full",
    explanation=(
        "{initiator} finished the handshake (SYN-ACK in frame {syn_ack_frame}), but {responder} "
        "{what}. Its kernel drops finished handshakes while the listening socket's queue is full. "
        "{scope}"
    ),
    phases=("connect", "before_request", "in_request"),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream timed out (110: Connection timed out) while reading response header",
    haproxy="sH",
    fix_at=("responder", "path"),
    fixes=(
        "why does the program on {responder} not accept: hung, out of worker "
        "threads, out of file descriptors, paused by its garbage collector?",
        "raise the listener's backlog and net.core.somaxconn (both: the smaller one counts)",
        "fewer new connections: keep-alive pools (Envoy: max_requests_per_connection off; NGINX: "
        "upstream keepalive; HAProxy: http-reuse always)",
    ),
    commands=(
        "ss -ltn 'sport = :{responder_port}'  # on {responder_ip}: Recv-Q above Send-Q is full",
        "nstat -az TcpExtListenOverflows TcpExtListenDrops  # on {responder_ip}, twice",
        "sysctl net.core.somaxconn net.ipv4.tcp_abort_on_overflow  # on {responder_ip}",
    ),
)

REPEAT_MARGIN = 500 * MS
"""A SYN-ACK this long after the handshake is a repeat by timer (1 s), not one in flight."""
STILL_DUE = 3 * SECOND
"""Silence from which on nothing more is expected."""
PROMPT = 20 * MS
"""A RST within this time (or two round trips) of the final ACK answers it."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a handshake that the responder's kernel did not take."""
    if not story.handshake_done or not story.syn_ack_frames:
        return None
    if story.responder.payload_bytes or story.responder.fin_frame:
        return None
    late = [t for t in story.syn_ack_times if t > story.established_time + REPEAT_MARGIN]
    if late and not took_data(story) and _tried_in_vain(story, context):
        frames = (*story.syn_ack_frames, story.turn.request_frame)
        what = f"repeated its SYN-ACK {len(late)} more times and acknowledged no data"
        confidence = 0.88 if story.initiator.payload_bytes else 0.7
        return _judgement(story, context, confidence, what, frames)
    reset = _answer_to_final_ack(story)
    if reset is None or _answers_the_data(story, context) or answered_elsewhere(story, context):
        return None
    what = f"answered the final ACK with RST {duration(reset.time - story.established_time)} later"
    frames = (*story.syn_ack_frames, reset.frame)
    return _judgement(story, context, 0.62, f"{what} (frame {reset.frame})", frames, reset)


def _tried_in_vain(story: Story, context: Context) -> bool:
    """Return whether data would have been acknowledged by now, or a greeting have come.

    To a client that says nothing a listener with TCP_DEFER_ACCEPT repeats its SYN-ACK, too, and
    after a time it answers what comes late by RST (tcp(7)): no queue need be full.
    """
    client = story.initiator
    sent = client.first_data_time
    if client.retransmissions > 0 or any(0 < sent < t for t in story.syn_ack_times):
        return True
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    due = not story.responder.rst_count if sent else endpoint.speaks_first > 0
    return due and capture_left(story, context) >= STILL_DUE


def _answer_to_final_ack(story: Story) -> PacketFact | None:
    """Return the bare RST, window 0, that answered the final ACK, before any other packet.

    Not one behind the initiator's own RST, which may overtake its ACK: a closed socket's. Nor one
    before the SYN-ACK: that answered something else.
    """
    limit = story.established_time + max(PROMPT, 2 * round_trip(story))
    for packet in story.packets:
        if packet.from_initiator and packet.is_rst:
            return None
        if packet.from_initiator or packet.is_syn_ack or packet.frame < story.syn_ack_frames[0]:
            continue
        kernels = packet.is_rst and is_bare(packet) and not packet.window
        prompt = kernels and packet.time <= limit
        first_data = story.initiator.first_data_time
        before_data = not first_data or packet.time < first_data + round_trip(story) // 2
        same = _from_the_listener(story, packet)
        return packet if prompt and before_data and same else None
    return None


def _from_the_listener(story: Story, reset: PacketFact) -> bool:
    """Return whether a RST came the way that the SYN-ACK came: one kernel makes both."""
    answer = next((p for p in story.packets if p.is_syn_ack), None)
    if answer is None:
        return True
    as_near = abs(answer.ttl - reset.ttl) <= ROUTE_CHANGE or as_far(answer.ttl, reset.ttl)
    return as_near and answer.direction == reset.direction


def _answers_the_data(story: Story, context: Context) -> bool:
    """Return whether data followed the final ACK, and one RST came for both.

    Who does not hold the connection answers each of them.
    """
    client, server = story.initiator, story.responder
    apart = client.first_data_time and client.first_data_frame != _final_ack_frame(story)
    missed = client.acked_unseen or context.lost_by_capture
    return bool(apart) and server.rst_count == 1 and not missed


def _final_ack_frame(story: Story) -> int:
    own = (p for p in story.packets if p.from_initiator and p.has_ack)
    return next((p.frame for p in own), 0)


def _judgement(
    story: Story,
    context: Context,
    confidence: float,
    what: str,
    frames: tuple[int, ...],
    reset: PacketFact | None = None,
) -> Judgement:
    shared = _stalls_elsewhere(story, context)
    other = "tcp.reset_before_request" if reset else "tcp.handshake_stalled"
    sure = min(0.95, confidence + 0.15) if shared else confidence
    end = ending(story)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="connect",
        confidence=sure,
        frames=frames_of(*frames),
        ended_by=end.actor if end else None,
        reset=reset,
        candidates=_who(story, context, shared, reset),
        alternatives=(OtherCode(other, round(0.97 - sure, 2)),),
        facts={
            "syn_ack_frame": str(story.syn_ack_frames[0]),
            "what": what,
            "scope": "Other connections to it went unanswered too." if shared else "",
        },
    )


def _stalls_elsewhere(story: Story, context: Context) -> bool:
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    return endpoint.unanswered > 0 and endpoint.last_established > story.established_time


def _who(
    story: Story, context: Context, shared: bool, reset: PacketFact | None
) -> tuple[SideHint, ...]:
    address, frames = story.responder.address, story.syn_ack_frames[:3]
    if address in context.capture_hosts:
        why = f"the final ACK reached {address}, where the capture was taken"
        return (SideHint("responder", 0.95, why, frames), SideHint("path", 0.03, why, frames))
    if shared:
        why = "several connections to this listener stall: its queue is full"
        return (SideHint("responder", 0.87, why, frames), SideHint("path", 0.1, why, frames))
    why = "a listener with a full queue acts like this; one final ACK lost looks the same"
    if reset is not None:
        why = "a filter or guard on the way can answer the final ACK the same"
    return (SideHint("responder", 0.62, why, frames), SideHint("path", 0.33, why, frames))
