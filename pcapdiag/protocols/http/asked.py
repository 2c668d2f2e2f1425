"""What was asked on a connection of HTTP/2, request by request, for the fleet's tables.

HTTP/1 in clear text is counted in the tracker (pcapdiag/flow/callers.py); the words of health
checks are the same. A gRPC health call (grpc/doc/health-checking.md) says in its answer how the
service is.
"""

from __future__ import annotations

from functools import lru_cache

from pcapdiag.flow.screen import CHECK_WORDS, CHECKERS
from pcapdiag.model.fleet import GRPC_FAILED
from pcapdiag.model.http import Asked, Exchange

MAX_TARGET = 80
"""Characters of a path and of a user agent that are kept."""
MAX_ASKED = 256
"""Requests of one connection that are noted."""
GRPC_HEALTH = "grpc.health.v1.Health"
SERVING = 1
"""Value of ``HealthCheckResponse.status``; everything else is not well."""
MESSAGE_PREFIX = 5
"""Bytes before a gRPC message: compressed flag and length."""
HEALTH_KEPT = 16
"""Bytes of a health call's answer that are kept."""
STATUS_FIELD = 0x08
"""Protobuf tag of field 1 as a varint."""
OK, UNAVAILABLE, NO_ANSWER = 200, 503, 5
"""Outcomes as pcapdiag/model/fleet.py has them."""
SERVERS_FAULTS = (2, 13, 14, 15)
"""UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS (grpc/doc/statuscodes.md): the server failed; what it
says of the request, or a deadline that the caller set, is no fault of its own."""


class AskedLog:
    """Notes finished exchanges."""

    def __init__(self) -> None:
        self.rows: list[Asked] = []

    @property
    def is_full(self) -> bool:
        """Whether no further request is noted."""
        return len(self.rows) >= MAX_ASKED

    def add(self, exchange: Exchange, message: bytes = b"") -> None:
        """Note an exchange; ``message`` is the beginning of a health call's answer."""
        if exchange.request_time is None or self.is_full:
            return
        health = is_health_call(exchange)
        outcome = _health(exchange, message) if health else _outcome(exchange)
        kind = 1 if health else _kind(exchange.user_agent, exchange.target or "")
        self._note(
            exchange.request_time, kind, outcome, exchange.method or "", exchange.target or "",
            exchange.user_agent,
        )  # fmt: skip

    def add_healthy(self, time: int, status: int, method: str, target: str, agent: str) -> None:
        """Note a request that was answered well, which was no health call."""
        if not self.is_full:
            outcome = status or NO_ANSWER
            self._note(time, _kind(agent, target), outcome, method, target, agent)

    def _note(
        self, time: int, kind: int, outcome: int, method: str, target: str, agent: str
    ) -> None:
        path = target.partition("?")[0][:MAX_TARGET]
        self.rows.append(Asked(time, kind, outcome, method, path, agent[:MAX_TARGET]))


def is_health_call(exchange: Exchange) -> bool:
    """Return whether a request asks a gRPC server how it is."""
    return exchange.grpc is not None and exchange.grpc.service == GRPC_HEALTH


def _outcome(exchange: Exchange) -> int:
    if exchange.grpc is not None and exchange.grpc.status in SERVERS_FAULTS:
        return GRPC_FAILED + exchange.grpc.status
    return exchange.status or NO_ANSWER


def _health(exchange: Exchange, message: bytes) -> int:
    if exchange.grpc is not None and exchange.grpc.status:
        return GRPC_FAILED + exchange.grpc.status
    if exchange.status is None:
        return NO_ANSWER
    said = message[MESSAGE_PREFIX : MESSAGE_PREFIX + 2]
    return OK if said == bytes((STATUS_FIELD, SERVING)) else UNAVAILABLE


@lru_cache(maxsize=1_024)
def _kind(user_agent: str, target: str) -> int:
    if user_agent.lower().encode("latin-1", "replace").startswith(CHECKERS):
        return 1
    path = target.lower().encode("latin-1", "replace")
    words = path.replace(b"-", b"/").replace(b"_", b"/").replace(b".", b"/").split(b"/")
    return 3 if any(word.startswith(CHECK_WORDS) for word in words if word) else 0
