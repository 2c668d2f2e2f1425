"""What header fields tell of an exchange. No value that could be a secret is ever kept.

Only the fields named here are read; authorization, cookies and the like are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pcapdiag.model.http import Exchange
from pcapdiag.protocols.http.grpc import call_of, outcome_of
from pcapdiag.protocols.http.heads import Fields, text, values

MAX_VALUE = 200
"""Characters of any other value."""
_FORWARDING = frozenset({b"x-forwarded-for", b"forwarded", b"via"})
_TIMEOUT = rb"(?i)(?:^|[,; ])timeout=(\d{1,9})"
_LENGTH = re.compile(rb"\d{1,18}")


def describe_request(exchange: Exchange, fields: Fields) -> None:
    """Fill in what a request's header fields tell."""
    first = dict(reversed(fields))
    exchange.host = short(first, b"host") or short(first, b":authority") or None
    exchange.user_agent = short(first, b"user-agent")
    exchange.request_id = short(first, b"x-request-id") or None
    exchange.traceparent = short(first, b"traceparent") or None
    exchange.forwarded = not _FORWARDING.isdisjoint(first) or _are_of_envoy(first)
    exchange.expects_continue = b"expect" in first and _says(fields, b"expect", b"100-continue")
    _note_close(exchange, first, fields)
    exchange.grpc = call_of(exchange.target, first)


def describe_response(exchange: Exchange, fields: Fields) -> None:
    """Fill in what the header fields of a final response tell."""
    first = dict(reversed(fields))
    exchange.server = short(first, b"server")
    exchange.via = short(first, b"via")
    exchange.proxy_error = short(first, b"x-squid-error")
    exchange.content_type = short(first, b"content-type")
    exchange.response_headers = len(fields) - sum(name[:1] == b":" for name, _ in fields)
    exchange.envoy_headers = _are_of_envoy(first)
    exchange.upstream_service_time = b"x-envoy-upstream-service-time" in first
    _note_close(exchange, first, fields)
    exchange.expected_length = content_length(fields) if b"content-length" in first else None
    kept = first.get(b"keep-alive")
    timeout = re.search(_TIMEOUT, kept) if kept else None
    exchange.keep_alive_timeout = int(timeout[1]) if timeout else None
    exchange.grpc = outcome_of(exchange.grpc, first)


def describe_trailers(exchange: Exchange, fields: Fields) -> None:
    """Fill in what trailers (or gRPC's trailers-only headers) tell."""
    exchange.grpc = outcome_of(exchange.grpc, dict(reversed(fields)))


def content_length(fields: Fields) -> int | None:
    """Return the first Content-Length, or None where there is none that can be read."""
    first = next(iter(values(fields, b"content-length")), b"")
    return int(first) if _LENGTH.fullmatch(first) else None


def short(first: dict[bytes, bytes], name: bytes) -> str:
    """Return the beginning of a field's value; empty where there is none."""
    value = first.get(name)
    return text(value[:MAX_VALUE]) if value else ""


def _are_of_envoy(names: Iterable[bytes]) -> bool:
    return any(name[:8] == b"x-envoy-" for name in names)


def _note_close(exchange: Exchange, first: dict[bytes, bytes], fields: Fields) -> None:
    if b"connection" in first and _says(fields, b"connection", b"close"):
        exchange.connection_close = True


def _says(fields: Fields, name: bytes, word: bytes) -> bool:
    return word in (item.lower() for item in values(fields, name))
