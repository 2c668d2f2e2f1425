"""TLS records of one direction: headers, hellos and alerts stay, certificates are renamed.

Application data, keys, signatures and everything encrypted is overwritten. Handshake messages are
joined over records, and records over packets and past holes, as pcapdiag/protocols/tls/ reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.protocols.tls.limits import MAX_MESSAGE
from pcapdiag.protocols.tls.names import HANDSHAKE_TYPES
from pcapdiag.protocols.tls.sniff import (
    ALERT,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HEADER,
    is_ssl2_hello,
    plausible_header,
    ssl2_length,
)
from pcapdiag.protocols.tls.talk import (
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CLIENT_HELLO,
    NEW_SESSION_TICKET,
    SERVER_HELLO,
    SERVER_KEY_EXCHANGE,
)
from pcapdiag.sanitize.application.certificate import rewrite_certificate, rewrite_names
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.hello import (
    MAX_SHORT,
    HelloRewriter,
    is_scheme,
    known_numbers,
    short,
)
from pcapdiag.sanitize.application.stream import ZERO, Stream

MESSAGE_HEADER = 4
SEARCHED = 1 << 16
"""Bytes that are looked through at a time for a record behind a hole."""
UNREADABLE = b"\xff"
"""Stands for handshake bytes that cannot be read: no message begins with it."""
_HEADER_LOOK = re.compile(rb"(?=[\x14-\x18]\x03[\x00-\x04])", re.DOTALL)
_CLEAR_ALERT = 2
_CERTIFICATE_VERIFY, _CERTIFICATE_STATUS = 15, 22
_NAMED_CURVE = 3
_KEPT_TYPES = (0, 14)
"""HelloRequest and ServerHelloDone are empty."""


class _Bytes(NamedTuple):
    """Where some bytes of the handshake stand in the stream."""

    at: int
    data: bytes


def rewrite_tls(stream: Stream, at: int, is_first: bool) -> None:
    """Rewrite all that follows ``at`` as TLS; ``is_first`` where an end's first record is there."""
    TlsRewriter(stream).rewrite(at, is_first)


class TlsRewriter:
    """Goes through the records of one direction."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._handshake = _Handshake(stream)
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


class _Handshake:
    """Joins the handshake messages of one direction and puts them back rewritten."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._pieces: list[_Bytes] = []
        self._size = 0
        self._skip = 0
        """Bytes to come of a message of which some are missing."""
        self.hellos = HelloRewriter(stream.renamer, stream.keyed)
        self._bodies: dict[int, Callable[[Editor], None]] = {
            CLIENT_HELLO: self.hellos.client_hello,
            SERVER_HELLO: self.hellos.server_hello,
            CERTIFICATE: self._certificates,
            CERTIFICATE_REQUEST: self._certificate_request,
            SERVER_KEY_EXCHANGE: _key_exchange,
            NEW_SESSION_TICKET: _ticket,
            _CERTIFICATE_VERIFY: _certificate_verify,
            _CERTIFICATE_STATUS: _first_byte,
        }

    def add(self, at: int, content: bytes) -> None:
        """Take the content of a record."""
        passed = min(self._skip, len(content))
        self._skip -= passed
        if passed and not self._skip:
            self.cut_off()
        content, at = content[passed:], at + passed
        if not content:
            return
        self._pieces.append(_Bytes(at, content))
        self._size += len(content)
        while self._size >= MESSAGE_HEADER:
            length = self._length()
            if length < 0 or length > self._size:
                break
            self._rewrite(length)

    def miss(self, count: int) -> None:
        """Note that the next ``count`` bytes of the handshake are not there."""
        if self._skip:
            self._skip -= min(count, self._skip)
            if not self._skip:
                self.cut_off()
        elif self._size >= MESSAGE_HEADER:
            self._skip = max(0, self._length() - self._size - count)
            if not self._skip:
                self.cut_off()
        else:
            self.cut_off()

    def cut_off(self) -> None:
        """Rewrite what is there of a message whose end does not come."""
        self._skip = 0
        if self._size:
            self._rewrite(self._size)

    def _head(self, count: int) -> bytes:
        head = b""
        for piece in self._pieces:
            head += piece.data[: count - len(head)]
            if len(head) >= count:
                break
        return head

    def _length(self) -> int:
        """Return the length of the message that begins here; -1: none begins, and it is gone."""
        head = self._head(MESSAGE_HEADER)
        length = MESSAGE_HEADER + int.from_bytes(head[1:], "big")
        if head[0] in HANDSHAKE_TYPES and length <= MAX_MESSAGE:
            return length
        for piece in self._pieces:
            self._stream.put(piece.at, UNREADABLE * len(piece.data))
        self._pieces.clear()
        self._size = 0
        return -1

    def _rewrite(self, length: int) -> None:
        """Rewrite the first ``length`` bytes and put them back where they came from."""
        data = b"".join(piece.data for piece in self._pieces)[:length]
        new = self._message(data)
        at = 0
        while at < length:
            piece = self._pieces.pop(0)
            taken = min(len(piece.data), length - at)
            self._stream.put(piece.at, new[at : at + taken])
            if taken < len(piece.data):
                self._pieces.insert(0, _Bytes(piece.at + taken, piece.data[taken:]))
            at += taken
        self._size -= length

    def _message(self, data: bytes) -> bytes:
        message = Editor(data)
        try:
            kind = message.number(1)
            body = message.part(MESSAGE_HEADER - 1)
            body.keep()
            rewrite = self._bodies.get(kind)
            if kind not in HANDSHAKE_TYPES:
                return UNREADABLE * len(data)
            if rewrite is not None:
                rewrite(message)
        except CutShortError:
            pass
        return message.result

    def _certificates(self, body: Editor) -> None:
        certificates = body.vector(3)
        while len(certificates):
            rewrite_certificate(certificates.vector(3), self._stream.renamer, self._stream.keyed)

    def _certificate_request(self, body: Editor) -> None:
        short(body.vector(1), MAX_SHORT)
        algorithms = body.peek(2)
        # TLS 1.0 and 1.1 have no list of algorithms: then the names' list comes at once.
        if int.from_bytes(algorithms, "big") + 2 < len(body):
            known_numbers(body.vector(2), is_scheme)
        rewrite_names(body.vector(2), self._stream.renamer)


def _is_hello(content: bytes, length: int) -> bool:
    """Return whether a record is a hello, which follows a change where hellos are repeated."""
    if len(content) < MESSAGE_HEADER or content[0] not in (CLIENT_HELLO, SERVER_HELLO):
        return False
    return int.from_bytes(content[1:MESSAGE_HEADER], "big") + MESSAGE_HEADER == length


def _find(data: bytes, directly: bool) -> int:
    for look in _HEADER_LOOK.finditer(data):
        at = look.start()
        header = data[at : at + HEADER]
        if len(header) < HEADER:
            break
        if not plausible_header(header):
            continue
        end = at + HEADER + int.from_bytes(header[3:], "big")
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


def _key_exchange(body: Editor) -> None:
    """Keep the named curve and the key's length (RFC 8422 section 5.4)."""
    if body.peek(1) == bytes([_NAMED_CURVE]):
        body.keep(4)


def _ticket(body: Editor) -> None:
    """Keep the ticket's length behind its lifetime."""
    body.skip(4)
    body.keep(2)


def _certificate_verify(body: Editor) -> None:
    body.keep(4)


def _first_byte(body: Editor) -> None:
    body.keep(4)
