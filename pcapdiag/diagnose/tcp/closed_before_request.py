"""tcp.closed_before_request: The responder hung up before anybody asked anything.

What happened
    The handshake worked, and then the responder closed the connection in an orderly way (FIN)
    before it had read one byte of the initiator.

How pcapdiag can tell
    A finished handshake, FIN by the responder first, no payload by the initiator; or a first
    request that crossed this FIN on its way (the FIN acknowledges none of it). A greeting counts as
    before the request: "too many clients" and a close is this code too, less sure; a greeting that
    refuses nothing, on a port where nobody asks, is what the port is there for, and `ok`. What a
    full server says as soon as it accepts (Redis, memcached, sshd), and PostgreSQL's or PgBouncer's
    fatal error about the server in place of a session, count as such a greeting, though the
    initiator had asked or said its name by then; a refused login is an answer, and `ok`. So is a
    server's timeout for unused connections: ten quiet seconds, or HTTP's status 408; one second is
    enough where others asked at once and were answered: a pool had it for nothing. An initiator
    that closed its own direction first without asking (`nc -N`, a health check) was not refused,
    save where it had been told so before.

Usual causes
    - A layer-4 proxy or load balancer whose backend is dead.
    - An access list or connection limit in the program: MySQL and PostgreSQL max_connections,
      PgBouncer max_client_conn and query_wait_timeout, Redis maxclients, sshd MaxStartups.
    - A server that shuts down, or that serves one connection at a time.

Fixes
    - First: is the responder a proxy? Then look behind it. Else read the program's log at that
      moment.
    - Application: allow lists, limits, TCP wrappers; accept only when ready to serve.
    - Envoy: as that proxy, `health_checks` of its cluster and tcp_proxy `max_connect_attempts`.
    - NGINX: as that server, `limit_conn`; in a stream server, its `proxy_connect_timeout` and
      upstream.
    - HAProxy: as that proxy, the state of its servers and `retries`.
    - Kubernetes: a `preStop` sleep, so that endpoints leave before the program stops.
    - Cloud: has the target group a healthy target?

Can be confused with
    - tcp.reset_before_request: the same by RST.
    - tcp.stale_connection: there the connection had been used, or had been idle.

What would settle it
    - A capture behind the responder, where it is a proxy: does its own connect fail?
    - `nc -v -w 5 SERVER PORT` from the initiator: is it every connection?

References
    - RFC 9293 section 3.6: closing a connection.
    - Measured in the lab (docs/lab.md): HAProxy in TCP mode with a dead backend closes after 3 s,
      Envoy's tcp_proxy without a byte.
    - PostgreSQL documentation, "Error and Notice Message Fields", "PostgreSQL Error Codes": classes
      08, 53, 57, 58 and XX are about the server.
    - RFC 4253 section 4.2: what an SSH server says in place of its version is a refusal.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.goodbye import asks_for_answer
from pcapdiag.diagnose.greeting import (
    Greeting,
    is_a_file,
    read_greeting,
    refused_at_the_door,
    size_of_greeting,
)
from pcapdiag.diagnose.greeting_words import words_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.multipath import held_in_reserve
from pcapdiag.diagnose.patience import round_seconds
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.timing import IDLE, duration
from pcapdiag.diagnose.tls_state import (
    first_data,
    left_first,
    nothing_asked,
    secured_at,
    tls_facts,
)
from pcapdiag.diagnose.work import answer_may_be_missing, request_may_be_missing
from pcapdiag.model.context import Context
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import seq_add, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.closed_before_request",
    title="closed before the request: {responder} sent FIN {since_start} after the handshake",
    explanation=(
        "The connection from {initiator} came up, and {since_start} later {responder} closed it "
        "(FIN in frame {fin_frame}) {said}, before it had read a request."
    ),
    phases=("before_request",),
    envoy=Envoy("UC", "connection termination"),
    nginx="upstream prematurely closed connection while reading response header from upstream",
    haproxy="SH",
    fix_at=("responder", "path"),
    fixes=(
        "is {responder} a layer-4 proxy or load balancer? then its own backend is the place to "
        "look (an Istio sidecar: no endpoint, or REGISTRY_ONLY and no ServiceEntry for that host)",
        "does the program limit connections or addresses (allow list, tcp wrappers, maxconn, "
        "max_connections, maxclients, MaxStartups)?",
        "was it shutting down? (Kubernetes: preStop sleep, so that endpoints leave before it "
        "closes)",
    ),
    commands=(
        "ss -tnp 'sport = :{responder_port}'; journalctl -e  # on {responder_ip}",
        "nc -v -w 5 {responder_ip} {responder_port}  # from {initiator_ip}",
    ),
)

SEVERAL = 2
"""Connections on which the initiator spoke first, and was answered, that show it to be the way."""
UNUSED_TIMEOUT = 10 * SECOND
"""From here on the close is a timeout for connections that nobody used."""
SILENT = (
    "The initiator had said nothing either, and that is the value of a usual timer: servers limit "
    "how long a client may be silent (NGINX client_header_timeout, HAProxy timeout client)."
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a FIN by the responder before it read or sent anything."""
    end = _refused(story) or ending(story)
    if end is None or end.reset or end.by_initiator or not story.handshake_done:
        return None
    unasked = nothing_asked(story) or refused_at_the_door(story)
    if (
        (story.turn.response_bytes and not unasked)
        or answer_may_be_missing(story)
        or request_may_be_missing(story)
    ):
        return None
    if left_first(story, end) or held_in_reserve(story, end.time):
        return None
    facts = tls_facts(story)
    since = end.time - max(_came_up(story, end), secured_at(facts, end.time) if facts else 0)
    unread = _nothing_read(story, since) or (since < IDLE and _asked_too_late(story, end))
    if since >= UNUSED_TIMEOUT or not unread or _spare(story, since, context):
        return None
    if story.greeting_bytes and _only_talks(story, context):
        return None
    return _judgement(story, end, since)


