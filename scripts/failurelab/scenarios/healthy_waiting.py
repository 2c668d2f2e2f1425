"""Healthy connections that wait, reuse ports or are opened twice."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

from failurelab import behaviours, rules
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario

KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
)


@scenario("healthy-slow-answer-5s", "A server that needs five seconds, and is waited for")
def slow_answer(lab: Lab) -> None:
    """Two requests, each answered after 5 s; the client waits 20 s if need be."""
    server = lab.upstream.serve(8080, behaviours.slow(5))
    connection = lab.client.connect(server.address)
    for path in ("/report", "/report/2"):
        connection.send(behaviours.get(path)).receive_until(timeout=20)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario("healthy-long-idle", "A request on a connection that was quiet for eight seconds")
def long_idle(lab: Lab) -> None:
    """Request, answer, 8 s of quiet, request, answer, close."""
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get()).receive_until()
    lab.sleep(8)
    connection.send(behaviours.get("/later")).receive_until()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-keepalive-probes",
    "TCP keep-alive probes through an idle time, each answered; then a request",
)
def keepalive_probes(lab: Lab) -> None:
    """The client probes every second for 5 s (TCP_KEEPIDLE 1); then one more request works."""
    server = lab.upstream.serve(5432, behaviours.answer())
    connection = lab.client.connect(server.address, options=KEEPALIVE)
    connection.send(behaviours.get()).receive_until()
    lab.sleep(5.3)
    connection.send(behaviours.get("/later")).receive_until()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-keepalive-probes-both-open",
    "Both sides probe an idle connection that is still open when the capture ends",
)
def probes_open(lab: Lab) -> None:
    """Client and server probe every second; after one exchange and 4 s the capture ends."""

    def handle(connection: Connection) -> None:
        for level, name, value in KEEPALIVE:
            connection.sock.setsockopt(level, name, value)
        behaviours.answer()(connection)

    server = lab.upstream.serve(6379, handle)
    connection = lab.client.connect(server.address, options=KEEPALIVE)
    connection.send(behaviours.get()).receive_until()
    lab.sleep(4.2)
    lab.healthy(connection)


@scenario(
    "healthy-defer-accept",
    "A listener that waits for data: SYN-ACK repeated after the ACK, and then served",
)
def defer_accept(lab: Lab) -> None:
    """The listener has TCP_DEFER_ACCEPT (3 s); the request comes 3.5 s after connecting."""
    server = lab.upstream.serve(8080, behaviours.answer())
    server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 3)
    connection = lab.client.connect(server.address)
    lab.sleep(3.5)
    connection.send(behaviours.get()).receive_until()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-zero-window-upload",
    "A slow reader closes its window twice and opens it again",
    points=(Point("client", gzip=True),),
)
def zero_window_upload(lab: Lab) -> None:
    """The server (small receive buffer) reads the first half of the upload after 1.2 s, the
    second half 1.2 s later, and answers.
    """
    size = 24_000

    def sluggish(connection: Connection) -> None:
        data = b""
        for _ in range(2):
            time.sleep(1.2)
            data += connection.receive(size // 2)
        connection.receive(max(1, size + 70 - len(data)), timeout=0.5)
        connection.send(behaviours.reply(b"stored\n"))
        connection.receive_all()
        connection.close()

    server = lab.upstream.serve(8080, sluggish)
    server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection = lab.client.connect(server.address)
    head = f"POST /import HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {size}\r\n\r\n"
    connection.send(head.encode() + b"row;" * (size // 4)).receive_until(timeout=15)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-zero-window-download",
    "A client that pauses in the middle of a download",
    points=(Point("client", gzip=True), Point("upstream", gzip=True)),
)
def zero_window_download(lab: Lab) -> None:
    """The client (small receive buffer) reads for the first time after 1.5 s, then all."""
    data = behaviours.reply(b"0123456789" * 3000)
    server = lab.upstream.serve(8080, behaviours.answer(data))
    small = (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection = lab.client.connect(server.address, options=(small,))
    connection.send(behaviours.get("/export"))
    lab.sleep(1.5)
    connection.receive(len(data), timeout=15)
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-refused-then-retry-same-syn",
    "A SYN is refused, the same SYN is sent again and accepted",
    points=("upstream",),
    bump="router-upstream",
)
def refused_same_syn(lab: Lab) -> None:
    """Nothing listens at first and the RST is lost on its way to the client, whose kernel
    repeats its SYN (as Windows does although it got the RST); now the server listens.
    """
    lab.bump.add(rules.drop(rules.Match(direction="back", any_flags="R")))
    starter = lab.upstream.python(
        "import socket,sys,time\n"
        "time.sleep(1.6)\n"
        "s=socket.create_server((sys.argv[1],8080))\n"
        "c,_=s.accept();c.recv(999);c.send(sys.argv[2].encode().decode('unicode_escape').encode())\n"
        "c.recv(9);c.close();time.sleep(9)\n",
        lab.upstream.ip,
        "HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nok\\n",
    )
    connection = lab.client.connect((lab.upstream.ip, 8080), timeout=8)
    connection.send(behaviours.get()).receive_until()
    connection.close()
    lab.sleep(0.1)
    starter.stop()
    lab.healthy(connection)
    lab.findings.forbidden = ["capture.dropped"]


@scenario(
    "healthy-refused-then-retry-same-ports",
    "A try is refused, the next one on the same ports works",
)
def refused_same_ports(lab: Lab) -> None:
    """The client binds one source port; the first connect is refused, half a second later the
    server listens and the second connect from the same port works.
    """
    first = lab.client.connect((lab.upstream.ip, 8080), port=41000)
    first.close()
    server = lab.upstream.serve(8080, behaviours.answer())
    lab.sleep(0.5)
    second = lab.client.connect(server.address, port=41000)
    second.occurrence = 1
    second.send(behaviours.get()).receive_until()
    second.close()
    lab.sleep(0.1)
    lab.healthy(first)
    lab.healthy(second)


@scenario(
    "healthy-port-reuse-challenge",
    "A reused port meets the old connection at the server: challenge ACK, RST, and it works",
)
def port_reuse(lab: Lab) -> None:
    """The client's RST for its first connection never leaves the host, so the server still
    holds it; a second connection from the same port is challenged, resets the old one and is
    accepted with its next SYN.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    first = lab.client.connect(server.address, port=41001)
    first.send(behaviours.get()).receive_until()
    lab.sleep(0.7)
    lab.client.iptables("-A OUTPUT -p tcp --tcp-flags RST RST -j DROP")
    first.reset()
    lab.client.iptables("-F OUTPUT")
    second = lab.client.connect(server.address, port=41001)
    second.occurrence = 1
    second.send(behaviours.get("/again")).receive_until()
    second.close()
    lab.sleep(0.1)
    lab.healthy(first)
    lab.healthy(second)
    lab.findings.forbidden = ["capture.dropped"]


