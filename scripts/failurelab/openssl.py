"""OpenSSL's s_server and s_client, and other TLS ends, in a host of the lab."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Sequence

from failurelab.certs import Certificate
from failurelab.connections import Address
from failurelab.hosts import Host, Process
from failurelab.lab import Lab

REQUEST = "GET / HTTP/1.0\\r\\nHost: shop.example\\r\\n\\r\\n"


def server(
    lab: Lab, host: Host, port: int, *options: str, files: Certificate | None = None
) -> Process:
    """s_server, which answers GET with a page about the connection."""
    lab.used("openssl", "openssl", "version")
    command = ["openssl", "s_server", "-accept", str(port), "-www", *options]
    if "-nocert" not in options:
        files = files or lab.authority.issue("shop.example")
        command += ["-cert", str(files.cert), "-key", str(files.key)]
    return host.spawn(command, port=port)


def client(
    lab: Lab,
    host: Host,
    address: Address,
    name: str = "",
    *options: str,
    request: str = REQUEST,
    more: Sequence[str] = (),
    stay: float = 0.3,
) -> str:
    """s_client: sends a request after the handshake, stays so long, and leaves.

    `more` is typed afterwards, each a while after the other: further requests, or its commands
    (``K`` on a line asks for a KeyUpdate).
    """
    lab.used("openssl", "openssl", "version")
    target = f"[{address[0]}]" if ":" in address[0] else address[0]
    words = ["openssl", "s_client", "-connect", f"{target}:{address[1]}"]
    words += ["-servername", name] if name else ["-noservername"]
    words += ["-keylogfile", str(lab.key_log), *options]
    typed = "".join(f"sleep 0.1; printf '{text}'; " for text in (request, *more))
    feed = f"({typed}sleep {stay}) | "
    return host.run(["sh", "-c", feed + 'exec "$@"', "sh", *words], check=False)


def curl(lab: Lab, host: Host, *arguments: str, timeout: float = 10) -> str:
    """curl that trusts this run's authority and writes its TLS secrets."""
    lab.used("curl")
    setting = ["env", f"SSLKEYLOGFILE={lab.key_log}"]
    command = ["curl", "-s", "-S", "--max-time", str(timeout), "--cacert", str(lab.authority.cert)]
    return host.run([*setting, *command, *arguments], check=False, timeout=timeout + 5)


def at(address: Address, name: str) -> tuple[str, str]:
    """curl's option that makes it find `name` at an address."""
    ip = f"[{address[0]}]" if ":" in address[0] else address[0]
    return "--resolve", f"{name}:{address[1]}:{ip}"


def client_hello(name: str) -> bytes:
    """A ClientHello of OpenSSL's, for clients that go no further."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        machine.do_handshake()
    return outgoing.read()
