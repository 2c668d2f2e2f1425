"""Healthy HTTP that looks alarming: errors of the origin, early answers, open streams."""

from __future__ import annotations

import time

from failurelab import behaviours, envoy, nginx
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import PROXIED, scenario

LEGS = (Point("proxy", "any"), Point("proxy", "eth1", name="proxy-upstream"))


@scenario(
    "healthy-nginx-many-requests",
    "Twelve requests by curl on one kept connection to NGINX",
    layers=("http", "tcp"),
)
def many(lab: Lab) -> None:
    """NGINX answers with bodies of 5 bytes to 3 kB; curl fetches twelve URLs in a row."""
    small = 'location / { return 200 "fine\\n"; }'
    large = f'location /list {{ return 200 "{"entry " * 500}"; }}'
    nginx.start(lab, lab.upstream, f"server {{ listen 8080; {small} {large} }}", port=8080)
    base = f"http://{lab.upstream.ip}:8080"
    lab.used("curl")
    lab.client.curl(*[f"{base}/{'list' if n % 3 == 1 else n}" for n in range(12)])
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.upstream, 8080))


@scenario(
    "healthy-pipelining",
    "Four requests sent at once, answered in order",
    layers=("http", "tcp"),
)
def pipelining(lab: Lab) -> None:
    """Four GETs in one segment to NGINX; the client reads four answers and closes."""
    server = 'server { listen 8080; location / { return 200 "fine\\n"; } }'
    nginx.start(lab, lab.upstream, server, port=8080)
    connection = lab.client.connect((lab.upstream.ip, 8080))
    connection.send(b"".join(behaviours.get(f"/{n}") for n in range(4)))
    data = b""
    while data.count(b"fine\n") < 4:
        data += connection.receive()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


def _statuses(connection: Connection) -> None:
    """Answer each request with the status that its path names."""
    while data := connection.receive_until(timeout=30):
        status = data.split()[1].decode().strip("/").replace("-", " ")
        connection.send(behaviours.reply(b'{"error": "see the log of shop-7"}\n', status))
    connection.close()


@scenario(
    "healthy-origin-own-errors",
    "An origin's own 404, 500, 503 and 429: answers, not failures of the connection",
    layers=("http",),
)
def origin_errors(lab: Lab) -> None:
    """The application itself answers 404, 500, 503 and 429 on one kept connection."""
    server = lab.upstream.serve(8080, _statuses)
    connection = lab.client.connect(server.address)
    for status in ("404-Not-Found", "500-Oops", "503-Later", "429-Slow-Down", "200-OK"):
        connection.send(behaviours.get(f"/{status}")).receive_until(b"shop-7")
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-origin-500-through-envoy",
    "Envoy hands the origin's own 500 and 404 on",
    path=PROXIED,
    points=LEGS,
    layers=("http",),
)
def origin_500(lab: Lab) -> None:
    """curl asks Envoy twice; the application behind answers 500, then 404."""
    lab.upstream.serve(9000, _statuses)
    envoy.simple(lab, (lab.upstream.ip, 9000), listen=8080)
    lab.used("curl")
    for status in ("500-Oops", "404-Not-Found"):
        lab.client.curl(f"http://{lab.proxy.ip}:8080/{status}")
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.proxy, 8080))
    lab.healthy(lab.leg(lab.proxy, 8080, 1))
    lab.healthy(lab.leg(lab.upstream, 9000))


@scenario(
    "healthy-nginx-proxy",
    "NGINX in front: one upstream connection per request, closed by the upstream",
    path=PROXIED,
    points=LEGS,
    layers=("http", "tcp"),
)
def nginx_proxy(lab: Lab) -> None:
    """NGINX proxies three requests of one client connection with HTTP/1.0 to the upstream."""
    lab.upstream.serve(9000, behaviours.answer_and_close())
    where = f"proxy_pass http://{lab.upstream.ip}:9000;"
    nginx.start(lab, lab.proxy, f"server {{ listen 8080; location / {{ {where} }} }}", port=8080)
    base = f"http://{lab.proxy.ip}:8080"
    lab.used("curl")
    lab.client.curl(f"{base}/a", f"{base}/b", f"{base}/c")
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.proxy, 8080))
    for nth in range(3):
        lab.healthy(lab.leg(lab.upstream, 9000, nth))


@scenario(
    "healthy-early-413",
    "NGINX refuses an upload early; curl gets the 413",
    points=(Point("client", gzip=True),),
    layers=("http", "tcp"),
)
def early_413(lab: Lab) -> None:
    """client_max_body_size 1k; curl uploads 60 kB and prints 413 all the same."""
    server = "server { listen 8080; client_max_body_size 1k; location / { return 200; } }"
    nginx.start(lab, lab.upstream, server, port=8080)
    file = lab.file("upload", b"row;" * 15_000)
    lab.used("curl")
    status = lab.client.curl("-H", "Expect:", "-o", "/dev/null", "-w", "%{http_code}",
                             "--data-binary", f"@{file}",
                             f"http://{lab.upstream.ip}:8080/upload")  # fmt: skip
    if "413" not in status:
        raise RuntimeError(f"curl did not get the 413: {status}")
    lab.sleep(0.2)
    lab.healthy(lab.leg(lab.upstream, 8080))


