"""Requests that are delivered and not answered: in time, or not waited for."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_TIMEOUT = "tcp.response_timeout"
_ABORT = "tcp.initiator_abort"


@scenario(
    "tcp.response_timeout-curl-max-time",
    "curl gives up on a server that never answers",
    bump="client-router",
    points=("client", "upstream"),
)
def curl_max_time(lab: Lab) -> None:
    """The server reads the request and never answers; curl --max-time 3, twice. Round trip
    10 ms.
    """
    lab.bump.delay = 0.005
    lab.upstream.serve(8080, behaviours.silent())
    for nth in range(2):
        lab.client.curl(f"http://{lab.upstream.ip}:8080/slow/{nth}", timeout=3)
        lab.judge(lab.leg(lab.upstream, 8080, nth), _TIMEOUT, "responder")
    lab.sleep(0.2)


@scenario(
    "tcp.response_timeout-never-accepted",
    "A listener whose program hangs: connections wait in its queue",
    points=("client", "upstream"),
)
def never_accepted(lab: Lab) -> None:
    """The kernel completes the handshake and acknowledges the request; the program never accepts.
    A text protocol; the client closes after two seconds.
    """
    listener = lab.upstream.listen(6379)
    connection = lab.client.connect(listener.address)
    connection.send(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n").receive_all(2)
    connection.close()
    lab.sleep(0.3)
    lab.judge(connection, _TIMEOUT, "responder", ended_by=["initiator"])


@scenario(
    "tcp.response_timeout-reset-by-client-v6",
    "IPv6: a client with a timeout of two seconds resets, again and again",
    family=6,
)
def client_resets(lab: Lab) -> None:
    """The server answers the first request at once and later ones never; the client resets
    2.0 seconds after each, three times.
    """
    server = lab.upstream.serve(9000, behaviours.answer())
    first = lab.client.connect(server.address)
    first.send(behaviours.get("/fast")).receive_until()
    first.close()
    lab.healthy(first)
    stuck = lab.upstream.serve(9001, behaviours.silent())
    for nth in range(3):
        connection = lab.client.connect(stuck.address)
        connection.send(behaviours.get(f"/stuck/{nth}")).receive_all(2)
        connection.reset()
        lab.judge(connection, _TIMEOUT, "responder", ended_by=["initiator"])
    lab.sleep(0.2)


@scenario(
    "tcp.response_timeout-envoy-route-timeout",
    "Envoy answers 504: its route timeout is over",
    path=PROXIED,
    points=(Point("proxy", "any"), "client", "upstream"),
    layers=("tcp", "http"),
)
def envoy_route(lab: Lab) -> None:
    """The upstream needs three seconds, Envoy's route timeout is 1 s."""
    lab.upstream.serve(9000, behaviours.slow(3))
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080, route={"timeout": "1s"})
    lab.client.curl(f"http://{lab.proxy.ip}:8080/report")
    lab.sleep(0.3)
    late = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=late)
    at = {"upstream": Accepted([_TIMEOUT, _ABORT], ["responder", "unknown", "initiator"])}
    lab.judge(late, _TIMEOUT, "responder", at=at)


@scenario(
    "tcp.response_timeout-nginx-read-timeout",
    "NGINX answers 504: proxy_read_timeout is over",
    path=PROXIED,
    points=(Point("proxy", "any", format="pcapng"),),
    layers=("tcp", "http"),
)
def nginx_read(lab: Lab) -> None:
    """The upstream never answers; proxy_read_timeout is 2 s; two requests."""
    lab.upstream.serve(8000, behaviours.silent())
    conf = f"""
    proxy_read_timeout 2s;
    server {{ listen 80; location / {{ proxy_pass http://{lab.upstream.ip}:8000; }} }}"""
    nginx.start(lab, lab.proxy, conf, port=80)
    for nth in range(2):
        lab.client.curl(f"http://{lab.proxy.ip}/search?page={nth}")
        late = lab.leg(lab.upstream, 8000, nth)
        lab.judge(lab.leg(lab.proxy, 80, nth), "http.local_reply", "responder", caused_by=late)
        lab.judge(late, _TIMEOUT, "responder")
    lab.sleep(0.2)


