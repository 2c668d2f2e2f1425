"""The report's TLS member: both ends' offers, certificates and alerts, as JSON shows them."""

from typing import Literal

import msgspec

from pcapdiag.model.ends import End


class TlsClientHello(msgspec.Struct, kw_only=True):
    """What the client offered, by IANA's names; the texts are a stranger's."""

    sni: str | None = None
    alpn: list[str] = []
    versions: list[str] = []
    ciphers: list[str] = []
    groups: list[str] = []
    signature_algorithms: list[str] = []
    ja4: str = ""
    ja3: str = ""


class TlsServerHello(msgspec.Struct, kw_only=True):
    """What the server chose; ``alpn`` is null too where TLS 1.3 hides it and there is no key."""

    version: str
    cipher: str
    group: str | None = None
    alpn: str | None = None


class TlsCertificate(msgspec.Struct, kw_only=True):
    """A certificate that could be read, in the order sent; dates are seconds since the epoch."""

    from_: End = msgspec.field(name="from")
    subject: str = ""
    issuer: str = ""
    names: list[str] = []
    not_before: str = ""
    not_after: str = ""


class TlsAlert(msgspec.Struct, kw_only=True):
    """An alert; ``code`` is null where it is encrypted and there is no key."""

    frame: int
    time: str
    from_: End = msgspec.field(name="from")
    level: Literal["warning", "fatal", "encrypted"]
    code: int | None
    name: str


class Tls(msgspec.Struct, kw_only=True):
    """All that is told of one connection's TLS."""

    client_hello: TlsClientHello | None = None
    server_hello: TlsServerHello | None = None
    certificates: list[TlsCertificate] = []
    alerts: list[TlsAlert] = []
    decrypted: bool = False
    stopped_at: str | None = None
    """Last handshake message seen, and by whom; null where the handshake was finished."""
    resumed: bool = False
