"""Certificates made anonymous: they load, say the same of dates and kinds, and name nobody."""

from __future__ import annotations

import datetime
import ipaddress
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
    ObjectIdentifier,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.protocols.tls.certificates import read_certificate
from pcapdiag.sanitize.application.certificate import rewrite_certificate
from pcapdiag.sanitize.application.distinguished_name import words
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.keyed import Keyed
from pcapdiag.sanitize.renamer import Renamer
from tests.captures import FIXTURES
from tests.sanitize.conversation import KEY

pytestmark = pytest.mark.once

START = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PERIOD = b"\x30\x22\x80\x0f20250101000000Z\x81\x0f20260101000000Z"
"""A PrivateKeyUsagePeriod."""
Key = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
SECRETS = (
    *(b"acmecorp", b"Acmecorp", b"bluebird", b"Jane", b"jane", b"Springfield", b"payments"),
    *(bytes((10, 77, 88, 99)), bytes((203, 0, 113, 77))),
)


def rewritten(der: bytes, renamer: Renamer | None = None) -> bytes:
    body = Editor(der)
    rewrite_certificate(body, renamer or Renamer(KEY), Keyed(KEY))
    return body.result


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Springfield"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acmecorp, Inc."),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "jane@acmecorp.test"),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "acmecorp"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def extensions() -> list[x509.ExtensionType]:
    names = [
        x509.DNSName("pay.acmecorp.test"),
        x509.DNSName("*.acmecorp.test"),
        x509.IPAddress(ipaddress.ip_address("10.77.88.99")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.RFC822Name("jane@acmecorp.test"),
        x509.UniformResourceIdentifier("spiffe://acmecorp.test/ns/payments/sa/bluebird"),
        x509.DirectoryName(name("Jane Doe")),
        x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x09jane@acme"),
        x509.RegisteredID(ObjectIdentifier("1.2.3.4")),
    ]
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.acmecorp.test/bluebird.crl")],
        *(None, None, None),
    )
    access = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://o.acmecorp.test")
    )
    policy = x509.PolicyInformation(
        ObjectIdentifier("1.3.6.1.4.1.99999.1.2"),
        ["http://cps.acmecorp.test/", x509.UserNotice(None, "For Acmecorp only")],
    )
    network = x509.IPAddress(ipaddress.ip_network("203.0.113.0/24"))
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ObjectIdentifier("1.2.3.4")]
    return [
        x509.SubjectAlternativeName(names),
        x509.BasicConstraints(ca=True, path_length=3),
        x509.ExtendedKeyUsage(usage),
        x509.CRLDistributionPoints([point]),
        x509.AuthorityInformationAccess([access]),
        x509.CertificatePolicies([policy]),
        x509.NameConstraints([x509.DNSName("acmecorp.test"), network], None),
        x509.AuthorityKeyIdentifier(b"bluebird-key-id-0001", [x509.DirectoryName(name("R"))], 77),
        x509.SubjectKeyIdentifier(b"bluebird-key-id-0002"),
        x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.16"), PERIOD),
        x509.TLSFeature([x509.TLSFeatureType.status_request]),
        x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x0c\x08acmecorp"),
        x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.8"), b"acmecorp raw"),
    ]


