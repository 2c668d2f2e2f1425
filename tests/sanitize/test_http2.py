"""HTTP/2 made anonymous, decoded again by hpack: frames, codes and the table's sizes stay."""

from __future__ import annotations

import random

import hpack
import pytest

from pcapdiag.protocols.http.sniff import PREFACE
from pcapdiag.sanitize.application.hpack_block import HeaderBlockRewriter
from pcapdiag.sanitize.keyed import Keyed
from pcapdiag.sanitize.renamer import Renamer
from tests.sanitize.conversation import KEY, cut, in_order, replaced

pytestmark = pytest.mark.once

Fields = list[tuple[str, str]]
SETTINGS = bytes.fromhex("00000c0400000000000003000000640004000fffff")
REQUEST: Fields = [
    *((":method", "POST"), (":scheme", "https"), (":path", "/acme.Billing/Charge?who=jane-doe-77")),
    *((":authority", "pay.acmecorp.internal:8443"), ("content-type", "application/grpc")),
    *(("te", "trailers"), ("grpc-timeout", "5S"), ("authorization", "Bearer abc.DEF-123_456~")),
    *(
        ("cookie", "sid=\x01\x02\x7f; a=b"),
        ("x-acme-tenant", "bluebird"),
        ("x-request-id", "ab-12"),
    ),
    *(("user-agent", "grpc-go/1.62.1"), ("x-forwarded-for", "203.0.113.77")),
]
ANSWER: Fields = [
    *((":status", "200"), ("content-type", "application/grpc"), ("server", "envoy")),
    ("x-envoy-upstream-service-time", "12"),
]
TRAILERS: Fields = [
    ("grpc-status", "14"),
    ("grpc-message", "upstream connect error or disconnect/reset before headers. reset reason: "
     "connection timeout acmecorp"),
]  # fmt: skip
SECRETS = ("acme", "jane", "bluebird", "abc.DEF", "203.0.113.77", "Charge", "Billing", "\x01\x02")


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4) + payload


def rewritten(block: bytes) -> bytes:
    return HeaderBlockRewriter(Renamer(KEY), Keyed(KEY)).rewrite(block)


def decoded(decoder: hpack.Decoder, block: bytes) -> list[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]


@pytest.mark.parametrize("huffman", [True, False])
def test_a_block_keeps_its_length_and_loses_its_secrets(huffman: bool) -> None:
    block = hpack.Encoder().encode(REQUEST, huffman=huffman)
    new = rewritten(block)
    assert len(new) == len(block)
    fields = decoded(hpack.Decoder(), new)
    assert [len(value) for _, value in fields] == [len(value.encode()) for _, value in REQUEST]
    told = b"\n".join(b": ".join(field) for field in fields).decode("latin-1")
    assert not [secret for secret in SECRETS if secret.lower() in told.lower()]
    kept = dict(fields)
    assert kept[b":method"] == b"POST"
    assert kept[b"grpc-timeout"] == b"5S"
    assert kept[b"content-type"] == b"application/grpc"
    assert kept[b":authority"].endswith(b":8443")


def test_a_proxys_message_stays() -> None:
    fields = decoded(hpack.Decoder(), rewritten(hpack.Encoder().encode(TRAILERS)))
    assert fields[0] == (b"grpc-status", b"14")
    assert b"reset reason: connection timeout " in fields[1][1]
    assert b"acmecorp" not in fields[1][1]


def test_the_table_holds_the_images() -> None:
    """Thousands of fields over a small table: every block must still decode to the same images."""
    chance = random.Random(7)
    encoder, decoder = hpack.Encoder(), hpack.Decoder()
    rewriter = HeaderBlockRewriter(Renamer(KEY), Keyed(KEY))
    for number in range(300):
        if number % 50 == 10:
            encoder.header_table_size = chance.choice((64, 500, 4096))
        fields = [
            (chance.choice(("x-acme-id", ":path", "cookie", "etag", "via")), text(chance))
            for _ in range(chance.randrange(1, 9))
        ]
        block = encoder.encode(fields, huffman=chance.random() < 0.7)
        new = rewriter.rewrite(block)
        assert len(new) == len(block)
        sizes = [(len(name), len(value)) for name, value in decoded(decoder, new)]
        assert sizes == [(len(name), len(value)) for name, value in fields]
    assert not rewriter.is_lost


def text(chance: random.Random) -> str:
    letters = 'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._/=;%&\x01\x7f"<>'
    return "".join(chance.choice(letters) for _ in range(chance.randrange(60)))


