"""Which certificates end soon, told once for each end that shows one."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pcapdiag.diagnose.findings.certificate_expiring import CertificateExpiring
from pcapdiag.incident.certificates import Certificates
from pcapdiag.model.application import Application
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Finding
from pcapdiag.model.story import Story
from pcapdiag.model.tls import CertificateFlight, TlsFacts
from tests.diagnose.attribution.exchange import talk

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
SECOND = 1_000_000_000


def der(ends: datetime.timedelta, lifetime: datetime.timedelta) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW + ends - lifetime)
        .not_valid_after(NOW + ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def story(server: bytes, client: bytes = b"", stream: int = 0, port: int = 443) -> Story:
    time = round(NOW.timestamp()) * SECOND
    tls = TlsFacts(
        server_certificates=CertificateFlight(9, time, (server,)),
        client_certificates=CertificateFlight(11, time, (client,)) if client else None,
    )
    one = talk().request().story()
    one.stream, one.responder.address, one.responder.port = stream, "10.0.2.7", port
    one.initiator.address = "10.0.1.5"
    one.application = Application(tls=tls)
    return one


def found(*stories: Story) -> list[Finding]:
    table = Certificates()
    for one in stories:
        table.note(one)
    return CertificateExpiring().findings(Fleet(certificates=table.facts()))


def days(number: float) -> datetime.timedelta:
    return datetime.timedelta(days=number)


@pytest.mark.parametrize(
    ("ends", "lifetime", "told"),
    [
        (9.5, 90, True),
        (13.9, 398, True),
        (14.1, 90, False),
        (-0.1, 90, False),
        (0.9, 1, False),
        (0.05, 1, True),
        (3, 6, False),
        (20_000, 30_000, False),
    ],
)
def test_what_ends_within_two_weeks_and_is_not_renewed_all_the_time(
    ends: float, lifetime: float, told: bool
) -> None:
    assert len(found(story(der(days(ends), days(lifetime))))) == told


def test_one_certificate_is_told_once_for_an_endpoint() -> None:
    server = der(days(9.5), days(90))
    stories = [story(server, stream=n, port=port) for n, port in enumerate((443, 443, 8443))]
    first, second = found(*stories)
    assert (first.code, first.severity) == ("tls.certificate_expiring", "warning")
    assert first.title == "the certificate of 10.0.2.7:443 ends in 9 days"
    assert first.detail == (
        "CN=shop.example, by CN=shop.example: until 2026-03-11 00:00Z; seen on 2 connections"
    )
    assert (first.streams, first.frames, first.count) == ([0, 1], [9, 9], 2)
    assert second.endpoint == "10.0.2.7:8443"


def test_a_clients_certificate_is_the_clients() -> None:
    (finding,) = found(story(der(days(90), days(120)), der(days(2.5), days(90))))
    assert finding.title == "the certificate of client 10.0.1.5 at 10.0.2.7:443 ends in 2 days"
    assert finding.addresses == ["10.0.1.5"]
    assert finding.commands == []


def test_what_is_no_certificate_is_left_alone() -> None:
    dates = b"\x30\x1e\x17\x0d260101000000Z\x17\x0d260305120000Z"
    assert found(story(dates), story(dates.replace(b"260305", b"269999")), story(b"")) == []