@scenario(
    "healthy-100-continue",
    "An upload that waits for 100 Continue",
    points=(Point("client", gzip=True),),
    layers=("http", "tcp"),
)
def continue_100(lab: Lab) -> None:
    """curl sends Expect: 100-continue; the server says 100, takes 20 kB, and answers 201."""

    def take(connection: Connection) -> None:
        connection.receive_until()
        time.sleep(0.3)
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n").receive(20_000)
        connection.send(behaviours.reply(b"stored\n", "201 Created"))
        connection.receive_all()
        connection.close()

    server = lab.upstream.serve(8080, take)
    file = lab.file("upload", b"row;" * 5000)
    lab.used("curl")
    lab.client.curl("-H", "Expect: 100-continue", "--data-binary", f"@{file}",
                    f"http://{server.address[0]}:8080/upload")  # fmt: skip
    lab.sleep(0.1)
    lab.healthy(lab.leg(lab.upstream, 8080))


@scenario(
    "healthy-no-body-answers",
    "Answers without a body: HEAD with a length, 204, 304",
    layers=("http",),
)
def no_body(lab: Lab) -> None:
    """HEAD is answered with Content-Length 5000 and no body, then 204, then 304; then a close."""
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b'HTTP/1.1 304 Not Modified\r\nETag: "7"\r\nContent-Length: 4321\r\n\r\n',
    ]

    def handle(connection: Connection) -> None:
        for data in answers:
            connection.receive_until()
            connection.send(data)
        connection.close()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    for request in (
        behaviours.get("/big").replace(b"GET", b"HEAD"),
        behaviours.get("/ping"),
        behaviours.get("/logo.svg", "shop.example", 'If-None-Match: "7"'),
    ):
        connection.send(request).receive_until()
    connection.receive_all()
    connection.close()
    lab.healthy(connection)


@scenario(
    "healthy-close-delimited",
    "An answer without a length, ended by the server's FIN",
    layers=("http",),
)
def close_delimited(lab: Lab) -> None:
    """HTTP/1.0 answer without Content-Length in three pieces, then FIN: complete."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        for number in range(3):
            time.sleep(0.1)
            connection.send(b"part %d\n" % number)
        connection.close()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/old").replace(b"1.1", b"1.0")).receive_all()
    connection.close()
    lab.healthy(connection)


_UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def _websocket(lab: Lab, port: int, handler: behaviours.Handler) -> Connection:
    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(_UPGRADE)
        handler(connection)

    server = lab.upstream.serve(port, handle)
    connection = lab.client.connect(server.address)
    wanted = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    connection.send(behaviours.get("/live", "shop.example", *wanted)).receive_until()
    return connection


def _masked(first: int, body: bytes) -> bytes:
    key = b"\x01\x02\x03\x04"
    mixed = bytes(byte ^ key[index % 4] for index, byte in enumerate(body))
    return bytes([first, 0x80 | len(body)]) + key + mixed


@scenario(
    "healthy-websocket-quiet",
    "A WebSocket, quiet for seconds, with pings, still open when the capture ends",
    layers=("http",),
)
def websocket_quiet(lab: Lab) -> None:
    """Upgrade, two messages, 3 s of quiet, ping and pong, then the capture ends."""

    def handler(connection: Connection) -> None:
        connection.receive()
        connection.send(b"\x81\x05hello").receive(timeout=20)
        connection.send(b"\x8a\x02hi").receive(timeout=60)

    connection = _websocket(lab, 8080, handler)
    connection.send(_masked(0x81, b"hello")).receive()
    lab.sleep(3)
    connection.send(_masked(0x89, b"hi")).receive()
    lab.healthy(connection)


@scenario(
    "healthy-websocket-closed",
    "A WebSocket closed in order: Close frames both ways, then FIN",
    layers=("http",),
)
def websocket_closed(lab: Lab) -> None:
    """Upgrade, messages by the server for 1.5 s, Close by the server, Close by the client."""

    def handler(connection: Connection) -> None:
        for number in range(3):
            time.sleep(0.5)
            connection.send(b"\x81\x06news %d" % number)
        connection.send(b"\x88\x02\x03\xe8").receive()
        connection.close()

    connection = _websocket(lab, 8080, handler)
    data = b""
    while b"\x88\x02\x03\xe8" not in data and not connection.error:
        data += connection.receive()
    connection.send(_masked(0x88, b"\x03\xe8")).receive_all()
    connection.close()
    lab.healthy(connection)


def _events(count: int, *, end: bool) -> behaviours.Handler:
    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")  # fmt: skip
        for number in range(count):
            event = b'data: {"price": %d}\n\n' % number
            connection.send(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.5)
        if end:
            connection.send(b"0\r\n\r\n")
            connection.close()
        time.sleep(20)

    return handle


@scenario(
    "healthy-server-sent-events",
    "A stream of events that ends in order",
    layers=("http",),
)
def events(lab: Lab) -> None:
    """Six events, one each half second, last chunk, close by the server."""
    server = lab.upstream.serve(8080, _events(6, end=True))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/events")).receive_all(10)
    connection.close()
    lab.healthy(connection)


@scenario(
    "healthy-server-sent-events-open",
    "A stream of events, quiet and unfinished when the capture ends",
    layers=("http",),
)
def events_open(lab: Lab) -> None:
    """Three events, then 2 s of quiet, then the capture ends with the stream open."""
    server = lab.upstream.serve(8080, _events(3, end=False))
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/events")).receive_all(3.5)
    lab.healthy(connection)
