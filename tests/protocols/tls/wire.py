"""TLS built from bytes, as the RFCs draw it."""

from __future__ import annotations

from collections.abc import Iterable

from pcapdiag.model.application import Piece
from pcapdiag.model.tls import TlsFacts
from pcapdiag.protocols.tls.reader import TlsReader

RANDOM = bytes(range(32))
OTHER_RANDOM = bytes(range(32, 64))
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
SESSION = bytes(range(100, 132))
CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def record(kind: int, content: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + numbers(version) + vector(2, content)


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + vector(3, body)


def handshake(kind: int, body: bytes = b"") -> bytes:
    return record(HANDSHAKE, message(kind, body))


def change_cipher_spec() -> bytes:
    return record(CCS, b"\x01")


def alert(code: int, level: int = 2) -> bytes:
    return record(ALERT, bytes([level, code]))


def sealed(length: int, kind: int = DATA) -> bytes:
    """An encrypted record: bytes without meaning."""
    return record(kind, bytes((7 * index + 200) % 256 for index in range(length)))


def extension(kind: int, body: bytes) -> bytes:
    return numbers(kind) + vector(2, body)


def sni(name: bytes) -> bytes:
    return extension(0, vector(2, b"\0" + vector(2, name)))


def alpn(*names: bytes) -> bytes:
    return extension(16, vector(2, b"".join(vector(1, name) for name in names)))


def versions(*values: int) -> bytes:
    return extension(43, vector(1, numbers(*values)))


def key_shares(*groups: int) -> bytes:
    return extension(
        51, vector(2, b"".join(numbers(each) + vector(2, b"k" * 32) for each in groups))
    )


TLS13_EXTENSIONS = (
    sni(b"shop.example"),
    alpn(b"h2", b"http/1.1"),
    extension(10, vector(2, numbers(0x1A1A, 29, 23))),
    extension(11, vector(1, b"\0")),
    extension(13, vector(2, numbers(0x0403, 0x0804))),
    versions(0x2A2A, 0x0304, 0x0303),
    key_shares(29),
)


def client_hello(
    extensions: Iterable[bytes] = TLS13_EXTENSIONS,
    version: int = 0x0303,
    session: bytes = SESSION,
    ciphers: tuple[int, ...] = (0x3A3A, 0x1301, 0x1302, 0xC02F),
    random: bytes = RANDOM,
) -> bytes:
    """Body of a ClientHello."""
    start = numbers(version) + random + vector(1, session) + vector(2, numbers(*ciphers))
    block = b"".join(extensions)
    return start + vector(1, b"\0") + (vector(2, block) if block else b"")


TLS13_CHOICE = (extension(43, numbers(0x0304)), extension(51, numbers(29) + vector(2, b"k" * 32)))


def server_hello(
    extensions: Iterable[bytes] = TLS13_CHOICE,
    version: int = 0x0303,
    session: bytes = SESSION,
    cipher: int = 0x1301,
    random: bytes = OTHER_RANDOM,
) -> bytes:
    """Body of a ServerHello."""
    start = numbers(version) + random + vector(1, session) + numbers(cipher) + b"\0"
    block = b"".join(extensions)
    return start + (vector(2, block) if block else b"")


def talk(*turns: tuple[bool, bytes]) -> list[Piece]:
    """One packet per turn, a millisecond apart; frames count from 1."""
    return [
        Piece(is_client, frame, frame * 1_000_000, data)
        for frame, (is_client, data) in enumerate(turns, 1)
    ]


def client(*data: bytes) -> tuple[bool, bytes]:
    return True, b"".join(data)


def server(*data: bytes) -> tuple[bool, bytes]:
    return False, b"".join(data)


def read(pieces: Iterable[Piece]) -> TlsFacts:
    reader = TlsReader()
    for piece in pieces:
        assert reader.feed(piece) == []
    return reader.finish()


def tls13_opening() -> tuple[tuple[bool, bytes], tuple[bool, bytes]]:
    """ClientHello, and the server's flight as OpenSSL sends it."""
    return (
        client(handshake(1, client_hello())),
        server(
            handshake(2, server_hello()),
            change_cipher_spec(),
            sealed(23),
            sealed(900),
            sealed(95),
            sealed(53),
        ),
    )


def tls12_opening(session: bytes = b"") -> tuple[tuple[bool, bytes], tuple[bool, bytes]]:
    """ClientHello, and the server's flight up to ServerHelloDone."""
    hello = server_hello((alpn(b"h2"),), session=session, cipher=0xC02F)
    return (
        client(handshake(1, client_hello(TLS13_EXTENSIONS[:5]))),
        server(
            handshake(2, hello),
            handshake(11, vector(3, vector(3, b"no certificate"))),
            handshake(12, b"\x03" + numbers(29) + vector(1, b"k" * 32)),
            handshake(14),
        ),
    )


def alerts(facts: TlsFacts) -> list[tuple[bool, int | None, int | None]]:
    return [(each.from_initiator, each.level, each.code) for each in facts.alerts]
