"""Server-sent events and WebSockets, cut by a proxy for quiet or ended in order."""

from __future__ import annotations

from failurelab import envoy, haproxy
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import streams
from failurelab.registry import PROXIED, scenario
from failurelab.scenes import curl, nginx_proxy
from failurelab.truth import Accepted

KEPT = "proxy_http_version 1.1;"


def _haproxy(lab: Lab, more: str) -> None:
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000", backend=f"retries 0\n  {more}")
    haproxy.start(lab, lab.proxy, body, port=8080)


_IDLE = "http.stream_idle_timeout"


def _cut(lab: Lab, *truncated: str) -> None:
    """Both legs were cut by the proxy after the same quiet time."""
    there = {"client": Accepted([_IDLE, *truncated])} if truncated else {}
    lab.judge(lab.leg(lab.proxy, 8080), _IDLE, "responder", at=there)
    lab.judge(lab.leg(lab.upstream, 9000), _IDLE, "initiator")


@scenario(
    "http.stream_idle_timeout-envoy-events",
    "Envoy cuts server-sent events after a second of quiet",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
)
def idle_events(lab: Lab) -> None:
    """Three events, then quiet; stream_idle_timeout 1 s, no route timeout."""
    lab.upstream.serve(9000, streams.events(3, 0.2, 10))
    manager = {"stream_idle_timeout": "1s"}
    envoy.simple(lab, (lab.upstream.ip, 9000), route={"timeout": "0s"}, manager=manager)
    curl(lab, lab.proxy.ip, "-N")
    _cut(lab, "http.truncated_response")


@scenario(
    "http.stream_idle_timeout-nginx-websocket",
    "NGINX cuts a WebSocket after its read timeout, without a Close frame",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
)
def idle_websocket(lab: Lab) -> None:
    """Three messages, then quiet; proxy_read_timeout 1 s."""
    lab.upstream.serve(9000, streams.websocket_server(3, 0.2))
    upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    nginx_proxy(lab, KEPT, upgrade, "proxy_read_timeout 1s;")
    connection = streams.websocket_client(lab.client.connect((lab.proxy.ip, 8080)))
    connection.receive_all(5)
    connection.close()
    _cut(lab, "http.truncated_response")


@scenario(
    "http.stream_idle_timeout-haproxy-tunnel",
    "HAProxy cuts a WebSocket after its tunnel timeout",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("client")),
)
def idle_tunnel(lab: Lab) -> None:
    """Two messages, then quiet; timeout tunnel 1 s."""
    lab.upstream.serve(9000, streams.websocket_server(2, 0.2))
    _haproxy(lab, "timeout tunnel 1s")
    connection = streams.websocket_client(lab.client.connect((lab.proxy.ip, 8080)))
    connection.receive_all(5)
    connection.close()
    _cut(lab, "http.truncated_response")


@scenario(
    "healthy-websocket-close-frame",
    "A WebSocket through NGINX that the server ends by a Close frame",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("http",),
)
def websocket_closed(lab: Lab) -> None:
    """Two messages, a Close frame, the client's Close frame, and FIN."""
    lab.upstream.serve(9000, streams.websocket_server(2, 0.2, close=True))
    upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    nginx_proxy(lab, KEPT, upgrade)
    connection = streams.websocket_client(lab.client.connect((lab.proxy.ip, 8080)))
    connection.receive_until(b"\x03\xe8")
    streams.websocket_answer_close(connection)
    lab.sleep(0.1)
    connection.close()
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "healthy-events-finished",
    "Server-sent events that end with the last chunk after some quiet",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("http",),
)
def events_finished(lab: Lab) -> None:
    """Three events, half a second between, then the last chunk; Envoy between."""
    lab.upstream.serve(9000, streams.events(3, 0.5, 1, finish=True))
    envoy.simple(lab, (lab.upstream.ip, 9000), route={"timeout": "0s"})
    curl(lab, lab.proxy.ip, "-N")
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, 9000))