@scenario(
    "tcp.response_timeout-haproxy-server-timeout",
    "HAProxy answers 504: timeout server is over",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("tcp", "http"),
)
def haproxy_server(lab: Lab) -> None:
    """The upstream never answers; timeout server is 1500 ms. Round trip to it 30 ms."""
    lab.bump.delay = 0.015
    lab.upstream.serve(8000, behaviours.silent())
    body = haproxy.simple(80, f"{lab.upstream.ip}:8000")
    haproxy.start(lab, lab.proxy, body, port=80, server="1500ms")
    lab.client.curl(f"http://{lab.proxy.ip}/")
    lab.sleep(0.3)
    late = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=late)
    at = {"proxy-upstream": Accepted([_TIMEOUT, _ABORT], ["responder", "unknown", "initiator"])}
    lab.judge(late, _TIMEOUT, "responder", at=at)


@scenario(
    "tcp.initiator_abort-curl-killed",
    "curl is killed while the server works as long as it always does",
    points=("client", "upstream"),
)
def curl_killed(lab: Lab) -> None:
    """The server needs 0.5 s for each answer, as three requests show; the fourth client is killed
    (SIGKILL) 0.15 s after its request.
    """
    server = lab.upstream.serve(8080, behaviours.slow(0.5))
    url = f"http://{lab.upstream.ip}:8080/page"
    for nth in range(3):
        lab.client.curl(url)
        lab.healthy(lab.leg(lab.upstream, 8080, nth))
    process = lab.client.spawn(["curl", "-s", url])
    lab.wait_until(lambda: len(server.accepted) == 4)
    lab.sleep(0.15)
    process.stop(9)
    lab.sleep(0.6)
    killed = lab.leg(lab.upstream, 8080, 3)
    lab.judge(killed, _ABORT, "initiator", ended_by=["initiator", "responder"])


@scenario(
    "tcp.initiator_abort-reset-soon",
    "A client resets 40 ms after its request",
    bump="client-router",
    points=("client", "upstream"),
)
def reset_soon(lab: Lab) -> None:
    """The server needs 0.3 s, as two requests show; on a third connection the client resets 40 ms
    after its request. Round trip 14 ms.
    """
    lab.bump.delay = 0.007
    server = lab.upstream.serve(8080, behaviours.slow(0.3))
    for nth in range(2):
        good = lab.client.connect(server.address)
        good.send(behaviours.get(f"/{nth}")).receive_until()
        good.close()
        lab.sleep(0.1)
        lab.healthy(good)
    gone = lab.client.connect(server.address)
    gone.send(behaviours.get("/gone"))
    lab.sleep(0.04)
    gone.reset()
    lab.sleep(0.5)
    lab.judge(gone, _ABORT, "initiator", ended_by=["initiator"])


@scenario(
    "tcp.initiator_abort-nginx-499",
    "A client leaves; NGINX closes its upstream connection (499)",
    path=PROXIED,
    points=(Point("proxy", "any"), "client"),
    layers=("tcp", "http"),
)
def nginx_499(lab: Lab) -> None:
    """The upstream needs one second, as a first request shows; the second client closes
    0.237 s after its request.
    """
    lab.upstream.serve(8000, behaviours.slow(1))
    conf = f"server {{ listen 80; location / {{ proxy_pass http://{lab.upstream.ip}:8000; }} }}"
    nginx.start(lab, lab.proxy, conf, port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/one")
    gone = lab.client.connect((lab.proxy.ip, 80))
    gone.send(behaviours.get("/two"))
    lab.sleep(0.237)
    gone.close()
    lab.sleep(1.2)
    lab.healthy(lab.leg(lab.proxy, 80))
    lab.healthy(lab.leg(lab.upstream, 8000))
    lab.judge(gone, _ABORT, "initiator")
    lab.judge(lab.leg(lab.upstream, 8000, 1), _ABORT, "initiator", caused_by=gone)


@scenario(
    "tcp.initiator_abort-envoy-downstream-gone",
    "A client leaves; Envoy closes its upstream connection (DC)",
    path=PROXIED,
    bump="client-router",
    points=(Point("proxy", "any"),),
    layers=("tcp", "http"),
)
def envoy_dc(lab: Lab) -> None:
    """The upstream needs 0.8 s, as a first request shows; the second client resets 0.13 s after
    its request. Round trip of the client 20 ms.
    """
    lab.bump.delay = 0.01
    lab.upstream.serve(9000, behaviours.slow(0.8))
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/one")
    gone = lab.client.connect((lab.proxy.ip, 8080))
    gone.send(behaviours.get("/two"))
    lab.sleep(0.13)
    gone.reset()
    lab.sleep(1)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(gone, _ABORT, "initiator")
    lab.judge(lab.leg(lab.upstream, 9000), _ABORT, "initiator", caused_by=gone)
