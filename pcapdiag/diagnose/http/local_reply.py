"""http.local_reply: A proxy answered in its upstream's place.

What happened
    The proxy could not get an answer from what stands behind it and made one itself: 502, 503 or
    504, some 500; to a gRPC client 200 with grpc-status 14 (4 for a timeout) and the proxy's text.

How pcapdiag can tell
    By the body's text (Envoy "upstream connect error or disconnect/reset before headers. reset
    reason: ...", "upstream request timeout"; NGINX's, HAProxy's and other proxies' pages). An
    origin's own 5xx has none of these and is `ok`. With x-envoy-upstream-service-time the reply was
    only handed on: a proxy further behind made it. NGINX's 503 page is left out: NGINX gives 502
    and 504 for upstreams, and 503 for its own limits or by configuration.
    A page of no known product (Go, Java, an error page of one's own) tells nothing by itself. Where
    the responder's own call failed within the request, at the moment of the answer, and no call
    brought the same status, the answer was its own. A 500 counts so where that call had the same
    method and path (lighttpd, Fastify: measured); an application's own call of a database has not.
    What proxies say, as measured:
    - Refused, or no connection in time: Apache httpd 2.4 and lighttpd 1.4 say 503, Caddy 2.6 and
      Go's ReverseProxy 502.
    - Reset or closed without an answer: lighttpd 500, the others 502. On a connection that it used
      before, Apache says nothing and closes on its client, which may try again.
    - No answer in time: lighttpd and Caddy 504, Apache and Go 502.
    - http-proxy-middleware (Node.js) says 504 for refused and reset, Fastify's reply-from 500.
    - H2O 2.2 and mitmproxy say 502 for all of it; Traffic Server 9.2 502, and 504 for no answer in
      time; Privoxy 503 for refused, 502 for reset or closed, 504 for no answer in time; tinyproxy
      500 for no connection, and closes without a word on the rest.

Usual causes
    - What the other leg shows: the upstream refused, reset, closed or never answered.
    - TLS or the protocol did not fit.
    - No upstream was asked: Envoy's fault filter, local rate limit, drop_overloads, overload
      manager and maintenance mode answer 503 with texts of their own ("fault filter abort",
      "local_rate_limited", "drop overload", "envoy overloaded", "maintenance mode"), and so does
      dynamic_forward_proxy ("DNS resolution failure"). An empty 503 of Envoy is a missing cluster,
      or an authorization service that failed.

Fixes
    - First: look at the leg behind the proxy. Its verdict is the cause, and its page says what to
      change.
    - Envoy: the reply ends in the reset reason; the access log has more: `%RESPONSE_FLAGS%`,
      `%RESPONSE_CODE_DETAILS%`, `%UPSTREAM_TRANSPORT_FAILURE_REASON%`. From 1.38.1 the body no
      longer has the transport failure. Retry what never reached the upstream: `retry_on:
      connect-failure,refused-stream,reset-before-request`.
    - Istio: VirtualService `retries` and `timeout`; `istioctl proxy-config cluster POD` for TLS
      mode and endpoints.
    - NGINX: its error log names the phase (connecting, SSL handshaking, reading response header);
      `proxy_next_upstream`.
    - HAProxy: the termination state in its log names side and phase; `retry-on`, `option
      redispatch`.
    - Cloud: AWS ALB: `HTTPCode_ELB_5XX_Count` counts its own answers, `elb_status_code` against
      `target_status_code` in its log; GCP: `statusDetails` in its log.

Can be confused with
    - http.no_healthy_upstream, http.overflow: the proxy did not even try.
    - http.server_errors: an origin's own 5xx has none of the proxies' texts.
    - grpc.error: a status without a proxy's text.

What would settle it
    - A capture of both legs: on the proxy, `tcpdump -ni any -w FILE` without a filter for one side.
    - `pcapdiag correlate client=A.pcap upstream=B.pcap`, where they were taken apart.

References
    - RFC 9110 sections 15.6.3 to 15.6.5.
    - Envoy's documentation, "Access logging"; source/common/http/utility.cc and router.cc (the
      texts).
    - Envoy 1.38.1 release notes: transport failure left out of the body.
    - Measured in the lab (docs/lab.md): an edge hands an inner Envoy's 503 on byte for byte;
      x-envoy-upstream-service-time tells.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.http.advice import advice
from pcapdiag.diagnose.http.reply import reply_in_place, reply_judgement
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.kind import Kind
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.protocols.http.local_reply import NO_ROUTE, is_by_name, server_product

KIND = Kind(
    code="http.local_reply",
    title="{product} answered in the upstream's place: {request} -> {answer} ({reason})",
    explanation=(
        "{initiator} asked {responder} for {request} ({request_where}). {product} answered "
        "{status} itself{took} ({response_where}): {reason}{details}.{maker}{next_leg}"
    ),
    phases=("before_response",),
    fix_at=("responder",),
    fixes=(
        "look at the connections that {responder_ip} opened just before: the first that failed is "
        "the cause",
        "is the upstream up, and are address, port, TLS and protocol right? Envoy: the cluster and "
        "its transport_socket (Istio: DestinationRule); NGINX: upstream and proxy_pass; HAProxy: "
        "the server lines",
        "timeouts: Envoy connect_timeout and the route's timeout (Istio: VirtualService timeout); "
        "NGINX proxy_connect_timeout, proxy_read_timeout; HAProxy timeout connect, timeout server",
        "retry what is safe to retry: Envoy retry_on connect-failure,reset (Istio: VirtualService "
        "retries), NGINX proxy_next_upstream, HAProxy retry-on and option redispatch",
    ),
    commands=(
        "curl -sv -o /dev/null '{scheme}://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}",
        "tcpdump -ni any -w behind.pcap '{behind}'  # on {responder_ip}: the leg behind the proxy",
        "curl -s localhost:9901/clusters | grep -E 'health_flags|cx_connect_fail|rq_error'  # "
        "Envoy's admin port on {responder_ip}; Istio: port 15000",
    ),
)

SURE, HANDED_ON, PAGE_ALONE, EMPTY = 0.97, 0.9, 0.92, 0.8
"""Probability with Envoy's own text, with one that was passed on, with a page of others, and where
only an empty body under a proxy's name speaks."""
BY_CALL, BY_CALL_503 = 0.88, 0.8
"""Where its own failed call speaks; an origin with a trouble of its own says 503 as well."""
NO_SERVER = 0.3
"""Share of HAProxy's 503s that mean "no server is up": its page says the same either way."""


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for an answer that the responder, a proxy, made itself."""
    reply = reply_in_place(exchange)
    if reply is None:
        return None
    others: tuple[OtherCode, ...] = ()
    confidence = SURE if reply.product == "envoy" else PAGE_ALONE
    if is_by_name(exchange):
        confidence = EMPTY
    elif not reply.product:
        confidence = BY_CALL_503 if exchange.status == 503 else BY_CALL
    elif reply.handed_on:
        confidence = HANDED_ON
    elif reply.product == "haproxy" and exchange.status == 503:
        others = (OtherCode("http.no_healthy_upstream", NO_SERVER),)
        confidence = round(PAGE_ALONE - NO_SERVER, 2)
    judgement = reply_judgement(story, exchange, reply, KIND.code, confidence, others)
    product = reply.product or server_product(exchange)
    own = advice(product, reply.reason, empty=reply.reason == NO_ROUTE)
    return replace(judgement, fixes=own.fixes, commands=own.commands) if own else judgement
