"""Requests that are met by a RST or a FIN instead of a response."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_RESET = "tcp.reset_before_response"
_CLOSED = "tcp.closed_before_response"

_NEVER_READS = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
taken, _ = listener.accept()
time.sleep(60)
"""
_CRASHES = """
import os, socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6)
taken, _ = listener.accept()
taken.recv(16)
time.sleep(0.05)
os.abort()
"""
_READS_AND_WAITS = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
taken, _ = listener.accept()
taken.recv(4096)
print("read")
time.sleep(60)
"""


@scenario(
    "tcp.reset_before_response-socket-killed",
    "The upstream's socket is destroyed from outside (ss -K)",
    points=("client", "upstream"),
)
def socket_killed(lab: Lab) -> None:
    """The server has read the request and works on it; 0.4 s later `ss -K` destroys its socket."""
    server = lab.upstream.serve(8080, behaviours.silent())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/long"))
    lab.sleep(0.4)
    port = connection.local[1]
    lab.upstream.run(f"ss -K dst {lab.client.ip} dport = {port}")
    connection.receive_all()
    lab.judge(connection, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-process-killed",
    "The upstream's process is killed before it read the request",
    bump="client-router",
    points=(Point("client", nanoseconds=True), "upstream"),
)
def process_killed(lab: Lab) -> None:
    """The server accepted and did not read; SIGKILL 0.3 s after the request. Round trip 40 ms."""
    lab.bump.delay = 0.02
    process = lab.upstream.python(_NEVER_READS, lab.upstream.ip, 8000, port=8000)
    connection = lab.client.connect((lab.upstream.ip, 8000))
    connection.send(behaviours.get("/never-read"))
    lab.sleep(0.3)
    process.stop(9)
    connection.receive_all()
    lab.judge(connection, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-crash-v6",
    "IPv6: the upstream's program crashes while it reads the request",
    family=6,
    bump="router-upstream",
)
def crash(lab: Lab) -> None:
    """The server reads 16 bytes of the request and aborts; the rest is unread. Round trip 14 ms."""
    lab.bump.delay = 0.007
    lab.upstream.python(_CRASHES, lab.upstream.ip, 8000, port=8000)
    connection = lab.client.connect((lab.upstream.ip, 8000))
    connection.send(behaviours.get("/crash", "shop.example", "X-Trace: 0123456789abcdef"))
    connection.receive_all()
    lab.judge(connection, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-binary-no-timestamps",
    "A binary protocol, no timestamps, linger zero",
    points=(Point("client", format="pcapng"),),
)
def binary(lab: Lab) -> None:
    """An unknown binary protocol: a first exchange works, the second request is met by a RST.
    Timestamps are off.
    """
    lab.client.sysctl("net.ipv4.tcp_timestamps", 0)

    def once(connection: Connection) -> None:
        connection.receive()
        connection.send(bytes.fromhex("0000000801000000cafe0001"))
        connection.receive()
        lab.sleep(0.03)
        connection.reset()

    server = lab.upstream.serve(7443, once)
    connection = lab.client.connect(server.address)
    connection.send(bytes.fromhex("0000000c010000010a0b0c0d0e0f1011")).receive()
    lab.sleep(0.2)
    connection.send(bytes.fromhex("0000000c010000021a1b1c1d1e1f2021")).receive_all()
    lab.judge(connection, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-envoy-unread",
    "Envoy answers 503: its upstream closed with the request unread",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"), "upstream"),
    layers=("tcp", "http"),
)
def envoy_unread(lab: Lab) -> None:
    """The upstream closes 0.1 s after it accepted, without reading: the kernel sends RST."""
    server = lab.upstream.serve(9000, behaviours.close_unread())
    envoy.simple(lab, server.address, listen=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/basket")
    lab.sleep(0.2)
    reset = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=reset)
    lab.judge(reset, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-haproxy-linger-zero",
    "HAProxy answers 502: its upstream reset after the request",
    path=PROXIED,
    bump="proxy-router2",
    points=(Point("proxy", "any"), "client"),
    layers=("tcp", "http"),
)
def haproxy_reset(lab: Lab) -> None:
    """The upstream reads the request and resets; round trip to it 10 ms."""
    lab.bump.delay = 0.005
    server = lab.upstream.serve(8000, behaviours.reset_after_request(0.05))
    body = haproxy.simple(80, f"{lab.upstream.ip}:8000")
    haproxy.start(lab, lab.proxy, body, port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/")
    lab.sleep(0.2)
    reset = lab.leg(lab.upstream, server.address[1])
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=reset)
    lab.judge(reset, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-nginx-pod-killed",
    "NGINX answers 502: the upstream's process was killed with the request unread",
    path=PROXIED,
    points=(Point("proxy", "any"), "upstream"),
    layers=("tcp", "http"),
)
def nginx_killed(lab: Lab) -> None:
    """The upstream's process accepted and did not read; SIGKILL while NGINX waits."""
    process = lab.upstream.python(_NEVER_READS, lab.upstream.ip, 3000, port=3000)
    conf = f"server {{ listen 80; location / {{ proxy_pass http://{lab.upstream.ip}:3000; }} }}"
    nginx.start(lab, lab.proxy, conf, port=80)
    connection = lab.client.connect((lab.proxy.ip, 80))
    connection.send(behaviours.get("/killed"))
    lab.sleep(0.5)
    process.stop(9)
    connection.receive_until()
    connection.close()
    lab.sleep(0.2)
    reset = lab.leg(lab.upstream, 3000)
    lab.judge(connection, "http.local_reply", "responder", caused_by=reset)
    lab.judge(reset, _RESET, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_before_response-envoy-tcp-proxy",
    "Envoy as TCP proxy with a dead backend, and a client that speaks at once",
    path=PROXIED,
    points=(Point("proxy", "any"), "client"),
)
def envoy_tcp_speaks(lab: Lab) -> None:
    """Envoy's tcp_proxy: the router behind it drops SYNs, connect timeout 0.5 s. The client sends
    its request at once.
    """
    lab.router2.iptables("-A FORWARD -p tcp --dport 6379 -j DROP")
    cluster = envoy.a_cluster("up", (lab.upstream.ip, 6379), more={"connect_timeout": "0.5s"})
    envoy.start(lab, lab.proxy, [envoy.tcp_listener(6379)], [cluster], port=6379)
    connection = lab.client.connect((lab.proxy.ip, 6379))
    connection.send(b"*1\r\n$4\r\nPING\r\n").receive_all()
    connection.close()
    lab.sleep(1.6)
    silent = lab.leg(lab.upstream, 6379)
    lab.judge(connection, [_RESET, _CLOSED], "responder", caused_by=silent)
    lab.judge(silent, "tcp.connection_timeout", ["unknown", "path"], ended_by=[None])


