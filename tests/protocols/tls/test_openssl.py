"""Handshakes of the OpenSSL that Python brings, end to end in memory, read with and without keys."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pcapdiag.model.application import Piece
from pcapdiag.model.tls import TlsFacts
from pcapdiag.protocols.tls.certificates import certificates_in
from pcapdiag.protocols.tls.keylog import KeyLog
from pcapdiag.protocols.tls.reader import TlsReader

pytestmark = pytest.mark.once

DAY = datetime.timedelta(days=1)
ASKS, ANSWERS = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", b"HTTP/1.1 200 OK\r\n" * 9


class Contexts(NamedTuple):
    client: ssl.SSLContext
    server: ssl.SSLContext
    key_log: Path


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for shop.example in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - DAY, now + DAY)
    names = x509.SubjectAlternativeName([x509.DNSName("shop.example")])
    signed = builder.add_extension(names, False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("identity") / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture
def contexts(identity: Path, tmp_path: Path) -> Contexts:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(identity)
    client.set_alpn_protocols(["h2", "http/1.1"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity)
    server.set_alpn_protocols(["http/1.1"])
    key_log = tmp_path / "keys.txt"
    client.keylog_filename = str(key_log)
    return Contexts(client, server, key_log)


class Link:
    """Both ends in memory; what they send becomes pieces, one packet for each turn."""

    def __init__(self, contexts: Contexts, session: ssl.SSLSession | None = None) -> None:
        self._to_server, self._to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.pieces: list[Piece] = []
        from_client, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._out = {True: from_client, False: from_server}
        self.client = contexts.client.wrap_bio(
            self._to_client, from_client, server_hostname="shop.example", session=session
        )
        self.server = contexts.server.wrap_bio(self._to_server, from_server, server_side=True)

    def carry(self) -> None:
        for is_client, out in self._out.items():
            data = out.read()
            if data:
                frame = len(self.pieces) + 1
                self.pieces.append(Piece(is_client, frame, frame * 1000, data))
                (self._to_server if is_client else self._to_client).write(data)

    def attempt(self, step: Callable[[], object]) -> bool:
        """Try a step of one end; False while it waits for the other, or was refused."""
        try:
            step()
        except (ssl.SSLWantReadError, ssl.SSLError):
            return False
        finally:
            self.carry()
        return True

    def handshake(self) -> bool:
        done = [False, False]
        for _ in range(8):
            for index, end in enumerate((self.client, self.server)):
                done[index] = done[index] or self.attempt(end.do_handshake)
        return all(done)

    def exchange(self) -> None:
        self.attempt(lambda: self.client.write(ASKS))
        self.attempt(lambda: self.server.read(1000))
        self.attempt(lambda: self.server.write(ANSWERS))
        self.attempt(lambda: self.client.read(1000))
        self.attempt(self.client.unwrap)
        self.attempt(self.server.unwrap)


def read(link: Link, contexts: Contexts) -> tuple[TlsFacts, TlsFacts, list[bytes]]:
    """The facts without keys and with them, and the data of both ends."""
    keys = KeyLog()
    if contexts.key_log.exists():
        keys.add(contexts.key_log.read_bytes())
    blind, seeing = TlsReader(), TlsReader(keys)
    given = []
    for piece in link.pieces:
        blind.feed(piece)
        given += [each.data for each in seeing.feed(piece)]
    return blind.finish(), seeing.finish(), given


def full(contexts: Contexts, session: ssl.SSLSession | None = None) -> tuple[TlsFacts, Link]:
    link = Link(contexts, session)
    assert link.handshake()
    link.exchange()
    blind, seeing, given = read(link, contexts)
    assert given == [ASKS, ANSWERS]
    assert seeing.key_state == "decrypted"
    for facts in (blind, seeing):
        assert facts.established
        assert (facts.client_data, facts.server_data) == (1, 1)
        assert facts.problem == ""
    assert (blind.tickets, blind.resumed) == (seeing.tickets, seeing.resumed)
    assert [(each.frame, each.code) for each in seeing.alerts] == [
        (each.frame, 0) for each in blind.alerts
    ]
    return seeing, link


@pytest.mark.parametrize("cipher", ["ECDHE+AESGCM", "ECDHE+CHACHA20", "ECDHE+AES+SHA256"])
def test_tls12(contexts: Contexts, cipher: str) -> None:
    contexts.client.maximum_version = ssl.TLSVersion.TLSv1_2
    contexts.client.set_ciphers(cipher)
    facts, link = full(contexts)
    assert certificates_in(facts.server_certificates)[0].names == ("shop.example",)
    assert facts.server_hello is not None
    assert facts.server_hello.alpn == link.client.selected_alpn_protocol()


def test_tls12_resumed(contexts: Contexts) -> None:
    contexts.client.maximum_version = ssl.TLSVersion.TLSv1_2
    _, link = full(contexts)
    facts, second = full(contexts, link.client.session)
    assert second.client.session_reused
    assert facts.resumed


def test_tls13(contexts: Contexts) -> None:
    facts, _ = full(contexts)
    assert facts.is_tls13
    assert facts.tickets == 2
    assert facts.server_hello is not None
    assert facts.server_hello.alpn == "http/1.1"
    assert not facts.resumed


def test_tls13_resumed(contexts: Contexts) -> None:
    _, link = full(contexts)
    facts, second = full(contexts, link.client.session)
    assert second.client.session_reused
    assert facts.resumed
    assert facts.server_certificates is None


def test_tls13_hello_retry_request(contexts: Contexts) -> None:
    contexts.server.set_ecdh_curve("secp384r1")
    facts, _ = full(contexts)
    assert facts.hello_retry_group == 24
    assert facts.second_hello is not None
    assert facts.second_hello.key_shares == (24,)
    assert facts.server_hello is not None
    assert facts.server_hello.group == 24


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("has_certificate", [True, False])
def test_client_certificate(
    contexts: Contexts, identity: Path, version: ssl.TLSVersion, has_certificate: bool
) -> None:
    contexts.client.maximum_version = version
    contexts.server.verify_mode = ssl.CERT_OPTIONAL
    contexts.server.load_verify_locations(identity)
    if has_certificate:
        contexts.client.load_cert_chain(identity)
    facts, _ = full(contexts)
    assert facts.certificate_request is not None
    assert facts.client_certificates is not None
    assert len(facts.client_certificates.certificates) == has_certificate


def test_missing_client_certificate_in_tls13(contexts: Contexts) -> None:
    contexts.server.verify_mode = ssl.CERT_REQUIRED
    link = Link(contexts)
    link.handshake()
    blind, seeing, _ = read(link, contexts)
    assert [(each.from_initiator, each.code) for each in blind.alerts] == [(False, None)]
    assert [(each.from_initiator, each.code) for each in seeing.alerts] == [(False, 116)]
    assert blind.established
    assert blind.tickets == blind.server_data == 0


def test_certificate_is_not_trusted(contexts: Contexts) -> None:
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    link = Link(Contexts(strict, contexts.server, contexts.key_log))
    assert not link.handshake()
    facts, _, _ = read(link, contexts)
    assert [(each.from_initiator, each.code) for each in facts.alerts] == [(True, 48)]
    assert facts.server_finished
    assert not facts.client_finished