def _came_up(story: Story, end: Ending) -> int:
    """Return when it was established; by its SYN-ACK where the capture lacks the final ACK."""
    known = story.established_time <= end.time or not story.syn_ack_times
    return story.established_time if known else story.syn_ack_times[-1]


def _refused(story: Story) -> Ending | None:
    """Return the FIN that ends a refusal in words, though the initiator, told so, closed first."""
    end, half = ending(story), story.responder
    if end is None or end.reset or not end.by_initiator or not half.fin_frame:
        return None
    asked = story.turn.index and not refused_at_the_door(story)
    if asked or not size_of_greeting(story) or half.last_data_time > end.time:
        return None
    if is_a_file(story) or read_greeting(story) is not Greeting.REFUSAL:
        return None
    return Ending(by_initiator=False, frame=half.fin_frame, time=half.fin_time)


def _only_talks(story: Story, context: Context) -> bool:
    """Return whether its word is all that this port is there for, or tells of an unused connection.

    A long one is a file, as on an FTP data connection. An excuse that several got may be a state
    that the port tells (HAProxy's agent checks).
    """
    says = read_greeting(story)
    if is_a_file(story) or says is Greeting.TIMED_OUT:
        return True
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    if says is Greeting.REFUSAL or endpoint.first_bytes or story.turn.index:
        return False
    return says is Greeting.OTHER or endpoint.established > 1


def _spare(story: Story, since: int, context: Context) -> bool:
    """Return whether a pool held it unused: those with something to ask here ask at once."""
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    if story.turn.index or story.greeting_bytes or since < IDLE or endpoint.speaks_first:
        return False
    return sum(endpoint.first_accepted.values()) >= SEVERAL


def _nothing_read(story: Story, since: int) -> bool:
    """Return whether the FIN came before the first request, or crossed it on a fresh connection.

    A farewell in answer to it (QUIT) is no request, however late.
    """
    if story.turn.index == 0 or nothing_asked(story) or refused_at_the_door(story):
        return True
    isn = story.initiator.isn
    fresh = since < IDLE or not asks_for_answer(story)
    first = story.turn.index == 1 and fresh and isn is not None
    return first and story.responder.fin_ack == seq_add(isn or 0, 1)


def _asked_too_late(story: Story, end: Ending) -> bool:
    """Return whether the first request inside TLS was sent behind the FIN, or crossed it."""
    facts = tls_facts(story)
    data = first_data(facts) if facts else None
    if data is None or moment(data) < moment(end):
        return False
    packet = story.packet(data.frame)
    return packet is not None and seq_distance(packet.seq, story.responder.fin_ack) >= 0


def _judgement(story: Story, end: Ending, since: int) -> Judgement:
    sure = 0.95 if since < SECOND else 0.85
    sent = size_of_greeting(story)
    refused = sent and read_greeting(story) is Greeting.REFUSAL
    silent = not sent and not story.turn.index and round_seconds(since) is not None
    fine = 0.05 if refused else 0.2 if sent else 0.25 if silent else 0.0
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time),
        confidence=round(sure - fine, 2),
        frames=frames_of(end.frame, story.turn.request_frame),
        ended_by="responder",
        candidates=(
            SideHint("responder", 0.97, "the FIN is in order and bears its address", (end.frame,)),
            SideHint("path", 0.03, "a proxy that answers for it would look the same", (end.frame,)),
        ),
        alternatives=(OtherCode("ok", fine),) if fine else (),
        notes=(SILENT,) if silent else (),
        facts={
            "since_start": duration(max(0, since)),
            "fin_frame": str(end.frame),
            "said": f"after {words_of(story)}" if sent else "without a byte sent",
        },
    )
