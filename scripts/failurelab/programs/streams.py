"""Long-lived HTTP responses: server-sent events and WebSockets, both ends."""

from __future__ import annotations

import base64
import hashlib
import time

from failurelab.behaviours import Handler, get
from failurelab.connections import Connection

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = base64.b64encode(b"sixteen bytes ok").decode()
_TEXT, _CLOSE = 0x81, 0x88


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def events(count: int, every: float, quiet: float, *, finish: bool = False) -> Handler:
    """So many server-sent events, then quiet; `finish` sends the last chunk at the end."""

    def handle(connection: Connection) -> None:
        connection.receive_until()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        connection.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(count):
            connection.send(_chunk(b"data: %d\n\n" % number))
            time.sleep(every)
        if finish:
            connection.send(b"0\r\n\r\n")
        connection.receive_all(quiet)
        connection.close()

    return handle


def websocket_server(count: int, every: float, *, close: bool = False) -> Handler:
    """Takes a WebSocket, sends so many messages, then waits; `close` ends with a Close frame."""

    def handle(connection: Connection) -> None:
        request = connection.receive_until().decode("latin-1")
        key = next(line[19:] for line in request.splitlines() if "websocket-key" in line.lower())
        made = base64.b64encode(hashlib.sha1((key.strip() + _GUID).encode()).digest()).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        connection.send(f"{head}Sec-WebSocket-Accept: {made}\r\n\r\n".encode())
        for number in range(count):
            connection.send(bytes([_TEXT, 1]) + str(number % 10).encode())
            time.sleep(every)
        if close:
            connection.send(bytes([_CLOSE, 2]) + (1000).to_bytes(2, "big"))
        connection.receive_all(10)
        connection.close()

    return handle


def websocket_client(connection: Connection) -> Connection:
    """Ask for a WebSocket."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    return connection.send(get("/live", "shop.example", *upgrade, f"Sec-WebSocket-Key: {_KEY}"))


def websocket_answer_close(connection: Connection) -> None:
    """Answer a Close frame with a (masked) Close frame."""
    mask = bytes(4)
    connection.send(bytes([_CLOSE, 0x82]) + mask + (1000).to_bytes(2, "big"))
