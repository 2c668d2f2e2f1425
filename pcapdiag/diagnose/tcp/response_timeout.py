"""tcp.response_timeout: The request was delivered, and no answer came in time.

What happened
    The initiator sent its request, the responder's kernel acknowledged it, and its program did not
    answer until the initiator gave up.

How pcapdiag can tell
    The request acknowledged, quiet, then FIN (Envoy, NGINX) or RST (HAProxy) by the initiator,
    after a time that is a timeout's value (1, 2, 3, 5, 10, 15, 30, 60 s and the like) or longer
    than this responder ever took. An answer that stops half way for a second or more and is then
    given up is the same. Inside TLS the initiator mostly says goodbye first (Go, Java); where it
    offers HTTP by ALPN, or the port is one of HTTPS, its request is known to have waited.

    No side is named where a bare RST met the FIN (a host that hangs acknowledges it; one that was
    restarted, or was cut off by a device, does not), or where bytes of the answer had been lost.

Usual causes
    - The program hangs or is overloaded.
    - It waits for a database or another service.
    - Its listener queues connections that nobody accepts.
    - The timeout is shorter than this request rightly needs.

Fixes
    - First: find out what the program did in that time, before a timeout is raised.
    - Application: thread dump, slow queries, calls to other services, pool of workers; `ss -tn`
      Recv-Q shows what it did not read.
    - Envoy: route `timeout` (default 15 s), `per_try_timeout`; both count until the whole answer is
      there.
    - Istio: VirtualService `timeout` (off by default) and `retries.perTryTimeout`.
    - NGINX: `proxy_read_timeout` (default 60 s, between two reads), `grpc_read_timeout`.
    - HAProxy: `timeout server`.
    - Kubernetes: CPU limits that throttle, too few replicas, a readiness probe that does not see
      the hang.
    - Cloud: AWS ALB `idle_timeout.timeout_seconds` (default 60), GCP backend service timeout
      (default 30 s).

Can be confused with
    - tcp.initiator_abort: the same packets, at no timeout's value.
    - tcp.data_timeout: the request was not acknowledged.
    - mtu.black_hole: the answer was sent and got lost for its size. From the proxy it looks the
      same.
    - tcp.zero_window: the program does not read.

What would settle it
    - A capture on the responder: did the answer leave there?
    - On the responder, while it lasts: `ss -tnp 'sport = :PORT'` (unread requests) and `ss -ltn`
      (connections not accepted).

References
    - Envoy's documentation, "How do I configure timeouts?"; NGINX ngx_http_proxy_module; HAProxy
      configuration manual, `timeout server`.
    - Measured in the lab (docs/lab.md): Envoy and NGINX give up by FIN, HAProxy by RST,ACK.
"""

from __future__ import annotations

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tcp.leaving import leaving
from pcapdiag.diagnose.tcp.left import leaving_judgement
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="tcp.response_timeout",
    title="no answer in time: {responder} was silent for {waited}, then {initiator_ip} gave up",
    explanation=(
        "{initiator} sent {asked}; {responder} got it ({delivered}) and sent {got}. After "
        "{waited} the initiator {left} ({flags} in frame {end_frame}): {reason}. "
        "{meanwhile}"
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
        "proxy_read_timeout, HAProxy timeout server, a driver's socket or statement timeout",
    ),
    commands=(
        "curl -so /dev/null -w '%{{time_starttransfer}}\\n' "
        "'{scheme}://{responder_host}:{responder_port}/'  # from {initiator_ip}",
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
