"""Every protected record of a stored connection, opened with its key log.

As much of a TLS reader as that takes, and no more: healthy connections that were captured whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pcapdiag.protocols.tls.keylog import KeyLog, Secrets
from pcapdiag.protocols.tls.protection import Protection, protect_tls12, protect_tls13
from tests.protocols.pieces import Connection, connections

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, END_OF_EARLY_DATA, FINISHED, KEY_UPDATE = 1, 2, 5, 20, 24
ENCRYPT_THEN_MAC, EARLY_DATA, SUPPORTED_VERSIONS = 22, 42, 43
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""RFC 8446 section 4.1.3."""


class Record(NamedTuple):
    kind: int
    version: int
    fragment: bytes


class Opened(NamedTuple):
    """A protected record: None for what did not open."""

    from_client: bool
    outer: int
    inside: tuple[int, bytes] | None


class Hello(NamedTuple):
    random: bytes
    version: int
    cipher: int
    extensions: dict[int, bytes]


def of_capture(capture: Path) -> list[list[Opened]]:
    """Each connection's protected records, the client's before the server's."""
    log = KeyLog()
    log.add((capture.parent / "keylog.txt").read_bytes())
    assert log
    assert not log.problems
    return [of_connection(connection, log) for connection in connections(capture)]


def of_connection(connection: Connection, log: KeyLog) -> list[Opened]:
    client, server = (records(connection, from_client) for from_client in (True, False))
    random = client_random(client)
    secrets, hello = log.find(random), server_hello(server)
    assert secrets is not None
    if hello.version == 0x0304:
        assert secrets.client_handshake is not None
        return [*_tls13(True, client, secrets, hello), *_tls13(False, server, secrets, hello)]
    assert secrets.master is not None
    keys = protect_tls12(
        secrets.master,
        random,
        hello.random,
        hello.version,
        hello.cipher,
        ENCRYPT_THEN_MAC in hello.extensions,
    )
    assert keys is not None
    return [*_tls12(True, client, keys[0]), *_tls12(False, server, keys[1])]


def records(connection: Connection, from_client: bool) -> list[Record]:
    stream = b"".join(
        piece.data for piece in connection.pieces if piece.from_initiator == from_client
    )
    found = []
    while stream:
        length = 5 + int.from_bytes(stream[3:5])
        found.append(Record(stream[0], int.from_bytes(stream[1:3]), stream[5:length]))
        stream = stream[length:]
    return found


def client_random(client: list[Record]) -> bytes:
    assert client[0].fragment[0] == CLIENT_HELLO
    return client[0].fragment[6:38]


def server_hello(server: list[Record]) -> Hello:
    """The one that is no HelloRetryRequest; records begin with it."""
    for record in server:
        body = record.fragment[4:]
        if record.kind == HANDSHAKE and record.fragment[0] == SERVER_HELLO:
            if body[2:34] != RETRY_RANDOM:
                return _hello(body)
    raise AssertionError("no ServerHello")


def _hello(body: bytes) -> Hello:
    at = 35 + body[34]
    cipher = int.from_bytes(body[at : at + 2])
    end = at + 5 + int.from_bytes(body[at + 3 : at + 5])
    at += 5
    extensions = {}
    while at < end:
        kind, length = int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4])
        extensions[kind] = body[at + 4 : at + 4 + length]
        at += 4 + length
    version = int.from_bytes(extensions.get(SUPPORTED_VERSIONS, body[:2]))
    return Hello(body[2:34], version, cipher, extensions)


def _tls12(from_client: bool, sent: list[Record], keys: Protection) -> Iterator[Opened]:
    begin = [record.kind for record in sent].index(CHANGE_CIPHER_SPEC) + 1
    for sequence, record in enumerate(sent[begin:]):
        inside = keys.open(record.kind, record.version, record.fragment, sequence)
        yield Opened(from_client, record.kind, inside)


def _tls13(
    from_client: bool, sent: list[Record], secrets: Secrets, hello: Hello
) -> Iterator[Opened]:
    names = ["client_early", "client_handshake", "client_traffic"]
    if not from_client:
        names = ["server_handshake", "server_traffic"]
    epochs = [getattr(secrets, name) for name in names if getattr(secrets, name)]
    keys = protect_tls13(epochs.pop(0), hello.cipher)
    sequence, unread = 0, b""
    for record in sent:
        if record.kind != DATA:
            continue
        assert keys is not None
        inside = keys.open(record.kind, record.version, record.fragment, sequence)
        if inside is None and epochs and from_client and sequence:
            # Early data that the server passed over has no end of its own.
            keys, sequence = protect_tls13(epochs.pop(0), hello.cipher), 0
            assert keys is not None
            inside = keys.open(record.kind, record.version, record.fragment, sequence)
        sequence += 1
        yield Opened(from_client, record.kind, inside)
        if inside is not None and inside[0] == HANDSHAKE:
            last, unread = _last_message(unread + inside[1])
            if last in (END_OF_EARLY_DATA, FINISHED):
                keys, sequence = protect_tls13(epochs.pop(0), hello.cipher), 0
            elif last == KEY_UPDATE:
                keys, sequence = keys.updated(), 0


def _last_message(unread: bytes) -> tuple[int | None, bytes]:
    """Type of the last message that is complete, and the bytes behind it."""
    last = None
    while len(unread) >= 4 and len(unread) >= 4 + int.from_bytes(unread[1:4]):
        last, unread = unread[0], unread[4 + int.from_bytes(unread[1:4]) :]
    return last, unread
