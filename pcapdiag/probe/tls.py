"""A TLS client over a recorded connection: one handshake with given offers.

Python's ssl does the protocol between two memory buffers, and every byte passes here. Its errors
are kept as facts; the verdict is made from the bytes.
"""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress

import msgspec

from pcapdiag.errors import UsageError
from pcapdiag.model.probe import ProbeOptions
from pcapdiag.probe.connection import CHUNK, Connection, Deadline
from pcapdiag.probe.secrets import Secrets

VERSIONS: dict[str, ssl.TLSVersion] = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
COMPILED = {
    "TLS 1.0": ssl.HAS_TLSv1,
    "TLS 1.1": ssl.HAS_TLSv1_1,
    "TLS 1.2": ssl.HAS_TLSv1_2,
    "TLS 1.3": ssl.HAS_TLSv1_3,
}
"""Which versions the local OpenSSL has at all."""
HANDSHAKE = b"\x16"
"""Type of the records that a handshake begins with."""
OLD = ("TLS 1.0", "TLS 1.1")
_OLD_CIPHERS = "ALL:@SECLEVEL=0"
"""OpenSSL 3 speaks the old versions only without its usual limits."""


class Offer(msgspec.Struct, frozen=True):
    """What a handshake offers, and whether it looks at the certificate."""

    verify: bool = False
    version: str | None = None
    """One of VERSIONS alone; None: what the local OpenSSL offers by itself."""
    alpn: tuple[str, ...] = ()


def context_for(offer: Offer, options: ProbeOptions) -> ssl.SSLContext:
    """Return the settings of a handshake; raises UsageError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = offer.verify
    context.verify_mode = ssl.CERT_REQUIRED if offer.verify else ssl.CERT_NONE
    if offer.verify:
        _trust(context, options.ca)
    if offer.version is not None:
        _only(context, offer.version)
    if offer.alpn:
        context.set_alpn_protocols(list(offer.alpn))
    if options.client_cert is not None:
        _present(context, options.client_cert, options.client_key)
    return context


def _trust(context: ssl.SSLContext, ca: str | None) -> None:
    if ca is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise UsageError(f"{ca}: {_reason(error)}", "--ca wants PEM certificates") from error


def _present(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    def no_password() -> str:
        raise UsageError(
            f"{key or certificate}: the key is encrypted", "give one without a password"
        )

    try:
        context.load_cert_chain(certificate, key, no_password)
    except OSError as error:
        files = certificate if key is None else f"{certificate}, {key}"
        raise UsageError(
            f"{files}: {_reason(error)}", "--client-cert and --client-key want PEM that fits"
        ) from error


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not readable").lower().replace("_", " ")
    return error.strerror or str(error)


def _only(context: ssl.SSLContext, version: str) -> None:
    with warnings.catch_warnings():
        # Python warns of old versions; to ask whether a server still has them is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        if version in OLD:
            # Where OpenSSL has none of these the handshake says so.
            with suppress(ssl.SSLError):
                context.set_ciphers(_OLD_CIPHERS)
        context.maximum_version = VERSIONS[version]
        context.minimum_version = VERSIONS[version]


class TlsClient:
    """One handshake, and what is then said inside."""

    def __init__(
        self, connection: Connection, context: ssl.SSLContext, name: str, secrets: Secrets
    ) -> None:
        self.connection = connection
        self._secrets = secrets
        secrets.watch(context)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self.done = False
        """The handshake is finished, as far as this end knows."""
        self.error = ""
        """What OpenSSL said, in words."""
        self.verify_error: str | None = None
        """Why the certificate was not accepted."""
        self.verify_code = 0
        """OpenSSL's number of that."""
        self.said_hello = False
        """A ClientHello was made; without one OpenSSL does not make such an offer."""
        self.closed = False
        """The server ended TLS: close_notify, alert, or the connection's end."""

    @property
    def alpn(self) -> str | None:
        """The protocol that the server picked."""
        return self._tls.selected_alpn_protocol()

    def handshake(self, deadline: Deadline) -> bool:
        """Do the handshake; return whether it was finished."""
        while not self.done:
            try:
                self._tls.do_handshake()
                self.done = True
            except ssl.SSLWantReadError:
                if not self._exchange(deadline):
                    break
            except ssl.SSLError as error:
                self._failed(error)
                break
        self._flush()
        self._secrets.take()
        return self.done

    def send(self, data: bytes) -> bool:
        """Encrypt and send; return whether that worked."""
        try:
            self._tls.write(data)
        except (ssl.SSLError, OSError) as error:
            self._failed(error)
            return False
        return self._flush()

    def receive(self, deadline: Deadline) -> bytes:
        """Return the next decrypted bytes; none when the server is done or the time is up."""
        while not self.closed:
            try:
                data = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                if not self._exchange(deadline):
                    break
            except (ssl.SSLError, OSError) as error:
                self._failed(error)
                self._flush()
            else:
                self.closed = not data
                return data
        return b""

    def finish(self) -> None:
        """Say close_notify, and close the connection."""
        if self.done and not self.closed:
            try:
                self._tls.unwrap()
            except (ssl.SSLError, OSError):
                # It wants the server's close_notify, which nobody needs to wait for.
                self._flush()
        self.connection.finish()

    def _exchange(self, deadline: Deadline) -> bool:
        """Send what OpenSSL has, and hand it the next bytes; return whether there were any."""
        if not self._flush():
            return False
        data = self.connection.receive(deadline)
        if data:
            self._incoming.write(data)
        return bool(data)

    def _flush(self) -> bool:
        data = self._outgoing.read()
        self.said_hello = self.said_hello or data[:1] == HANDSHAKE
        return self.connection.send(data) if data else True

    def _failed(self, error: Exception) -> None:
        self.closed = True
        if isinstance(error, ssl.SSLCertVerificationError):
            self.verify_error = error.verify_message or "not accepted"
            self.verify_code = error.verify_code
        reason = error.reason if isinstance(error, ssl.SSLError) else None
        self.error = (reason or str(error)).lower().replace("_", " ")
