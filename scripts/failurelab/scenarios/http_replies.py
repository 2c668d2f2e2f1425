"""Proxies that answer in the upstream's place."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Leg
from failurelab.lab import Lab
from failurelab.programs import grpc
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import nginx_proxy
from failurelab.truth import Accepted

_BOTH = (Point("proxy", "any"), Point("proxy", "eth0", name="proxy-downstream"))
_CHAIN = "client router proxy router2 proxy2 router3 upstream"
_SILENT = ["unknown", "path"]


def _ask(lab: Lab, *options: str) -> None:
    lab.used("curl")
    lab.client.curl(*options, f"http://{lab.proxy.ip}:8080/checkout")


def _reply(lab: Lab, cause: Leg) -> None:
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)


def _caused(lab: Lab, code: str, side: str | list[str], last: str | None) -> None:
    """The client got the proxy's answer; the upstream leg failed so."""
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, code, side, ended_by=[last])


def _haproxy(lab: Lab, backend: str = "retries 0") -> None:
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend=backend)
    haproxy.start(lab, lab.proxy, body, port=8080, server="1s")


def _silent_twice(lab: Lab) -> None:
    """Two requests, two seconds apart: the capture goes on long after the first has failed."""
    _ask(lab)
    lab.sleep(2)
    _ask(lab)
    code = "tcp.connection_timeout"
    for nth, codes in enumerate(([code], [code, "capture.partial"])):
        cause = lab.leg(lab.upstream, 9000, nth)
        front = lab.leg(lab.proxy, 8080, nth)
        lab.judge(front, "http.local_reply", "responder", caused_by=cause)
        lab.judge(cause, codes, _SILENT, ended_by=[None])


# Envoy


@scenario(
    "http.local_reply-envoy-connect-timeout",
    "Envoy's SYN is dropped; its connect timeout answers 503",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def envoy_connect_timeout(lab: Lab) -> None:
    """The router drops SYNs to the upstream's port; connect_timeout 1 s. Two requests."""
    lab.router2.iptables("-A FORWARD -p tcp --dport 9000 -j DROP")
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _silent_twice(lab)


@scenario(
    "http.local_reply-envoy-reset",
    "The upstream resets after the request; Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def envoy_reset(lab: Lab) -> None:
    """The upstream reads the request and closes with linger zero."""
    lab.upstream.serve(9000, behaviours.reset_after_request(0.1))
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    _caused(lab, "tcp.reset_before_response", "responder", "responder")


@scenario(
    "http.local_reply-envoy-closed",
    "The upstream closes after the request; Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def envoy_closed(lab: Lab) -> None:
    """The upstream reads the request and closes."""
    lab.upstream.serve(9000, behaviours.close_after_request(0.1))
    envoy.simple(lab, (lab.upstream.ip, 9000))
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, "tcp.closed_before_response", "responder")


@scenario(
    "http.local_reply-envoy-timeout",
    "The upstream never answers; Envoy's route timeout answers 504",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def envoy_timeout(lab: Lab) -> None:
    """The upstream reads and says nothing; route timeout 1.5 s."""
    lab.upstream.serve(9000, behaviours.silent())
    envoy.simple(lab, (lab.upstream.ip, 9000), route={"timeout": "1.5s"})
    _ask(lab)
    _caused(lab, "tcp.response_timeout", "responder", "initiator")


@scenario(
    "http.local_reply-envoy-retries",
    "Three tries, each met by a reset; then Envoy answers 503",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def envoy_retries(lab: Lab) -> None:
    """Retry policy with two retries on resets; the upstream resets each after the request."""
    lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    retry = {"retry_policy": {"retry_on": "reset", "num_retries": 2}}
    envoy.simple(lab, (lab.upstream.ip, 9000), route=retry)
    _ask(lab)
    tries = [lab.leg(lab.upstream, 9000, nth) for nth in range(3)]
    _reply(lab, tries[2])
    for one in tries:
        lab.judge(one, "tcp.reset_before_response", "responder", ended_by=["responder"])


@scenario(
    "http.local_reply-envoy-grpc",
    "Envoy answers a gRPC call in a dead upstream's place: 200 with grpc-status 14",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "grpc", "tcp"),
)
def envoy_grpc(lab: Lab) -> None:
    """grpcio's client calls through Envoy; nothing listens on the upstream's port."""
    envoy.simple(lab, (lab.upstream.ip, 9000), h2=True)
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "ok")
    _caused(lab, "tcp.connection_refused", "responder", "responder")


@scenario(
    "http.local_reply-envoy-grpc-timeout",
    "Envoy answers a gRPC call that its upstream leaves open: grpc-status 4 or 14",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "grpc"),
)
def envoy_grpc_timeout(lab: Lab) -> None:
    """The upstream accepts and reads, without a byte of HTTP/2; route timeout 1 s."""
    lab.upstream.serve(9000, behaviours.silent())
    envoy.simple(lab, (lab.upstream.ip, 9000), h2=True, route={"timeout": "1s"})
    grpc.call(lab, lab.client, (lab.proxy.ip, 8080), "ok")
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, "tcp.response_timeout", "responder")


# NGINX