@pytest.mark.parametrize("broken", [b"\xff\xff\xff\x0f", b"\x82\xbf", b"\x00\x83\xff\xff\xff\x00"])
def test_what_cannot_be_decoded_cannot_be_decoded_still(broken: bytes) -> None:
    good = hpack.Encoder().encode([("x-acme", "acmecorp")], huffman=False)
    new = rewritten(good + broken)
    assert b"acmecorp" not in new
    with pytest.raises(hpack.HPACKError):
        hpack.Decoder().decode(broken)
    with pytest.raises(hpack.HPACKError):
        hpack.Decoder().decode(new)


def talk() -> list[tuple[bool, bytes]]:
    client, server = hpack.Encoder(), hpack.Encoder()
    block = client.encode(REQUEST)
    padded = bytes((3,)) + bytes(4) + bytes((7,)) + block[:40] + b"\0\0\0"
    message = b"\0\0\0\0\x08acmecorp"
    goaway = bytes(4) + (11).to_bytes(4) + b"too_many_pings from acmecorp"
    return [
        (True, PREFACE + SETTINGS),
        (False, SETTINGS + frame(4, 1, 0, b"")),
        (True, frame(1, 0x8 | 0x20, 1, padded) + frame(9, 0, 1, block[40:60])),
        (True, frame(9, 4, 1, block[60:]) + frame(0, 1, 1, message)),
        (False, frame(1, 4, 1, server.encode(ANSWER)) + frame(0, 0, 1, message[:7])),
        (False, frame(0, 8, 1, b"\2" + message[7:] + b"\0\0")),
        (False, frame(1, 5, 1, server.encode(TRAILERS)) + frame(3, 0, 1, (8).to_bytes(4))),
        (False, frame(6, 0, 0, b"acmecorp") + frame(6, 1, 0, b"acmecorp")),
        (False, frame(7, 0, 0, goaway)),
    ]


def test_frames_of_a_conversation() -> None:
    parts = talk()
    new = replaced(in_order(parts))
    assert new[:2] == [data for _, data in parts[:2]]
    for (_, old), data in zip(parts, new, strict=True):
        assert data[:9] == old[:9], "frame headers stay"
    assert b"acmecorp" not in b"".join(new)
    assert new[7][9:17] == new[7][26:], "a PING and its answer"
    assert new[8].endswith(b"too_many_pings from xxxxxxxx")
    message = b"\0\0\0\0\x08xxxxxxxx"
    assert new[3].endswith(message)
    assert new[4].endswith(message[:7])
    assert new[5][9:] == b"\2" + message[7:] + b"xx"
    assert new[6].endswith(frame(3, 0, 1, (8).to_bytes(4)))


def test_header_blocks_over_frames_and_segments_decode() -> None:
    parts = talk()
    stream = b"".join(data for who, data in parts if who)
    new = b"".join(replaced(cut(stream, 11)))
    assert new == b"".join(
        data for (who, _), data in zip(parts, replaced(in_order(parts)), strict=True) if who
    )
    at, block = len(PREFACE) + len(SETTINGS), b""
    while at < len(new):
        size, kind = int.from_bytes(new[at : at + 3], "big"), new[at + 3]
        payload = new[at + 9 : at + 9 + size]
        block += payload[6:-3] if kind == 1 else payload if kind == 9 else b""
        at += 9 + size
    told = dict(decoded(hpack.Decoder(), block))
    assert told[b":method"] == b"POST"


def test_behind_a_hole_nothing_of_a_header_block_is_left() -> None:
    parts = in_order(talk())
    new = replaced([parts[0], *parts[3:]])
    assert b"acme" not in b"".join(new)
    assert new[0] == parts[0][2]


def test_a_health_checks_answer_stays() -> None:
    server = hpack.Encoder()
    answer = frame(1, 4, 1, server.encode(ANSWER)) + frame(0, 0, 1, b"\0\0\0\0\2\x08\x02")
    new = replaced(in_order([(False, SETTINGS + answer)]))
    assert new[0].endswith(b"\0\0\0\0\2\x08\x02")


def test_http1_that_switches_to_http2() -> None:
    ask = (
        b"GET /acme HTTP/1.1\r\nHost: acmecorp.internal\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
    )
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    headers = frame(1, 5, 1, hpack.Encoder().encode(ANSWER))
    new = replaced(in_order([(True, ask), (False, answer + SETTINGS + headers), (True, PREFACE)]))
    assert b"AAMAAABkAAQCAAAAAAIAAAAA" in new[0]
    assert b"acme" not in new[0]
    assert new[1] == answer + SETTINGS + headers
    assert new[2] == PREFACE
