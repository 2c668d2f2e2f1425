"""http.no_healthy_upstream: The proxy had no endpoint to send the request to.

What happened
    The proxy answered 503 at once, without a try: its cluster has no endpoint, or all are out of
    use by health checks or outlier detection.

How pcapdiag can tell
    The reply says so ("no healthy upstream"; Traefik "no available server", Kong "failure to get a
    peer"), or the product gives 503 for nothing else (AWS ALB). HAProxy's page does not tell this
    from a refused connection: that is http.local_reply with this code as alternative.

Usual causes
    - A Kubernetes Service whose selector matches no ready pod.
    - A failing health check or readiness probe.
    - All hosts were ejected after errors.
    - A subset without endpoints (Istio: DestinationRule subset); names that do not resolve.

Fixes
    - First: bring an endpoint back: readiness, then health checks, then outlier detection.
    - Envoy: `/clusters` of the admin page shows `health_flags` of every host.
      `common_lb_config.healthy_panic_threshold` (50 %) and `outlier_detection.max_ejection_percent`
      decide when it stops trying.
    - Istio: `istioctl proxy-config endpoints POD`; labels of the DestinationRule's subset;
      `outlierDetection.minHealthPercent`.
    - NGINX: `max_fails` and `fail_timeout` rest all servers for that time ("no live upstreams").
    - HAProxy: `check` with `fall` and `rise`, `observe`; `backup` servers; `show servers state`.
    - Kubernetes: `kubectl get endpointslices`, `kubectl describe pod` for the readiness probe.
    - Cloud: health of the target group, its check's path, port and status.

Can be confused with
    - http.local_reply: after tries that failed. With all hosts unhealthy Envoy still tries them
      (panic threshold), which gives connection failures instead.
    - http.overflow: there were endpoints, and a limit was reached.
    - health.check_failing: the finding that says which check took the endpoint out.
    - dns.failure: the name behind the cluster does not resolve.

What would settle it
    - A capture on the proxy that holds its health checks: `tcpdump -ni any host PROXY`.
    - The proxy's own state of its hosts at that moment.

References
    - Envoy's documentation, "Access logging" (UH) and "Panic threshold".
    - NGINX ngx_http_upstream_round_robin.c; HAProxy configuration manual section 8.5 (SC with
      `<NOSRV>`).
"""

from __future__ import annotations

from pcapdiag.diagnose.http.reply import reply_in_place, reply_judgement
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange, LocalReply
from pcapdiag.model.story import Story

KIND = Kind(
    code="http.no_healthy_upstream",
    title="{product} had no endpoint in use: {request} -> {answer}",
    explanation=(
        "{initiator} asked {responder} for {request} ({request_where}). {product} answered "
        "{status} itself{took} ({response_where}) without asking anybody: {reason}{details}.{maker}"
    ),
    phases=("before_response",),
    envoy=Envoy("UH", "no healthy upstream"),
    nginx="no live upstreams while connecting to upstream",
    haproxy="SC",
    fix_at=("responder",),
    fixes=(
        "are there endpoints at all? Kubernetes: does the Service's selector match ready pods; "
        "Istio: does the DestinationRule's subset match labels; Envoy: EDS or DNS results",
        "why did they go out? failing health checks (path, port, status), or outlier detection "
        "after errors (Envoy outlier_detection; NGINX max_fails and fail_timeout; HAProxy check "
        "fall, observe)",
        "keep some traffic going while all are out: Envoy healthy_panic_threshold and "
        "max_ejection_percent; NGINX tries all again after fail_timeout; HAProxy backup servers",
    ),
    commands=(
        "curl -s localhost:9901/clusters | grep health_flags  # Envoy's admin port on "
        "{responder_ip}; Istio: port 15000",
        "kubectl get endpointslices -A; kubectl get pods -A -o wide  # are pods ready?",
        "tcpdump -ni any 'host {responder_ip} and {is_syn_or_rst}'  # on "
        "{responder_ip}: do its health checks fail?",
    ),
)

WORDS = ("no healthy upstream", "no live upstreams", "no healthy backend")
"""What proxies say; in lower case."""
SURE = 0.97
BY_PRODUCT = {"traefik": 0.95, "kong": 0.95, "aws alb": 0.85}
"""Products whose own 503 means it (Traefik "no available server", Kong "failure to get a peer", an
ALB without registered targets), and how likely that is."""


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for a reply that says that no endpoint is in use."""
    reply = reply_in_place(exchange)
    if reply is None:
        return None
    sure = SURE if _says_so(reply) else 0.0
    if exchange.status == 503:
        sure = max(sure, BY_PRODUCT.get(reply.product, 0.0))
    if not sure:
        return None
    others = () if sure == SURE else (OtherCode("http.local_reply", round(0.98 - sure, 2)),)
    return reply_judgement(story, exchange, reply, KIND.code, sure, others)


def _says_so(reply: LocalReply) -> bool:
    said = f"{reply.reason or ''} {reply.details or ''}".lower()
    return any(words in said for words in WORDS)
