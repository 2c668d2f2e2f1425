"""tcp.reset_before_request: the connection was reset before anybody asked anything.

What happened
    The handshake worked, and then the responder, or a device between, reset the connection before
    the initiator had sent one byte.

How pcapdiag can tell
    A finished handshake, no payload by the initiator, RST by the responder. What a server says
    first (a greeting) counts as before the request.

Usual causes
    A layer-4 proxy or load balancer whose own backend is dead (Envoy tcp_proxy: at once; HAProxy:
    when its connect tries are used up). A limit on connections or an access list in the program.
    A process that died with connections in its accept queue.

Fixes
    Look at the program's or proxy's log for that moment; look behind it.

Can be confused with
    tcp.accept_queue_overflow: a bare RST right at the final ACK. tcp.idle_reset, where the
    connection had been used.

References
    facts 1.2 (process killed), 11 (Envoy tcp_proxy with a dead backend).
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.closing_reset import reset_judgement, responder_reset
from pcapdiag.diagnose.timing import SECOND, quiet_before
from pcapdiag.diagnose.tls_state import left_first
from pcapdiag.diagnose.work import Work, answer_may_be_missing, request_may_be_missing, work
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.reset_before_request",
    title="reset before the request: {sender} sent {flags} {since_start} after the handshake",
    explanation=(
        "The connection from {initiator} to {responder} came up, and {since_start} later a "
        "{flags} with the address of {sender} ended it (frame {rst_frame}), before the initiator "
        "had sent a byte."
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
        "tcpdump -ni any 'tcp port {responder_port} and tcp[tcpflags] & tcp-rst != 0'  # on "
        "{responder_ip}",
        "nc -v -w 5 {responder_ip} {responder_port}  # from {initiator_ip}",
    ),
)

LONG_IDLE = 5 * SECOND


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a RST by the responder before the first request."""
    found = responder_reset(story)
    if found is None or not story.handshake_done or work(story) is not Work.NOTHING:
        return None
    if answer_may_be_missing(story) or request_may_be_missing(story):
        return None
    end, _ = found
    if left_first(story, end.time, end.frame):
        return None
    if quiet_before(story, end.time) >= LONG_IDLE:
        other = (OtherCode("tcp.idle_reset", 0.25),)
        return reset_judgement(story, KIND.code, end, 0.72, other)
    return reset_judgement(story, KIND.code, end, 0.95)
