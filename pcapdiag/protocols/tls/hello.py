"""What ClientHello, ServerHello, HelloRetryRequest and EncryptedExtensions say.

RFC 8446 section 4.1 and 4.2, RFC 5246 section 7.4.1 and appendix E.2, RFC 6066, RFC 7301. A message
that was cut gives what could be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from pcapdiag.model.tls import DRAFTS, SSL3, TLS12, TLS13, ClientHello, ServerHello
from pcapdiag.protocols.tls.cursor import Cursor, CutShortError
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.ja import REMEMBERED, ja3, ja4
from pcapdiag.protocols.tls.limits import MAX_LIST, MAX_TEXT

SNI, GROUPS, POINT_FORMATS, SIGNATURES, ALPN = 0, 10, 11, 13, 16
ENCRYPT_THEN_MAC, SESSION_TICKET, PRE_SHARED_KEY, EARLY_DATA = 22, 35, 41, 42
SUPPORTED_VERSIONS, KEY_SHARE, ENCRYPTED_CLIENT_HELLO = 43, 51, 0xFE0D

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest (RFC 8446 section 4.1.3)."""
TLS13_SUITES = 0x13
"""First byte of every cipher suite of TLS 1.3."""

Extensions = dict[int, bytes]


def read_client_hello(message: HandshakeMessage) -> ClientHello | None:
    """Read a ClientHello, however short it was cut; None when not even its version is there."""
    cursor = Cursor(message.body)
    if message.is_ssl2:
        return _read_ssl2(message, cursor)
    random = session_id = b""
    ciphers: tuple[int, ...] = ()
    extensions: Extensions = {}
    complete = message.complete
    try:
        version = cursor.number(2)
    except CutShortError:
        return None
    try:
        random = cursor.take(32)
        session_id = cursor.vector(1)
        ciphers = _numbers(cursor.vector(2))
        cursor.vector(1)
        kinds = _read_extensions(cursor, extensions)
    except CutShortError:
        complete = False
        kinds = tuple(extensions)
    return _client_hello(message, version, random, session_id, ciphers, kinds, extensions, complete)


def _client_hello(
    message: HandshakeMessage,
    version: int,
    random: bytes,
    session_id: bytes,
    ciphers: tuple[int, ...],
    kinds: tuple[int, ...],
    extensions: Extensions,
    complete: bool,
) -> ClientHello:
    alpn = _names(extensions.get(ALPN, b""))
    groups = _numbers(_vector(extensions, GROUPS, 2))
    signatures = _numbers(_vector(extensions, SIGNATURES, 2))
    versions = _numbers(_vector(extensions, SUPPORTED_VERSIONS, 1))
    highest = max(versions, default=version)
    point_formats = tuple(_vector(extensions, POINT_FORMATS, 1)[:MAX_LIST])
    return ClientHello(
        frame=message.frame,
        time=message.time,
        legacy_version=version,
        sni=_host_name(extensions.get(SNI, b"")),
        alpn=tuple(_text(name) for name in alpn),
        versions=_offered(version, versions, complete),
        ciphers=ciphers,
        groups=groups,
        key_shares=_key_shares(_vector(extensions, KEY_SHARE, 2)),
        signature_algorithms=signatures,
        extensions=kinds,
        session_id=session_id,
        has_ticket=bool(extensions.get(SESSION_TICKET)) or PRE_SHARED_KEY in kinds,
        early_data=EARLY_DATA in kinds,
        encrypted_hello=ENCRYPTED_CLIENT_HELLO in kinds,
        random=random,
        length=message.length,
        segments=message.segments,
        complete=complete,
        ja3=ja3(version, ciphers, kinds, groups, point_formats) if complete else "",
        ja4=ja4(highest, ciphers, kinds, signatures, (*alpn, b"")[0]) if complete else "",
    )


def _read_ssl2(message: HandshakeMessage, cursor: Cursor) -> ClientHello | None:
    """An SSL 2.0 style ClientHello: three bytes a cipher, of TLS ones the first is zero."""
    try:
        version, ciphers_length = cursor.number(2), cursor.number(2)
        session_length, challenge_length = cursor.number(2), cursor.number(2)
        kinds = cursor.take(ciphers_length)
        session_id = cursor.take(session_length)
        random = cursor.take(challenge_length)[-32:].rjust(32, b"\0")
    except CutShortError:
        return None
    ciphers = tuple(
        int.from_bytes(kinds[at + 1 : at + 3], "big")
        for at in range(0, len(kinds) - 2, 3)
        if kinds[at] == 0
    )[:MAX_LIST]
    return _client_hello(message, version, random, session_id, ciphers, (), {}, message.complete)


