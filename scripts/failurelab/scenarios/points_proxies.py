"""Client, proxy and upstream all captured: one failure followed along both legs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from failurelab import behaviours, envoy, haproxy, nginx, rules
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Leg
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.points_nat import NOTHING_LOST, OFF
from failurelab.scenes import turns
from failurelab.truth import Accepted, Lost, TrueFindings

_POINTS = (
    "client",
    Point("proxy", "any", clock_shift=OFF),
    Point("upstream", clock_shift=-1.25),
)
_BLIND = (*_POINTS[:2], Point("upstream", clock_shift=-1.25, can_tell=False))
_LAYERS = ("tcp", "http", "path")
_PORT = 9000


def _curl(lab: Lab, path: str) -> None:
    lab.client.curl(f"http://{lab.proxy.ip}:8080{path}")
    lab.sleep(0.1)


def _nginx(lab: Lab) -> None:
    conf = f"""
    proxy_read_timeout 2s;
    server {{
      listen 8080;
      location / {{ proxy_pass http://{lab.upstream.ip}:{_PORT}; }}
    }}"""
    nginx.start(lab, lab.proxy, conf, port=8080)


def _haproxy(lab: Lab) -> None:
    body = haproxy.simple(8080, f"{lab.upstream.ip}:{_PORT}", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080, server="1500ms")


def _judge(
    lab: Lab,
    codes: str | Sequence[str],
    side: str,
    *,
    nth: int = 1,
    born: Mapping[str, str | Sequence[str]] | None = None,
    at: dict[str, Accepted] | None = None,
    front: int = 1,
) -> Leg:
    """The first request worked on both legs; the second failed on the upstream's."""
    cause = lab.leg(lab.upstream, _PORT, nth)
    if front:
        lab.healthy(lab.leg(lab.proxy, 8080))
        lab.healthy(lab.leg(lab.upstream, _PORT))
    lab.judge(lab.leg(lab.proxy, 8080, front), "http.local_reply", "responder", caused_by=cause)
    sides = [side] if side != "path" else ["path", "unknown"]
    both = {"correlate": Accepted(sides=[side]), **(at or {})}
    lab.judge(cause, codes, sides, at=both if side == "path" else at, born=born)
    return cause


def _together(lab: Lab, *lost: Lost) -> None:
    found = TrueFindings(["path.lost_between"]) if lost else NOTHING_LOST
    lab.correlate("client", "proxy", "upstream", lost=lost, findings=found)


@scenario(
    "http.local_reply-points-envoy-refused",
    "Envoy answers 503: the upstream refuses, captured at client, proxy and upstream",
    path=PROXIED,
    points=_POINTS,
    layers=_LAYERS,
)
def envoy_refused(lab: Lab) -> None:
    """One request is answered and its upstream connection closed; then the listener is gone and
    the next connection refused by the upstream's kernel.
    """
    server = lab.upstream.serve(_PORT, behaviours.answer_and_close())
    envoy.simple(lab, server.address)
    _curl(lab, "/first")
    server.close()
    lab.sleep(0.1)
    _curl(lab, "/second")
    _together(lab)
    _judge(lab, "tcp.connection_refused", "responder", born={"responder": "responder"})


@scenario(
    "http.local_reply-points-nginx-reset",
    "NGINX answers 502: the upstream resets after the request, captured at all three",
    path=PROXIED,
    points=_POINTS,
    layers=_LAYERS,
)
def nginx_reset(lab: Lab) -> None:
    """A first request is answered, the second is read and the socket closed with linger zero."""
    lab.upstream.serve(_PORT, turns(behaviours.answer(), behaviours.reset_after_request(0.05)))
    _nginx(lab)
    _curl(lab, "/first")
    _curl(lab, "/second")
    _together(lab)
    _judge(lab, "tcp.reset_before_response", "responder", born={"responder": "responder"})


@scenario(
    "http.local_reply-points-haproxy-timeout",
    "HAProxy answers 504: the upstream never answers, captured at all three",
    path=PROXIED,
    points=_POINTS,
    layers=_LAYERS,
)
def haproxy_timeout(lab: Lab) -> None:
    """A first request is answered, the second is read and never answered; HAProxy's server timeout
    is 1.5 s.
    """
    lab.upstream.serve(_PORT, turns(behaviours.answer_and_close(), behaviours.silent()))
    _haproxy(lab)
    _curl(lab, "/first")
    _curl(lab, "/second")
    _together(lab)
    _judge(lab, "tcp.response_timeout", "responder", born={"initiator": "initiator"})


@scenario(
    "http.local_reply-points-envoy-syn-dropped",
    "Envoy answers 503: a firewall between proxy and upstream drops the SYN",
    path=PROXIED,
    points=_BLIND,
    layers=_LAYERS,
)
def envoy_dropped(lab: Lab) -> None:
    """One request is answered and its upstream connection closed; then the router between drops
    the port. Envoy's connect timeout is 1.5 s; its SYNs leave it and never arrive.
    """
    server = lab.upstream.serve(_PORT, behaviours.answer_and_close())
    envoy.simple(lab, server.address, cluster={"connect_timeout": "1.5s"})
    _curl(lab, "/first")
    lab.router2.iptables(f"-A FORWARD -p tcp --dport {_PORT} -j DROP")
    _curl(lab, "/second")
    lab.sleep(0.3)
    _together(lab, Lost("proxy", "upstream", 1, 4))
    _judge(lab, "tcp.connection_timeout", "path")


@scenario(
    "http.local_reply-points-nginx-rejected",
    "NGINX answers 502: a firewall between proxy and upstream answers the SYN with a RST",
    path=PROXIED,
    points=_BLIND,
    layers=_LAYERS,
)
def nginx_rejected(lab: Lab) -> None:
    """A first request is answered; then the router between rejects the port with tcp-reset. The
    RST bears the upstream's address; the SYN never arrives there.
    """
    lab.upstream.serve(_PORT, behaviours.answer())
    _nginx(lab)
    _curl(lab, "/first")
    rule = f"-A FORWARD -p tcp --dport {_PORT} --syn -j REJECT --reject-with tcp-reset"
    lab.router2.iptables(rule)
    _curl(lab, "/second")
    lab.correlate("client", "proxy", "upstream", lost=[Lost("proxy", "upstream", 1, 1)])
    _judge(lab, "tcp.connection_refused", "path", born={"responder": "path"})


@scenario(
    "http.local_reply-points-haproxy-forged-reset",
    "HAProxy answers 502: a forged RST, in every field as the upstream's, ended its request",
    path=PROXIED,
    bump="router2-upstream",
    points=(_POINTS[0], _POINTS[1], Point("upstream", clock_shift=-1.25, can_tell=False)),
    layers=_LAYERS,
    kept_apart=True,
)
def haproxy_forged(lab: Lab) -> None:
    """When HAProxy's second request passes, HAProxy gets a RST,ACK with the upstream's TTL and
    next IP ID; the request itself is swallowed and the upstream hears no more. Round trip 10 ms,
    no timestamps.
    """
    lab.proxy.sysctl("net.ipv4.tcp_timestamps", 0)
    lab.bump.delay = 0.005
    match = rules.Match(direction="forward", contains=b"GET /second")
    lab.bump.add(rules.forge_reset(match, Forge(window=502), to="sender", swallow=True))
    lab.upstream.serve(_PORT, behaviours.answer_and_close())
    _haproxy(lab)
    _curl(lab, "/first")
    _curl(lab, "/second")
    lab.sleep(0.2)
    lab.correlate("client", "proxy", "upstream", lost=[Lost("proxy", "upstream", 1, 1)])
    codes = ["tcp.injected_reset", "tcp.reset_before_response"]
    _judge(lab, codes, "path", born={"responder": "path"})


@scenario(
    "healthy-points-three",
    "Requests through Envoy, captured at client, proxy and upstream with three clocks",
    path=PROXIED,
    points=_POINTS,
    layers=_LAYERS,
)
def healthy_three(lab: Lab) -> None:
    """Four equal requests one after the other, on two client connections; Envoy keeps one upstream
    connection for all.
    """
    lab.upstream.serve(_PORT, behaviours.answer())
    envoy.simple(lab, (lab.upstream.ip, _PORT))
    address = f"http://{lab.proxy.ip}:8080/same"
    for _ in range(2):
        lab.client.curl(address, address)
        lab.sleep(0.1)
    _together(lab)
    for nth in range(2):
        lab.healthy(lab.leg(lab.proxy, 8080, nth))
    lab.healthy(lab.leg(lab.upstream, _PORT))


@scenario(
    "http.local_reply-points-envoy-data-lost",
    "Envoy answers 504: its request on a kept connection never reaches the upstream",
    path=PROXIED,
    bump="proxy-router2",
    points=_BLIND,
    layers=_LAYERS,
)
def envoy_data_lost(lab: Lab) -> None:
    """A first request is answered and the upstream connection kept; then the bump drops everything
    from the proxy. The second request is repeated until Envoy's route timeout of 3 s and after it.
    Round trip 8 ms.
    """
    lab.bump.delay = 0.004
    lab.upstream.serve(_PORT, behaviours.answer())
    envoy.simple(lab, (lab.upstream.ip, _PORT), route={"timeout": "3s"})
    _curl(lab, "/first")
    lab.bump.add(rules.drop(rules.Match(direction="forward")))
    _curl(lab, "/second")
    lab.sleep(1)
    _together(lab, Lost("proxy", "upstream", 3))
    lost = lab.leg(lab.upstream, _PORT)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.judge(lab.leg(lab.proxy, 8080, 1), "http.local_reply", "responder", caused_by=lost)
    lab.judge(
        lost,
        ["tcp.data_timeout", "tcp.stale_connection"],
        ["path", "unknown"],
        at={"correlate": Accepted(sides=["path"])},
    )


@scenario(
    "tcp.initiator_abort-points-nginx-client-left",
    "A client leaves before its answer is due, and NGINX ends the upstream leg for it",
    path=PROXIED,
    points=_POINTS,
    layers=_LAYERS,
)
def client_left(lab: Lab) -> None:
    """A first request is answered after 0.6 s. The client resets its second after 0.14 s; NGINX
    closes its connection to the upstream, which answers too late.
    """
    lab.upstream.serve(_PORT, behaviours.slow(0.6))
    _nginx(lab)
    _curl(lab, "/first")
    left = lab.client.connect((lab.proxy.ip, 8080))
    left.send(behaviours.get("/second"))
    lab.sleep(0.137)
    left.reset()
    lab.sleep(0.8)
    lab.correlate("client", "proxy", "upstream", lost=[], findings=NOTHING_LOST)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.upstream, _PORT))
    lab.judge(left, "tcp.initiator_abort", "initiator", born={"initiator": "initiator"})
    alone = Accepted(["tcp.initiator_abort", "tcp.response_timeout"], ["initiator", "unknown"])
    lab.judge(
        lab.leg(lab.upstream, _PORT, 1),
        ["tcp.initiator_abort", "ok"],
        ["initiator", "unknown"],
        party=["client", "proxy", "unknown"],
        caused_by=left,
        at={"upstream": alone},
    )
