"""TLS made anonymous: the readers say the same of hellos, alerts and records, and name nobody."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.model.application import Piece
from pcapdiag.model.tls import TlsFacts
from pcapdiag.protocols.tls.reader import TlsReader
from pcapdiag.sanitize.renamer import Renamer
from tests.protocols.tls.wire import (
    RETRY,
    alert,
    alpn,
    change_cipher_spec,
    client_hello,
    extension,
    handshake,
    key_shares,
    message,
    numbers,
    record,
    sealed,
    server_hello,
    sni,
    vector,
    versions,
)
from tests.sanitize.conversation import KEY, Segment, cut, in_order, replaced
from tests.sanitize.test_certificate import certificate

pytestmark = pytest.mark.once

NAMES = {"sni", "session_id", "random", "certificates"}
"""What is renamed or overwritten."""
PSK = vector(2, vector(2, b"acmecorp-ticket-identity") + bytes(4)) + vector(2, vector(1, b"b" * 32))
EXTENSIONS = (
    extension(0x3A3A, b""),
    sni(b"pay.acmecorp.internal"),
    alpn(b"h2", b"http/1.1", b"acmecorp/7", b"\x8a\x8a"),
    extension(10, vector(2, numbers(0x1A1A, 29, 23))),
    extension(13, vector(2, numbers(0x0403, 0x0804))),
    versions(0x2A2A, 0x0304, 0x0303),
    key_shares(0x1A1A, 29),
    extension(35, b"acmecorp-session-ticket"),
    extension(0xFE0D, b"\0acmecorp-ech-payload"),
    extension(44, vector(2, b"acmecorp-cookie")),
    extension(57, b"acmecorp-unknown"),
    extension(41, PSK),
)
HELLO = handshake(1, client_hello(EXTENSIONS))
CERTIFICATES = b"".join(
    vector(3, certificate(subject=name)) for name in ("a.acmecorp.test", "Root")
)
ASKS = vector(1, b"\x01\x40") + vector(2, numbers(0x0403)) + vector(2, b"")


def facts(segments: list[Segment], said: list[bytes]) -> TlsFacts:
    reader = TlsReader()
    for frame, ((who, _, _), data) in enumerate(zip(segments, said, strict=True), 1):
        reader.feed(Piece(who, frame, frame * 1_000, data))
    return reader.finish()


def same(segments: list[Segment], started: bool = True) -> bytes:
    """Assert that what is read before and after differs in names only; return all new bytes."""
    new = replaced(segments, started=started)
    before, after = (
        _without_names(msgspec.to_builtins(facts(segments, said)))
        for said in ([data for _, _, data in segments], new)
    )
    assert after == before
    told = b"".join(new)
    assert b"acmecorp" not in told.lower()
    return told


def _without_names(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_names(one) for key, one in value.items() if key not in NAMES}
    return [_without_names(one) for one in value] if isinstance(value, list) else value


def test_a_hello_keeps_offers_and_fingerprints() -> None:
    hello = handshake(1, client_hello([one for one in EXTENSIONS if b"corp/7" not in one]))
    segments = [(True, 0, hello)]
    told = same(segments)
    assert Renamer(KEY).name(b"pay.acmecorp.internal") in told
    before, after = (facts(segments, [data]).client_hello for data in (hello, told))
    assert before
    assert after
    assert after.ja3 == before.ja3
    assert after.ja4 == before.ja4
    assert after.random != before.random
    assert len(after.random) == 32


def test_the_same_random_and_session_become_the_same() -> None:
    first = replaced([(True, 0, HELLO)])[0]
    assert first == replaced([(True, 0, HELLO)], ports=(1, 2))[0]
    found = facts([(True, 0, HELLO), (False, 0, b"")], [first, b""]).client_hello
    answer = replaced(in_order([(True, HELLO), (False, handshake(2, server_hello()))]))[1]
    told = facts([(False, 0, answer)], [answer]).server_hello
    assert found
    assert told
    assert found.session_id == told.session_id


def tls12() -> list[tuple[bool, bytes]]:
    curve = b"\x03" + numbers(23) + vector(1, b"acmecorp-public-key") + numbers(0x0403)
    flight = (
        handshake(2, server_hello((), cipher=0xC02F))
        + handshake(11, vector(3, CERTIFICATES))
        + handshake(12, curve + vector(2, b"acmecorp-signature"))
        + handshake(13, ASKS)
        + handshake(14)
    )
    return [
        (True, HELLO),
        (False, flight),
        (True, handshake(11, vector(3, CERTIFICATES)) + handshake(16, b"acmecorp-exchange")),
        (True, change_cipher_spec() + sealed(40, 22)),
        (False, handshake(4, bytes(4) + vector(2, b"acmecorp-ticket"))),
        (False, change_cipher_spec() + sealed(40, 22)),
        (True, sealed(300)),
        (False, sealed(700) + alert(0, 1)),
    ]


def test_a_handshake_of_tls_1_2() -> None:
    segments = in_order(tls12())
    segments = [(who, at, data.replace(b"corp/7", b"corp/7")) for who, at, data in segments]
    new = replaced(segments)
    before = facts(segments, [data for _, _, data in segments])
    after = facts(segments, new)
    assert after.established
    assert after.server_data == before.server_data == 1
    assert [one.type for one in after.messages] == [one.type for one in before.messages]
    assert after.server_hello
    assert after.server_hello.group == 23
    assert len(after.server_certificates.certificates) == 2  # type: ignore[union-attr]
    assert not b"".join(new).lower().count(b"acmecorp")


def test_messages_over_records_and_segments() -> None:
    inside = message(11, vector(3, CERTIFICATES)) + message(14, b"")
    records = handshake(2, server_hello((), cipher=0xC02F))
    records += b"".join(record(22, inside[at : at + 97]) for at in range(0, len(inside), 97))
    whole = replaced([(False, 0, records)])[0]
    assert b"".join(replaced(cut(records, 13, False))) == whole
    assert b"acmecorp" not in whole
    told = facts([(False, 0, whole)], [whole])
    assert told.stopped_at == "ServerHelloDone by the server"
    assert len(told.server_certificates.certificates) == 2  # type: ignore[union-attr]


def test_tls_1_3_with_a_retry() -> None:
    retry = handshake(2, server_hello(random=RETRY))
    first = handshake(
        1, client_hello([sni(b"acmecorp.internal"), versions(0x0304), key_shares(29)])
    )
    same(
        in_order(
            [
                (True, first),
                (False, retry + change_cipher_spec()),
                (True, change_cipher_spec() + first),
                (False, handshake(2, server_hello()) + sealed(900)),
                (True, sealed(53) + sealed(100)),
                (False, alert(48) + sealed(24, 21)),
            ]
        )
    )


@pytest.mark.parametrize("code", [0, 40, 42, 48, 70, 112, 120])
def test_alerts_stay(code: int) -> None:
    said = alert(code)
    assert replaced(in_order([(True, HELLO), (False, said)]))[1] == said


def test_what_is_encrypted_is_overwritten() -> None:
    new = replaced(in_order(tls12()))
    assert new[6] == sealed(300)[:5] + bytes(300)
    assert sealed(40, 22)[5:20] not in new[3]


def test_behind_a_hole_records_are_found_again() -> None:
    segments = in_order(tls12())
    data = sealed(500) + sealed(200) + sealed(100)
    segments.append((False, 9_000, data))
    new = replaced(segments)[-1]
    assert [new[at : at + 5] for at in (0, 505, 710)] == [
        sealed(size)[:5] for size in (500, 200, 100)
    ]
    assert (
        not new.replace(new[:5], b"")
        .replace(new[505:510], b"")
        .replace(new[710:715], b"")
        .strip(b"\0")
    )


def test_a_hello_that_is_cut_off() -> None:
    for size in range(1, len(HELLO), 7):
        new = replaced([(True, 0, HELLO[:size])])[0]
        assert b"acme" not in new
        assert new[: min(size, 11)] == HELLO[: min(size, 11)]


def test_an_ssl_2_hello() -> None:
    body = b"\x01\x03\x01" + numbers(6, 0, 16) + b"\0\0\x04\0\0\x05" + b"acmecorp-challen"
    data = (0x8000 | len(body)).to_bytes(2, "big") + body
    new = replaced([(True, 0, data)])[0]
    assert new[:-16] == data[:-16]
    assert new[-16:] == bytes(16)


def test_a_meshs_name_stays_one() -> None:
    name = b"outbound_.8080_.v2_.pay.acme.svc.cluster.local"
    new = replaced([(True, 0, handshake(1, client_hello([sni(name)])))])[0]
    assert b"outbound_.8080_." in new
    assert b".svc.cluster.local" in new
    assert b"acme" not in new
    assert b".pay." not in new
