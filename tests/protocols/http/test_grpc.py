"""gRPC: calls, outcomes and the meaning of HTTP's own errors."""

from __future__ import annotations

import pytest

from pcapdiag.model.http import GrpcFacts
from pcapdiag.protocols.http.grpc import (
    MAX_MESSAGE,
    MessageCounter,
    call_of,
    outcome_of,
    status_name,
    status_of_reset,
)
from tests.protocols.http.talk import CLIENT, PREFACE, SERVER, Http2Peer, data, read, settings

pytestmark = pytest.mark.once


def call(*lines: tuple[bool, bytes]) -> GrpcFacts:
    client = Http2Peer()
    request = client.headers(
        1,
        _method="POST",
        _path="/shop.Basket/Get",
        content_type="application/grpc+proto",
        grpc_timeout="200m",
        te="trailers",
    )
    facts = read(
        (CLIENT, PREFACE + settings()),
        (SERVER, settings()),
        (CLIENT, request + data(1, bytes(5), end=True)),
        *lines,
    )
    grpc = facts.exchanges[0].grpc
    assert grpc is not None
    return grpc


def test_a_call_with_its_outcome_in_trailers() -> None:
    server = Http2Peer()
    message = b"\x00\x00\x00\x00\x03abc"
    head = server.headers(1, _status="200", content_type="application/grpc")
    grpc = call(
        (SERVER, head + data(1, message[:2]) + data(1, message[2:] + message)),
        (SERVER, server.headers(1, True, grpc_status="14", grpc_message="caf%C3%A9 100%25")),
    )
    assert (grpc.service, grpc.method, grpc.timeout) == ("shop.Basket", "Get", 200_000_000)
    assert (grpc.status, grpc.message, grpc.messages) == (14, "café 100%", 2)


def test_trailers_only() -> None:
    grpc = call((SERVER, Http2Peer().headers(1, True, _status="200", grpc_status="12")))
    assert (grpc.status, grpc.message, grpc.messages) == (12, None, 0)


def test_no_outcome() -> None:
    assert call().status is None


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1H", 3_600_000_000_000),
        (b"2M", 120_000_000_000),
        (b"3S", 3_000_000_000),
        (b"4m", 4_000_000),
        (b"5u", 5_000),
        (b"6n", 6),
        (b"7", None),
        (b"123456789S", None),
        (b"-1S", None),
    ],
)
def test_timeouts(text: bytes, nanoseconds: int | None) -> None:
    found = call_of("/a/b", {b"content-type": b"application/grpc", b"grpc-timeout": text})
    assert found is not None
    assert found.timeout == nanoseconds


def test_other_content_is_no_call() -> None:
    assert call_of("/a/b", {b"content-type": b"application/json"}) is None


@pytest.mark.parametrize("status", [b"", b"x", b"-1", b"9" * 5000])
def test_a_status_that_cannot_be_read_is_none(status: bytes) -> None:
    assert outcome_of(None, {b"grpc-status": status}) is None


def test_a_long_message_is_cut() -> None:
    found = outcome_of(None, {b"grpc-status": b"2", b"grpc-message": b"%41" * 9000})
    assert found is not None
    assert found.message == "A" * MAX_MESSAGE


def test_names_and_mappings() -> None:
    assert (status_name(0), status_name(14), status_name(16), status_name(99)) == (
        "OK",
        "UNAVAILABLE",
        "UNAUTHENTICATED",
        "99",
    )
    assert [status_of_reset(code) for code in (0, 7, 8, 11, 12, 5, 13)] == [
        13,
        14,
        1,
        8,
        7,
        None,
        None,
    ]


def test_messages_are_counted_at_any_split() -> None:
    body = (b"\x00\x00\x00\x00\x02ab" * 3) + b"\x00\x00\x00\x00\x00"
    for size in range(1, len(body)):
        counter = MessageCounter()
        for at in range(0, len(body), size):
            counter.add(body[at : at + size])
        assert counter.count == 4