@scenario(
    "healthy-port-reuse-again-and-again",
    "A port is reused while the server holds it in TIME_WAIT: accepted at once",
)
def time_wait(lab: Lab) -> None:
    """The server closes first and is in TIME_WAIT; three more connections from the same port
    follow, 1.2 s apart, each with a newer timestamp.
    """
    server = lab.upstream.serve(8080, behaviours.answer_and_close())
    for nth in range(3):
        connection = lab.client.connect(server.address, port=41002)
        connection.occurrence = nth
        connection.send(behaviours.get(f"/{nth}")).receive_all()
        connection.close()
        lab.sleep(1.2)
        lab.healthy(connection)


@scenario(
    "healthy-open-at-the-end",
    "Idle kept connections that are still open when the capture ends",
)
def open_at_end(lab: Lab) -> None:
    """Four connections with one to four requests each; none is closed before the capture ends."""
    server = lab.upstream.serve(8080, behaviours.answer())
    for count in range(1, 5):
        connection = lab.client.connect(server.address)
        for number in range(count):
            connection.send(behaviours.get(f"/{number}")).receive_until()
        lab.healthy(connection)


@scenario("healthy-server-speaks-first-smtp", "A mail server greets first, the client answers")
def smtp(lab: Lab) -> None:
    """220, EHLO, 250, MAIL, RCPT, DATA, 250, QUIT, 221, close by the server."""
    answers = [
        b"250-mail.example\r\n250 SIZE 10000000\r\n",
        b"250 2.1.0 Ok\r\n",
        b"250 2.1.5 Ok\r\n",
        b"354 End data with <CR><LF>.<CR><LF>\r\n",
        b"250 2.0.0 Ok: queued as 4F2A1\r\n",
        b"221 2.0.0 Bye\r\n",
    ]
    words = [
        b"EHLO client.example\r\n",
        b"MAIL FROM:<shop@client.example>\r\n",
        b"RCPT TO:<you@mail.example>\r\n",
        b"DATA\r\n",
        b"Subject: order\r\n\r\nThank you.\r\n.\r\n",
        b"QUIT\r\n",
    ]

    def mail(connection: Connection) -> None:
        time.sleep(0.3)
        connection.send(b"220 mail.example ESMTP\r\n")
        for line in answers:
            connection.receive()
            connection.send(line)
        connection.close()

    server = lab.upstream.serve(25, mail)
    connection = lab.client.connect(server.address)
    connection.receive()
    for line in words:
        connection.send(line).receive()
    connection.receive_all()
    connection.close()
    lab.healthy(connection)


