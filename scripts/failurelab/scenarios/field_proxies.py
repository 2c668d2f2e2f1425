"""Squid, Varnish and Apache httpd as proxies that answer in an upstream's place."""

from __future__ import annotations

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import caches
from failurelab.registry import PROXIED, scenario

POINTS = (Point("client"), Point("proxy", "any"))


@scenario(
    "http.local_reply-squid-refused",
    "Squid says 503: nothing listens at the origin",
    path=PROXIED,
    points=POINTS,
    layers=("http",),
)
def squid_refused(lab: Lab) -> None:
    """curl asks by way of Squid; the origin's port is closed."""
    caches.squid(lab, lab.proxy, 3128)
    where = f"http://{lab.upstream.ip}:8080/"
    lab.client.curl("-x", f"http://{lab.proxy.ip}:3128", where)
    lab.sleep(0.2)
    upstream = lab.leg(lab.upstream, 8080)
    lab.judge(upstream, "tcp.connection_refused", "responder")
    lab.judge(lab.leg(lab.proxy, 3128), "http.local_reply", "responder", caused_by=upstream)


@scenario(
    "http.local_reply-varnish-refused",
    "Varnish says 503: nothing listens at its backend",
    path=PROXIED,
    points=POINTS,
    layers=("http",),
)
def varnish_refused(lab: Lab) -> None:
    """curl asks Varnish, whose backend's port is closed."""
    caches.varnish(lab, lab.proxy, 6081, lab.upstream.ip, 8080)
    lab.client.curl(f"http://{lab.proxy.ip}:6081/")
    lab.sleep(0.2)
    upstream = lab.leg(lab.upstream, 8080)
    lab.judge(upstream, "tcp.connection_refused", "responder")
    lab.judge(lab.leg(lab.proxy, 6081), "http.local_reply", "responder", caused_by=upstream)


@scenario(
    "http.local_reply-apache-timeout",
    "Apache httpd gives up on an upstream that does not answer",
    path=PROXIED,
    points=POINTS,
    layers=("http",),
)
def apache_timeout(lab: Lab) -> None:
    """mod_proxy's timeout is 2 s; the upstream takes the request and says nothing."""
    caches.apache(lab, lab.proxy, 8000, lab.upstream.ip, 8080)
    server = lab.upstream.serve(8080, behaviours.silent())
    lab.client.curl(f"http://{lab.proxy.ip}:8000/")
    lab.sleep(0.2)
    upstream = lab.leg(server.address[0], 8080)
    lab.judge(upstream, "tcp.response_timeout", "responder")
    lab.judge(lab.leg(lab.proxy, 8000), "http.local_reply", "responder", caused_by=upstream)


@scenario(
    "tcp.connection_timeout-dropped-here",
    "The capture was taken on the router that dropped the SYNs",
    points=(Point("client"), Point("router", "any")),
)
def dropped_here(lab: Lab) -> None:
    """The router drops port 8080 and resets port 8081; captured on all its interfaces."""
    lab.router.iptables("-A FORWARD -p tcp --dport 8080 -j DROP")
    lab.router.iptables("-A FORWARD -p tcp --dport 8081 -j REJECT --reject-with tcp-reset")
    lab.client.curl(f"http://{lab.upstream.ip}:8081/")
    lab.client.curl(f"http://{lab.upstream.ip}:8080/", timeout=7)
    lab.sleep(0.2)
    lab.judge(lab.leg(lab.upstream, 8080), "tcp.connection_timeout", ["path", "unknown"])
    refused = lab.leg(lab.upstream, 8081)
    lab.judge(refused, "tcp.connection_refused", ["path", "unknown", "responder"])
