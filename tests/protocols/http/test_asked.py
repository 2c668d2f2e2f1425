"""What was asked over HTTP/2 is noted for the fleet's tables."""

from __future__ import annotations

import pytest

from pcapdiag.model.http import Exchange, GrpcFacts
from pcapdiag.protocols.http.asked import MAX_ASKED, AskedLog

pytestmark = pytest.mark.once


def exchange(target: str = "/cart", agent: str = "curl/8", status: int | None = 200) -> Exchange:
    return Exchange(
        index=0, version="2", method="GET", target=target, user_agent=agent, status=status,
        request_time=7,
    )  # fmt: skip


def health(status: int | None = 0) -> Exchange:
    one = exchange("/grpc.health.v1.Health/Check", "grpc-go/1.6")
    one.grpc = GrpcFacts("grpc.health.v1.Health", "Check", status)
    return one


def noted(one: Exchange, message: bytes = b"") -> tuple[int, int]:
    log = AskedLog()
    log.add(one, message)
    (row,) = log.rows
    return row.kind, row.outcome


def test_kinds() -> None:
    assert noted(exchange()) == (0, 200)
    assert noted(exchange("/readyz?token=1", "Envoy/HC", 503)) == (1, 503)
    assert noted(exchange("/api/health", status=None)) == (3, 5)


@pytest.mark.parametrize(
    ("message", "outcome"),
    [(b"\0\0\0\0\2\x08\x01", 200), (b"\0\0\0\0\2\x08\x02", 503), (b"\0\0\0\0\0", 503)],
    ids=["serving", "not serving", "unknown"],
)
def test_a_grpc_health_call_says_how_the_service_is(message: bytes, outcome: int) -> None:
    assert noted(health(), message) == (1, outcome)


def test_a_health_call_that_fails() -> None:
    assert noted(health(12), b"\0\0\0\0\2\x08\x01") == (1, 1012)


@pytest.mark.parametrize(("status", "outcome"), [(13, 1013), (5, 200), (4, 200), (0, 200)])
def test_a_call_that_the_server_failed(status: int, outcome: int) -> None:
    one = exchange("/shop.Stock/Set", "grpc-go/1.6")
    one.grpc = GrpcFacts("shop.Stock", "Set", status)
    assert noted(one) == (0, outcome)


def test_queries_are_left_out_and_rows_bounded() -> None:
    log = AskedLog()
    for _ in range(MAX_ASKED + 3):
        log.add(exchange("/a?token=secret"))
    assert len(log.rows) == MAX_ASKED
    assert log.rows[0].path == "/a"
