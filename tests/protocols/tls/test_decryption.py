"""What a key log opens: epochs, updates, early data, renegotiation, holes, and the wrong secrets."""

from __future__ import annotations

import pytest

from pcapdiag.model.application import Piece
from pcapdiag.model.tls import TlsFacts
from pcapdiag.protocols.tls.keylog import KeyLog
from pcapdiag.protocols.tls.reader import TlsReader
from tests.captures import FIXTURES
from tests.protocols.pieces import connections
from tests.protocols.tls.seal import (
    ECDHE_AES_128_GCM,
    Tls12Sealer,
    Tls13Sealer,
    empty_certificate,
    key_log_line,
    tls12_sealers,
)
from tests.protocols.tls.test_any_order import key_log
from tests.protocols.tls.wire import (
    ALERT,
    CCS,
    DATA,
    HANDSHAKE,
    OTHER_RANDOM,
    RANDOM,
    TLS13_CHOICE,
    TLS13_EXTENSIONS,
    alpn,
    change_cipher_spec,
    client,
    client_hello,
    extension,
    handshake,
    message,
    numbers,
    server,
    server_hello,
    talk,
    tls12_opening,
    vector,
)

pytestmark = pytest.mark.once

SECRETS = {
    b"CLIENT_EARLY_TRAFFIC_SECRET": b"e" * 32,
    b"CLIENT_HANDSHAKE_TRAFFIC_SECRET": b"c" * 32,
    b"SERVER_HANDSHAKE_TRAFFIC_SECRET": b"s" * 32,
    b"CLIENT_TRAFFIC_SECRET_0": b"C" * 32,
    b"SERVER_TRAFFIC_SECRET_0": b"S" * 32,
}
MASTER = b"m" * 48
FINISHED = message(20, b"f" * 32)
EXTENSIONS = message(8, vector(2, alpn(b"h2")))


def tls13_keys(*without: bytes) -> KeyLog:
    keys = KeyLog()
    for label, secret in SECRETS.items():
        if label not in without:
            keys.add(key_log_line(label, RANDOM, secret))
    return keys


def read(pieces: list[Piece], keys: KeyLog) -> tuple[TlsFacts, list[Piece]]:
    reader = TlsReader(keys)
    given = [inner for piece in pieces for inner in reader.feed(piece)]
    return reader.finish(), given


class Ends:
    """Both ends' sealers of a TLS 1.3 connection, and its handshake."""

    def __init__(self) -> None:
        self.early = Tls13Sealer(b"e" * 32)
        self.client_handshake, self.server_handshake = (
            Tls13Sealer(b"c" * 32),
            Tls13Sealer(b"s" * 32),
        )
        self.client, self.server = Tls13Sealer(b"C" * 32), Tls13Sealer(b"S" * 32)

    def opening(self) -> list[tuple[bool, bytes]]:
        request = message(13, vector(1, b"") + vector(2, b""))
        flight = EXTENSIONS + request + message(11, empty_certificate()) + FINISHED
        return [
            client(handshake(1, client_hello())),
            server(
                handshake(2, server_hello()),
                change_cipher_spec(),
                self.server_handshake(HANDSHAKE, flight[:30]),
                self.server_handshake(HANDSHAKE, flight[30:]),
            ),
            client(
                change_cipher_spec(),
                self.client_handshake(HANDSHAKE, message(11, empty_certificate()) + FINISHED),
            ),
        ]


def test_tls13() -> None:
    ends = Ends()
    turns = [
        *ends.opening(),
        client(ends.client(DATA, b"GET / HTTP/1.1\r\n\r\n")),
        server(ends.server(HANDSHAKE, message(4, b"t" * 200))),
        server(ends.server(DATA, b"HTTP/1.1 200 OK\r\n\r\n"), ends.server(ALERT, b"\x01\x00")),
    ]
    facts, given = read(talk(*turns), tls13_keys())
    assert facts.key_state == "decrypted"
    assert [piece.data for piece in given] == [
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ]
    assert [(piece.from_initiator, piece.frame, piece.hole) for piece in given] == [
        (True, 4, 0),
        (False, 6, 0),
    ]
    assert [each.type for each in facts.messages] == [1, 2, 8, 13, 11, 20, 11, 20, 4]
    assert facts.server_hello is not None
    assert facts.server_hello.alpn == "h2"
    assert facts.certificate_request == 2
    assert facts.client_certificates is not None
    assert facts.client_certificates.certificates == ()
    assert [(each.level, each.code) for each in facts.alerts] == [(1, 0)]
    assert (facts.client_data, facts.server_data, facts.tickets) == (1, 1, 1)
    assert facts.established


def test_tls13_key_update() -> None:
    ends = Ends()
    updated = ends.client.updated()
    turns = [
        *ends.opening(),
        client(ends.client(DATA, b"before"), ends.client(HANDSHAKE, message(24, b"\0"))),
        client(updated(DATA, b"after"), updated(DATA, b"again")),
    ]
    _, given = read(talk(*turns), tls13_keys())
    assert [piece.data for piece in given] == [b"before", b"after", b"again"]


