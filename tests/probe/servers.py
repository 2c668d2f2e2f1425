"""Servers on loopback for the probe, each in a thread and ended with its context; and asking them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from failurelab.certs import Certificate
from pcapdiag.model.probe import ProbeCheck, ProbeOptions, ProbeReport
from pcapdiag.probe.run import probe

Handler = Callable[[socket.socket], object]
PATIENCE = 5
"""Seconds after which a server gives a client up: no test waits so long."""


@dataclass
class Server:
    """A listening socket and the threads that serve it."""

    port: int
    address: str = "127.0.0.1"
    accepted: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def target(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


@contextmanager
def serving(handler: Handler, address: str = "127.0.0.1") -> Iterator[Server]:
    """Serve with a function that gets each connection; what it raises ends that connection."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        listener.settimeout(0.05)
        server = Server(listener.getsockname()[1], address)
        threads = [threading.Thread(target=_accept, args=(listener, handler, server))]
        threads[0].start()
        try:
            yield server
        finally:
            server.stop.set()
            threads[0].join()


def _accept(listener: socket.socket, handler: Handler, server: Server) -> None:
    threads = []
    while not server.stop.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.settimeout(PATIENCE)
        server.accepted += 1
        threads.append(threading.Thread(target=_serve, args=(connection, handler)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(connection: socket.socket, handler: Handler) -> None:
    with connection, suppress(OSError, ssl.SSLError):
        handler(connection)


def tls_context(
    certificate: Certificate,
    *,
    alpn: Sequence[str] = (),
    only: ssl.TLSVersion | None = None,
    client_ca: object = None,
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if only is not None:
        context.minimum_version = context.maximum_version = only
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(str(client_ca))
    return context


def over_tls(context: ssl.SSLContext, inside: Handler | None = None) -> Handler:
    """Serve TLS, and in it what ``inside`` does; without it, until the client goes."""

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            if inside is not None:
                inside(secured)
            while secured.recv(4096):
                pass

    return handle


def say(*parts: bytes, hear: bool = True) -> Handler:
    """Wait for the client's first bytes (unless told not to), answer, and close."""

    def handle(connection: socket.socket) -> None:
        if hear:
            connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return handle


def ask(target: str, **options: object) -> ProbeReport:
    """Probe ``address:port``, with a short timeout unless told otherwise."""
    address, _, port = target.rpartition(":")
    chosen = {"timeout": 1.0, **options}
    return probe(ProbeOptions(address.strip("[]"), int(port), **chosen))  # type: ignore[arg-type]


def check(report: ProbeReport, name: str, what: str = "") -> ProbeCheck:
    """Return the only check of a name (and of what)."""
    found = [one for one in report.checks if one.name == name and what in ("", one.what)]
    assert len(found) == 1, [(one.name, one.what) for one in report.checks]
    return found[0]


def code(one: ProbeCheck) -> str:
    return one.verdict.code if one.verdict else "ok"
