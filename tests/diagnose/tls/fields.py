"""Which fields of the TLS facts the scenes take by name, as the model has them."""

from __future__ import annotations

from typing import TypedDict

from pcapdiag.model.tls import (
    CertificateFlight,
    ClientHello,
    KeyState,
    Message,
    Record,
    ServerHello,
)


class HelloFields(TypedDict, total=False):
    """Of ``ClientHello``."""

    time: int
    legacy_version: int
    sni: str | None
    alpn: tuple[str, ...]
    versions: tuple[int, ...]
    ciphers: tuple[int, ...]
    groups: tuple[int, ...]
    signature_algorithms: tuple[int, ...]
    encrypted_hello: bool
    random: bytes
    complete: bool


class AnswerFields(TypedDict, total=False):
    """Of ``ServerHello``."""

    time: int
    cipher: int
    alpn: str | None
    group: int | None
    complete: bool


class CertificateFields(TypedDict, total=False):
    """Of ``Certificate``."""

    issuer: str
    not_before: int
    not_after: int
    self_issued: bool
    purposes: tuple[str, ...]
    key: str
    signature: str
    must_staple: bool
    problem: str


class Finished(TypedDict):
    """Of ``TlsFacts``: how far the handshake came."""

    client_finished: bool
    server_finished: bool


class Secured(Finished):
    """The same, with the version and cipher that were chosen."""

    server_hello: ServerHello


class Flight(TypedDict):
    """Of ``TlsFacts``: what can be read of a server's flight in TLS 1.2."""

    server_hello: ServerHello
    server_certificates: CertificateFlight


class ClientFlight(TypedDict):
    """Of ``TlsFacts``: that the server asked for a certificate, and what the client sent."""

    certificate_request: int
    client_certificates: CertificateFlight


class Facts(TypedDict, total=False):
    """Of ``TlsFacts``: all that is not read off the ladder."""

    client_hello: ClientHello | None
    server_hello: ServerHello | None
    server_certificates: CertificateFlight | None
    client_certificates: CertificateFlight | None
    certificate_request: int | None
    messages: tuple[Message, ...]
    records: tuple[Record, ...]
    client_finished: bool
    server_finished: bool
    client_data: int
    server_data: int
    tickets: int
    resumed: bool
    key_state: KeyState
    stopped_at: str
    started: bool
    incomplete: bool
    records_left_out: int
    problem: str
