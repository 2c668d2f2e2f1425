"""Which call belongs to which client: retries, copies, pools, and clients that stall themselves."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import http2
from failurelab.registry import PROXIED, scenario

_ANY = (Point("proxy", "any"),)
_TWO = {"upstream2": "router2"}


def _start(lab: Lab, route: envoy.Json, **clusters: str) -> None:
    made = [envoy.a_cluster(name, (ip, 9000)) for name, ip in clusters.items()]
    envoy.start(lab, lab.proxy, [envoy.http_listener(8080, route=route)], made, port=8080)


def _ask(lab: Lab) -> None:
    lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
    lab.sleep(0.1)


@scenario(
    "http.local_reply-envoy-per-try-timeout",
    "Envoy tries three times for 0.4 s each and answers 504",
    path=PROXIED,
    points=_ANY,
    kept_apart=False,
)
def per_try_timeout(lab: Lab) -> None:
    """per_try_timeout 0.4 s, two retries; the upstream takes each request and says nothing."""
    lab.upstream.serve(9000, behaviours.silent())
    retry = {"retry_on": "5xx", "num_retries": 2, "per_try_timeout": "0.4s"}
    _start(lab, {"timeout": "5s", "retry_policy": retry}, up=lab.upstream.ip)
    _ask(lab)
    tries = [lab.leg(lab.upstream, 9000, nth) for nth in range(3)]
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=tries[2])
    for one in tries:
        lab.judge(one, "tcp.response_timeout", "responder")


@scenario(
    "http.local_reply-envoy-beside-a-mirror",
    "Envoy's request and its copy to a mirror are both reset; the first alone is the cause",
    path=PROXIED,
    branches=_TWO,
    points=_ANY,
    kept_apart=False,
)
def beside_a_mirror(lab: Lab) -> None:
    """Both have the client's request id. The upstream resets 10 ms after the request, the mirror
    after 13 ms.
    """
    mirror = lab.hosts["upstream2"]
    lab.upstream.serve(9000, behaviours.reset_after_request(0.01))
    mirror.serve(9000, behaviours.reset_after_request(0.013))
    route = {"request_mirror_policies": [{"cluster": "copy"}]}
    _start(lab, route, up=lab.upstream.ip, copy=mirror.ip)
    _ask(lab)
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "tcp.reset_before_response", "responder")
    lab.judge(lab.leg(mirror, 9000), "tcp.reset_before_response", "responder")


@scenario(
    "http.local_reply-haproxy-upload-stalls",
    "HAProxy answers 504, but its client never finished the upload that the upstream waits for",
    path=PROXIED,
    points=_ANY,
    kept_apart=False,
)
def upload_stalls(lab: Lab) -> None:
    """The client sends 3 of 5,000 bytes and then nothing; timeout server 1.5 s."""
    lab.upstream.serve(9000, behaviours.silent())
    body = haproxy.simple(8080, f"{lab.upstream.ip}:9000")
    haproxy.start(lab, lab.proxy, body, port=8080, server="1500ms")
    client = lab.client.connect((lab.proxy.ip, 8080))
    head = b"POST /photo HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5000\r\n\r\n"
    client.send(head + b"abc").receive_all(4)
    client.close()
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(client, "http.local_reply", "responder", caused_by=cause)
    lab.judge(cause, "tcp.initiator_abort", "initiator")


@scenario(
    "http.local_reply-envoy-streams-of-one-client",
    "Three streams of one HTTP/2 client fail, each by another call of Envoy's pool",
    path=PROXIED,
    points=_ANY,
    kept_apart=False,
    layers=("http", "http2", "tcp"),
)
def streams_of_one_client(lab: Lab) -> None:
    """Eight requests at once; the upstream resets one, closes one, never answers one (1 s)."""
    calls: dict[bytes, Connection] = {}

    def handle(connection: Connection) -> None:
        while request := connection.receive_until(timeout=20):
            path = request.split()[1]
            calls[path] = connection
            lab.sleep(0.1)
            if path == b"/3":
                connection.reset()
            elif path == b"/5":
                connection.close()
            elif path == b"/6":
                connection.receive_all(10)
            else:
                connection.send(behaviours.reply())
                continue
            return

    lab.upstream.serve(9000, handle)
    _start(lab, {"timeout": "1s"}, up=lab.upstream.ip)
    client = lab.client.connect((lab.proxy.ip, 8080))
    session = http2.Session(client, client=True)
    for number in range(8):
        session.request(f"/{number}", hold=True)
    session.flush()
    list(session.events(1.5))
    client.close()
    lab.judge(client, "http.local_reply", "responder", caused_by=calls[b"/3"])
    lab.judge(calls[b"/3"], "tcp.reset_before_response", "responder")
    lab.judge(calls[b"/5"], "tcp.closed_before_response", "responder")
    lab.judge(calls[b"/6"], "tcp.response_timeout", "responder")


@scenario(
    "tcp.closed_before_response-envoy-connect",
    "Envoy ends a CONNECT tunnel a second after the upstream reset it",
    path=PROXIED,
    points=_ANY,
    kept_apart=False,
    layers=("tcp", "http"),
)
def connect_tunnel(lab: Lab) -> None:
    """Envoy terminates CONNECT; inside, the upstream reads a request and resets 50 ms later."""
    lab.upstream.serve(9000, behaviours.reset_after_request(0.05))
    upgrade = {"upgrade_type": "CONNECT"}
    action = {"cluster": "up", "upgrade_configs": [{**upgrade, "connect_config": {}}]}
    routes = [{"match": {"connect_matcher": {}}, "route": action}]
    hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
    manager = {"route_config": {"virtual_hosts": hosts}, "upgrade_configs": [upgrade]}
    envoy.simple(lab, (lab.upstream.ip, 9000), manager=manager)
    client = lab.client.connect((lab.proxy.ip, 8080))
    client.send(b"CONNECT shop.example:80 HTTP/1.1\r\nHost: shop.example:80\r\n\r\n")
    client.receive_until()
    client.send(behaviours.get("/cart")).receive_all(3)
    client.close()
    cause = lab.leg(lab.upstream, 9000)
    lab.judge(client, "tcp.closed_before_response", "responder", caused_by=cause)
    lab.judge(cause, "tcp.reset_before_response", "responder")
