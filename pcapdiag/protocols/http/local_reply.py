"""Answers that a proxy made itself, known by their texts and headers.

One entry a text, with where it stands. A status alone never makes one: an origin may say 503 too.
"""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from pcapdiag.model.http import Exchange, LocalReply

MAX_DETAILS = 300
"""Characters of a transport failure reason that are kept."""
NO_ROUTE = "no route or cluster, or a filter said no"
"""Envoy's empty answers: flags NR (404) and NC (503), or UAEX where an authorization service failed
(measured)."""

_BAD_GATEWAY, _UNAVAILABLE, _TIMEOUT = 502, 503, 504
IN_PLACE = (_BAD_GATEWAY, _UNAVAILABLE, _TIMEOUT)
"""Statuses for "what stands behind me did not answer" (RFC 9110 sections 15.6.3 to 15.6.5)."""
_EARLY_STATUS = (400, 408, 413, 431)
_INVALID = "the upstream failed or gave no valid answer"
_NO_SERVER = "no upstream could be used"
_LATE = "the upstream did not answer in time"
_MEANINGS = {
    400: "a request that is not valid",
    408: "the request did not come in time",
    413: "a request that is too large",
    431: "request headers that are too large",
    500: _INVALID,
    _BAD_GATEWAY: _INVALID,
    _UNAVAILABLE: _NO_SERVER,
    _TIMEOUT: _LATE,
}

_ENVOY_RESET = (
    # Envoy source/common/router/router.cc, onUpstreamReset; the transport failure reason is there
    # in 1.16 to 1.38.0 only. The oldest releases say no reset reason at all.
    r"upstream connect error or disconnect/reset before headers"
    r"(?:\. (?:retried and the latest )?reset reason: (?P<reason>[A-Za-z0-9/() ]{1,80})"
    r"(?:, transport failure reason: (?P<details>.*))?)?[\"'}\s]*"
)
_ENVOY_TEXTS = frozenset(
    {
        "no healthy upstream",  # router.cc, sendNoHealthyUpstreamResponse
        "upstream request timeout",  # router.cc, onResponseTimeout
        "upstream max stream duration reached",  # router.cc, onStreamMaxDurationReached
        "stream timeout",  # http/conn_manager_impl.cc, onIdleTimeout
        "downstream duration timeout",  # http/conn_manager_impl.cc, max_stream_duration
    }
)
ENVOY_NO_CALL = frozenset(
    {
        # Measured with Envoy 1.40; in its log the flags are FI, RL, DO, UDO, DF, and none for the
        # overload manager and runtime key upstream.maintenance_mode.
        "fault filter abort",
        "local_rate_limited",
        "drop overload",
        "unconditional drop overload",
        "maintenance mode",
        "envoy overloaded",
        "DNS resolution failure",
    }
)
"""What Envoy says where a filter or limit of its own answers before any upstream is called."""


class _Page(msgspec.Struct, frozen=True):
    product: str
    statuses: tuple[int, ...]
    text: str
    """A pattern, compiled when the first answer with such a status comes."""
    server: str | None = None
    """What ``server`` must begin with; None: anything that does not name another product; empty:
    there must be none."""


