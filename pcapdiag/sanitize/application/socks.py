"""Messages of SOCKS in one packet (RFC 1928, RFC 1929, SOCKS4 and 4a): hosts are renamed.

Of a login nothing stays but that it was one, and how it was answered. Ports stay, as they do in
headers.
"""

from __future__ import annotations

from pcapdiag.protocols.socks import (
    ADDRESS_BYTES,
    COMMANDS,
    GRANTED_4,
    LOGIN,
    NAME,
    NONE_ACCEPTABLE,
    REFUSED_4,
    REPLY_4,
    SOCKS4,
    SOCKS5,
)
from pcapdiag.sanitize.application.texts import host
from pcapdiag.sanitize.renamer import Renamer

FILLING = b"x"
KNOWN_METHODS = (*range(10), NONE_ACCEPTABLE)
"""IANA's "SOCKS Methods" has 0 to 9."""
LAST_CODE = 8
"""Of commands and replies of SOCKS5 (RFC 1928 sections 4 and 6)."""
LOGIN_BYTES = range(5, 260)
"""From a name and a password of a letter each on; the name's length is a byte."""


def rewrite_socks(data: bytes, renamer: Renamer) -> bytes:
    """Return what a packet becomes that is one message of SOCKS; nothing where it is none."""
    first = data[:1]
    if first == bytes([SOCKS5]):
        return data if _is_choice(data) else _request_5(data, renamer)
    if first == bytes([LOGIN]):
        return _login(data)
    if first == bytes([SOCKS4]):
        return _request_4(data, renamer)
    answered = len(data) == REPLY_4 and first == b"\0" and data[1] in (GRANTED_4, *REFUSED_4)
    return data[:4] + renamer.address(data[4:]) if answered else b""


def _is_choice(data: bytes) -> bool:
    """Return whether it is a greeting, whose methods say nothing of anybody, or its answer."""
    if len(data) == 2:
        return data[1] in KNOWN_METHODS
    return len(data) > 2 and len(data) == 2 + data[1] and set(data[2:]) <= set(KNOWN_METHODS)


def _request_5(data: bytes, renamer: Renamer) -> bytes:
    """Rewrite a request or its answer: they have the same form."""
    if len(data) < 7 or data[1] > LAST_CODE or data[2]:
        return b""
    at = 5 if data[3] == NAME else 4
    size = data[4] if data[3] == NAME else ADDRESS_BYTES.get(data[3], 0)
    if not size or len(data) != at + size + 2:
        return b""
    target = data[at : at + size]
    new = host(target, renamer) if data[3] == NAME else renamer.address(target)
    return data[:at] + new + data[at + size :]


def _login(data: bytes) -> bytes:
    if len(data) == 2:
        return bytes([LOGIN, min(data[1], 1)])
    name = data[1] if len(data) > 1 else 0
    whole = len(data) > 3 + name and len(data) == 3 + name + data[2 + name]
    if not whole or len(data) not in LOGIN_BYTES:
        return b""
    # Where the one ends and the other begins would tell how long each is.
    size = len(data) - 4
    return bytes([LOGIN, size]) + FILLING * size + b"\x01" + FILLING


def _request_4(data: bytes, renamer: Renamer) -> bytes:
    words = data[REPLY_4:].split(b"\0")
    if len(data) <= REPLY_4 or data[1] not in COMMANDS or words[-1] or len(words) > 3:
        return b""
    named = len(words) == 3
    address = data[4:8] if named else renamer.address(data[4:8])
    name = host(words[1], renamer) + b"\0" if named else b""
    return data[:4] + address + FILLING * len(words[0]) + b"\0" + name
