"""Paths on which only full-size packets are lost, and the ICMP that should say so."""

from __future__ import annotations

from failurelab import behaviours, envoy, nginx, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted

_HOLE = "mtu.black_hole"
_TOO_BIG = "mtu.fragmentation_needed"
_PATH = ["path", "unknown"]


def post(size: int) -> bytes:
    """A POST whose body fills several segments."""
    head = f"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + b"u" * size


def large_get(size: int = 3000) -> bytes:
    """A GET whose headers fill several segments."""
    return behaviours.get("/", "shop.example", f"Cookie: session={'c' * size}")


@scenario(
    "mtu.black_hole-response",
    "Full-size segments of a response vanish behind a tunnel",
    bump="router-upstream",
    points=("upstream", "client"),
)
def response(lab: Lab) -> None:
    """The bump drops packets above 1400 bytes from the server, silently. A small answer arrives;
    of a large one only the short tail does. The client resets after four seconds. Round trip
    8 ms.
    """
    lab.bump.delay = 0.004
    lab.bump.add(rules.mtu(1400, direction="back"))
    small = lab.upstream.serve(8081, behaviours.answer())
    fine = lab.client.connect(small.address)
    fine.send(behaviours.get("/small")).receive_until()
    fine.close()
    lab.healthy(fine)
    server = lab.upstream.serve(8080, behaviours.answer(behaviours.reply(b"x" * 4500)))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/large")).receive_all(4)
    connection.reset()
    lab.sleep(0.3)
    lab.judge(connection, _HOLE, _PATH)


@scenario(
    "mtu.black_hole-nothing-small-behind",
    "Of two large answers not one byte arrives: their first windows hold full segments only",
    bump="router-upstream",
    points=("upstream", "client"),
)
def nothing_small(lab: Lab) -> None:
    """The bump drops packets above 1400 bytes from the server, silently. On each of two connections
    a small answer arrives, and of one of 40,000 bytes nothing at all; the client closes by FIN
    after four seconds, and the server acknowledges that. Round trip 8 ms.
    """
    lab.bump.delay = 0.004
    lab.bump.add(rules.mtu(1400, direction="back"))

    def small_then_large(connection: Connection) -> None:
        connection.receive_until()
        connection.send(behaviours.reply(b"ok"))
        behaviours.answer(behaviours.reply(b"x" * 40_000))(connection)

    server = lab.upstream.serve(8080, small_then_large)
    for _ in range(2):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get("/small")).receive_until()
        connection.send(behaviours.get("/large")).receive_all(4)
        connection.close()
        lab.sleep(2.5)
        lab.judge(connection, _HOLE, _PATH)


