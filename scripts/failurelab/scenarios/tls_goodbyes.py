"""Goodbyes inside TLS, and TLS that begins, or does not, where plaintext is spoken."""

from __future__ import annotations

import contextlib
import ssl

from failurelab import behaviours, openssl
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.programs import databases, java
from failurelab.registry import scenario

_ASYNCIO = """
import asyncio, ssl, sys

async def serve(reader, writer):
    while True:
        try:
            await asyncio.wait_for(reader.readuntil(b"\\r\\n\\r\\n"), 1.2)
        except Exception:
            break
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nfine\\n")
        await writer.drain()
    writer.close()

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    context.set_alpn_protocols(["http/1.1"])
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), ssl=context)
    await server.serve_forever()

asyncio.run(main())
"""
"""Keeps a connection for 1.2 s, then says close_notify; its FIN waits for the client's."""


_HTTP1 = ("http/1.1",)


def _goodbye(connection: Connection) -> None:
    """Say close_notify, and close."""
    sock = connection.sock
    assert isinstance(sock, ssl.SSLSocket)
    sock.settimeout(0.05)
    with contextlib.suppress(OSError):
        sock.unwrap()
    connection.close()


@scenario(
    "tcp.response_timeout-goodbye-inside-tls13",
    "A client gives up waiting, and says close_notify before its FIN",
    layers=("tls",),
)
def gives_up_politely(lab: Lab) -> None:
    """The server answers the first request and hangs on the second one; after 2 s the client says
    close_notify and closes.
    """
    context = lab.authority.server_context("shop.example", alpn=_HTTP1)

    def hangs(connection: Connection) -> None:
        connection.tls(context)
        connection.receive_until()
        connection.send(behaviours.reply(b"x" * 200))
        connection.receive_all(8)

    server = lab.upstream.serve(8443, hangs)
    connection = lab.client.connect(server.address)
    connection.tls(lab.authority.client_context(alpn=_HTTP1), "shop.example")
    connection.send(behaviours.get()).receive_until()
    connection.send(behaviours.get("/slow")).receive(timeout=2)
    _goodbye(connection)
    lab.sleep(0.2)
    lab.judge(connection, "tcp.response_timeout", "responder", ended_by=["initiator"])


@scenario(
    "tcp.stale_connection-goodbye-inside-tls13",
    "A request long after the server's close_notify, whose FIN waited",
    layers=("tls",),
)
def asked_after_goodbye(lab: Lab) -> None:
    """A server of Python's asyncio keeps connections for 1.2 s; the client, who does not look, asks
    again 2.5 s after the first answer.
    """
    files = lab.authority.issue("shop.example")
    lab.upstream.python(_ASYNCIO, lab.upstream.ip, 8443, files.cert, files.key, port=8443)
    connection = lab.client.connect((lab.upstream.ip, 8443))
    connection.tls(lab.authority.client_context(alpn=_HTTP1), "shop.example")
    connection.send(behaviours.get()).receive_until(b"fine")
    lab.sleep(2.5)
    connection.send(behaviours.get("/cart")).receive_all(2)
    connection.close()
    lab.sleep(0.2)
    lab.judge(connection, "tcp.stale_connection", "responder", ended_by=["responder", "initiator"])


@scenario(
    "healthy-java-goodbyes-tls13",
    "Java's padded close_notify, behind the server's and behind a bare FIN",
    layers=("tls",),
    kept_apart=False,
)
def java_goodbyes(lab: Lab) -> None:
    """A Java client is answered by s_server, which says close_notify and waits, and by a server
    that closes without a word. Java answers either by an alert of 35 bytes.
    """
    trust = java.trust_store(lab, lab.client, lab.authority.cert)
    openssl.server(lab, lab.upstream, 4433, "-tls1_3")
    context = lab.authority.server_context("shop.example")

    def says_nothing(connection: Connection) -> None:
        connection.tls(context)
        connection.receive_until()
        connection.send(behaviours.reply(b"x" * 2000))
        connection.close()

    silent = lab.upstream.serve(4434, says_nothing)
    for address in ((lab.upstream.ip, 4433), silent.address):
        java.tls_client(lab, lab.client, address, "shop.example", "TLSv1.3", trust)
        lab.sleep(0.2)
    for port in (4433, 4434):
        lab.healthy(lab.leg(lab.upstream, port))


@scenario(
    "healthy-tls-behind-greeting",
    "A greeting in the clear, TLS unasked behind it, as NATS has it",
    layers=("tls",),
)
def greets_in_the_clear(lab: Lab) -> None:
    """The server says INFO in the clear; the client goes on with a ClientHello at once, and is
    answered inside TLS. It says close_notify at the end.
    """
    context = lab.authority.server_context("shop.example")

    def greets(connection: Connection) -> None:
        connection.send(b'INFO {"server_id":"A","version":"2.9.10","tls_required":true}\r\n')
        connection.tls(context)
        connection.receive_until(b"PING\r\n")
        connection.send(b"PONG\r\n")
        connection.receive_all(3)

    server = lab.upstream.serve(4222, greets)
    connection = lab.client.connect(server.address)
    connection.receive_until(b"\r\n")
    connection.tls(lab.authority.client_context(), "shop.example")
    connection.send(b'CONNECT {"verbose":false}\r\nPING\r\n').receive_until(b"PONG\r\n")
    _goodbye(connection)
    lab.sleep(0.2)
    lab.healthy(connection)


@scenario(
    "protocol.tls_to_plaintext-ldap-closes",
    "A ClientHello to a port where others speak LDAP: closed without a word",
    layers=("tls",),
)
def ldap_closes(lab: Lab) -> None:
    """Two searches in the clear work; then a client begins TLS at once, without StartTLS."""
    databases.ldap(lab, lab.upstream)
    for _ in range(2):
        lab.client.run(
            ["ldapsearch", "-x", "-H", f"ldap://{lab.upstream.ip}", "-b", "", "-s", "base"]
        )
    connection = lab.client.connect((lab.upstream.ip, 389))
    connection.tls(lab.authority.client_context(), "shop.example")
    connection.close()
    lab.sleep(0.2)
    for nth in range(2):
        lab.healthy(lab.leg(lab.upstream, 389, nth))
    lab.judge(connection, "protocol.tls_to_plaintext", "responder", ended_by=["responder"])
