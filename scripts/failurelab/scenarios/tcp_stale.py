"""Requests on connections that the other side, or a NAT between, no longer holds."""

from __future__ import annotations

import threading

from failurelab import behaviours, envoy, nginx, rules
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted, Lost

_CODE = "tcp.stale_connection"
_RESETTER = ["responder", "unknown"]
_DEVICE = ["path", "unknown"]


def idle_close(seconds: float, data: bytes | None = None) -> behaviours.Handler:
    """Answer until nothing comes for so many seconds, then close."""

    def handle(connection: Connection) -> None:
        while connection.receive(timeout=seconds):
            connection.send(behaviours.reply() if data is None else data)
        connection.close()

    return handle


def on_fin(lab: Lab, action: object) -> None:
    """Do something while the server's FIN is on its way through the bump."""
    assert callable(action)

    def start() -> None:
        threading.Thread(target=action, daemon=True).start()

    match = rules.Match(direction="back", any_flags="F", times=1)
    lab.bump.add(rules.watch(match, start))


@scenario(
    "tcp.stale_connection-keepalive-race",
    "The server's FIN and the next request cross on the wire",
    bump="client-router",
    points=("client", "upstream"),
)
def keepalive_race(lab: Lab) -> None:
    """The server closes after 1.2 idle seconds; the client sends its next request while the FIN
    is under way. Round trip 40 ms.
    """
    lab.bump.delay = 0.02
    server = lab.upstream.serve(8080, idle_close(1.2))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/first")).receive_until()
    on_fin(lab, lambda: connection.send(behaviours.get("/second")))
    lab.sleep(1.8)
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, _CODE, _RESETTER)


@scenario(
    "tcp.stale_connection-race-text-v6",
    "IPv6: a cache server's FIN and the next command cross",
    family=6,
    bump="router-upstream",
    points=("client",),
)
def race_text(lab: Lab) -> None:
    """A text protocol; the server closes after two idle seconds. Round trip 24 ms; no
    timestamps.
    """
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)
    lab.bump.delay = 0.012
    server = lab.upstream.serve(6379, idle_close(2, b"+PONG\r\n"))
    connection = lab.client.connect(server.address)
    connection.send(b"PING\r\n").receive()
    on_fin(lab, lambda: connection.send(b"GET basket:17\r\n"))
    lab.sleep(2.6)
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, _CODE, _RESETTER)


@scenario(
    "tcp.stale_connection-request-after-fin",
    "A pool uses a connection that the server closed long ago",
    points=("client", "upstream"),
)
def after_fin(lab: Lab) -> None:
    """The server answers and closes at once; the client does not look, and sends its next request
    1.5 seconds later.
    """
    server = lab.upstream.serve(8080, behaviours.answer_and_close())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/first")).receive_until()
    lab.sleep(1.5)
    connection.send(behaviours.get("/second")).receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, _CODE, _RESETTER)


@scenario(
    "tcp.stale_connection-firewall-forgot-reset",
    "A stateful firewall forgot the connection and answers the next request with RST",
    points=("client", "upstream"),
)
def firewall_reset(lab: Lab) -> None:
    """The router tracks connections (tcp_loose=0) and rejects what it does not know with
    tcp-reset. After 1.5 idle seconds its table is emptied; the next request gets its RST. Its TTL
    is one above that of the server's packets; the server sees nothing of it.
    """
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    lab.router.iptables(
        "-A FORWARD -p tcp -m conntrack --ctstate INVALID -j REJECT --reject-with tcp-reset"
    )
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/first")).receive_until()
    lab.sleep(1.5)
    lab.router.forget_connections()
    connection.send(behaviours.get("/second")).receive_all()
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    lab.judge(
        connection,
        _CODE,
        _DEVICE,
        at={
            "upstream": Accepted(["ok"], ["unknown"], ["unknown"]),
            "correlate": Accepted(sides=["path"]),
        },
        born={"responder": "path"},
    )


@scenario(
    "tcp.stale_connection-firewall-forgot-drop",
    "A stateful firewall forgot the connection and drops the next request",
    points=("client",),
)
def firewall_drop(lab: Lab) -> None:
    """The same, but the rule drops. The request is repeated for four seconds; then the client
    resets, and a new connection works at once.
    """
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    lab.router.iptables("-A FORWARD -p tcp -m conntrack --ctstate INVALID -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/first")).receive_until()
    lab.sleep(2)
    lab.router.forget_connections()
    connection.send(behaviours.get("/second")).receive_all(4)
    connection.reset()
    fresh = lab.client.connect(server.address)
    fresh.send(behaviours.get("/second")).receive_until()
    fresh.close()
    lab.sleep(0.2)
    lab.healthy(fresh)
    lab.judge(connection, [_CODE, "tcp.data_timeout"], _DEVICE)