def read_server_hello(message: HandshakeMessage) -> ServerHello | None:
    """Read a ServerHello or HelloRetryRequest; None when its cipher is not there."""
    cursor = Cursor(message.body)
    extensions: Extensions = {}
    try:
        version, random = cursor.number(2), cursor.take(32)
        # Before draft 22 of TLS 1.3 there is neither session nor compression.
        early = version >> 8 == DRAFTS
        session_id, cipher = b"" if early else cursor.vector(1), cursor.number(2)
    except CutShortError:
        return None
    try:
        if not early:
            cursor.number(1)
        kinds = _read_extensions(cursor, extensions)
    except CutShortError:
        kinds = tuple(extensions)
    chosen = _number(extensions.get(SUPPORTED_VERSIONS))
    if chosen is None and cipher >> 8 == TLS13_SUITES and not early:
        # Those are of no older version (RFC 8446 appendix B.4): what says so was cut off.
        chosen = TLS13
    return ServerHello(
        frame=message.frame,
        time=message.time,
        version=version if chosen is None else chosen,
        cipher=cipher,
        alpn=chosen_alpn(extensions),
        group=_number(extensions.get(KEY_SHARE)),
        session_id=session_id,
        resumed_psk=_number(extensions.get(PRE_SHARED_KEY)),
        random=random,
        extensions=kinds,
        complete=message.complete,
    )


def add_encrypted_extensions(hello: ServerHello, message: HandshakeMessage) -> ServerHello:
    """Add what a decrypted EncryptedExtensions says (RFC 8446 section 4.3.1)."""
    extensions: Extensions = {}
    try:
        kinds = _read_extensions(Cursor(message.body), extensions)
    except CutShortError:
        kinds = tuple(extensions)
    return msgspec.structs.replace(
        hello,
        alpn=chosen_alpn(extensions) or hello.alpn,
        extensions=(*hello.extensions, *kinds),
    )


def chosen_alpn(extensions: Extensions) -> str | None:
    """The one protocol that a server names."""
    names = _names(extensions.get(ALPN, b""))
    return _text(names[0]) if names else None


def is_grease(number: int) -> bool:
    """True for a value that means nothing (RFC 8701)."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def _read_extensions(cursor: Cursor, found: Extensions) -> tuple[int, ...]:
    """Read the extensions into ``found``, and give their types; none at all is allowed.

    Raises CutShortError where they end too early; those before are in ``found``.
    """
    if not cursor:
        return ()
    length = cursor.number(2)
    block = cursor.rest()
    inside = Cursor(block[:length])
    while inside and len(found) < MAX_LIST:
        kind = inside.number(2)
        body = inside.vector(2)
        if not is_grease(kind):
            found.setdefault(kind, body)
    if inside or len(block) < length:
        raise CutShortError
    return tuple(found)


def _vector(extensions: Extensions, kind: int, size: int) -> bytes:
    try:
        return Cursor(extensions.get(kind, b"")).vector(size)
    except CutShortError:
        return b""


@lru_cache(REMEMBERED)
def _numbers(data: bytes) -> tuple[int, ...]:
    """Numbers of two bytes without GREASE, MAX_LIST at most."""
    numbers = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))
    return tuple(number for number in numbers if not is_grease(number))[:MAX_LIST]


def _number(data: bytes | None) -> int | None:
    """The first two bytes: all of the extension, or the group before its key."""
    return int.from_bytes(data[:2], "big") if data and len(data) >= 2 else None


def _names(data: bytes) -> list[bytes]:
    """Protocols of an ALPN extension without GREASE."""
    names: list[bytes] = []
    try:
        cursor = Cursor(Cursor(data).vector(2))
        while cursor and len(names) < MAX_LIST:
            names.append(cursor.vector(1))
    except CutShortError:
        pass
    return [name for name in names if not _is_grease_name(name)]


def _is_grease_name(name: bytes) -> bool:
    return len(name) == 2 and is_grease(int.from_bytes(name, "big"))


def _key_shares(data: bytes) -> tuple[int, ...]:
    groups = list(_groups_of(Cursor(data)))[:MAX_LIST]
    return tuple(group for group in groups if not is_grease(group))


def _groups_of(cursor: Cursor) -> Iterator[int]:
    try:
        while cursor:
            yield cursor.number(2)
            cursor.vector(2)
    except CutShortError:
        return


def _host_name(data: bytes) -> str | None:
    """The name in server_name (RFC 6066 section 3)."""
    try:
        names = Cursor(Cursor(data).vector(2))
        kind, name = names.number(1), names.vector(2)
    except CutShortError:
        return None
    return _text(name) if kind == 0 and name else None


def _text(name: bytes) -> str:
    return name[:MAX_TEXT].decode("ascii", "backslashreplace")


def _offered(version: int, supported: tuple[int, ...], complete: bool) -> tuple[int, ...]:
    """Versions, highest first; none where supported_versions may be in what was cut off."""
    if supported:
        return tuple(sorted(supported, reverse=True))
    if not complete:
        return ()
    return tuple(range(min(version, TLS12), SSL3 - 1, -1)) or (version,)
