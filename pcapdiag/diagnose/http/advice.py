"""What to change and to run where it is known which proxy answered: with that one's own knobs.

Sources: Envoy's docs (route, cluster and access log), Istio's networking reference, NGINX's
ngx_http_proxy_module, HAProxy's configuration manual (sections 4.2, 8.5 and 9.3), Apache's
mod_proxy and mod_proxy_balancer, Squid's and Varnish's references, Caddy's reverse_proxy, Traefik's
serversTransport, lighttpd's mod_proxy, Traffic Server's records.config, H2O's proxy directives.
"""

from __future__ import annotations

from typing import NamedTuple

_FIRST = (
    "look at the connections that {responder_ip} opened just before: the first that failed is "
    "the cause"
)
_ASK = (
    "curl -sv -o /dev/null '{scheme}://{responder_host}:{responder_port}/'  # from {initiator_ip}"
)
_CAPTURE = (
    "tcpdump -ni any -w behind.pcap '{behind}'  # on {responder_ip}: the leg behind the proxy"
)
_ROUTES = (
    "curl -s localhost:9901/config_dump | grep -nE '\"(domains|prefix|cluster)\"'  # Envoy's admin "
    "port on {responder_ip}; Istio: port 15000"
)


class Advice(NamedTuple):
    """Fixes in the order to try, and commands: templates as those of a kind."""

    fixes: tuple[str, ...]
    commands: tuple[str, ...]


def _advice(where: str, timeouts: str, retries: str, command: str) -> Advice:
    fixes = (
        _FIRST,
        f"is the upstream up, and are address, port, TLS and protocol right? {where}",
        f"timeouts: {timeouts}",
        f"retry what is safe to retry: {retries}",
    )
    return Advice(fixes, (_ASK, _CAPTURE, command))


BY_PRODUCT = {
    "envoy": _advice(
        "the cluster and its transport_socket (Istio: DestinationRule)",
        "the cluster's connect_timeout, the route's timeout (Istio: VirtualService timeout)",
        "retry_on connect-failure,reset (Istio: VirtualService retries)",
        "curl -s localhost:9901/clusters | grep -E 'health_flags|cx_connect_fail|rq_error'  # "
        "Envoy's admin port on {responder_ip}; Istio: port 15000",
    ),
    "nginx": _advice(
        'upstream and proxy_pass: "no live upstreams" in its log is max_fails and fail_timeout, '
        "and a name may not resolve (resolver) or a unix socket be gone",
        "proxy_connect_timeout, proxy_read_timeout, proxy_send_timeout",
        "proxy_next_upstream, proxy_next_upstream_tries",
        "grep upstream /var/log/nginx/error.log | tail  # on {responder_ip}: which one, and what "
        "it was doing",
    ),
    "haproxy": _advice(
        "the server lines; is any server up, or is its queue full (maxconn, timeout queue)?",
        "timeout connect, timeout server, timeout queue",
        "retries, retry-on, option redispatch",
        "echo 'show servers state' | socat stdio /run/haproxy/admin.sock  # on {responder_ip}; in "
        "its log SC, sC, SH, sH, sQ or PR says the rest",
    ),
    "apache": _advice(
        "ProxyPass and BalancerMember; after an error a member rests for retry= seconds (60)",
        "ProxyTimeout, connectiontimeout= and timeout= of ProxyPass",
        "BalancerMember with failonstatus, and maxattempts of the balancer",
        "tail -n 50 /var/log/apache2/error.log | grep -i proxy  # on {responder_ip}",
    ),
    "caddy": _advice(
        "the upstreams of reverse_proxy and its transport",
        "dial_timeout and response_header_timeout of the transport",
        "lb_try_duration, lb_retries",
        "journalctl -u caddy | grep -i upstream | tail  # on {responder_ip}",
    ),
    "traefik": _advice(
        "the service's servers, and the scheme of their URLs",
        "dialTimeout and responseHeaderTimeout of the serversTransport's forwardingTimeouts",
        "the retry middleware",
        "docker logs traefik 2>&1 | tail -n 50  # on {responder_ip}, at log level DEBUG",
    ),
    "squid": _advice(
        "the origin that was asked for, or cache_peer",
        "connect_timeout, read_timeout, forward_timeout",
        "connect_retries, forward_max_tries",
        "tail -n 50 /var/log/squid/access.log  # on {responder_ip}: code and hierarchy",
    ),
    "varnish": _advice(
        "the backend's .host and .port, and its .probe",
        ".connect_timeout, .first_byte_timeout, .between_bytes_timeout of the backend",
        "return (retry) in vcl_backend_error, max_retries",
        "varnishlog -d -g request -q 'FetchError'  # on {responder_ip}",
    ),
    "lighttpd": _advice(
        "host and port in proxy.server; after an error a host rests",
        "connect-timeout, read-timeout, write-timeout of the host in proxy.server",
        "several hosts in proxy.server, with proxy.balance",
        "tail -n 50 /var/log/lighttpd/error.log  # on {responder_ip}",
    ),
    "ats": _advice(
        "remap.config; after an error a host rests (connect.dead_server_timeout)",
        "proxy.config.http.connect_attempts_timeout, transaction_no_activity_timeout_out",
        "proxy.config.http.connect_attempts_max_retries",
        "tail -n 50 /var/log/trafficserver/error.log  # on {responder_ip}",
    ),
    "h2o": _advice(
        "proxy.reverse.url, and proxy.ssl.cafile where that is https",
        "proxy.timeout.io, proxy.timeout.connect, proxy.timeout.first_byte",
        "H2O tries no call again: do that in front of it",
        "curl -s 'http://{responder_host}:{responder_port}/server-status/json'  # where the status "
        "handler is on",
    ),
}

_OF_ENVOY = {
    "fault filter abort": (
        "faults are injected on purpose: Envoy envoy.filters.http.fault; Istio VirtualService "
        "fault.abort"
    ),
    "local_rate_limited": (
        "its own rate limit was reached: token_bucket of envoy.filters.http.local_ratelimit "
        "(Istio: an EnvoyFilter)"
    ),
    "drop overload": "the control plane has requests dropped: drop_overloads of the cluster's load",
    "maintenance mode": "the cluster was set aside: runtime key upstream.maintenance_mode",
    "envoy overloaded": (
        "Envoy itself ran short: the triggers of overload_manager (heap, connections); more memory "
        "or more replicas"
    ),
    "dns resolution failure": (
        "the upstream's name did not resolve: the resolvers of dynamic_forward_proxy "
        "(typed_dns_resolver_config), and the name itself"
    ),
}
_NO_ROUTE = (
    "is there a route for this host and path, and does its cluster exist? (Istio: istioctl "
    "proxy-config routes, proxy-config clusters)",
    "does an authorization or rate-limit service fail or say no? ext_authz with status_on_error "
    "and failure_mode_allow, ratelimit; its log says UAEX or RL then",
    "or is it meant so: a direct_response without a body",
)


def advice(product: str, reason: str | None, *, empty: bool) -> Advice | None:
    """Return what to do about a product's own answer; None where the kind's own advice is best.

    ``empty``: it is Envoy's empty answer, which does not say why.
    """
    if product == "envoy" and empty:
        return Advice(_NO_ROUTE, (_ASK, _ROUTES))
    said = (reason or "").lower().replace("unconditional ", "")
    if product == "envoy" and said in _OF_ENVOY:
        return Advice((_OF_ENVOY[said],), (_ASK, _ROUTES))
    return BY_PRODUCT.get(product)
