"""Certificates for the scenarios, made on the spot."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as files."""

    cert: Path
    key: Path
    both: Path
    """Certificate and key in one file, as HAProxy wants it."""


class Authority:
    """A certificate authority whose files lie in the run's directory."""

    def __init__(self, directory: Path, name: str = "Lab Root") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._count = 0
        self._prefix = name.lower().replace(" ", "-")
        self.cert = directory / f"{self._prefix}.pem"
        self.cert.write_bytes(self._root().public_bytes(serialization.Encoding.PEM))

    def _root(self) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=400))
            .not_valid_after(now + datetime.timedelta(days=4000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(
        self, *names: str, days: int = 365, since: int = -30, client: bool = False, padding: int = 0
    ) -> Certificate:
        """A certificate for names or addresses, valid from day `since` for `days` days.

        `padding` adds that many bytes, for flights that fill several segments.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=since)
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), False)
            .add_extension(x509.ExtendedKeyUsage([usage]), False)
        )
        if padding:
            oid = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, bytes(padding)), False)
        return self._store(builder.sign(self._key, hashes.SHA256()), key)

    def revocation_list(self, *revoked: Certificate) -> Path:
        """A revocation list with these certificates, as a file."""
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - datetime.timedelta(days=1))
            .next_update(now + datetime.timedelta(days=90))
        )
        for files in revoked:
            known = x509.load_pem_x509_certificate(files.cert.read_bytes())
            entry = x509.RevokedCertificateBuilder().serial_number(known.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
        made = builder.sign(self._key, hashes.SHA256())
        path = self._directory / f"{self._prefix}.crl"
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return path

    def _store(self, made: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certificate:
        self._count += 1
        stem = self._directory / f"{self._prefix}-{self._count}"
        cert = made.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        files = Certificate(*(stem.with_suffix(end) for end in (".crt", ".key", ".both")))
        files.cert.write_bytes(cert)
        files.key.write_bytes(secret)
        files.both.write_bytes(cert + secret)
        return files

    def server_context(
        self, *names: str, alpn: tuple[str, ...] = (), padding: int = 0
    ) -> ssl.SSLContext:
        """A Python server's context with a fresh certificate for these names."""
        files = self.issue(*names, padding=padding)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def client_context(self, *, alpn: tuple[str, ...] = (), verify: bool = True) -> ssl.SSLContext:
        """A Python client's context that trusts this authority."""
        context = ssl.create_default_context(cafile=str(self.cert))
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