def early_turns(ends: Ends, accepted: bool) -> list[tuple[bool, bytes]]:
    hello = client_hello((*TLS13_EXTENSIONS, extension(42, b"")))
    flight = message(8, vector(2, extension(42, b"") if accepted else b"")) + FINISHED
    request = ends.early(DATA, b"early request")
    end = ends.early(HANDSHAKE, message(5, b"")) if accepted else b""
    return [
        client(handshake(1, hello), request),
        server(handshake(2, server_hello()), ends.server_handshake(HANDSHAKE, flight)),
        client(end, ends.client_handshake(HANDSHAKE, FINISHED), ends.client(DATA, b"later")),
    ]


@pytest.mark.parametrize("accepted", [True, False])
def test_early_data(accepted: bool) -> None:
    facts, given = read(talk(*early_turns(Ends(), accepted)), tls13_keys())
    assert [piece.data for piece in given] == [b"early request", b"later"]
    assert facts.client_data == 1
    assert facts.established


def test_early_data_without_its_secret() -> None:
    keys = tls13_keys(b"CLIENT_EARLY_TRAFFIC_SECRET")
    facts, given = read(talk(*early_turns(Ends(), accepted=False)), keys)
    assert [piece.data for piece in given] == [b"later"]
    assert facts.key_state == "decrypted"


