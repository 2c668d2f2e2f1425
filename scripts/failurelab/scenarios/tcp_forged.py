"""RSTs forged on the path, from clumsy to perfect."""

from __future__ import annotations

from failurelab import behaviours, envoy, rules
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted, Lost

_CODE = "tcp.injected_reset"
_PATH = ["path", "unknown"]
_TOGETHER = {"correlate": Accepted(sides=["path"])}
_AT_TARGET = Accepted([_CODE, "tcp.initiator_abort"], _PATH)
"""At the upstream, where the forged RST bears the initiator's name."""


def download(lab: Lab, port: int = 80, size: int = 9000, path: str = "/report") -> Connection:
    """A request whose answer has several segments."""
    server = lab.upstream.serve(port, behaviours.answer(behaviours.reply(b"x" * size)))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get(path)).receive_all(2)
    return connection


def third_segment(direction: str = "back") -> rules.Match:
    """The third segment with data."""
    return rules.Match(direction=direction, data=True, first=3, times=1)


@scenario(
    "tcp.injected_reset-matched-ttl-both-ends",
    "RSTs to both ends with the TTL and IP ID of the real ones",
    bump="client-router",
    points=("client", "upstream"),
)
def matched_both(lab: Lab) -> None:
    """When the third data segment of the answer passes, both ends get a RST,ACK with the other's
    TTL and next IP ID, window 0, no timestamps; the segment itself passes. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    lab.bump.add(rules.forge_reset(third_segment()))
    connection = download(lab)
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[])
    lab.judge(
        connection,
        _CODE,
        _PATH,
        at=_TOGETHER,
        born={"responder": ["path", "responder"], "initiator": ["path", "initiator"]},
    )


@scenario(
    "tcp.injected_reset-sprayed",
    "Three RSTs at once, at growing sequence numbers",
    bump="router-upstream",
    points=("client", Point("upstream", format="pcapng", can_tell=False)),
)
def sprayed(lab: Lab) -> None:
    """When a request holds a keyword, the client gets three RST,ACKs (+0, +1460, +4380, TTL 60);
    the request passes, and the server's answer comes after them. The upstream sees only the
    RSTs of the client's kernel in answer to it. Round trip 30 ms.
    """
    lab.bump.delay = 0.015
    forge = Forge(ttl=60, ip_id=1, spray=(0, 1460, 4380))
    match = rules.Match(direction="forward", contains=b"forbidden")
    lab.bump.add(rules.forge_reset(match, forge, to="sender"))
    server = lab.upstream.serve(80, behaviours.answer())
    fine = lab.client.connect(server.address)
    fine.send(behaviours.get("/allowed")).receive_until()
    fine.close()
    lab.sleep(0.2)
    lab.healthy(fine)
    cut = lab.client.connect(server.address)
    cut.send(behaviours.get("/forbidden")).receive_all()
    lab.sleep(0.3)
    lab.correlate("client", "upstream", lost=[])
    at = {**_TOGETHER, "upstream": Accepted(sides=[*_PATH, "initiator"])}
    lab.judge(cut, _CODE, _PATH, at=at, born={"responder": "path", "initiator": "initiator"})


@scenario(
    "tcp.injected_reset-copied-from-trigger",
    "A RST that copies the fields of the packet that triggered it",
    bump="client-router",
    points=("client",),
)
def copied(lab: Lab) -> None:
    """A bare RST to the client only (TTL 58, IP ID 31337) when the request passes; the server's
    answer follows at the same sequence number. Round trip 24 ms, three connections.
    """
    lab.bump.delay = 0.012
    match = rules.Match(direction="forward", contains=b"GET /cut")
    lab.bump.add(rules.forge_reset(match, Forge(flags="R", ttl=58, ip_id=31337), to="sender"))
    server = lab.upstream.serve(8080, behaviours.answer())
    for nth in range(3):
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get(f"/cut/{nth}")).receive_all()
        lab.sleep(0.15)
        lab.judge(connection, _CODE, _PATH)


@scenario(
    "tcp.injected_reset-on-server-name",
    "A device cuts TLS connections to one server name",
    bump="client-router",
    points=("client", "upstream"),
    layers=("tcp", "tls"),
)
def on_server_name(lab: Lab) -> None:
    """A ClientHello for blocked.example is let through and both ends get a RST,ACK (TTL 128);
    the same server under another name works. Round trip 20 ms.
    """
    lab.bump.delay = 0.01
    match = rules.Match(direction="forward", sni="blocked.example")
    lab.bump.add(rules.forge_reset(match, Forge(ttl=128, ip_id=0)))
    context = lab.authority.server_context("open.example", "blocked.example")

    def secure(connection: Connection) -> None:
        behaviours.answer()(connection.tls(context))

    server = lab.upstream.serve(443, secure)
    for name in ("open.example", "blocked.example"):
        connection = lab.client.connect(server.address)
        connection.tls(lab.authority.client_context(), name)
        connection.send(behaviours.get("/", name)).receive_until(timeout=1)
        connection.close()
        lab.sleep(0.2)
        if name == "open.example":
            lab.healthy(connection)
        else:
            codes = [_CODE, "tls.handshake_reset"]
            at = {**_TOGETHER, "upstream": Accepted([*codes, "tcp.initiator_abort"], _PATH)}
            lab.judge(
                connection,
                codes,
                _PATH,
                at=at,
                born={"responder": "path", "initiator": ["path", "initiator"]},
            )
    lab.correlate("client", "upstream", lost=[])


@scenario(
    "tcp.injected_reset-inline-swallowed",
    "An inline device swallows the request and resets both ends",
    bump="router-upstream",
    points=("client", "upstream"),
)
def inline(lab: Lab) -> None:
    """The request is not let through; both ends get a RST,ACK with TTL 255. The upstream never
    sees the request. Round trip 16 ms; an earlier request works.
    """
    lab.bump.delay = 0.008
    match = rules.Match(direction="forward", contains=b"/etc/passwd")
    lab.bump.add(rules.forge_reset(match, Forge(ttl=255, ip_id=0), swallow=True))
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/index.html")).receive_until()
    connection.send(behaviours.get("/?file=../../etc/passwd")).receive_all()
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    at = {
        "correlate": Accepted([_CODE, "tcp.reset_before_response"], ["path"]),
        "upstream": Accepted([_CODE, "ok"], _PATH),
    }
    lab.judge(
        connection,
        [_CODE, "tcp.reset_before_response"],
        _PATH,
        at=at,
        born={"responder": "path", "initiator": "path"},
    )


@scenario(
    "tcp.injected_reset-mid-transfer-v6",
    "IPv6: a device cuts an upload",
    family=6,
    bump="client-router",
    points=("client", "upstream"),
)
def mid_transfer_v6(lab: Lab) -> None:
    """When the third data segment of an upload passes, both ends get a bare RST with hop limit
    255. Round trip 12 ms.
    """
    lab.bump.delay = 0.006
    lab.bump.add(rules.forge_reset(third_segment("forward"), Forge(flags="R", ttl=255)))
    server = lab.upstream.serve(8080, behaviours.silent())
    connection = lab.client.connect(server.address)
    head = b"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 7000\r\n\r\n"
    connection.send(head)
    for _ in range(7):
        connection.send(b"u" * 1000)
        lab.sleep(0.02)
    connection.receive_all(1)
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[])
    codes = [_CODE, "tcp.reset_before_response"]
    at = {"correlate": Accepted([_CODE], ["path"]), "upstream": _AT_TARGET}
    lab.judge(
        connection,
        codes,
        _PATH,
        at=at,
        born={"responder": "path", "initiator": ["path", "initiator"]},
    )


@scenario(
    "tcp.injected_reset-perfect",
    "A forged RST that one capture alone cannot tell from a real one",
    bump="router-upstream",
    points=(Point("client", can_tell=False), "upstream"),
)
def perfect(lab: Lab) -> None:
    """Without timestamps, a RST,ACK to the client only, with the server's TTL, next IP ID and
    window, instead of the request (which is swallowed). The upstream waits. An earlier request
    works. Round trip 10 ms.
    """
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)
    lab.bump.delay = 0.005
    match = rules.Match(direction="forward", contains=b"/cut")
    forge = Forge(window=64)
    lab.bump.add(rules.forge_reset(match, forge, to="sender", swallow=True))
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/first")).receive_until()
    lab.sleep(0.1)
    connection.send(behaviours.get("/cut")).receive_all()
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    codes = [_CODE, "tcp.reset_before_response"]
    at = {
        "upstream": Accepted(["ok"], ["unknown"], ["unknown"]),
        "correlate": Accepted(codes, ["path"]),
    }
    lab.judge(connection, codes, _PATH, at=at, born={"responder": "path"})


@scenario(
    "tcp.injected_reset-envoy-upstream-leg",
    "Envoy answers 503: a device between it and the upstream cut the request",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"), "upstream"),
    layers=("tcp", "http"),
)
def envoy_leg(lab: Lab) -> None:
    """When Envoy's request for /secret passes, both ends get a RST,ACK (TTL 128, IP ID 4242) and
    the request is let through. A request for / works before. Round trip to the upstream 20 ms.
    """
    lab.bump.delay = 0.01
    match = rules.Match(direction="forward", contains=b"GET /secret")
    lab.bump.add(rules.forge_reset(match, Forge(ttl=128, ip_id=4242)))
    server = lab.upstream.serve(9000, behaviours.slow(0.01))
    envoy.simple(lab, server.address, listen=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/")
    lab.client.curl(f"http://{lab.proxy.ip}:8080/secret")
    lab.sleep(0.3)
    cut = lab.leg(lab.upstream, 9000)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.local_reply", "responder", caused_by=cut)
    lab.judge(cut, _CODE, _PATH, at={"upstream": _AT_TARGET})


@scenario(
    "tcp.injected_reset-new-firewall-rule",
    "A router's new REJECT rule cuts a connection in use",
    points=("client", "upstream"),
)
def new_rule(lab: Lab) -> None:
    """Requests every 50 ms; then the router gets a rule that rejects the port with tcp-reset. The
    next request is answered by the router (TTL one above the server's); the server sees nothing.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    for nth in range(4):
        connection.send(behaviours.get(f"/{nth}")).receive_until()
        lab.sleep(0.05)
    lab.router.iptables("-I FORWARD -p tcp --dport 8080 -j REJECT --reject-with tcp-reset")
    connection.send(behaviours.get("/4")).receive_all()
    lab.sleep(0.2)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    codes = [_CODE, "tcp.reset_before_response", "tcp.state_lost"]
    at = {
        "upstream": Accepted(["ok"], ["unknown"], ["unknown"]),
        "correlate": Accepted(codes, ["path"]),
    }
    lab.judge(connection, codes, _PATH, at=at, born={"responder": "path"})
