"""gRPC over HTTP/2: calls, outcomes, and what HTTP's own errors mean to a gRPC client.

Rules: grpc/doc/PROTOCOL-HTTP2.md, statuscodes.md and http-grpc-status-mapping.md.
"""

from __future__ import annotations

import re

import msgspec

from pcapdiag.model.http import GrpcFacts
from pcapdiag.protocols.http.heads import text

MAX_MESSAGE = 500
"""Characters of a grpc-message that are kept."""
MAX_NAME = 200

STATUS_NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""By number (statuscodes.md)."""
FAILURES = frozenset({2, 4, 8, 12, 13, 14, 15})
"""Statuses that tell of a failure, and not of an answer as NOT_FOUND or ABORTED."""
_INTERNAL = 13
_MAX_DIGITS = 3
_BY_NAME = {name.replace("_", ""): number for number, name in enumerate(STATUS_NAMES)} | {
    "CANCELED": 1,
    "INVALIDCODE": -1,
}
"""Envoy writes CANCELED with one L, and InvalidCode for what is none."""
_OF_RST_CODE = {7: 14, 8: 1, 11: 8, 12: 7}
"""Of RST_STREAM codes (PROTOCOL-HTTP2.md, "Errors"); the other errors are INTERNAL."""
_INTERNAL_RST_CODES = (0, 1, 2, 3, 4, 6, 9, 10)
_TIMEOUT = rb"(\d{1,8})([HMSmun])"
_UNITS = {
    b"H": 3_600_000_000_000,
    b"M": 60_000_000_000,
    b"S": 1_000_000_000,
    b"m": 1_000_000,
    b"u": 1_000,
    b"n": 1,
}


def says_grpc(content_type: bytes) -> bool:
    """Return whether a content-type is gRPC's."""
    return content_type.lower().startswith(b"application/grpc")


def call_of(target: str | None, fields: dict[bytes, bytes]) -> GrpcFacts | None:
    """Return the call that a request makes, or None where its content-type is not gRPC's."""
    if not says_grpc(fields.get(b"content-type", b"")):
        return None
    service, slash, method = (target or "").removeprefix("/").rpartition("/")
    timeout = re.fullmatch(_TIMEOUT, fields.get(b"grpc-timeout", b""))
    return GrpcFacts(
        service=service[:MAX_NAME] if slash else None,
        method=method[:MAX_NAME] if slash else None,
        timeout=int(timeout[1]) * _UNITS[timeout[2]] if timeout else None,
    )


def outcome_of(call: GrpcFacts | None, fields: dict[bytes, bytes]) -> GrpcFacts | None:
    """Return the call with the status and message that a response's fields or trailers give."""
    status = fields.get(b"grpc-status", b"")
    if not status.isdigit() or len(status) > 9:
        return call
    message = fields.get(b"grpc-message")
    readable = None if message is None else _readable(message)
    return msgspec.structs.replace(
        call or GrpcFacts(),
        status=int(status),
        message=readable,
    )


def _readable(message: bytes) -> str:
    from urllib.parse import unquote  # Only here: few captures have gRPC.

    return unquote(text(message[: 3 * MAX_MESSAGE]))[:MAX_MESSAGE]


def status_name(status: int) -> str:
    """Return the name of a grpc-status, or its number where it has none."""
    return STATUS_NAMES[status] if 0 <= status < len(STATUS_NAMES) else str(status)


def status_number(text: str) -> int | None:
    """Return the number of a status that a text has as number or name, or None.

    Names are read in either spelling: ``DEADLINE_EXCEEDED``, ``DeadlineExceeded``.
    """
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    return _BY_NAME.get(text.replace("_", "").upper())


def status_of_reset(code: int) -> int | None:
    """Return the grpc-status that a client makes of a RST_STREAM code, or None.

    PROTOCOL-HTTP2.md: there is none for STREAM_CLOSED and HTTP_1_1_REQUIRED.
    """
    if code in _INTERNAL_RST_CODES:
        return _INTERNAL
    return _OF_RST_CODE.get(code)


class MessageCounter:
    """Counts length-prefixed messages (PROTOCOL-HTTP2.md: flag, four bytes of length, message)."""

    PREFIX = 5

    def __init__(self) -> None:
        self.count = 0
        """Messages whose prefix was seen in full."""
        self._prefix = bytearray()
        self._left = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes of a body."""
        offset = 0
        while offset < len(data):
            if self._left:
                passed = min(self._left, len(data) - offset)
                self._left -= passed
            else:
                passed = min(self.PREFIX - len(self._prefix), len(data) - offset)
                self._prefix += data[offset : offset + passed]
                self._begin_message()
            offset += passed

    def _begin_message(self) -> None:
        if len(self._prefix) == self.PREFIX:
            self._left = int.from_bytes(self._prefix[1:], "big")
            self._prefix.clear()
            self.count += 1
