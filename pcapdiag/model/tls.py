"""What a TLS connection showed: both sides' offers, how far the handshake came, who said what.

Numbers are the protocol's own (IANA); names are added when a report is made
(pcapdiag/protocols/tls/names.py).
"""

from __future__ import annotations

from typing import Literal

import msgspec

SSL3, TLS12, TLS13 = 0x0300, 0x0303, 0x0304
"""Versions, as they are written on the wire."""
DRAFTS = 0x7F
"""First byte of the versions that drafts of TLS 1.3 have."""
DRAFT_22, DRAFT_25, DRAFT_28 = 0x7F16, 0x7F19, 0x7F1C
"""Drafts of TLS 1.3: from 22 on messages are those of RFC 8446, from 25 on records, too."""


def is_tls13(version: int) -> bool:
    """Return whether a version is TLS 1.3, or a draft of it that is read as such."""
    return version == TLS13 or DRAFT_22 <= version <= DRAFT_28


class ClientHello(msgspec.Struct, frozen=True):
    """A ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2); GREASE is left out."""

    frame: int
    time: int
    legacy_version: int
    sni: str | None = None
    """Host name of server_name; with encrypted ClientHello the outer one."""
    alpn: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    """supported_versions, or every version up to ``legacy_version`` where there is none; highest
    first. Empty where a hello was cut off before they came."""
    ciphers: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    key_shares: tuple[int, ...] = ()
    signature_algorithms: tuple[int, ...] = ()
    extensions: tuple[int, ...] = ()
    """Types, in order."""
    session_id: bytes = b""
    has_ticket: bool = False
    """A non-empty session_ticket or a pre_shared_key: it asks to resume."""
    early_data: bool = False
    encrypted_hello: bool = False
    """encrypted_client_hello (type 0xfe0d) is there: names are the outer ones."""
    random: bytes = b""
    length: int = 0
    """Bytes of the handshake message."""
    segments: int = 1
    """TCP packets that it took."""
    complete: bool = True
    """False when it was cut off; what could be read is here."""
    ja3: str = ""
    ja4: str = ""


class ServerHello(msgspec.Struct, frozen=True):
    """A ServerHello; the extensions of TLS 1.3's EncryptedExtensions are added when decrypted."""

    frame: int
    time: int
    version: int
    """The version chosen, as 0x0304."""
    cipher: int
    alpn: str | None = None
    group: int | None = None
    session_id: bytes = b""
    resumed_psk: int | None = None
    """Index of the pre-shared key that was accepted (TLS 1.3)."""
    random: bytes = b""
    extensions: tuple[int, ...] = ()
    complete: bool = True
    """False where the capture cut it off: what is not there may have been in the rest."""


class Certificate(msgspec.Struct, frozen=True):
    """One certificate of a Certificate message, in the order sent; dates in ns since the epoch."""

    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    """subjectAltName: DNS names as sent, IP addresses as text."""
    common_name: str = ""
    not_before: int = 0
    not_after: int = 0
    key: str = ""
    """``RSA 2048``, ``EC secp256r1``, ``Ed25519`` ..."""
    signature: str = ""
    self_issued: bool = False
    purposes: tuple[str, ...] = ()
    """extendedKeyUsage: ``serverAuth``, ``clientAuth``, or dotted."""
    must_staple: bool = False
    """A TLS Feature extension asks for a stapled OCSP response (RFC 7633)."""
    problem: str = ""
    """Why it could not be read; then the other fields are empty."""


class CertificateFlight(msgspec.Struct, frozen=True):
    """A Certificate message: none inside is an answer too ("I have none")."""

    frame: int
    time: int
    certificates: tuple[Certificate | bytes, ...] = ()
    """In the order sent; bytes are DER that nobody has asked for yet (protocols/tls/certificates.py
    reads them)."""
    left_out: int = 0
    """Further certificates that were not read."""
    stapled: bool = False
    """TLS 1.3: an OCSP response came with the first (before, it is a message of its own)."""


class Alert(msgspec.Struct, frozen=True):
    """An alert record; ``code`` is None where it is encrypted and there is no key."""

    frame: int
    time: int
    from_initiator: bool
    level: int | None
    """1 warning, 2 fatal, None when encrypted."""
    code: int | None


class Record(msgspec.Struct, frozen=True):
    """One TLS record on the wire."""

    frame: int
    time: int
    """Of the packet that completed it."""
    from_initiator: bool
    type: int
    """20 change_cipher_spec, 21 alert, 22 handshake, 23 application_data."""
    length: int
    """The length field: bytes after the 5-byte header."""
    inner_type: int | None = None
    """What it really was, when decrypted (TLS 1.3)."""
    encrypted: bool = False
    """Sent after its sender had switched encryption on, as far as can be told."""


class Message(msgspec.Struct, frozen=True):
    """One handshake message that could be read."""

    frame: int
    time: int
    from_initiator: bool
    type: int
    length: int
    encrypted: bool = False
    """It was read by decryption."""


KeyState = Literal["none", "no secret", "wrong secret", "unsupported cipher", "decrypted"]


class TlsFacts(msgspec.Struct):
    """All that was read of one connection's TLS."""

    client_hello: ClientHello | None = None
    """The first; ``second_hello`` is the one after a HelloRetryRequest."""
    second_hello: ClientHello | None = None
    hello_retry_group: int | None = None
    """Group asked for by a HelloRetryRequest; None without one."""
    server_hello: ServerHello | None = None
    server_certificates: CertificateFlight | None = None
    client_certificates: CertificateFlight | None = None
    certificate_request: int | None = None
    """Frame of a CertificateRequest that could be read."""
    alerts: tuple[Alert, ...] = ()
    records: tuple[Record, ...] = ()
    """The first FIRST_RECORDS of both ends in capture order, and the last LAST_RECORDS."""
    records_left_out: int = 0
    """Those that are not among these, at least: counted only, or behind what was kept of the bytes.
    """
    messages: tuple[Message, ...] = ()
    """Readable handshake messages, in capture order."""
    client_finished: bool = False
    """The initiator's Finished was sent (read, or by its encrypted record behind the flight)."""
    server_finished: bool = False
    client_data: int = 0
    """Application data records of the initiator after its Finished."""
    server_data: int = 0
    """Application data records of the responder that are no handshake (session tickets), as far as
    sizes and order tell without keys."""
    tickets: int = 0
    """NewSessionTicket messages seen or told by their place and size."""
    resumed: bool = False
    key_state: KeyState = "none"
    stopped_at: str = ""
    """Last handshake message seen and by whom: ``ServerHelloDone by the server``."""
    started: bool = True
    """False when the capture began within the connection: no hello was to be expected."""
    incomplete: bool = False
    """Bytes were missing (capture loss, snaplen, limits): what follows the hole is not known."""
    problem: str = ""
    """What in the records broke the protocol, in words; empty when nothing did."""

    @property
    def is_tls13(self) -> bool:
        """True when TLS 1.3 was chosen."""
        return self.server_hello is not None and is_tls13(self.server_hello.version)

    @property
    def established(self) -> bool:
        """True when both Finished were sent."""
        return self.client_finished and self.server_finished
