"""tcp.reset_before_request: The connection was reset before anybody asked anything.

What happened
    The handshake worked, and then the responder, or a device between, reset the connection before
    the initiator had sent one byte.

How pcapdiag can tell
    A finished handshake, no payload by the initiator, RST by the responder. What a server says
    first (a greeting) counts as before the request; so does what a full one says as soon as it
    accepts (Redis, memcached, sshd, PostgreSQL), whatever the initiator had said by then.

Usual causes
    - A layer-4 proxy or load balancer whose own backend is dead (Envoy tcp_proxy at once; HAProxy
      when its connect tries are used up).
    - A limit on connections, or an access list in the program.
    - The process died with connections in its accept queue.
    - The initiator was greeted, said nothing, and ran into the limit for a login (MariaDB: 10 s).

Fixes
    - First: is the responder a proxy or load balancer? Then its own backend is the place to look.
      Else read the program's log at that moment.
    - Application: does it limit connections or addresses (MySQL `max_connections`)?
    - Envoy: as that proxy, tcp_proxy `max_connect_attempts`, `health_checks` on its cluster; the
      connection_limit filter closes what is too much.
    - Istio: an AuthorizationPolicy on a TCP port closes what it denies.
    - NGINX: as that server, `limit_conn`, `allow` and `deny`.
    - HAProxy: as that proxy, `tcp-request connection reject`, the state of its servers (`show
      servers state`).
    - Cloud: has the target group a healthy target?

Can be confused with
    - tcp.closed_before_request: the same by FIN.
    - tcp.accept_queue_overflow: a bare RST right at the final ACK.
    - tcp.idle_reset: the connection had been used, or was quiet for a second.

What would settle it
    - A capture behind the responder, where it is a proxy: does its own connect fail?
    - A capture on the responder: does the same RST leave there?

References
    - RFC 9293 sections 3.5.2 (when a RST is sent) and 3.10.5 (abort).
    - Linux inet_csk_listen_stop(): a dying listener resets what waits in its queue. Measured in the
      lab, as was Envoy's tcp_proxy with a dead backend (RST,ACK in 0.4 ms).
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.greeting import refused_at_the_door
from pcapdiag.diagnose.greeting_words import words_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.multipath import held_in_reserve
from pcapdiag.diagnose.tcp.closing_reset import reset_judgement, responder_reset
from pcapdiag.diagnose.timing import duration, quiet_before
from pcapdiag.diagnose.tls_state import left_first
from pcapdiag.diagnose.work import Work, answer_may_be_missing, request_may_be_missing, work
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

KIND = Kind(
    code="tcp.reset_before_request",
    title="reset before the request: {sender} sent {flags} {since_start} after the handshake",
    explanation=(
        "The connection from {initiator} to {responder} came up, and {since_start} later a "
        "{flags} with the address of {sender} ended it (frame {rst_frame}), {before}."
    ),
    phases=("before_request",),
    envoy=Envoy("UC", "connection termination"),
    nginx="recv() failed (104: Connection reset by peer) while reading response header",
    haproxy="SH",
    fix_at=("responder", "path"),
    fixes=(
        "is {responder} a layer-4 proxy or load balancer? then its own backend is the place to "
        "look",
        "does the program limit connections or addresses? (HAProxy maxconn, NGINX limit_conn, "
        "Envoy connection_limit, MySQL max_connections)",
        "did the process die or restart at that moment with connections still queued?",
    ),
    commands=(
        "ss -tnp 'sport = :{responder_port}'; journalctl -e  # on {responder_ip}",
        "tcpdump -ni any 'tcp port {responder_port} and {is_rst}'  # on {responder_ip}",
        "nc -v -w 5 {responder_ip} {responder_port}  # from {initiator_ip}",
    ),
)

LONG_IDLE = 5 * SECOND


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a RST by the responder before the first request."""
    reset = responder_reset(story)
    if reset is None or not story.handshake_done or work(story) is not Work.NOTHING:
        return None
    if answer_may_be_missing(story) or request_may_be_missing(story):
        return None
    end, _ = reset
    if left_first(story, end) or held_in_reserve(story, end.time):
        return None
    if quiet_before(story, end.time) >= LONG_IDLE:
        other = (OtherCode("tcp.idle_reset", 0.25),)
        found = reset_judgement(story, KIND.code, end, 0.72, other)
        found = replace(found, notes=_login_limit(story, end.time))
    else:
        found = reset_judgement(story, KIND.code, end, 0.95)
    return replace(found, facts=found.facts | {"before": _before(story)})


def _before(story: Story) -> str:
    if refused_at_the_door(story):
        return f"after {words_of(story)}, whatever had been asked"
    sent = f"after {words_of(story)} and " if story.greeting_bytes else ""
    return f"{sent}before the initiator had sent a byte"


def _login_limit(story: Story, until: int) -> tuple[str, ...]:
    """Return what an initiator that was greeted and said nothing may have run into."""
    if not story.greeting_bytes:
        return ()
    silent = duration(quiet_before(story, until))
    return (
        f"The initiator was greeted and said nothing for {silent}: servers limit the time of a "
        "login (MySQL and MariaDB connect_timeout, 10 s).",
    )
