"""Certificates: what is told of good ones, of strange ones, and of those that cannot be read."""

from __future__ import annotations

import datetime
import ipaddress
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pcapdiag.model.tls import CertificateFlight
from pcapdiag.protocols.tls.certificates import (
    CUT,
    LATEST,
    certificates_in,
    read_certificate,
    read_certificates,
)
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.limits import MAX_CERTIFICATES
from tests.protocols.tls.wire import vector

pytestmark = pytest.mark.once

START = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey


def certificate(
    key: Key | None = None,
    end: datetime.datetime = END,
    names: bool = True,
    issuer: str = "Lab CA",
) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop, Inc."),
            x509.NameAttribute(NameOID.COMMON_NAME, "shop.example"),
        ]
    )
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    builder = x509.CertificateBuilder(by, subject, key.public_key(), 77, START, end)
    if names:
        alternatives = [
            x509.DNSName("shop.example"),
            x509.DNSName("*.shop.example"),
            x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        ]
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, x509.ObjectIdentifier("1.2.3.4")]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


def flight(*certificates: bytes, is_tls13: bool = False, cut: int = 0) -> CertificateFlight:
    each = (vector(3, der) + (vector(2, b"") if is_tls13 else b"") for der in certificates)
    body = (vector(1, b"") if is_tls13 else b"") + vector(3, b"".join(each))
    body = body[: len(body) - cut]
    return read_certificates(HandshakeMessage(11, len(body) + 4, body, 9, 90), is_tls13)


def test_a_certificate() -> None:
    found = read_certificate(certificate())
    assert found.problem == ""
    assert found.subject == "CN=shop.example,O=Shop\\, Inc."
    assert found.issuer == "CN=Lab CA"
    assert found.common_name == "shop.example"
    assert found.names == ("shop.example", "*.shop.example", "2001:db8::1")
    assert found.not_before == int(START.timestamp()) * 10**9
    assert found.not_after == int(END.timestamp()) * 10**9
    assert found.key == "EC secp256r1"
    assert found.signature == "ecdsa-with-SHA256"
    assert not found.self_issued
    assert found.purposes == ("serverAuth", "1.2.3.4")


@pytest.mark.parametrize(
    ("key", "name", "signature"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA 2048", "sha256WithRSAEncryption"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", "ed25519"),
        (dsa.generate_private_key(1024), "DSA 1024", "dsa-with-sha256"),
    ],
)
def test_keys(key: Key, name: str, signature: str) -> None:
    found = read_certificate(certificate(key, names=False))
    assert (found.key, found.signature) == (name, signature)
    assert (found.names, found.purposes) == ((), ())


def test_a_certificate_that_never_ends() -> None:
    end = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    assert read_certificate(certificate(end=end)).not_after == LATEST


def test_what_is_no_certificate_says_so() -> None:
    good = certificate()
    for der in (b"", b"\x30\x03\x02\x01\x01", good[:-9], good[:40] + b"\xff" * 9 + good[49:]):
        found = read_certificate(der)
        assert found.problem
        assert found.subject == ""


def test_damaged_certificates_never_raise() -> None:
    good, chance = certificate(), random.Random(5)
    for _ in range(2000):
        der = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            der[chance.randrange(len(der))] = chance.randrange(256)
        found = read_certificate(bytes(der))
        assert not found.problem or found.subject == ""


def test_flights() -> None:
    der = certificate()
    assert flight().certificates == ()
    assert [each.common_name for each in certificates_in(flight(der, der))] == ["shop.example"] * 2
    assert [each.common_name for each in certificates_in(flight(der, is_tls13=True))] == [
        "shop.example"
    ]
    assert (flight(der).frame, flight(der).time) == (9, 90)


def test_a_flight_that_was_cut() -> None:
    der = certificate()
    found = certificates_in(flight(der, der, cut=len(der) // 2))
    assert [each.problem for each in found] == ["", CUT]


def test_too_many_certificates_are_counted() -> None:
    found = flight(*([b"x"] * (MAX_CERTIFICATES + 3)))
    assert len(found.certificates) == MAX_CERTIFICATES
    assert found.left_out == 3


def test_a_certificate_that_wants_its_revocation_stapled() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, START, END)
    feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
    wanting = builder.add_extension(feature, False).sign(key, hashes.SHA256())
    assert read_certificate(wanting.public_bytes(serialization.Encoding.DER)).must_staple
    assert not read_certificate(certificate()).must_staple


def test_a_stapled_response_in_tls13() -> None:
    for extensions, stapled in ((b"\0\x05\0\x04\x01\0\0\0", True), (b"\0\x12\0\0", False)):
        each = vector(3, certificate()) + vector(2, extensions)
        body = vector(1, b"") + vector(3, each)
        message = HandshakeMessage(11, len(body) + 4, body, 9, 90)
        assert read_certificates(message, is_tls13=True).stapled is stapled


def test_one_stapled_response_of_a_chain_is_enough() -> None:
    status, none = b"\0\x05\0\x04\x01\0\0\0", b"\0\x12\0\0"
    for chain, stapled in (((status, none), True), ((none, status), True), ((none, none), False)):
        each = b"".join(vector(3, certificate()) + vector(2, one) for one in chain)
        body = vector(1, b"") + vector(3, each)
        message = HandshakeMessage(11, len(body) + 4, body, 9, 90)
        assert read_certificates(message, is_tls13=True).stapled is stapled
