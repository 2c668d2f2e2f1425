"""A SYN met by a RST: nobody listens, a firewall of the host, a router in between."""

from __future__ import annotations

from failurelab import behaviours, haproxy, nginx, sockets
from failurelab.capture import Point
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario
from failurelab.truth import Accepted, Lost

_SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    taken, _ = listener.accept()
    while taken.recv(4096):
        taken.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nfine\\n")
    taken.close()
"""


def works(lab: Lab, port: int, path: str = "/", *, by: Host | None = None) -> None:
    """One request that is answered, on a port of the upstream that is served from now on."""
    server = lab.upstream.serve(port, behaviours.answer())
    connection = (by or lab.client).connect(server.address)
    connection.send(behaviours.get(path)).receive_until()
    connection.close()
    lab.sleep(0.15)
    lab.healthy(connection)


@scenario(
    "tcp.connection_refused-closed-port-v6",
    "IPv6: nothing listens on the port",
    family=6,
    bump="client-router",
    points=("client", "upstream"),
)
def closed_port_v6(lab: Lab) -> None:
    """Connects over IPv6 to a port where nothing listens, after a request to one that is served;
    round trip 24 ms.
    """
    lab.bump.delay = 0.012
    works(lab, 8080)
    refused = lab.client.connect((lab.upstream.ip, 9090))
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.connection_refused-host-firewall-reset",
    "The host's own firewall refuses with a RST",
    points=("client", Point("upstream", format="pcapng")),
)
def host_firewall(lab: Lab) -> None:
    """iptables INPUT on the upstream rejects port 3306 with tcp-reset; port 80 works. The host's
    firewall is part of that end.
    """
    lab.upstream.iptables("-A INPUT -p tcp --dport 3306 -j REJECT --reject-with tcp-reset")
    works(lab, 80)
    for _ in range(2):
        refused = lab.client.connect((lab.upstream.ip, 3306))
        lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.connection_refused-process-died",
    "A server that answered dies; connections after that are refused",
    points=("client", "upstream"),
)
def process_died(lab: Lab) -> None:
    """The server process answers two requests, is killed (SIGKILL), and three more connections
    are refused.
    """
    process = lab.upstream.python(_SERVER, lab.upstream.ip, 8000, port=8000)
    for path in ("/a", "/b"):
        connection = lab.client.connect((lab.upstream.ip, 8000))
        connection.send(behaviours.get(path)).receive(40)
        connection.close()
        lab.healthy(connection)
    lab.sleep(0.3)
    process.stop(9)
    for _ in range(3):
        refused = lab.client.connect((lab.upstream.ip, 8000))
        lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])
        lab.sleep(0.4)
    lab.findings.expected.append("endpoint.down")


@scenario(
    "tcp.connection_refused-windows-repeats",
    "One refused connect of a Windows client: the same SYN three times",
)
def windows_repeats(lab: Lab) -> None:
    """Sends the same SYN (TTL 128, no timestamps, one source port and one sequence number) three
    times, half a second apart, as Windows does when it is refused.
    """
    source, target = (lab.client.ip, 49731), (lab.upstream.ip, 8443)
    for _ in range(3):
        sockets.send_syn(lab.client, source, target, 2_913_004_771)
        lab.sleep(0.5)
    refused = lab.leg(lab.upstream, 8443)
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.connection_refused-router-reset-v6-both-ends",
    "IPv6: a router refuses in the upstream's name, seen from both ends",
    family=6,
    points=("client", "upstream"),
)
def router_reset_both(lab: Lab) -> None:
    """ip6tables FORWARD on the router rejects port 5000 with tcp-reset; port 5001 works. The
    upstream's capture holds the working connection only.
    """
    lab.router.iptables("-A FORWARD -p tcp --dport 5000 -j REJECT --reject-with tcp-reset")
    works(lab, 5001, "/status")
    lab.upstream.listen(5000)
    refused = lab.client.connect((lab.upstream.ip, 5000))
    lab.correlate("client", "upstream", lost=[Lost("client", "upstream", 1, 1)])
    lab.judge(
        refused,
        "tcp.connection_refused",
        ["path", "unknown"],
        at={"correlate": Accepted(sides=["path"])},
        born={"responder": "path"},
    )


@scenario(
    "tcp.connection_refused-router-reset-behind-haproxy",
    "HAProxy answers 503: a router behind it refuses in the upstream's name",
    path=PROXIED,
    points=(Point("proxy", "any"), "client"),
    layers=("tcp", "http"),
)
def haproxy_router(lab: Lab) -> None:
    """The router behind HAProxy rejects port 8081 with tcp-reset. A direct request of the proxy's
    host to port 8082 of the same upstream works.
    """
    rule = "-A FORWARD -p tcp --dport 8081 -j REJECT --reject-with tcp-reset"
    lab.router2.iptables(rule)
    works(lab, 8082, by=lab.proxy)
    body = haproxy.simple(8080, f"{lab.upstream.ip}:8081", backend="retries 0")
    haproxy.start(lab, lab.proxy, body, port=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/cart")
    refused = lab.leg(lab.upstream, 8081)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=refused)
    lab.judge(refused, "tcp.connection_refused", ["path", "unknown"])


@scenario(
    "tcp.connection_refused-nginx-upstream-down",
    "NGINX answers 502: the upstream's program is not running",
    path=PROXIED,
    points=(Point("proxy", "any", format="pcapng"), Point("upstream", nanoseconds=True)),
    layers=("tcp", "http"),
)
def nginx_refused(lab: Lab) -> None:
    """NGINX proxies to a port of the upstream where nothing listens; two requests."""
    conf = f"""
    server {{
      listen 80;
      location / {{ proxy_pass http://{lab.upstream.ip}:9000; }}
    }}"""
    nginx.start(lab, lab.proxy, conf, port=80)
    for nth, path in enumerate(("/", "/api/v1/items")):
        lab.client.curl(f"http://{lab.proxy.ip}{path}")
        refused = lab.leg(lab.upstream, 9000, nth)
        lab.judge(lab.leg(lab.proxy, 80, nth), "http.local_reply", "responder", caused_by=refused)
        lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


@scenario(
    "tcp.connection_refused-dnat-target-down",
    "A forwarded port whose target does not listen",
    points=("client", Point("router", "any")),
)
def dnat_target_down(lab: Lab) -> None:
    """The router forwards (DNAT) port 8080 of its own address to the upstream's port 80, where
    nothing listens: the upstream refuses, under the router's address.
    """
    target = f"{lab.upstream.ip}:80"
    lab.router.iptables(f"-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to {target}")
    refused = lab.client.connect((lab.router.ip, 8080))
    lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])


def _neighbours(lab: Lab, count: int) -> list[str]:
    """More addresses of the upstream, in its own network."""
    network = lab.upstream.ip.rsplit(".", 1)[0]
    taken = {lab.upstream.ip, lab.router.ip}
    free = [f"{network}.{last}" for last in range(120, 200) if f"{network}.{last}" not in taken]
    for address in free[:count]:
        lab.upstream.run(f"ip address add {address}/24 dev eth0")
    return free[:count]


def _neighbours_answer(lab: Lab, addresses: list[str]) -> None:
    for address in addresses:
        server = lab.upstream.serve(8080, behaviours.answer(), ip=address)
        connection = lab.client.connect(server.address)
        connection.send(behaviours.get()).receive_until()
        connection.close()
        lab.sleep(0.05)
        lab.healthy(connection)


@scenario(
    "tcp.connection_refused-router-answers-for-one-of-many",
    "A router refuses for an address that is not heard of; its neighbours answer from behind it",
    bump="router-upstream",
)
def for_one_of_many(lab: Lab) -> None:
    """Three addresses of one network answer a request each; round trip 6 ms. For a fourth the
    router rejects by RST (iptables FORWARD), twice.
    """
    lab.bump.delay = 0.003
    *served, rejected = _neighbours(lab, 4)
    lab.router.iptables(f"-A FORWARD -p tcp -d {rejected} -j REJECT --reject-with tcp-reset")
    _neighbours_answer(lab, served)
    for port in (5432, 8080):
        refused = lab.client.connect((rejected, port))
        lab.judge(refused, "tcp.connection_refused", ["path", "unknown"])


@scenario(
    "tcp.connection_refused-one-of-many",
    "A host of which nothing else is heard refuses; its neighbours answer from as far away",
    bump="router-upstream",
)
def one_of_many(lab: Lab) -> None:
    """Two addresses of one network answer a request each; on a third nothing listens. Round trip 6
    ms.
    """
    lab.bump.delay = 0.003
    *served, closed = _neighbours(lab, 3)
    _neighbours_answer(lab, served)
    for port in (5432, 8080):
        refused = lab.client.connect((closed, port))
        lab.judge(refused, "tcp.connection_refused", "responder", ended_by=["responder"])