def _mysql(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


@scenario(
    "healthy-server-speaks-first-mysql",
    "A database greets first; logins, queries, and an end by the client",
)
def mysql(lab: Lab) -> None:
    """Packets as MySQL frames them: greeting, login, OK, three queries, then COM_QUIT and FIN by
    the client while the server just closes.
    """
    greeting = b"\x0a8.0.36\0" + struct.pack("<I", 77) + b"saltsalt\0" + bytes(30)
    okay = _mysql(2, b"\0\0\0\x02\0\0\0")

    def database(connection: Connection) -> None:
        connection.send(_mysql(0, greeting))
        while data := connection.receive(timeout=30):
            if data[4:5] == b"\x01":
                break
            connection.send(okay if data[3:4] == b"\x01" else _mysql(1, bytes(120)))
        connection.close()

    server = lab.upstream.serve(3306, database)
    connection = lab.client.connect(server.address)
    connection.receive()
    connection.send(_mysql(1, struct.pack("<I", 0xA685) + bytes(28) + b"shop\0\x14" + bytes(20)))
    connection.receive()
    for query in (b"select 1", b"select * from cart", b"commit"):
        connection.send(_mysql(0, b"\x03" + query)).receive()
        lab.sleep(0.2)
    connection.send(_mysql(0, b"\x01"))
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-server-speaks-first-quiet",
    "A server that greets; the client reads the greeting and leaves",
)
def banner(lab: Lab) -> None:
    """An SSH-like banner; the client's monitoring check reads it and closes."""

    def greet(connection: Connection) -> None:
        connection.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.receive_all()
        connection.close()

    server = lab.upstream.serve(22, greet)
    connection = lab.client.connect(server.address)
    connection.receive()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-publishers",
    "Clients of brokers that publish a message, which nobody answers, and leave seconds later",
)
def publishers(lab: Lab) -> None:
    """MQTT at QoS 0, STOMP and AMQP 0-9-1: small brokers answer the opening and then take all.
    Each client is quiet for 1 s or 2.4 s after its message, and closes.
    """
    amqp = b"\x01\0\0\0\0\0\x04\0\x0a\0%c\xce"
    kinds = (
        (1883, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x20\x02\x00\x00"),
        (61613, b"CONNECT\naccept-version:1.2\n\n\0", b"CONNECTED\nversion:1.2\n\n\0"),
        (5672, b"AMQP\x00\x00\x09\x01", amqp % 10),
    )
    messages = {
        1883: b"\x30\x07\x00\x03a/bhi",
        61613: b"SEND\ndestination:/q\n\nhi\0",
        5672: b"\x01\0\x01\0\0\0\x04\0\x3c\0\x28\xce\x02\0\x01\0\0\0\x02ab\xce",
    }
    open_ones = []
    for port, opening, answer in kinds:
        server = lab.upstream.serve(port, _take_all(len(opening), answer))
        for _ in range(2):
            connection = lab.client.connect(server.address)
            connection.send(opening).receive(len(answer))
            connection.send(messages[port])
            open_ones.append(connection)
    for pause, some in ((1.0, open_ones[::2]), (1.4, open_ones[1::2])):
        lab.sleep(pause)
        for connection in some:
            connection.close()
            lab.healthy(connection)
    lab.sleep(0.2)


def _take_all(opening: int, answer: bytes) -> Callable[[Connection], None]:
    def handle(connection: Connection) -> None:
        connection.receive(opening)
        connection.send(answer).receive_all()
        connection.close()

    return handle