def test_only_the_traffic_secrets_are_known() -> None:
    ends = Ends()
    keys = tls13_keys(b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", b"SERVER_HANDSHAKE_TRAFFIC_SECRET")
    turns = [*ends.opening(), client(ends.client(DATA, b"asks"))]
    facts, given = read(talk(*turns), keys)
    assert [piece.data for piece in given] == [b"asks"]
    assert facts.client_finished


def test_wrong_secret() -> None:
    ends = Ends()
    keys = KeyLog()
    for label in SECRETS:
        keys.add(key_log_line(label, RANDOM, b"?" * 32))
    turns = [*ends.opening(), *(client(ends.client(DATA, b"x" * 40)) for _ in range(9))]
    facts, given = read(talk(*turns), keys)
    assert given == []
    assert facts.key_state == "wrong secret"
    assert facts.client_finished


def test_no_secret_and_unsupported_cipher() -> None:
    ends = Ends()
    other = KeyLog()
    other.add(key_log_line(b"CLIENT_RANDOM", OTHER_RANDOM, MASTER))
    assert read(talk(*ends.opening()), other)[0].key_state == "no secret"
    hello = server_hello(cipher=0x1306)
    turns = [client(handshake(1, client_hello())), server(handshake(2, hello))]
    assert read(talk(*turns), tls13_keys())[0].key_state == "unsupported cipher"


@pytest.mark.parametrize("draft", [23, 24, 25, 28])
def test_drafts_of_tls13_are_opened_as_what_they_became(draft: int) -> None:
    """Up to 24 the records' headers are not authenticated (draft-ietf-tls-tls13-25 section 5.2)."""
    hello = server_hello([extension(43, numbers(0x7F00 | draft)), TLS13_CHOICE[1]])
    whole = draft >= 25
    server_keys, asks = (Tls13Sealer(key * 32, covers_header=whole) for key in (b"s", b"C"))
    finished = Tls13Sealer(b"c" * 32, covers_header=whole)
    turns = [
        client(handshake(1, client_hello())),
        server(handshake(2, hello), server_keys(HANDSHAKE, EXTENSIONS + FINISHED)),
        client(finished(HANDSHAKE, FINISHED), asks(DATA, b"asks")),
    ]
    facts, given = read(talk(*turns), tls13_keys())
    assert [piece.data for piece in given] == [b"asks"]
    assert (facts.key_state, facts.is_tls13, facts.established) == ("decrypted", True, True)


def test_early_drafts_of_tls13_are_not_opened() -> None:
    hello = numbers(0x7F12) + OTHER_RANDOM + numbers(0x1301) + vector(2, TLS13_CHOICE[1])
    turns = [client(handshake(1, client_hello())), server(handshake(2, hello))]
    facts = read(talk(*turns), tls13_keys())[0]
    assert facts.key_state == "unsupported cipher"
    assert facts.server_hello is not None
    assert (facts.server_hello.cipher, facts.server_hello.group) == (0x1301, 29)


def test_lost_record_is_stepped_over_and_its_bytes_are_counted() -> None:
    ends = Ends()
    records = [ends.server(DATA, bytes([number]) * 100) for number in range(6)]
    pieces = talk(*ends.opening(), server(records[0]))
    lost = len(records[1]) + len(records[2])
    pieces += [Piece(False, 9, 9_000_000, b"".join(records[3:]), hole=lost)]
    facts, given = read(pieces, tls13_keys())
    assert [piece.data[0] for piece in given] == [0, 3, 4, 5]
    assert [piece.hole for piece in given] == [0, 200, 0, 0]
    assert facts.incomplete


def test_hole_in_a_record_and_over_a_change_of_keys() -> None:
    ends = Ends()
    opening = ends.opening()
    flight = opening[2][1]
    pieces = talk(*opening[:2])
    pieces += [
        Piece(True, 3, 3_000_000, flight[:20]),
        Piece(True, 4, 4_000_000, ends.client(DATA, b"asks"), hole=len(flight) - 20),
    ]
    facts, given = read(pieces, tls13_keys())
    assert [(piece.data, piece.hole) for piece in given] == [(b"asks", 0)]
    assert facts.client_finished


def tls12_turns() -> tuple[list[tuple[bool, bytes]], Tls12Sealer, Tls12Sealer]:
    by_client, by_server = tls12_sealers(MASTER, RANDOM, OTHER_RANDOM)
    return (
        [
            *tls12_opening(),
            client(
                handshake(16), change_cipher_spec(), by_client(HANDSHAKE, message(20, b"f" * 12))
            ),
            server(change_cipher_spec(), by_server(HANDSHAKE, message(20, b"f" * 12))),
        ],
        by_client,
        by_server,
    )


def tls12_keys(*randoms: bytes) -> KeyLog:
    keys = KeyLog()
    for random in randoms:
        keys.add(key_log_line(b"CLIENT_RANDOM", random, MASTER))
    return keys


def test_tls12() -> None:
    turns, by_client, by_server = tls12_turns()
    turns += [client(by_client(DATA, b"asks")), server(by_server(DATA, b"answers"))]
    turns += [server(by_server(ALERT, b"\x01\x00"))]
    facts, given = read(talk(*turns), tls12_keys(RANDOM))
    assert [piece.data for piece in given] == [b"asks", b"answers"]
    assert facts.key_state == "decrypted"
    assert [(each.level, each.code) for each in facts.alerts] == [(1, 0)]
    assert facts.established


def test_tls12_renegotiation_in_either_order_of_the_ends() -> None:
    turns, by_client, by_server = tls12_turns()
    randoms = b"A" * 32, b"B" * 32
    hello = client_hello((), random=randoms[0])
    choice = server_hello((), random=randoms[1], cipher=ECDHE_AES_128_GCM)
    new_client, new_server = tls12_sealers(MASTER, *randoms)
    turns += [
        server(by_server(HANDSHAKE, message(0, b""))),
        client(by_client(HANDSHAKE, message(1, hello))),
        server(by_server(HANDSHAKE, message(2, choice) + message(13, b"") + message(14, b""))),
        client(by_client(HANDSHAKE, message(11, vector(3, b""))), by_client(CCS, b"\x01")),
        client(new_client(HANDSHAKE, message(20, b"f" * 12)), new_client(DATA, b"asks")),
        server(by_server(CCS, b"\x01"), new_server(HANDSHAKE, message(20, b"f" * 12))),
        server(new_server(DATA, b"answers")),
    ]
    pieces = talk(*turns)
    keys = tls12_keys(RANDOM, randoms[0])
    for order in (pieces, sorted(pieces, key=lambda each: each.from_initiator)):
        facts, given = read(order, keys)
        assert {piece.data for piece in given} == {b"asks", b"answers"}
        assert facts.client_hello is not None
        assert facts.client_hello.random == RANDOM
        assert facts.second_hello is None
        assert facts.certificate_request == 7
        assert facts.client_certificates is not None


def test_tls12_change_cipher_spec_was_lost() -> None:
    turns, by_client, _ = tls12_turns()
    pieces = talk(*turns[:2], turns[3])
    lost = len(turns[2][1])
    pieces += [Piece(True, 9, 9_000_000, by_client(DATA, b"asks"), hole=lost)]
    facts, given = read(pieces, tls12_keys(RANDOM))
    assert [piece.data for piece in given] == [b"asks"]
    assert facts.client_finished


def test_finish_in_between_changes_nothing() -> None:
    ends = Ends()
    asks = [client(ends.client(DATA, bytes([number]) * 50)) for number in range(5)]
    data = talk(*ends.opening(), *asks)
    del data[4]
    data[4] = Piece(True, 6, 6_000_000, data[4].data, hole=len(asks[1][1]))
    reader, given = TlsReader(tls13_keys()), []
    for piece in data:
        half = len(piece.data) // 2
        for part, hole in ((piece.data[:half], piece.hole), (piece.data[half:], 0)):
            given += reader.feed(Piece(piece.from_initiator, piece.frame, piece.time, part, hole))
            reader.finish()
    assert (reader.finish(), given) == read(data, tls13_keys())
    assert [piece.data[0] for piece in given] == [0, 2, 3, 4]


@pytest.mark.parametrize("name", ["http.local_reply-inside-tls", "healthy-inside-tls13"])
def test_stored_captures(name: str) -> None:
    for path in sorted((FIXTURES / "pcaps" / name).glob("*.pcap")):
        keys = key_log(path)
        for connection in connections(path):
            facts, given = read(connection.pieces, keys)
            if facts.server_hello is not None:
                assert any(b"HTTP/1.1" in piece.data for piece in given)
