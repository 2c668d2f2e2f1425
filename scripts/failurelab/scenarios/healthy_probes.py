"""Clients that ask nothing, and servers whose first word is all that they have to say."""

from __future__ import annotations

import time

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario

LISTING = b"-rw-r--r-- 1 ftp ftp 1220 Nov 29 07:00 report.txt\r\n" * 5


def _greet_late(connection: Connection) -> None:
    time.sleep(0.05)
    connection.send(b"220 mx.example ESMTP\r\n")
    time.sleep(0.02)
    connection.close()


def _greet_and_reset(connection: Connection) -> None:
    time.sleep(0.05)
    connection.send(b"* OK IMAP4rev1 ready\r\n")
    time.sleep(0.02)
    connection.reset()


def _say_goodbye(connection: Connection) -> None:
    connection.send(b"220 mx.example ESMTP\r\n")
    connection.receive_all()
    connection.send(b"421 mx.example bye\r\n")
    connection.close()


def _say_slowly(connection: Connection) -> None:
    for number in range(3):
        time.sleep(0.4)
        connection.send(bytes(range(number, number + 90)))
    connection.close()


@scenario(
    "healthy-probe-half-close",
    "Probes that close their direction at once and read what the server says, as nc -N does",
)
def half_close(lab: Lab) -> None:
    """Four servers that speak first; each probe connects, sends FIN and reads on. One greets and
    closes, one greets and resets, one talks in binary for 1.2 s, one had greeted before the FIN.
    """
    for port, server in ((25, _greet_late), (143, _greet_and_reset), (7400, _say_slowly)):
        connection = lab.client.connect(lab.upstream.serve(port, server).address)
        connection.shut().receive_all()
        connection.close()
        lab.healthy(connection)
    connection = lab.client.connect(lab.upstream.serve(587, _say_goodbye).address)
    connection.receive()
    lab.sleep(0.1)
    connection.shut().receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)


@scenario(
    "healthy-probe-quit",
    "A mail server's probe that says QUIT and does not wait for the goodbye",
)
def quits(lab: Lab) -> None:
    """The client reads the greeting, sends QUIT and closes; the answer, 20 ms later, meets RST."""

    def serve(connection: Connection) -> None:
        connection.send(b"220 mx.example ESMTP\r\n")
        connection.receive()
        time.sleep(0.02)
        connection.send(b"221 bye\r\n")
        connection.close()

    server = lab.upstream.serve(25, serve)
    for _ in range(2):
        connection = lab.client.connect(server.address)
        connection.receive()
        connection.send(b"QUIT\r\n").close()
        lab.sleep(0.2)
        lab.healthy(connection)


@scenario(
    "healthy-one-word-services",
    "Ports that say one thing and close: the time, a load, a listing",
)
def one_word(lab: Lab) -> None:
    """Three services, each used once; nobody asks them anything."""
    words = (
        (13, b"29 NOV 2026 07:51:13 UTC\r\n"),
        (9911, b"load=0.31 queue=0\n"),
        (40123, LISTING),
    )
    for port, word in words:
        server = lab.upstream.serve(port, behaviours.greet(word, behaviours.close_at_once()))
        connection = lab.client.connect(server.address)
        connection.receive_all()
        connection.close()
        lab.sleep(0.05)
        lab.healthy(connection)


@scenario(
    "healthy-unused-408",
    "A server closes an unused connection with 408, a browser's spare one",
    layers=("tcp", "http"),
)
def unused(lab: Lab) -> None:
    """The server waits a second for a request, says 408 as HAProxy does, and closes; the client
    has asked on another connection meanwhile.
    """
    told = behaviours.reply(b"", "408 Request Time-out", "Connection: close")

    def serve(connection: Connection) -> None:
        while connection.receive_until(timeout=1):
            connection.send(behaviours.reply())
        connection.send(told)
        connection.close()

    server = lab.upstream.serve(8080, serve)
    spare, used = (lab.client.connect(server.address) for _ in range(2))
    used.send(behaviours.get("/cart")).receive_until()
    used.close()
    spare.receive_all()
    spare.close()
    lab.sleep(0.1)
    lab.healthy(spare)
    lab.healthy(used)


@scenario(
    "healthy-stream-to-silent-server",
    "A client sends for a second, the server takes all, says nothing and closes",
    points=(Point("client", snaplen=96),),
)
def stream(lab: Lab) -> None:
    """150 kB in 15 pieces, 70 ms apart; the server reads them and closes first, as measurements of
    throughput end.
    """

    def take(connection: Connection) -> None:
        connection.receive(150_000)
        time.sleep(0.2)
        connection.close()

    connection = lab.client.connect(lab.upstream.serve(5201, take).address)
    for _ in range(15):
        connection.send(bytes(range(200)) * 50)
        time.sleep(0.07)
    connection.receive_all()
    connection.close()
    lab.sleep(0.1)
    lab.healthy(connection)
