"""TLS records of one direction: headers, hellos and alerts stay, certificates are renamed.

Application data, keys, signatures and everything encrypted is overwritten. Handshake messages are
joined over records, and records over packets and past holes, as pcapdiag/protocols/tls/ reads them.
"""

from __future__ import annotations

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.protocols.tls.numbers import (
    ALERT,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    HANDSHAKE,
    HEADER,
    SERVER_HELLO,
)
from pcapdiag.protocols.tls.sniff import (
    is_ssl2_hello,
    plausible_header,
    possible_records,
    ssl2_length,
)
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.stream import ZERO, Stream
from pcapdiag.sanitize.application.tls_handshake import MESSAGE_HEADER, UNREADABLE, Handshake

SEARCHED = 1 << 16
"""Bytes that are looked through at a time for a record behind a hole."""
_CLEAR_ALERT = 2


def rewrite_tls(stream: Stream, at: int, is_first: bool) -> None:
    """Rewrite all that follows ``at`` as TLS; ``is_first`` where an end's first record is there."""
    TlsRewriter(stream).rewrite(at, is_first)


class TlsRewriter:
    """Goes through the records of one direction."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._handshake = Handshake(stream)
        self._is_encrypted = False
        self._has_holes = False

    def rewrite(self, at: int, is_first: bool) -> None:
        """Rewrite everything from ``at`` on."""
        stream = self._stream
        stream.fill(at, ZERO)
        self._has_holes = not is_first
        place: int | None = at if is_first else self._search(at)
        while place is not None:
            header = stream.read(place, place + HEADER)
            if len(header) < HEADER:
                place = self._cut_header(place, header)
            elif plausible_header(header):
                place = self._record(place, header)
            elif is_first and is_ssl2_hello(header):
                place = self._ssl2(place, header)
            elif self._has_holes:
                place = self._search(place + 1, directly=False)
            else:
                stream.put(place, no_record(header))
                place = None
            is_first = False
        self._handshake.cut_off()

    def _cut_header(self, at: int, header: bytes) -> int | None:
        if header and may_be_header(header):
            self._stream.put(at, header)
        following = self._stream.captured.following(at + len(header))
        return None if following is None else self._lost(following)

    def _record(self, at: int, header: bytes) -> int | None:
        stream = self._stream
        stream.put(at, header)
        length = int.from_bytes(header[3:], "big")
        begin, end = at + HEADER, at + HEADER + length
        content = b""
        if header[0] in (HANDSHAKE, ALERT, CHANGE_CIPHER_SPEC):
            content = stream.read(begin, end)
        if header[0] == CHANGE_CIPHER_SPEC:
            stream.put(begin, content[:1])
            self._is_encrypted = True
        elif header[0] == ALERT and length == _CLEAR_ALERT:
            stream.put(begin, content)
        elif header[0] == HANDSHAKE:
            self._take_handshake(begin, content, length)
        return self._behind(begin, end)

    def _take_handshake(self, at: int, content: bytes, length: int) -> None:
        if self._is_encrypted and not _is_hello(content, length):
            self._stream.put(at, UNREADABLE * len(content))
            return
        self._handshake.add(at, content)
        if len(content) < length:
            self._handshake.miss(length - len(content))

    def _behind(self, begin: int, end: int) -> int | None:
        """Return where to go on behind a record, of which a part may be missing."""
        following = self._stream.captured.following(end)
        if following is None:
            return None
        if following == end:
            self._has_holes = self._has_holes or bool(self._missing(begin, end))
            return end
        return self._lost(following)

    def _missing(self, begin: int, end: int) -> bool:
        return end > begin and len(self._stream.read(end - 1, end)) == 0

    def _lost(self, at: int) -> int | None:
        self._handshake.cut_off()
        return self._search(at)

    def _search(self, at: int, directly: bool = True) -> int | None:
        """Return where the next record begins that can be told behind a hole."""
        self._has_holes = True
        place: int | None = at
        while place is not None:
            data = self._stream.read(place, place + SEARCHED)
            found = _find(data, directly)
            if found >= 0:
                return place + found
            step = len(data) if len(data) < SEARCHED else SEARCHED // 2
            place = self._stream.captured.following(place + max(step, 1))
            directly = len(data) < SEARCHED
        return None

    def _ssl2(self, at: int, header: bytes) -> int | None:
        end = at + 2 + ssl2_length(header)
        data = self._stream.read(at, end)
        message = Editor(data)
        try:
            message.keep(3)
            self._handshake.hellos.ssl2_hello(message)
        except CutShortError:
            pass
        self._stream.put(at, message.result)
        return self._behind(at, end)


def _is_hello(content: bytes, length: int) -> bool:
    """Return whether a record is a hello, which follows a change where hellos are repeated."""
    if len(content) < MESSAGE_HEADER or content[0] not in (CLIENT_HELLO, SERVER_HELLO):
        return False
    return int.from_bytes(content[1:MESSAGE_HEADER], "big") + MESSAGE_HEADER == length


def _find(data: bytes, directly: bool) -> int:
    for at, end in possible_records(data):
        if (at == 0 and directly) or end >= len(data):
            return at
        if end + HEADER > len(data) or plausible_header(data[end : end + HEADER]):
            return at
    return -1


def may_be_header(header: bytes) -> bool:
    """Return whether bytes are a record's header or the beginning of one."""
    return plausible_header(header + b"\x16\x03\x01\0\x02"[len(header) :])


def no_record(header: bytes) -> bytes:
    """Return what stands for bytes where a record should begin and none does."""
    return header if header.startswith((b"HTTP", b"SSH-")) else b"\x01" * len(header)
