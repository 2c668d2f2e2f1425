"""tcp.response_timeout: the request was delivered, and no answer came in time.

What happened
    The initiator sent its request, the responder's kernel acknowledged it, and its program did not
    answer until the initiator gave up.

How pcapdiag can tell
    The request acknowledged, quiet, then FIN (Envoy, NGINX) or RST (HAProxy) by the initiator,
    after a time that is a timeout's value (1, 2, 3, 5, 10, 15, 30, 60 s and the like) or longer
    than this responder ever took. An answer that stops half way for a second or more and is then
    given up is the same.

Usual causes
    The program hangs or is overloaded, waits for a database or another service, or its listener
    queues connections that nobody accepts. Or the timeout is shorter than this request needs.

Fixes
    Find out what the program did in that time, before raising the timeout.

Can be confused with
    tcp.initiator_abort: the same packets, at no timeout's value. tcp.data_timeout: not
    acknowledged.

References
    facts 3.3, 3.4, 4.1, 4.2, 10 (HAProxy ends with RST,ACK, NGINX and Envoy with FIN).
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.leaving import leaving, leaving_judgement
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.response_timeout",
    title="no answer in time: {responder} was silent for {waited}, then {initiator_ip} gave up",
    explanation=(
        "{initiator} sent {asked}; {responder} got it ({delivered}) and sent {got}. After "
        "{waited} the initiator ended the connection ({flags} in frame {end_frame}): {reason}. "
        "The host was alive, its program did not answer."
    ),
    phases=("tls_handshake", "before_request", "in_request", "before_response", "in_response"),
    envoy=Envoy("UT", "response timeout"),
    nginx=(
        "upstream timed out (110: Connection timed out) while reading response header from upstream"
    ),
    haproxy="sH",
    fix_at=("responder", "initiator"),
    fixes=(
        "what did the program on {responder_ip} do in those {waited}: its log, thread dump, slow "
        "queries, the calls it made itself",
        "is it overloaded, paused, or not accepting? (Recv-Q of its listener, CPU, file "
        "descriptors)",
        "if it rightly takes longer: Envoy route timeout, Istio VirtualService timeout, NGINX "
        "proxy_read_timeout, HAProxy timeout server",
    ),
    commands=(
        "curl -so /dev/null -w '%{{time_starttransfer}}\\n' "
        "'http://{responder_host}:{responder_port}/'  # from {initiator_ip}",
        "ss -tnp 'sport = :{responder_port}'  # on {responder_ip}: Recv-Q not read is a hung "
        "program",
        "ss -ltn 'sport = :{responder_port}'  # on {responder_ip}: Recv-Q is connections not "
        "accepted",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an initiator that gave up waiting for its answer."""
    how = leaving(story, context)
    if how is None or not how.is_timeout:
        return None
    return leaving_judgement(story, KIND.code, how)
