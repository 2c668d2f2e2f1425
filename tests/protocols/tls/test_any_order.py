"""However the bytes are cut into pieces, and whichever end comes first: the same facts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.model.application import Piece
from pcapdiag.model.tls import TlsFacts
from pcapdiag.protocols.tls.keylog import KeyLog
from pcapdiag.protocols.tls.reader import TlsReader
from tests.captures import FIXTURES
from tests.protocols.pieces import connections
from tests.protocols.tls.wire import (
    HANDSHAKE,
    RETRY,
    alert,
    change_cipher_spec,
    client,
    client_hello,
    extension,
    handshake,
    numbers,
    read,
    sealed,
    server,
    server_hello,
    talk,
    tls12_opening,
    tls13_opening,
)

pytestmark = pytest.mark.once

_RETRY_HELLO = server_hello(
    (extension(43, numbers(0x0304)), extension(51, numbers(23))), random=RETRY
)
TALKS = (
    talk(
        *tls12_opening(),
        client(handshake(16), change_cipher_spec(), sealed(40, HANDSHAKE)),
        server(handshake(4), change_cipher_spec(), sealed(40, HANDSHAKE)),
        client(sealed(120)),
        server(sealed(300), sealed(26, 21)),
        client(sealed(26, 21)),
    ),
    talk(
        *tls13_opening(),
        client(change_cipher_spec(), sealed(53)),
        client(sealed(120)),
        server(sealed(250), sealed(250)),
        server(sealed(2000), sealed(19)),
        client(sealed(19)),
    ),
    talk(
        client(handshake(1, client_hello())),
        server(handshake(2, _RETRY_HELLO), change_cipher_spec()),
        client(change_cipher_spec(), handshake(1, client_hello())),
        server(handshake(2, server_hello()), sealed(700)),
        client(alert(48)),
    ),
    talk(client(handshake(1, client_hello())), server(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
)


def split(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """Each piece in several, all of the same packet."""
    parts = []
    for piece in pieces:
        cuts = sorted(chance.randrange(len(piece.data) + 1) for _ in range(chance.randrange(6)))
        hole = piece.hole
        for start, end in zip([0, *cuts], [*cuts, len(piece.data)], strict=True):
            if piece.data[start:end]:
                data = piece.data[start:end]
                parts.append(Piece(piece.from_initiator, piece.frame, piece.time, data, hole))
                hole = 0
    return parts


def interleaved(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """Both ends' pieces in another order; those of one end stay in theirs."""
    ends = [[each for each in pieces if each.from_initiator is end] for end in (True, False)]
    mixed = []
    while any(ends):
        end = chance.choice([each for each in ends if each])
        run = chance.randrange(1, 8)
        mixed += end[:run]
        del end[:run]
    return mixed


def with_holes(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """Bytes of some pieces are missing."""
    holed = []
    for piece in pieces:
        hole = chance.randrange(len(piece.data)) if chance.random() < 0.3 else 0
        holed.append(Piece(piece.from_initiator, piece.frame, piece.time, piece.data[hole:], hole))
    return holed


@pytest.mark.parametrize("pieces", TALKS)
@given(chance=st.randoms(use_true_random=False))
def test_splits_and_order(pieces: list[Piece], chance: random.Random) -> None:
    assert read(interleaved(split(pieces, chance), chance)) == read(pieces)


@pytest.mark.parametrize("pieces", TALKS)
@given(chance=st.randoms(use_true_random=False))
def test_splits_and_order_with_holes(pieces: list[Piece], chance: random.Random) -> None:
    holed = with_holes(pieces, chance)
    assert read(interleaved(split(holed, chance), chance)) == read(holed)


@pytest.mark.parametrize(
    "name",
    [
        "http.local_reply-inside-tls/proxy-downstream.pcap",
        "tls.alert-nginx-old-hello/client.pcap",
        "healthy-inside-tls13/client.pcap",
        "tls.client_certificate_required-envoy-tls13/client.pcap",
    ],
)
@given(chance=st.randoms(use_true_random=False))
def test_splits_and_order_with_keys(name: str, chance: random.Random) -> None:
    path = FIXTURES / "pcaps" / name
    keys = key_log(path)
    for connection in connections(path):
        mixed = interleaved(split(connection.pieces, chance), chance)
        assert decrypted(mixed, keys) == decrypted(connection.pieces, keys)


def key_log(path: Path) -> KeyLog:
    keys = KeyLog()
    text = path.parent / "keylog.txt"
    if text.exists():
        keys.add(text.read_bytes())
    return keys


def decrypted(pieces: list[Piece], keys: KeyLog) -> tuple[TlsFacts, list[Piece], list[Piece]]:
    reader = TlsReader(keys)
    given = [inner for piece in pieces for inner in reader.feed(piece)]
    ends = [[each for each in given if each.from_initiator is end] for end in (True, False)]
    return reader.finish(), ends[0], ends[1]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.binary(max_size=60)), max_size=20),
    st.booleans(),
)
def test_any_bytes(given: list[tuple[bool, int, bytes]], begins_well: bool) -> None:
    reader = TlsReader()
    if begins_well:
        for piece in TALKS[1][:3]:
            reader.feed(piece)
    for frame, (is_client, hole, data) in enumerate(given, 9):
        reader.feed(Piece(is_client, frame, frame, data, hole))
        reader.finish()


@pytest.mark.parametrize(
    "name",
    [
        "http.local_reply-inside-tls/proxy-downstream.pcap",
        "healthy-tls12-nginx/client.pcap",
        "healthy-mutual-tls13/proxy-upstream.pcap",
    ],
)
def test_damaged_flights(name: str) -> None:
    path = FIXTURES / "pcaps" / name
    keys = key_log(path)
    chance = random.Random(11)
    flights = [connection.pieces for connection in connections(path)]
    for _ in range(300):
        reader = TlsReader(chance.choice((None, keys)))
        for piece in with_holes(chance.choice(flights), chance):
            data = bytearray(piece.data)
            for _ in range(chance.choice((0, 0, 1, 4))):
                data[chance.randrange(len(data))] = chance.randrange(256)
            reader.feed(
                Piece(piece.from_initiator, piece.frame, piece.time, bytes(data), piece.hole)
            )
        reader.finish()
