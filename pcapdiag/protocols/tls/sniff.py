"""Whether the first bytes of an end are TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcapdiag.protocols.tls.limits import MAX_RECORD
from pcapdiag.protocols.tls.numbers import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    HANDSHAKE,
    HEADER,
    HEARTBEAT,
    SERVER_HELLO,
)

HEADER_LOOK = re.compile(rb"(?=[\x14-\x18]\x03[\x00-\x04])", re.DOTALL)
"""Where the first 3 bytes of a record's header are."""
_MIN_HELLO = 2 + 32 + 1 + 2 + 1
"""Version, random, an empty session id, a cipher, a compression: the shortest hello."""
_ALERT_LEVELS = (1, 2)


def plausible_header(header: bytes) -> bool:
    """True when 5 bytes may be a record's header (SSL 3.0 to TLS 1.3)."""
    if not CHANGE_CIPHER_SPEC <= header[0] <= HEARTBEAT or header[1] != 3 or header[2] > 4:
        return False
    length = int.from_bytes(header[3:5], "big")
    if header[0] == CHANGE_CIPHER_SPEC:
        return 0 < length <= 256
    return length <= MAX_RECORD and (length > 0 or header[0] == APPLICATION_DATA)


def possible_records(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where a record may begin, by its whole header, and where it then ends."""
    for look in HEADER_LOOK.finditer(data):
        at = look.start()
        header = data[at : at + HEADER]
        if len(header) < HEADER:
            return
        if plausible_header(header):
            yield at, at + HEADER + int.from_bytes(header[3:], "big")


def is_ssl2_hello(first: bytes) -> bool:
    """True for an SSL 2.0 style ClientHello (RFC 5246 appendix E.2)."""
    if len(first) < HEADER or not first[0] & 0x80 or first[2] != CLIENT_HELLO:
        return False
    version = int.from_bytes(first[3:5], "big")
    return ssl2_length(first) >= 9 and (version == 0x0002 or 0x0300 <= version <= 0x0303)


def ssl2_length(first: bytes) -> int:
    """Bytes of an SSL 2.0 record after its two of length."""
    return int.from_bytes(first[:2], "big") & 0x7FFF


def speaks_tls(first: bytes) -> bool:
    """True when an end's first bytes begin a hello, or an alert in its place, in TLS or SSL.

    Strict enough for any port: type, version and length of the record, and the handshake type and
    its length, or the alert's level. Less than 6 bytes, or application data (a capture that starts
    late), is never enough.
    """
    if is_ssl2_hello(first):
        return True
    if len(first) <= HEADER or not plausible_header(first[:HEADER]):
        return False
    length = int.from_bytes(first[3:5], "big")
    if first[0] == ALERT:
        return length == 2 and first[HEADER] in _ALERT_LEVELS
    if first[0] != HANDSHAKE or first[HEADER] not in (CLIENT_HELLO, SERVER_HELLO):
        return False
    size = int.from_bytes(first[6:9], "big")
    return len(first) < 9 or _MIN_HELLO <= size <= 0xFFFF + MAX_RECORD
