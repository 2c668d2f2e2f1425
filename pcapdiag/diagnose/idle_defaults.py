"""After how long a quiet connection is ended, or forgotten, by default: whose values those are.

One table for the signals of a reset and for finding path.idle_timeout. A quiet time equal to a
product's default never names the product by itself: servers use the same numbers (measured).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Way = Literal["at_expiry", "late", "lost", "closed"]
"""How it shows: a RST at that time; a RST to the next packet; nothing ever again; a FIN."""


class IdleDefault(msgspec.Struct, frozen=True):
    """One product's default."""

    seconds: int
    product: str
    ways: tuple[Way, ...]
    source: str


_DROPS: tuple[Way, ...] = ("late", "lost")
_RESETS: tuple[Way, ...] = ("at_expiry", "late", "lost")
_CLOSES: tuple[Way, ...] = ("closed",)

IDLE_DEFAULTS = (
    IdleDefault(2, "gunicorn", _CLOSES, "gunicorn settings, keepalive"),
    IdleDefault(5, "Node.js (older releases)", _CLOSES, "Node.js http, server.keepAliveTimeout"),
    IdleDefault(5, "uvicorn", _CLOSES, "uvicorn settings, --timeout-keep-alive"),
    IdleDefault(5, "Apache httpd", _CLOSES, "Apache httpd core, KeepAliveTimeout"),
    IdleDefault(20, "Tomcat", _CLOSES, "Tomcat HTTP connector, keepAliveTimeout"),
    IdleDefault(30, "Jetty", _CLOSES, "Jetty ServerConnector, idleTimeout"),
    IdleDefault(60, "AWS ALB, CLB", _CLOSES, "AWS: edit attributes for your ALB"),
    IdleDefault(65, "Node.js (newer releases)", _CLOSES, "Node.js http, server.keepAliveTimeout"),
    IdleDefault(65, "OCI load balancer", _CLOSES, "OCI load balancer timeout connection settings"),
    IdleDefault(75, "NGINX keepalive_timeout", _CLOSES, "NGINX ngx_http_core_module"),
    IdleDefault(120, "IIS", _CLOSES, "IIS connectionTimeout"),
    IdleDefault(240, "Azure load balancer, NAT gateway", _RESETS, "Azure: TCP reset and idle"),
    IdleDefault(300, "F5 BIG-IP", _RESETS, "F5 K13223"),
    IdleDefault(350, "AWS NLB, NAT gateway", _DROPS, "AWS: update the TCP idle timeout"),
    IdleDefault(350, "AWS GWLB", _RESETS, "AWS: listeners for your gateway load balancers"),
    IdleDefault(350, "AWS Network Firewall", ("lost",), "AWS API FlowTimeouts"),
    IdleDefault(600, "GCP VPC firewall", ("lost",), "Compute Engine: troubleshooting"),
    IdleDefault(610, "GCP application load balancer", _CLOSES, "Cloud LB: request distribution"),
    IdleDefault(1200, "GCP Cloud NAT", ("lost",), "Cloud NAT timeouts"),
    IdleDefault(3600, "FortiGate", _RESETS, "Fortinet KB 196858"),
    IdleDefault(3600, "Cisco ASA", _RESETS, "ASA CLI guide: configuring connection settings"),
    IdleDefault(3600, "Palo Alto", _DROPS, "PAN-OS session timeouts"),
    IdleDefault(3600, "Check Point", _RESETS, "Check Point: TCP session timeout"),
    IdleDefault(3600, "Envoy idle_timeout", _CLOSES, "Envoy: how do I configure timeouts"),
    IdleDefault(86_400, "kube-proxy conntrack", _DROPS, "kube-proxy tcpEstablishedTimeout"),
    IdleDefault(432_000, "Linux conntrack", _DROPS, "kernel: nf_conntrack-sysctl"),
)
"""In ascending order; from vendors' documents, and measured."""


def products(low: float, high: float, way: Way | None = None) -> str:
    """Return the products whose default lies in a span of seconds; empty for none.

    Without a way, those that keep state for others: load balancers, NATs and firewalls.
    """
    found = [
        one.product
        for one in IDLE_DEFAULTS
        if low <= one.seconds <= high and (way in one.ways if way else one.ways != _CLOSES)
    ]
    return ", ".join(found)
