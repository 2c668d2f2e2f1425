"""Responses cut by a RST."""

from __future__ import annotations

from failurelab import behaviours, envoy, haproxy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

_CODE = "tcp.reset_in_response"
_CUT = "http.truncated_response"

_KILLED_IN_BODY = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
taken, _ = listener.accept()
taken.recv(20)
taken.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 90000\\r\\n\\r\\n" + b"x" * 3000)
print("sent")
time.sleep(60)
"""


def chunked_then_reset(connection: Connection) -> None:
    """Two chunks, no last one, RST."""
    connection.receive_until()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.send(head + b"a\r\n0123456789\r\n")
    connection.receive_all(0.2)
    connection.send(b"5\r\nabcde\r\n")
    connection.receive_all(0.1)
    connection.reset()


@scenario(
    "tcp.reset_in_response-content-length",
    "RST before Content-Length was reached",
    bump="client-router",
    points=("client", "upstream"),
)
def content_length(lab: Lab) -> None:
    """The server promises 20000 bytes, sends 5000 and resets 50 ms later. Round trip 18 ms."""
    lab.bump.delay = 0.009
    handler = behaviours.half_response(reset=True, length=20000, sent=5000)
    server = lab.upstream.serve(80, handler)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/image.png")).receive_all()
    lab.judge(connection, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-chunked-v6",
    "IPv6: RST before the last chunk",
    family=6,
    points=(Point("client", gzip=True), "upstream"),
)
def chunked(lab: Lab) -> None:
    """The server sends two chunks, 0.2 s apart, and resets without the last one."""
    server = lab.upstream.serve(8080, chunked_then_reset)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/feed")).receive_all()
    lab.judge(connection, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-process-killed",
    "The upstream's process is killed in mid response, the request half read",
)
def killed_in_body(lab: Lab) -> None:
    """The process read 20 bytes of the request, sent 3000 of 90000 bytes and is killed (SIGKILL)
    0.3 s later: with unread data the kernel sends RST.
    """
    process = lab.upstream.python(_KILLED_IN_BODY, lab.upstream.ip, 8000, port=8000)
    connection = lab.client.connect((lab.upstream.ip, 8000))
    connection.send(behaviours.get("/video", "media.example", "Accept: */*"))
    process.wait_for("sent")
    lab.sleep(0.3)
    process.stop(9)
    connection.receive_all()
    lab.judge(connection, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-binary",
    "An unknown binary protocol reset between two parts of an answer",
    points=("client", "upstream"),
)
def binary(lab: Lab) -> None:
    """An unknown protocol: the answer's header (which promises 4096 bytes) and 1000 bytes, then
    RST 80 ms later.
    """

    def once(connection: Connection) -> None:
        connection.receive()
        connection.send(bytes.fromhex("00001000c0ffee00") + bytes(range(250)) * 4)
        connection.receive_all(0.08)
        connection.reset()

    server = lab.upstream.serve(9999, once)
    connection = lab.client.connect(server.address)
    connection.send(bytes.fromhex("000000040000002a")).receive_all()
    lab.judge(connection, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-tls",
    "RST within an encrypted response",
    bump="router-upstream",
)
def inside_tls(lab: Lab) -> None:
    """TLS 1.3 and HTTP/1: the server sends 4000 of 20000 bytes and resets 30 ms later. Round trip
    10 ms.
    """
    lab.bump.delay = 0.005
    context = lab.authority.server_context("shop.example")
    handler = behaviours.half_response(reset=True, length=20000, sent=4000)

    def secure(connection: Connection) -> None:
        handler(connection.tls(context))

    server = lab.upstream.serve(443, secure)
    connection = lab.client.connect(server.address)
    connection.tls(lab.authority.client_context(), "shop.example")
    connection.send(behaviours.get("/catalogue")).receive_all()
    lab.judge(connection, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-envoy",
    "Envoy's response is cut: the upstream reset in mid body",
    path=PROXIED,
    points=(Point("proxy", "any"), "client"),
    layers=("tcp", "http"),
)
def through_envoy(lab: Lab) -> None:
    """The upstream promises 1000 bytes, sends 300 and resets; Envoy had sent the 200 already."""
    server = lab.upstream.serve(9000, behaviours.half_response(reset=True))
    envoy.simple(lab, server.address, listen=8080)
    lab.client.curl(f"http://{lab.proxy.ip}:8080/file")
    lab.sleep(1.2)
    reset = lab.leg(lab.upstream, 9000)
    lab.judge(lab.leg(lab.proxy, 8080), _CUT, "responder", caused_by=reset)
    lab.judge(reset, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-nginx",
    "NGINX's response is cut: the upstream reset in mid body",
    path=PROXIED,
    points=(Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream")),
    layers=("tcp", "http"),
)
def through_nginx(lab: Lab) -> None:
    """The upstream promises 9000 bytes, sends 4000 and resets; NGINX without buffering."""
    handler = behaviours.half_response(reset=True, length=9000, sent=4000)
    lab.upstream.serve(8000, handler)
    conf = f"""
    proxy_buffering off;
    server {{ listen 80; location / {{ proxy_pass http://{lab.upstream.ip}:8000; }} }}"""
    nginx.start(lab, lab.proxy, conf, port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/export.csv")
    lab.sleep(0.3)
    reset = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), _CUT, "responder", caused_by=reset)
    lab.judge(reset, _CODE, "responder", ended_by=["responder"])


@scenario(
    "tcp.reset_in_response-haproxy",
    "HAProxy's response is cut: the upstream reset in mid body",
    path=PROXIED,
    points=(Point("proxy", "any"),),
    layers=("tcp", "http"),
)
def through_haproxy(lab: Lab) -> None:
    """The upstream sends two chunks without the last one and resets; HAProxy."""
    lab.upstream.serve(8000, chunked_then_reset)
    haproxy.start(lab, lab.proxy, haproxy.simple(80, f"{lab.upstream.ip}:8000"), port=80)
    lab.client.curl(f"http://{lab.proxy.ip}/events")
    lab.sleep(0.3)
    reset = lab.leg(lab.upstream, 8000)
    lab.judge(lab.leg(lab.proxy, 80), _CUT, "responder", caused_by=reset)
    lab.judge(reset, _CODE, "responder", ended_by=["responder"])
