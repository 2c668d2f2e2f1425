"""SYNs that are never answered: dropped on the way, or by the host, or nobody is there."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx, rules, sockets
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.scenarios.tcp_refused import works
from failurelab.truth import Accepted, Lost

_AT_HOST = Accepted(sides=["responder", "unknown"])


@scenario(
    "tcp.connection_timeout-host-firewall-drop",
    "The upstream's own firewall drops SYNs",
    points=("client", "upstream"),
)
def host_drop(lab: Lab) -> None:
    """iptables INPUT on the upstream drops port 6379; port 8080 works. The client gives up after
    3.5 seconds. At the upstream the SYNs arrive.
    """
    lab.upstream.iptables("-A INPUT -p tcp --dport 6379 -j DROP")
    works(lab, 8080)
    silent = lab.client.connect((lab.upstream.ip, 6379), timeout=3.5)
    silent.close()
    lab.sleep(0.5)
    lab.judge(
        silent,
        "tcp.connection_timeout",
        ["unknown", "responder"],
        ended_by=[None],
        at={"upstream": _AT_HOST},
    )


@scenario("tcp.connection_timeout-host-gone", "The upstream is switched off")
def host_gone(lab: Lab) -> None:
    """The upstream's link goes down; the router still has its hardware address, so that no ICMP
    comes back.
    """
    works(lab, 443)
    inside = lab.router.node.interfaces[1].name
    shown = lab.upstream.run("cat /sys/class/net/eth0/address").strip()
    lab.router.run(f"ip neigh replace {lab.upstream.ip} lladdr {shown} dev {inside} nud permanent")
    lab.upstream.run("ip link set eth0 down")
    silent = lab.client.connect((lab.upstream.ip, 443), timeout=5)
    silent.close()
    lab.sleep(0.5)
    sides = ["unknown", "responder"]
    lab.judge(silent, "tcp.connection_timeout", sides, ended_by=[None])


@scenario(
    "tcp.connection_timeout-blackhole-route",
    "A router's blackhole route",
    bump="client-router",
    points=(Point("client", snaplen=96), Point("router", "any", can_tell=False)),
)
def blackhole(lab: Lab) -> None:
    """The router has a blackhole route to the upstream; an earlier connection worked. Round trip
    8 ms, no timestamps.
    """
    lab.bump.delay = 0.004
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)
    works(lab, 9200)
    lab.router.run(f"ip route add blackhole {lab.upstream.ip}/32")
    silent = lab.client.connect((lab.upstream.ip, 9200), timeout=4)
    silent.close()
    lab.sleep(0.5)
    lab.judge(silent, "tcp.connection_timeout", ["unknown", "path"], ended_by=[None])


@scenario(
    "tcp.connection_timeout-envoy-single-syn",
    "Envoy's short connect timeout: one SYN and no more",
    path=PROXIED,
    points=(Point("proxy", "any"), "client"),
    layers=("tcp", "http"),
)
def envoy_single_syn(lab: Lab) -> None:
    """The router behind Envoy drops SYNs; Envoy gives up after 0.5 s and answers 503."""
    lab.router2.iptables("-A FORWARD -p tcp --dport 9000 -j DROP")
    cluster = {"connect_timeout": "0.5s"}
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080, cluster=cluster)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/pay")
    lab.sleep(1.6)
    silent = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=silent)
    lab.judge(silent, "tcp.connection_timeout", ["unknown", "path"], ended_by=[None])


@scenario(
    "tcp.connection_timeout-haproxy-two-syns",
    "HAProxy gives up connecting and answers 503",
    path=PROXIED,
    points=(Point("proxy", "any"), "upstream"),
    layers=("tcp", "http"),
)
def haproxy_timeout(lab: Lab) -> None:
    """The upstream's own firewall drops the port; HAProxy's connect timeout is 1.5 s, without
    retries.
    """
    lab.upstream.iptables("-A INPUT -p tcp --dport 9000 -j DROP")
    body = haproxy.simple(80, f"{lab.upstream.ip}:9000", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=80, connect="1500ms")
    lab.client.curl(f"http://{lab.proxy.ip}/")
    lab.sleep(0.5)
    silent = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=silent)
    lab.judge(
        silent,
        "tcp.connection_timeout",
        ["unknown", "responder"],
        ended_by=[None],
        at={"upstream": Accepted(["tcp.connection_timeout", "capture.partial"], _AT_HOST.sides)},
    )


@scenario(
    "tcp.connection_timeout-nginx-504",
    "NGINX gives up connecting and answers 504",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("tcp", "http"),
)
def nginx_timeout(lab: Lab) -> None:
    """A blackhole route on the router behind NGINX; proxy_connect_timeout is 2 s."""
    lab.router2.run(f"ip route add blackhole {lab.upstream.ip}/32")
    conf = f"""
    proxy_connect_timeout 2s;
    server {{
      listen 8000;
      location / {{ proxy_pass http://{lab.upstream.ip}:8081; }}
    }}"""
    nginx.start(lab, lab.proxy, conf, port=8000)
    lab.client.curl(f"http://{lab.proxy.ip}:8000/report")
    lab.sleep(0.5)
    silent = lab.leg(lab.upstream, 8081)
    lab.judge(lab.leg(lab.proxy, 8000), "http.local_reply", "responder", caused_by=silent)
    lab.judge(silent, "tcp.connection_timeout", ["unknown", "path"], ended_by=[None])


@scenario(
    "tcp.connection_timeout-v6-both-ends",
    "IPv6: SYNs leave the client and never reach the upstream",
    family=6,
    points=("client", "upstream"),
)
def v6_both_ends(lab: Lab) -> None:
    """ip6tables FORWARD on the router drops port 5432; port 5433 works, before and after."""
    lab.router.iptables("-A FORWARD -p tcp --dport 5432 -j DROP")
    works(lab, 5433)
    silent = lab.client.connect((lab.upstream.ip, 5432), timeout=3.2)
    silent.close()
    works(lab, 5434)
    lab.sleep(0.4)
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 3)])
    lab.judge(
        silent,
        "tcp.connection_timeout",
        ["unknown", "path"],
        ended_by=[None],
        at={"correlate": Accepted(sides=["path"])},
    )


@scenario(
    "tcp.connection_timeout-accept-queue-full",
    "A full accept queue: the kernel drops SYNs silently",
    points=("client", "upstream"),
)
def accept_queue_full(lab: Lab) -> None:
    """The listener (backlog 1) accepts nothing. Two connections fill its queue; the SYNs of a
    third are dropped until the client gives up.
    """
    listener = lab.upstream.listen(8080, backlog=1)
    for filler in sockets.connect_together(lab.client, listener.address, 2):
        lab.healthy(filler)
    lab.sleep(0.2)
    silent = lab.client.connect(listener.address, timeout=3.5)
    silent.close()
    lab.sleep(0.5)
    lab.judge(
        silent,
        ["tcp.connection_timeout", "tcp.accept_queue_overflow"],
        ["unknown", "responder"],
        ended_by=[None],
        at={"upstream": _AT_HOST},
    )


@scenario(
    "healthy-lost-syn",
    "The first SYN is lost, the second is answered",
    bump="client-router",
)
def lost_syn(lab: Lab) -> None:
    """The bump drops the first SYN; everything works a second later."""
    lab.bump.add(rules.drop(rules.Match(flags="S", times=1)))
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/late")).receive_until()
    connection.close()
    lab.sleep(0.2)
    lab.healthy(connection)