@scenario(
    "http.local_reply-nginx-refused",
    "NGINX answers 502 because the upstream refused its connection",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def nginx_refused(lab: Lab) -> None:
    """Nothing listens on the upstream's port."""
    nginx_proxy(lab)
    _ask(lab)
    _caused(lab, "tcp.connection_refused", "responder", "responder")


@scenario(
    "http.local_reply-nginx-closed",
    "The upstream closes after the request; NGINX answers 502",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def nginx_closed(lab: Lab) -> None:
    """The upstream reads the request and closes: "prematurely closed connection"."""
    lab.upstream.serve(9000, behaviours.close_after_request(0.1))
    nginx_proxy(lab)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, "tcp.closed_before_response", "responder")


@scenario(
    "http.local_reply-nginx-reset",
    "The upstream resets after the request; NGINX answers 502",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def nginx_reset(lab: Lab) -> None:
    """The upstream closes without having read the request: the kernel sends RST."""
    lab.upstream.serve(9000, behaviours.close_unread(0.1))
    nginx_proxy(lab)
    _ask(lab)
    _caused(lab, "tcp.reset_before_response", "responder", "responder")


@scenario(
    "http.local_reply-nginx-timeout",
    "The upstream never answers; NGINX answers 504",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def nginx_timeout(lab: Lab) -> None:
    """The upstream reads and says nothing; proxy_read_timeout 1 s."""
    lab.upstream.serve(9000, behaviours.silent())
    nginx_proxy(lab, "proxy_read_timeout 1s;")
    _ask(lab)
    _caused(lab, "tcp.response_timeout", "responder", "initiator")


@scenario(
    "http.local_reply-nginx-unreachable",
    "A router says that the upstream is unreachable; NGINX answers 502",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "icmp"),
)
def nginx_unreachable(lab: Lab) -> None:
    """The router rejects with ICMP host unreachable."""
    rule = "-A FORWARD -p tcp --dport 9000 -j REJECT --reject-with icmp-host-unreachable"
    lab.router2.iptables(rule)
    nginx_proxy(lab)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, "icmp.unreachable", "path")


# HAProxy


@scenario(
    "http.local_reply-haproxy-refused",
    "HAProxy answers 503 because the upstream refused its connection",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def haproxy_refused(lab: Lab) -> None:
    """Nothing listens on the upstream's port; no retries."""
    _haproxy(lab)
    _ask(lab)
    _caused(lab, "tcp.connection_refused", "responder", "responder")


@scenario(
    "http.local_reply-haproxy-closed",
    "The upstream closes after the request; HAProxy answers 502",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def haproxy_closed(lab: Lab) -> None:
    """The upstream reads the request and closes."""
    lab.upstream.serve(9000, behaviours.close_after_request(0.1))
    _haproxy(lab)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    _reply(lab, cause)
    lab.judge(cause, "tcp.closed_before_response", "responder")


@scenario(
    "http.local_reply-haproxy-timeout",
    "The upstream never answers; HAProxy answers 504",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def haproxy_timeout(lab: Lab) -> None:
    """The upstream reads and says nothing; timeout server 1 s."""
    lab.upstream.serve(9000, behaviours.silent())
    _haproxy(lab)
    _ask(lab)
    _caused(lab, "tcp.response_timeout", "responder", "initiator")


@scenario(
    "http.local_reply-haproxy-connect-timeout",
    "HAProxy's SYNs are dropped; it answers 503",
    path=PROXIED,
    points=_BOTH,
    layers=("http", "tcp"),
)
def haproxy_connect_timeout(lab: Lab) -> None:
    """The router drops SYNs to the upstream's port; timeout connect 1 s, no retries. Two
    requests.
    """
    lab.router2.iptables("-A FORWARD -p tcp --dport 9000 -j DROP")
    _haproxy(lab)
    _silent_twice(lab)


# proxies in series


@scenario(
    "http.local_reply-chain-of-envoys",
    "The edge Envoy hands on what the Envoy behind it answered",
    path=_CHAIN,
    points=(Point("proxy", "any"), Point("proxy2", "any")),
    layers=("http", "tcp"),
)
def chain(lab: Lab) -> None:
    """curl asks the edge Envoy, that asks the inner Envoy, whose upstream refuses."""
    inner = lab.hosts["proxy2"]
    cluster = envoy.a_cluster("up", (lab.upstream.ip, 9000))
    envoy.start(lab, inner, [envoy.http_listener(8081)], [cluster], port=8081)
    envoy.simple(lab, (inner.ip, 8081))
    _ask(lab)
    refused, between = lab.leg(lab.upstream, 9000), lab.leg(inner, 8081)
    _reply(lab, between)
    lab.judge(between, "http.local_reply", "responder", caused_by=refused, at=_behind())
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "http.local_reply-haproxy-before-nginx",
    "HAProxy hands on the 504 that the NGINX behind it made",
    path=_CHAIN,
    points=(Point("proxy", "any"), Point("proxy2", "any")),
    layers=("http", "tcp"),
)
def chain_nginx(lab: Lab) -> None:
    """curl asks HAProxy, that asks NGINX, whose upstream never answers (1 s)."""
    inner = lab.hosts["proxy2"]
    lab.upstream.serve(9000, behaviours.silent())
    location = f"proxy_pass http://{lab.upstream.ip}:9000; proxy_read_timeout 1s;"
    text = f"server {{ listen 8081; location / {{ {location} }} }}"
    nginx.start(lab, inner, text, port=8081)
    body = haproxy.simple(8080, f"{inner.ip}:8081")
    haproxy.start(lab, lab.proxy, body, port=8080)
    _ask(lab)
    silent, between = lab.leg(lab.upstream, 9000), lab.leg(inner, 8081)
    _reply(lab, between)
    lab.judge(between, "http.local_reply", "responder", caused_by=silent, at=_behind())
    lab.judge(silent, "tcp.response_timeout", "responder", ended_by=["initiator"])


def _behind() -> dict[str, Accepted]:
    """Seen from the edge, what answers there may be taken for a proxy or for the upstream."""
    return {"proxy": Accepted(parties=["proxy", "upstream"])}
