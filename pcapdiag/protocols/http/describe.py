"""What header fields tell of an exchange. No value that could be a secret is ever kept.

Only the fields named here are read; authorization, cookies and the like are passed over.
"""

from __future__ import annotations

import re

from pcapdiag.model.http import Exchange
from pcapdiag.protocols.http.grpc import call_of, outcome_of
from pcapdiag.protocols.http.heads import Fields, text, values

MAX_VALUE = 200
"""Characters of any other value."""
_FORWARDING = (b"x-forwarded-for", b"forwarded", b"via")
_TIMEOUT = rb"(?i)(?:^|[,; ])timeout=(\d{1,9})"
_LENGTH = re.compile(rb"\d{1,18}")


def describe_request(exchange: Exchange, fields: Fields) -> None:
    """Fill in what a request's header fields tell."""
    first = dict(reversed(fields))
    exchange.host = _short(first, b"host") or _short(first, b":authority") or None
    exchange.user_agent = _short(first, b"user-agent")
    exchange.request_id = _short(first, b"x-request-id") or None
    exchange.traceparent = _short(first, b"traceparent") or None
    exchange.forwarded = any(
        name in _FORWARDING or name.startswith(b"x-envoy-") for name, _ in fields
    )
    exchange.expects_continue = _says(fields, b"expect", b"100-continue")
    exchange.connection_close = exchange.connection_close or _says(fields, b"connection", b"close")
    exchange.grpc = call_of(exchange.target, fields)


def describe_response(exchange: Exchange, fields: Fields) -> None:
    """Fill in what the header fields of a final response tell."""
    first = dict(reversed(fields))
    exchange.server = _short(first, b"server")
    exchange.via = _short(first, b"via")
    exchange.proxy_error = _short(first, b"x-squid-error")
    exchange.content_type = _short(first, b"content-type")
    names = [name for name, _ in fields]
    exchange.response_headers = sum(not name.startswith(b":") for name in names)
    exchange.envoy_headers = any(name.startswith(b"x-envoy-") for name in names)
    exchange.upstream_service_time = b"x-envoy-upstream-service-time" in names
    exchange.connection_close = exchange.connection_close or _says(fields, b"connection", b"close")
    exchange.expected_length = content_length(fields)
    kept = first.get(b"keep-alive")
    timeout = re.search(_TIMEOUT, kept) if kept else None
    exchange.keep_alive_timeout = int(timeout[1]) if timeout else None
    describe_trailers(exchange, fields)


def describe_trailers(exchange: Exchange, fields: Fields) -> None:
    """Fill in what trailers (or gRPC's trailers-only headers) tell."""
    exchange.grpc = outcome_of(exchange.grpc, fields)


def content_length(fields: Fields) -> int | None:
    """Return the first Content-Length, or None where there is none that can be read."""
    first = next(iter(values(fields, b"content-length")), b"")
    return int(first) if _LENGTH.fullmatch(first) else None


def _short(first: dict[bytes, bytes], name: bytes) -> str:
    return text(first.get(name, b"")[:MAX_VALUE])


def _says(fields: Fields, name: bytes, word: bytes) -> bool:
    return word in (item.lower() for item in values(fields, name))