@scenario(
    "tcp.stale_connection-virtual-address-forgot",
    "The device behind a virtual address forgot which backend a connection had",
    points=("client", Point("router", "any"), "upstream"),
)
def dnat_forgot(lab: Lab) -> None:
    """The router forwards (DNAT, tcp_loose=0) its own port 80 to the upstream. After 1.5 idle
    seconds its table is emptied; the next request is answered by the router itself, in the name
    of the virtual address. The backend sees nothing of it.
    """
    lab.router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    server = lab.upstream.serve(8080, behaviours.answer())
    target = f"{lab.upstream.ip}:8080"
    lab.router.iptables(f"-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to {target}")
    connection = lab.client.connect((lab.router.ip, 80))
    connection.send(behaviours.get("/first")).receive_until()
    lab.sleep(1.5)
    lab.router.forget_connections()
    connection.send(behaviours.get("/second")).receive_all()
    lab.sleep(0.2)
    assert server.accepted
    at = {"upstream": Accepted(["ok"], ["unknown"], ["unknown"])}
    lab.judge(connection, _CODE, _DEVICE, at=at)


@scenario(
    "tcp.stale_connection-load-balancer-timer",
    "A device forgets idle connections after two seconds and resets the next request",
    bump="router-upstream",
    points=("client", "upstream"),
)
def balancer_timer(lab: Lab) -> None:
    """The bump forgets what was idle for two seconds and answers later packets with a bare RST
    (TTL 250). Three connections: idle for 0.5 s (works), for 2.5 s and 3 s (reset). Round trip
    6 ms.
    """
    lab.bump.delay = 0.003
    lab.bump.add(rules.forget_idle(2, "reset", Forge(flags="R", ip_id=0, ttl=250)))
    server = lab.upstream.serve(8080, behaviours.answer())
    for quiet in (0.5, 2.5, 3.0):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/first")).receive_until()
        lab.sleep(quiet)
        connection.send(behaviours.get(f"/after/{quiet}")).receive_until(timeout=2)
        connection.close()
        lab.sleep(0.2)
        if quiet < 2:
            lab.healthy(connection)
        else:
            at = {"upstream": Accepted(["ok"], ["unknown"], ["unknown"])}
            lab.judge(connection, _CODE, _DEVICE, at=at)


@scenario(
    "tcp.stale_connection-envoy-race",
    "Envoy answers 503: its request crossed the upstream's FIN",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"), "upstream"),
    layers=("tcp", "http"),
)
def envoy_race(lab: Lab) -> None:
    """The upstream closes after one idle second; the client's next request reaches Envoy while
    the FIN is under way. Round trip to the upstream 40 ms.
    """
    lab.bump.delay = 0.02
    server = lab.upstream.serve(9000, idle_close(1))
    envoy.simple(lab, server.address, listen=8080)
    connection = lab.client.connect((lab.proxy.ip, 8080))
    connection.send(behaviours.get("/first")).receive_until()
    on_fin(lab, lambda: connection.send(behaviours.get("/second")))
    lab.sleep(1.6)
    connection.close()
    lab.sleep(0.2)
    stale = lab.leg(lab.upstream, 9000)
    lab.judge(connection, "http.local_reply", "responder", caused_by=stale)
    lab.judge(stale, _CODE, _RESETTER)


@scenario(
    "tcp.stale_connection-nginx-race",
    "NGINX answers 502 to a POST: it crossed the upstream's FIN",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"),),
    layers=("tcp", "http"),
)
def nginx_race(lab: Lab) -> None:
    """NGINX keeps upstream connections; the upstream closes after 1.5 idle seconds; a POST (which
    NGINX does not repeat) crosses the FIN. Round trip to the upstream 30 ms.
    """
    lab.bump.delay = 0.015
    server = lab.upstream.serve(9000, idle_close(1.5))
    conf = f"""
    upstream app {{ server {lab.upstream.ip}:9000; keepalive 4; }}
    server {{
      listen 80;
      location / {{
        proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      }}
    }}"""
    nginx.start(lab, lab.proxy, conf, port=80)
    connection = lab.client.connect((lab.proxy.ip, 80))
    connection.send(behaviours.get("/first")).receive_until()
    post = b"POST /order HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\nid=7"
    on_fin(lab, lambda: connection.send(post))
    lab.sleep(2.2)
    connection.close()
    lab.sleep(0.2)
    assert server.accepted
    stale = lab.leg(lab.upstream, 9000)
    lab.judge(connection, "http.local_reply", "responder", caused_by=stale)
    lab.judge(stale, _CODE, _RESETTER)
