"""The handshake messages of one direction of TLS, rewritten: hellos and certificates stay readable.

Messages are joined over records and past holes, as pcapdiag/protocols/tls/ reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.protocols.tls.limits import MAX_MESSAGE
from pcapdiag.protocols.tls.names import HANDSHAKE_TYPES
from pcapdiag.protocols.tls.numbers import (
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CERTIFICATE_STATUS,
    CERTIFICATE_VERIFY,
    CLIENT_HELLO,
    NAMED_CURVE,
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
from pcapdiag.sanitize.application.stream import Stream

MESSAGE_HEADER = 4
UNREADABLE = b"\xff"
"""Stands for handshake bytes that cannot be read: no message begins with it."""


class _Bytes(NamedTuple):
    """Where some bytes of the handshake stand in the stream."""

    at: int
    data: bytes


class Handshake:
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
            CERTIFICATE_VERIFY: _kind_and_length,
            CERTIFICATE_STATUS: _kind_and_length,
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


def _key_exchange(body: Editor) -> None:
    """Keep the named curve and the key's length (RFC 8422 section 5.4)."""
    if body.peek(1) == bytes([NAMED_CURVE]):
        body.keep(4)


def _ticket(body: Editor) -> None:
    """Keep the ticket's length behind its lifetime."""
    body.skip(4)
    body.keep(2)


def _kind_and_length(body: Editor) -> None:
    """Keep the scheme of a signature, or the type of a status, and how long it is."""
    body.keep(4)
