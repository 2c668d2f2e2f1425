"""What the handshake messages of both ends say, in whatever order the ends are read."""

from __future__ import annotations

import msgspec

from pcapdiag.model.tls import CertificateFlight, ClientHello, Message, ServerHello, is_tls13
from pcapdiag.protocols.tls.certificates import read_certificates
from pcapdiag.protocols.tls.compressed import read_compressed
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.hello import (
    RETRY_RANDOM,
    add_encrypted_extensions,
    read_client_hello,
    read_server_hello,
)
from pcapdiag.protocols.tls.limits import MAX_MESSAGES
from pcapdiag.protocols.tls.numbers import (
    CERTIFICATE_REQUEST,
    CERTIFICATES,
    CLIENT_HELLO,
    COMPRESSED_CERTIFICATE,
    ENCRYPTED_EXTENSIONS,
    FINISHED,
    NAMED_CURVE,
    NEW_SESSION_TICKET,
    SERVER_HELLO,
    SERVER_KEY_EXCHANGE,
)


class Talk:
    """Facts of the messages; what one end says never depends on when the other is read."""

    def __init__(self) -> None:
        self.client_hello: ClientHello | None = None
        self.second_hello: ClientHello | None = None
        self.retry: ServerHello | None = None
        self.server_hello: ServerHello | None = None
        self.server_certificates: CertificateFlight | None = None
        self.client_certificates: CertificateFlight | None = None
        self.certificate_request: int | None = None
        self.tickets = 0
        self.messages: dict[bool, list[Message]] = {True: [], False: []}
        self.has_left_out = False
        self.finished: dict[bool, bool] = {True: False, False: False}
        self.new_client: ClientHello | None = None
        self.new_server: ServerHello | None = None
        """Hellos of the handshake that goes on: the first, or a renegotiation."""

    @property
    def is_tls13(self) -> bool:
        """True when TLS 1.3 was chosen; a HelloRetryRequest says so too."""
        chosen = self.server_hello or self.retry
        return chosen is not None and is_tls13(chosen.version)

    def add(self, from_initiator: bool, message: HandshakeMessage) -> None:
        """Take a message of one end; its messages come in order."""
        kept = self.messages[from_initiator]
        if len(kept) < MAX_MESSAGES:
            place = message.frame, message.time, from_initiator
            kept.append(Message(*place, message.type, message.length, message.encrypted))
        else:
            self.has_left_out = True
        if message.type == FINISHED:
            self.finished[from_initiator] = True
        elif from_initiator:
            self._by_client(message)
        else:
            self._by_server(message)

    def _by_client(self, message: HandshakeMessage) -> None:
        if message.type == CLIENT_HELLO:
            self.new_client = hello = read_client_hello(message)
            if message.encrypted:
                return
            if self.client_hello is None:
                self.client_hello = hello
            elif self.second_hello is None:
                self.second_hello = hello
        elif message.type in CERTIFICATES and self.client_certificates is None:
            self.client_certificates = self._certificates(message)

    def _by_server(self, message: HandshakeMessage) -> None:
        kind = message.type
        if kind == SERVER_HELLO:
            self._hello(message)
        elif kind == ENCRYPTED_EXTENSIONS and self.server_hello is not None:
            self.server_hello = add_encrypted_extensions(self.server_hello, message)
        elif kind in CERTIFICATES and self.server_certificates is None:
            self.server_certificates = self._certificates(message)
        elif kind == SERVER_KEY_EXCHANGE:
            self._key_exchange(message)
        elif kind == CERTIFICATE_REQUEST and self.certificate_request is None:
            self.certificate_request = message.frame
        elif kind == NEW_SESSION_TICKET:
            self.tickets += 1

    def _certificates(self, message: HandshakeMessage) -> CertificateFlight:
        if message.type == COMPRESSED_CERTIFICATE:
            return read_compressed(message)
        return read_certificates(message, is_tls13=message.encrypted and self.is_tls13)

    def _hello(self, message: HandshakeMessage) -> None:
        hello = read_server_hello(message)
        if hello is None:
            return
        if hello.random == RETRY_RANDOM:
            self.retry = self.retry or hello
            return
        self.new_server = hello
        if self.server_hello is None and not message.encrypted:
            self.server_hello = hello

    def _key_exchange(self, message: HandshakeMessage) -> None:
        """Take the named curve of an ECDHE key exchange (RFC 8422 section 5.4)."""
        hello, body = self.server_hello, message.body
        if hello is None or hello.group is not None or len(body) < 3 or body[0] != NAMED_CURVE:
            return
        group = int.from_bytes(body[1:3], "big")
        self.server_hello = msgspec.structs.replace(hello, group=group)