@scenario(
    "mtu.black_hole-upload",
    "Full-size segments of an upload vanish",
    bump="client-router",
    points=("client", "upstream"),
)
def upload(lab: Lab) -> None:
    """The bump drops packets above 1450 bytes (a VXLAN) in both directions, silently. A small
    request on the same connection works, a POST of 5000 bytes is never acknowledged; the client
    resets after four seconds. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    lab.bump.add(rules.mtu(1450))
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/small")).receive_until()
    connection.send(post(5000)).receive_all(4)
    connection.reset()
    lab.sleep(0.3)
    lab.judge(connection, _HOLE, _PATH)


@scenario(
    "mtu.black_hole-tls-flight",
    "A TLS server's certificate never arrives",
    bump="router-upstream",
    points=("client", "upstream"),
    layers=("mtu", "tls"),
)
def tls_flight(lab: Lab) -> None:
    """A certificate of four segments; the bump drops packets above 1420 bytes (WireGuard) from the
    server. The client closes after four seconds.
    """
    lab.bump.add(rules.mtu(1420, direction="back"))
    context = lab.authority.server_context("shop.example", padding=4500)

    def secure(connection: Connection) -> None:
        behaviours.answer()(connection.tls(context))

    server = lab.upstream.serve(443, secure)
    connection = lab.client.connect(server.address)
    connection.sock.settimeout(4)
    connection.tls(lab.authority.client_context(), "shop.example").close()
    lab.sleep(0.3)
    at = {"client": Accepted([_HOLE, "tls.handshake_timeout"])}
    lab.judge(connection, _HOLE, _PATH, at=at)


@scenario(
    "mtu.black_hole-envoy-large-headers",
    "Envoy answers 504: large requests to the upstream vanish",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"), "upstream"),
    layers=("mtu", "http"),
)
def envoy_headers(lab: Lab) -> None:
    """The link behind the router has MTU 1300 and the router's ICMP is dropped. A small request
    works; one with a cookie of 3000 bytes is never acknowledged. Envoy's route timeout is 3 s.
    """
    inside = lab.router2.node.interfaces[1].name
    lab.router2.run(f"ip link set {inside} mtu 1300")
    lab.router2.iptables("-A OUTPUT -p icmp -j DROP")
    lab.upstream.serve(9000, behaviours.answer())
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080, route={"timeout": "3s"})
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    lab.sleep(0.2)
    connection = lab.client.connect((lab.proxy.ip, 8080))
    connection.send(large_get()).receive_until()
    connection.close()
    lab.sleep(0.3)
    lost = lab.leg(lab.upstream, 9000)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(connection, "http.local_reply", "responder", caused_by=lost)
    open_end = Accepted([_HOLE, "capture.partial"], _PATH)
    at = {"upstream": open_end, "proxy-upstream": open_end}
    lab.judge(lost, _HOLE, _PATH, at=at)


@scenario(
    "mtu.black_hole-nginx-response-v6",
    "IPv6: NGINX answers 504, the upstream's large answers vanish",
    path=PROXIED,
    family=6,
    bump="proxy-router2",
    points=("upstream", Point("proxy", "any", can_tell=False)),
    layers=("mtu", "http"),
)
def nginx_response(lab: Lab) -> None:
    """The bump drops packets above 1420 bytes from the upstream, silently; its answer of 6000 bytes
    ends in a short segment that arrives. proxy_read_timeout is 4 s.
    """
    lab.bump.add(rules.mtu(1420, direction="back"))
    body = behaviours.reply(b"x" * 6000)
    lab.upstream.serve(8000, behaviours.answer(body))
    conf = f"""
    proxy_read_timeout 4s;
    server {{
      listen [::]:80;
      location / {{ proxy_pass http://[{lab.upstream.ip}]:8000; }}
    }}"""
    nginx.start(lab, lab.proxy, conf, port=80)
    lab.client.curl(f"http://[{lab.proxy.ip}]/big")
    lab.sleep(0.3)
    lost = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=lost)
    lab.judge(lost, _HOLE, _PATH, at={"proxy": Accepted(sides=[*_PATH, "responder"])})


@scenario(
    "mtu.fragmentation_needed-ignored-by-host",
    "The path says packet too big; the sender's own firewall drops the message",
    points=("upstream", "client", Point("router", "any")),
)
def ignored(lab: Lab) -> None:
    """The router's link to the client has MTU 1300. The router sends ICMP 3/4; iptables INPUT on
    the upstream drops ICMP behind its capture point, and it repeats full-size segments. The
    client resets after four seconds.
    """
    outside = lab.router.node.interfaces[0].name
    lab.router.run(f"ip link set {outside} mtu 1300")
    lab.upstream.iptables("-A INPUT -p icmp -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer(behaviours.reply(b"x" * 4500)))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/large")).receive_all(4)
    connection.reset()
    lab.sleep(0.3)
    sides = ["path", "unknown", "responder"]
    lab.judge(connection, _TOO_BIG, sides, at={"client": Accepted([_HOLE], _PATH)})


@scenario(
    "mtu.fragmentation_needed-v6-upload",
    "IPv6: packet too big is ignored by an uploading client",
    family=6,
    points=(Point("client", format="pcapng"),),
)
def ignored_v6(lab: Lab) -> None:
    """The router's link to the upstream has MTU 1280; ip6tables INPUT on the client drops packet
    too big. A POST of 4000 bytes is never acknowledged; the client resets after four seconds.
    """
    inside = lab.router.node.interfaces[1].name
    lab.router.run(f"ip link set {inside} mtu 1280")
    lab.client.iptables("-A INPUT -p icmpv6 --icmpv6-type packet-too-big -j DROP")
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(post(4000)).receive_all(4)
    connection.reset()
    lab.sleep(0.3)
    lab.judge(connection, _TOO_BIG, ["path", "unknown", "initiator"])


@scenario(
    "mtu.fragmentation_needed-wrong-value",
    "The message names an MTU that is still too large",
    bump="client-router",
    points=("client", "upstream"),
)
def wrong_value(lab: Lab) -> None:
    """A device says packet too big with MTU 1460 from an address of its own, and lets nothing above
    1300 bytes through, silently once packets are smaller. The POST is never acknowledged; the
    client resets after four seconds. Round trip 10 ms.
    """
    lab.bump.delay = 0.005
    lab.bump.add(rules.mtu(1460, direction="forward", icmp_from=lab.router.ip))
    lab.bump.add(rules.mtu(1300, direction="forward"))
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(post(4000)).receive_all(4)
    connection.reset()
    lab.sleep(0.3)
    at = {"upstream": Accepted([_HOLE], _PATH)}
    lab.judge(connection, [_TOO_BIG, _HOLE], _PATH, at=at)


@scenario(
    "healthy-packet-too-big-obeyed",
    "Packet too big in mid transfer, obeyed at once",
    path=PROXIED,
    points=(Point("proxy", "any"), "upstream"),
    layers=("mtu",),
)
def obeyed(lab: Lab) -> None:
    """The link behind the router has MTU 1300: its ICMP 3/4 reaches Envoy, and the large request is
    sent again in smaller segments.
    """
    inside = lab.router2.node.interfaces[1].name
    lab.router2.run(f"ip link set {inside} mtu 1300")
    lab.upstream.serve(9000, behaviours.answer())
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    connection = lab.client.connect((lab.proxy.ip, 8080))
    connection.send(large_get()).receive_until()
    connection.close()
    lab.sleep(0.3)
    lab.healthy(connection)
    lab.healthy(lab.leg(lab.upstream, 9000))
