"""What a server does with a connection: handlers for `Host.serve`, and HTTP/1 texts."""

from __future__ import annotations

import time
from collections.abc import Callable

from failurelab.connections import Connection

Handler = Callable[[Connection], None]


def get(path: str = "/", host: str = "shop.example", *headers: str) -> bytes:
    """A GET request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def reply(body: bytes = b"fine\n", status: str = "200 OK", *headers: str) -> bytes:
    """A response with Content-Length."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def answer(data: bytes | None = None) -> Handler:
    """Answer each request, keep the connection alive."""

    def handle(connection: Connection) -> None:
        while connection.receive_until(timeout=60):
            connection.send(reply() if data is None else data)
        connection.close()

    return handle


def answer_and_close(data: bytes | None = None, *, reset: bool = False) -> Handler:
    """Answer one request, then close by FIN or RST."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(reply() if data is None else data)
        time.sleep(0.02)
        connection.reset() if reset else connection.close()

    return handle


def reset_after_request(delay: float = 0.0) -> Handler:
    """Read the request, then close with linger zero: RST instead of a response."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        time.sleep(delay)
        connection.reset()

    return handle


def close_after_request(delay: float = 0.0) -> Handler:
    """Read the request, then close: FIN instead of a response."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        time.sleep(delay)
        connection.close()

    return handle


def close_unread(delay: float = 0.1) -> Handler:
    """Close without reading: the kernel sends RST when data is waiting."""

    def handle(connection: Connection) -> None:
        time.sleep(delay)
        connection.close()

    return handle


def close_at_once(*, reset: bool = False) -> Handler:
    """Close as soon as the connection stands."""

    def handle(connection: Connection) -> None:
        connection.reset() if reset else connection.close()

    return handle


def silent(seconds: float = 30) -> Handler:
    """Read everything and never answer."""

    def handle(connection: Connection) -> None:
        connection.receive_all(seconds)
        connection.close()

    return handle


def stop_reading(seconds: float = 30) -> Handler:
    """Neither read nor answer: the receive window closes."""

    def handle(connection: Connection) -> None:
        time.sleep(seconds)
        connection.close()

    return handle


def slow(seconds: float, data: bytes | None = None) -> Handler:
    """Answer each request after a while."""

    def handle(connection: Connection) -> None:
        while connection.receive_until(timeout=60):
            time.sleep(seconds)
            connection.send(reply() if data is None else data)
        connection.close()

    return handle


def half_response(*, reset: bool = False, length: int = 1000, sent: int = 300) -> Handler:
    """Promise `length` bytes of body, send `sent` of them, then FIN or RST."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        connection.send(head.encode() + b"x" * sent)
        time.sleep(0.05)
        connection.reset() if reset else connection.close()

    return handle


def respond(data: bytes) -> Handler:
    """Answer whatever comes with the same bytes: for protocols other than HTTP."""

    def handle(connection: Connection) -> None:
        while connection.receive(timeout=60):
            connection.send(data)
        connection.close()

    return handle


def greet(data: bytes, then: Handler) -> Handler:
    """Speak first, then go on with another behaviour."""

    def handle(connection: Connection) -> None:
        connection.send(data)
        then(connection)

    return handle