@scenario(
    "tcp.closed_before_response-redis-text",
    "A text protocol: FIN instead of an answer",
    points=("client", "upstream"),
)
def text_closed(lab: Lab) -> None:
    """The server answers AUTH, reads GET and closes."""

    def once(connection: Connection) -> None:
        connection.receive()
        connection.send(b"+OK\r\n")
        connection.receive()
        connection.close()

    server = lab.upstream.serve(6379, once)
    connection = lab.client.connect(server.address)
    connection.send(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n").receive()
    connection.send(b"*2\r\n$3\r\nGET\r\n$4\r\ncart\r\n").receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.judge(connection, _CLOSED, "responder")


@scenario(
    "tcp.closed_before_response-process-killed",
    "The upstream's process is killed after it read the request",
    bump="client-router",
    points=("client", "upstream"),
)
def killed_after_read(lab: Lab) -> None:
    """The server read the request and works on it when it is killed (SIGKILL): the kernel sends
    FIN. Round trip 24 ms.
    """
    lab.bump.delay = 0.012
    process = lab.upstream.python(_READS_AND_WAITS, lab.upstream.ip, 8000, port=8000)
    connection = lab.client.connect((lab.upstream.ip, 8000))
    connection.send(behaviours.get("/report"))
    process.wait_for("read")
    lab.sleep(0.5)
    process.stop(9)
    connection.receive_all()
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, _CLOSED, "responder")


@scenario(
    "tcp.closed_before_response-nginx-premature",
    "NGINX answers 502: upstream prematurely closed connection",
    path=PROXIED,
    points=(Point("proxy", "any", format="pcapng"),),
    layers=("tcp", "http"),
)
def nginx_premature(lab: Lab) -> None:
    """The upstream reads the request and closes 0.1 s later."""
    lab.upstream.serve(9000, behaviours.close_after_request(0.1))
    conf = f"server {{ listen 8080; location / {{ proxy_pass http://{lab.upstream.ip}:9000; }} }}"
    nginx.start(lab, lab.proxy, conf, port=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/price")
    lab.sleep(0.2)
    closed = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=closed)
    lab.judge(closed, _CLOSED, "responder")


@scenario(
    "tcp.closed_before_response-haproxy",
    "HAProxy answers 502: its upstream closed after the request",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("tcp", "http"),
)
def haproxy_closed(lab: Lab) -> None:
    """The upstream reads the request and closes at once."""
    lab.upstream.serve(9000, behaviours.close_after_request())
    haproxy.start(lab, lab.proxy, haproxy.simple(80, f"{lab.upstream.ip}:9000"), port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/item/7")
    lab.sleep(0.2)
    closed = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 80), "http.local_reply", "responder", caused_by=closed)
    lab.judge(closed, _CLOSED, "responder")


@scenario(
    "tcp.closed_before_response-envoy-v6",
    "IPv6: Envoy answers 503 because its upstream closed",
    path=PROXIED,
    family=6,
    points=(Point("proxy", "any"), "client"),
    layers=("tcp", "http"),
)
def envoy_closed(lab: Lab) -> None:
    """The upstream reads the request and closes 0.2 s later; Envoy, IPv6 on both legs."""
    server = lab.upstream.serve(9000, behaviours.close_after_request(0.2))
    envoy.simple(lab, server.address, listen=8080)
    lab.client.curl(f"http://[{lab.proxy.ip}]:8080/cart")
    lab.sleep(0.2)
    closed = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), "http.local_reply", "responder", caused_by=closed)
    lab.judge(closed, _CLOSED, "responder")