def certificate(
    key: Key | None = None, subject: str = "pay.acmecorp.test", own: bool = False
) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    issuer = name(subject if own else "Acmecorp Root")
    builder = x509.CertificateBuilder(
        issuer, name(subject), key.public_key(), 0xFEDCBA9876543210, START, END
    )
    for extension in extensions():
        builder = builder.add_extension(extension, critical=False)
    is_bare = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    signed = builder.sign(key, None if is_bare else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def keys() -> list[Key]:
    return [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(3, 1024),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
    ]


@pytest.mark.parametrize("key", keys(), ids=lambda key: type(key).__name__)
def test_it_loads_and_says_the_same_of_dates_and_kinds(key: Key) -> None:
    der = certificate(key)
    new = rewritten(der)
    assert len(new) == len(der)
    old_facts, facts = read_certificate(der), read_certificate(new)
    assert not facts.problem
    for kept in ("not_before", "not_after", "key", "signature", "self_issued", "purposes"):
        assert getattr(facts, kept) == getattr(old_facts, kept), kept
    assert len(facts.names) == len(old_facts.names)
    old, loaded = map(x509.load_der_x509_certificate, (der, new))
    basic = [one.extensions.get_extension_for_class(x509.BasicConstraints) for one in (old, loaded)]
    assert basic[0] == basic[1]
    assert loaded.public_key() != old.public_key()


def test_it_names_nobody() -> None:
    der = certificate()
    new = rewritten(der)
    assert [secret for secret in SECRETS if secret in der] == [
        secret for secret in SECRETS if secret != bytes((203, 0, 113, 77))
    ]
    assert not [secret for secret in SECRETS if secret in new]
    assert b"99999" not in x509.load_der_x509_certificate(new).extensions.__repr__().encode()


def test_its_names_are_those_of_the_whole_bundle() -> None:
    renamer = Renamer(KEY)
    loaded = x509.load_der_x509_certificate(rewritten(certificate(), renamer))
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    host = renamer.name(b"pay.acmecorp.test").decode()
    assert names.get_values_for_type(x509.DNSName) == [
        host,
        renamer.name(b"*.acmecorp.test").decode(),
    ]
    address = ipaddress.ip_address(renamer.address(bytes((10, 77, 88, 99))))
    assert names.get_values_for_type(x509.IPAddress)[0] == address
    assert loaded.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == host
    assert loaded.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value == "US"


def test_a_chain_still_fits_together() -> None:
    root, leaf = certificate(subject="Acmecorp Root", own=True), certificate()
    renamer = Renamer(KEY)
    new_root = x509.load_der_x509_certificate(rewritten(root, renamer))
    new_leaf = x509.load_der_x509_certificate(rewritten(leaf, renamer))
    assert new_root.subject == new_root.issuer == new_leaf.issuer != new_leaf.subject
    assert read_certificate(rewritten(root)).self_issued
    identifier = x509.AuthorityKeyIdentifier
    of_root = new_root.extensions.get_extension_for_class(identifier).value
    of_leaf = new_leaf.extensions.get_extension_for_class(identifier).value
    assert of_root.key_identifier == of_leaf.key_identifier != b"bluebird-key-id-0001"


def test_a_product_that_inspects_is_still_named() -> None:
    new = rewritten(certificate(subject="Zscaler Intermediate Root CA Acmecorp", own=True))
    facts = read_certificate(new)
    assert "zscaler" in facts.issuer.lower()
    assert "cmecorp" not in facts.issuer


def test_a_host_among_other_words_is_the_same_host_as_elsewhere() -> None:
    """An Istio root of the trust domain: other texts keep ``cluster.local``."""
    renamer = Renamer(KEY)
    assert words(b"cluster.local issuing", renamer).startswith(b"cluster.local ")
    assert words(b"pay.acmecorp.com issuing", renamer).startswith(renamer.name(b"pay.acmecorp.com"))
    assert not any(b"." in word for word in renamer.originals.words)


def test_the_same_certificate_becomes_the_same_and_another_key_another() -> None:
    der = certificate()
    assert rewritten(der) == rewritten(der)
    other = Editor(der)
    rewrite_certificate(other, Renamer(KEY[::-1]), Keyed(KEY[::-1]))
    assert other.result != rewritten(der)


@settings(max_examples=150)
@given(st.data())
def test_damaged_ones_never_raise_and_keep_their_length(data: st.DataObject) -> None:
    der = bytearray(DER)
    for _ in range(data.draw(st.integers(0, 6))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    assert len(rewritten(bytes(der[:cut]))) == cut


DER = certificate()


def real_ones() -> list[bytes]:
    """Certificates in the stored captures: whatever begins and ends like one in a packet."""
    found = set()
    for path in sorted(Path(FIXTURES).glob("pcaps/tls.certificate_*/*.pcap"))[:40]:
        data, at = path.read_bytes(), 0
        while (at := data.find(b"\x30\x82", at)) >= 0:
            size = 4 + int.from_bytes(data[at + 2 : at + 4], "big")
            der = data[at : at + size]
            if data[at + 4 : at + 6] == b"\x30\x82" and not read_certificate(der).problem:
                found.add(der)
            at += 2
    return sorted(found)


def test_real_certificates_load_too() -> None:
    ones = real_ones()
    assert len(ones) > 10
    for der in ones:
        new = rewritten(der)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x509.load_der_x509_certificate(new)
        old_facts, facts = read_certificate(der), read_certificate(new)
        assert facts.key == old_facts.key
        assert facts.not_after == old_facts.not_after
        assert facts.subject != old_facts.subject