_PAGES = (
    # ngx_http_special_response.c: every page ends with the name of the program.
    _Page(
        "nginx",
        (*_EARLY_STATUS, *IN_PLACE),
        r"<h1>(?:\d{3} [^<]*)</h1></center>.*?<hr><center>(?:nginx|openresty|tengine|angie)",
    ),
    # HAProxy src/http.c, http_err_msgs.
    _Page("haproxy", (_UNAVAILABLE,), r"No server is available to handle this request\."),
    _Page("haproxy", (_BAD_GATEWAY,), r"The server returned an invalid or incomplete response\."),
    _Page("haproxy", (_TIMEOUT,), r"The server didn't respond in time\."),
    _Page("haproxy", (408,), r"Your browser didn't send a complete request in time\."),
    _Page("haproxy", (400,), r"<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid"),
    # Apache httpd modules/http/http_protocol.c, get_canned_error_string.
    _Page("apache", (_BAD_GATEWAY,), r"The proxy server received an invalid\s+response from an"),
    _Page("apache", (_TIMEOUT,), r"The gateway did not receive a timely response\s+from the"),
    _Page(
        "apache",
        (_UNAVAILABLE,),
        r"temporarily unable to service your\s+request due to maintenance downtime or capacity",
        "apache",
    ),
    # AWS "Troubleshoot your Application Load Balancers": its own answers carry this server.
    _Page("aws alb", IN_PLACE, r"<h1>50[234] ", "awselb/"),
    # Azure Application Gateway: NGINX's template with its own name.
    _Page("azure application gateway", IN_PLACE, r"<center>Microsoft-Azure-Application-Ga"),
    # Google Cloud "Troubleshoot external Application Load Balancers".
    _Page(
        "google cloud load balancer",
        IN_PLACE,
        r"<h1>Error: Server Error</h1>\s*<h2>The server encountered a temporary error",
    ),
    # Traefik pkg/server/service/loadbalancer/wrr, ErrorNoAvailableServer.
    _Page("traefik", (_UNAVAILABLE,), r"\Ano available server\s*\Z"),
    # Traefik pkg/proxy/httputil, ErrorHandler: the status' text and no line end, as Go programs do
    # that build on net/http/httputil.ReverseProxy (a reply by http.Error would end in one).
    _Page("go", (_BAD_GATEWAY,), r"\ABad Gateway\Z", ""),
    _Page("go", (_TIMEOUT,), r"\AGateway Timeout\Z", ""),
    # Kong kong/error_handlers.lua and runloop/balancer.
    _Page("kong", (_BAD_GATEWAY,), r"An invalid response was received from the upstream server"),
    _Page("kong", (_UNAVAILABLE,), r"failure to get a peer from the ring-balancer"),
    _Page("kong", (_TIMEOUT,), r"\"message\":\s*\"The upstream server is timing out\""),
    # Varnish bin/varnishd/builtin.vcl, vcl_backend_error and vcl_synth.
    _Page("varnish", (_UNAVAILABLE,), r"<title>503 Backend fetch failed</title>"),
    _Page("varnish", IN_PLACE, r"<h3>Guru Meditation:</h3>"),
    # Measured in the lab (docs/lab.md), as are H2O's texts (lib/common/http1client.c).
    _Page("nghttpx", IN_PLACE, r"<h1>50[234] [^<]*</h1><footer>nghttpx"),
    _Page("tinyproxy", (500, *IN_PLACE), r"<em>Generated by tinyproxy version", "tinyproxy"),
    _Page("lighttpd", IN_PLACE, r"<h1>50[234] [^<]*</h1>\s*</body>", "lighttpd/"),
    _Page("ats", IN_PLACE, r"<FONT FACE=\"Helvetica,Arial\"><B>\s*Description: ", "ats/"),
    _Page(
        "h2o",
        (_BAD_GATEWAY,),
        r"\A(?:connection (?:failed|timeout)|I/O (?:error|timeout)|failed to parse the response)",
        "h2o/",
    ),
    _Page("privoxy", IN_PLACE, r"<title>50[234] - [^<]*\(Privoxy@"),
    _Page("privoxy", (_BAD_GATEWAY,), r"\ABad response\. The server or forwarder response"),
    _Page("mitmproxy", (_BAD_GATEWAY,), r"<title>502 Bad Gateway</title>", "mitmproxy"),
    # Cloudflare "Troubleshooting 5XX errors".
    _Page("cloudflare", (_BAD_GATEWAY, _TIMEOUT), r"\Aerror code: 50[24]\s*\Z", "cloudflare"),
    # IIS Application Request Routing.
    _Page(
        "iis",
        (_BAD_GATEWAY,),
        r"Web server received an invalid response while acting as a gateway or proxy server",
    ),
)
_SERVERS = {
    "envoy": "envoy",
    "istio-envoy": "envoy",
    "nginx": "nginx",
    "openresty": "nginx",
    "haproxy": "haproxy",
    "apache": "apache",
    "awselb": "aws alb",
    "kong": "kong",
    "varnish": "varnish",
    "squid": "squid",
    "nghttpx": "nghttpx",
    "tinyproxy": "tinyproxy",
    "lighttpd": "lighttpd",
    "caddy": "caddy",
    "ats": "ats",
    "h2o": "h2o",
    "cloudflare": "cloudflare",
}
"""First words of ``server``, and the product that puts them on what it hands on, too."""


