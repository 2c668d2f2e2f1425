"""Sockets of a host, wrapped: they know their endpoints and never wait for ever."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass

TIMEOUT = 6.0
Address = tuple[str, int]


def endpoint(address: Address) -> str:
    """`ip:port`, an IPv6 address in brackets."""
    ip, port = address
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@dataclass(frozen=True, slots=True)
class Leg:
    """The nth connection to `responder` in the captures: for programs whose ports are not known."""

    responder: Address
    nth: int = 0


class Connection:
    """One end of a TCP connection (plain or, after `tls`, encrypted)."""

    def __init__(
        self, sock: socket.socket, *, accepted: bool, error: OSError | None = None
    ) -> None:
        self.sock = sock
        self.error = error
        self._accepted = accepted
        self.local: Address = sock.getsockname()[:2]
        self.peer: Address = ("", 0)
        self.occurrence = 0
        with contextlib.suppress(OSError):
            self.peer = sock.getpeername()[:2]

    @property
    def initiator(self) -> Address:
        """Who sent the SYN."""
        return self.peer if self._accepted else self.local

    @property
    def responder(self) -> Address:
        """Who got the SYN."""
        return self.local if self._accepted else self.peer

    def send(self, data: bytes) -> Connection:
        """Send everything; a failure is kept in `error` and not raised."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.error = error
        return self

    def receive(self, at_least: int = 1, timeout: float = TIMEOUT) -> bytes:
        """Read until `at_least` bytes came, or the end, an error or the timeout."""
        return self._read(lambda data: len(data) >= at_least, timeout)

    def receive_until(self, mark: bytes = b"\r\n\r\n", timeout: float = TIMEOUT) -> bytes:
        """Read until `mark` came, or the end, an error or the timeout."""
        return self._read(lambda data: mark in data, timeout)

    def receive_all(self, timeout: float = TIMEOUT) -> bytes:
        """Read until the other side closed, an error or the timeout."""
        return self._read(lambda _: False, timeout)

    def _read(self, enough: object, timeout: float) -> bytes:
        assert callable(enough)
        data = b""
        deadline = time.monotonic() + timeout
        try:
            while not enough(data) and (left := deadline - time.monotonic()) > 0:
                self.sock.settimeout(left)
                part = self.sock.recv(65536)
                if not part:
                    break
                data += part
        except OSError as error:
            self.error = error
        finally:
            with contextlib.suppress(OSError):
                self.sock.settimeout(TIMEOUT)
        return data

    def tls(self, context: ssl.SSLContext, name: str | None = None) -> Connection:
        """Do the TLS handshake; a failure is kept in `error`."""
        server = self._accepted
        try:
            self.sock = context.wrap_socket(
                self.sock, server_side=server, server_hostname=None if server else name
            )
        except OSError as error:
            self.error = error
        return self

    def shut(self) -> Connection:
        """Send a FIN and keep reading (half-close)."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        return self

    def close(self) -> None:
        """Close: FIN, or RST where unread data waits."""
        with contextlib.suppress(OSError):
            self.sock.close()

    def reset(self) -> None:
        """Close with linger zero: RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Listener:
    """A listening socket of a host."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.address: Address = sock.getsockname()[:2]
        self.accepted: list[Connection] = []

    def accept(self, timeout: float = TIMEOUT) -> Connection:
        """Take the next connection."""
        self.sock.settimeout(timeout)
        taken, _ = self.sock.accept()
        taken.settimeout(TIMEOUT)
        connection = Connection(taken, accepted=True)
        self.accepted.append(connection)
        return connection

    def close(self) -> None:
        """Stop listening, also where a thread waits in accept."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.sock.close()
