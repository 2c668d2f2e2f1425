"""PROXY headers in place (HAProxy's proxy-protocol.txt): addresses are renamed, ports stay."""

from __future__ import annotations

import re
from contextlib import suppress

from pcapdiag.protocols.http.proxy_header import (
    LONGEST_LINE,
    MAX_LENGTH,
    SIGNATURE,
    TEXT,
    may_begin,
)
from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.stream import Stream
from pcapdiag.sanitize.application.texts import host
from pcapdiag.sanitize.keyed import blank

_ADDRESS_SIZES = {1: 4, 2: 16}
_UNIX = 3
_WORD = re.compile(rb"[^ ]+")
_KINDS = (b"PROXY", b"TCP4", b"TCP6", b"UNKNOWN")
_AUTHORITY, _ALPN, _CRC, _NOOP, _SSL = 0x02, 0x01, 0x03, 0x04, 0x20
_CLIENT_FLAGS = 5
"""Bytes of the TLS TLV before those inside it: flags and the result of the check."""
_VERSION_NAME, _CIPHER, _SIGNATURE_ALGORITHM, _KEY_ALGORITHM = 0x21, 0x23, 0x24, 0x25
_KEPT = (_ALPN, _NOOP, _VERSION_NAME, _CIPHER, _SIGNATURE_ALGORITHM, _KEY_ALGORITHM)


def rewrite_proxy_header(stream: Stream, at: int) -> int:
    """Rewrite the PROXY header at ``at``, whole or cut off; return where it ends."""
    data = stream.read(at, at + MAX_LENGTH)
    if not data or not may_begin(data):
        return at
    if data.startswith(TEXT):
        end = data.find(b"\r\n", 0, LONGEST_LINE)
        line = data[: end + 2] if end >= 0 else data[:LONGEST_LINE]
        stream.put(at, _WORD.sub(lambda word: _word(word[0], stream), line))
        return at + len(line)
    if data.startswith(SIGNATURE):
        length = 16 + int.from_bytes(data[14:16], "big") if len(data) >= 16 else len(data)
        header = Editor(data[:length])
        with suppress(CutShortError):
            _version_2(header, stream)
        stream.put(at, header.result)
        return at + min(length, len(data))
    # Less than tells which of the two it is.
    stream.put(at, data)
    return at + len(data)


def _word(word: bytes, stream: Stream) -> bytes:
    text = word.rstrip(b"\r\n")
    if text in _KINDS or (text.isdigit() and len(text) <= 5):
        return word
    if re.fullmatch(rb"[0-9a-fA-F:.]+", text):
        return host(text, stream.renamer) + word[len(text) :]
    return blank(text) + word[len(text) :]


def _version_2(header: Editor, stream: Stream) -> None:
    header.keep(13)
    family = header.number(1) >> 4
    body = header.vector(2)
    size = _ADDRESS_SIZES.get(family, 0)
    if size:
        for _ in range(2):
            address = body.peek(size)
            if len(address) < size:
                raise CutShortError
            body.replace(stream.renamer.address(address))
        body.keep(4)
    elif family == _UNIX:
        body.skip(216)
    _values(body, stream)


def _values(body: Editor, stream: Stream) -> None:
    while len(body):
        kind = body.number(1)
        value = body.vector(2)
        if kind in _KEPT:
            value.keep()
        elif kind == _AUTHORITY:
            value.replace(host(value.peek(), stream.renamer))
        elif kind == _SSL:
            value.keep(min(_CLIENT_FLAGS, len(value)))
            _values(value, stream)