def recognise(exchange: Exchange) -> LocalReply | None:
    """Return who made an answer in the upstream's place; None where none is recognised.

    ``handed_on`` is set where it has x-envoy-upstream-service-time, or its text is one product's
    and its ``server`` another's.
    """
    if exchange.status is None or (exchange.status < 400 and exchange.grpc is None):
        return None
    reply = _of_grpc(exchange) or _of_envoy(exchange) or _of_squid(exchange)
    reply = reply or _of_page(exchange)
    if reply is None:
        return None if exchange.upstream_service_time else _of_its_kind(exchange)
    named = server_product(exchange)
    passed_on = exchange.upstream_service_time or named not in ("", reply.product)
    return replace(reply, handed_on=True) if passed_on else reply


def is_by_name(exchange: Exchange) -> bool:
    """Return whether nothing but an empty body under its name shows an answer to be a proxy's own.

    Proxies put that name on an origin's empty answer, too.
    """
    reply = exchange.local_reply
    return reply is not None and reply == _of_empty_body(exchange)


def server_product(exchange: Exchange) -> str:
    """Return the product that ``server`` names; empty for none that is known."""
    return _SERVERS.get(re.split(r"[/ ]", exchange.server.lower(), maxsplit=1)[0], "")


def _of_grpc(exchange: Exchange) -> LocalReply | None:
    call = exchange.grpc
    if exchange.status != 200 or call is None or call.message is None or not call.status:
        return None
    return _envoy_text(call.message)


def _of_envoy(exchange: Exchange) -> LocalReply | None:
    if exchange.status not in (*IN_PLACE, 408):
        return None
    return _envoy_text(_body(exchange))


def _envoy_text(text: str) -> LocalReply | None:
    words = text.strip()
    if words in _ENVOY_TEXTS or words in ENVOY_NO_CALL:
        return LocalReply("envoy", words)
    match = re.search(_ENVOY_RESET, words, re.DOTALL)
    if match is None:
        return None
    details = match["details"]
    return LocalReply("envoy", match["reason"], details[:MAX_DETAILS] if details else None)


def _of_squid(exchange: Exchange) -> LocalReply | None:
    # Squid src/errorpage.cc: a page of several kilobytes, and a header that names its template.
    if exchange.status not in IN_PLACE or not exchange.proxy_error:
        return None
    return LocalReply("squid", _MEANINGS[exchange.status], exchange.proxy_error)


def _of_page(exchange: Exchange) -> LocalReply | None:
    text = _body(exchange)
    for page in _PAGES:
        if exchange.status not in page.statuses:
            continue
        if not re.search(page.text, text, re.DOTALL | re.IGNORECASE):
            continue
        if page.server == "" and exchange.server:
            continue
        if page.server is None or exchange.server.lower().startswith(page.server):
            return LocalReply(page.product, _MEANINGS[exchange.status], _title(text))
    return None


def _of_its_kind(exchange: Exchange) -> LocalReply | None:
    if exchange.method == "CONNECT" and exchange.status in IN_PLACE:
        # Who is asked for a tunnel is a proxy, and its answer its own (RFC 9110 section 9.3.6).
        return LocalReply(server_product(exchange), _MEANINGS[exchange.status])
    return _of_empty_body(exchange)


def _of_empty_body(exchange: Exchange) -> LocalReply | None:
    if exchange.length or not exchange.complete or exchange.method == "HEAD":
        return None
    server = exchange.server.lower()
    if server in ("envoy", "istio-envoy") and exchange.status in (404, _UNAVAILABLE):
        # An origin's answer would have x-envoy-upstream-service-time, and mostly a content-type.
        return None if exchange.content_type or exchange.grpc else LocalReply("envoy", NO_ROUTE)
    # Caddy modules/caddyhttp/reverseproxy: an empty answer under its own name.
    if server == "caddy" and exchange.status in IN_PLACE and not exchange.via:
        return LocalReply("caddy", _MEANINGS[exchange.status])
    return None


def _body(exchange: Exchange) -> str:
    return exchange.body_head.decode("utf-8", "replace")


def _title(text: str) -> str | None:
    match = re.search(r"<title>([^<]{1,100})</title>", text)
    return match[1].strip() if match else None
