"""What is no TLS and no HTTP, in one direction: nearly all is overwritten.

Texts keep their line ends and, in the first lines, the words of programs; of binary bytes nothing
is left but whole messages that say nothing of anybody: how a database asks for TLS, how a client
says goodbye (pcapdiag/diagnose/goodbye.py, tls/commands.py).
"""

from __future__ import annotations

import re

from pcapdiag.diagnose.goodbye import (
    CANCEL_REQUEST,
    LDAP_UNBIND,
    LDAP_UNBIND_BYTES,
    LINE_QUITS,
    QUITS,
    WEBSOCKET_UNANSWERED,
)
from pcapdiag.diagnose.tls.commands import LDAP_START_TLS, MYSQL_GREETING, POSTGRES_SSL_REQUEST
from pcapdiag.protocols.http.sniff import speaks
from pcapdiag.protocols.tls.sniff import speaks_tls
from pcapdiag.sanitize.application.socks import rewrite_socks
from pcapdiag.sanitize.application.stream import Stream
from pcapdiag.sanitize.application.texts import phrases
from pcapdiag.sanitize.application.vocabulary import LETTERS, is_known

BINARY = b"\x01"
"""Stands for binary bytes: no protocol that is read begins with it, and it is no text."""
FIRST = 64
"""First bytes of a direction, by which it is told whether it is text."""
TOLD = 512
"""Bytes of a direction in which the words of programs stay."""
_TEXT = re.compile(rb"[\t\r\n\x20-\x7e]*")
_COMMAND = re.compile(rb"[A-Za-z]{3,10}|[+*-][A-Za-z]{2,8}|\d{3}[ -]")
_SHORT_TEXT = b"\r\n\t +-*$:"
_MYSQL_SSL = b"\x20\x00\x00\x01"
_MYSQL_SSL_SIZE, _MYSQL_SSL_TOLD = 36, 13
_LDAP_RESPONSE = re.compile(rb"(?s)0.\x02\x01.\x78")
_LDAP_SHORT, _LDAP_HEADS = 64, 16
_POSTGRES_ANSWERS = (b"S", b"N")
_READ = {"http1", "http2"}
_GREETING = re.compile(rb"SSH-[\d.]+-|@RSYNCD: [\d.]+|AMQP[\x00-\x09]{0,4}")


def rewrite_other(stream: Stream, at: int, is_first: bool) -> int | None:
    """Rewrite bytes of a protocol that is not known; return where TLS begins, if it does.

    Behind SOCKS, where another protocol begins that is known.
    """
    stream.fill(at, BINARY)
    begin = at
    in_socks = False
    place = stream.captured.following(at)
    while place is not None:
        end = stream.captured.packet_end(place)
        data = stream.read(place, end)
        if (place > begin or not is_first) and speaks_tls(data):
            return place
        if in_socks and {speaks(data, True), speaks(data, False)} & _READ:
            return place
        kept = data if place == begin and data in _POSTGRES_ANSWERS else kept_message(data)
        said = rewrite_socks(data, stream.renamer) if in_socks or place == begin else b""
        in_socks = bool(said)
        if kept or said:
            stream.put(place, kept or said)
        elif _TEXT.fullmatch(data[: max(FIRST - (place - begin), 0)] or data):
            stream.put(place, text(data, stream, place - begin < TOLD))
        place = stream.captured.following(end)
    return None


def text(data: bytes, stream: Stream, is_told: bool) -> bytes:
    """Return what a text becomes; the words of programs stay where ``is_told``."""
    if not data.endswith(b"\n"):
        # Not whole lines: somebody may type, a letter a packet.
        return b"".join(_line(line, is_whole=False) for line in data.splitlines(keepends=True))
    greeting = _GREETING.match(data)
    if greeting is not None:
        rest = data[greeting.end() :]
        return greeting[0] + _words(rest, stream, is_told)
    return _words(data, stream, is_told)


def _words(data: bytes, stream: Stream, is_told: bool) -> bytes:
    if is_told:
        return phrases(data, stream.renamer, b"x")
    return b"".join(_line(line) for line in data.splitlines(keepends=True))


def _line(line: bytes, is_whole: bool = True) -> bytes:
    """Keep a whole line's first word where it is a command or a code, and its end."""
    command = _COMMAND.match(line) if is_whole else None
    kept = command[0] if command and all(map(is_known, LETTERS.findall(command[0]))) else b""
    rest = line[len(kept) :]
    return kept + bytes(byte if byte in _SHORT_TEXT else 0x78 for byte in rest)


def kept_message(data: bytes) -> bytes:
    """Return what a packet becomes that is a message which says nothing of anybody, or nothing."""
    if data in QUITS or data.upper() in LINE_QUITS:
        return data
    if data == POSTGRES_SSL_REQUEST:
        return data
    if data.startswith(CANCEL_REQUEST):
        # The key of a session follows.
        return CANCEL_REQUEST + BINARY * (len(data) - len(CANCEL_REQUEST))
    if data.startswith(_MYSQL_SSL) and len(data) == _MYSQL_SSL_SIZE:
        # Capabilities, a size and a character set; the rest is reserved.
        return data[:_MYSQL_SSL_TOLD] + bytes(len(data) - _MYSQL_SSL_TOLD)
    if data[1:5] == MYSQL_GREETING:
        return data[:5] + BINARY * (len(data) - 5)
    control = len(data) > 1 and data[0] in WEBSOCKET_UNANSWERED
    if control and data[1] & 0x7F == len(data) - 6:
        return data[:2] + BINARY * (len(data) - 2)
    return _ldap(data)


def _ldap(data: bytes) -> bytes:
    at = data.find(LDAP_START_TLS)
    if data.startswith(b"0") and 0 <= at < _LDAP_HEADS and len(data) < _LDAP_SHORT:
        end = at + len(LDAP_START_TLS)
        return data[:end] + BINARY * (len(data) - end)
    if data.startswith(b"0") and data.endswith(LDAP_UNBIND) and len(data) in LDAP_UNBIND_BYTES:
        return data
    match = _LDAP_RESPONSE.match(data)
    if match is not None and len(data) < _LDAP_SHORT:
        return match[0] + BINARY * (len(data) - match.end())
    return b""
