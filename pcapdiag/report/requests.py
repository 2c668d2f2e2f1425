"""Requests in words: the first line of a failure that is one request's, and the others' lines."""

from __future__ import annotations

from pcapdiag.model.report import Connection, Verdict
from pcapdiag.model.report_http import HttpExchange
from pcapdiag.report import words
from pcapdiag.report.escape import shown

MAX_TARGET = 60
"""Characters of a request's target in one line."""


def exchange_text(exchange: HttpExchange) -> str:
    """Return request and answer: ``GET /pay -> 503``, ``gRPC /shop.Pay/Charge -> UNAVAILABLE``."""
    return f"{_request(exchange)} -> {_answer(exchange)}"


def request_head(connection: Connection, exchange: HttpExchange) -> str:
    """Return what was asked and answered, and between whom."""
    to, by = words.end(connection.initiator), words.end(connection.responder)
    return f"{exchange_text(exchange)} to {to} by {by}"


def other_text(other: Verdict) -> str:
    """Return one line about further failed requests of the same connection."""
    more = f"{other.count:,} more like it: " if other.count > 1 else ""
    return more + shown(other.title)


def _request(exchange: HttpExchange) -> str:
    target = _cut(shown(exchange.target)) if exchange.target else ""
    if exchange.grpc is not None and target:
        return f"gRPC {target}"
    method = shown(exchange.method) if exchange.method else "a request"
    return f"{method} {target}".rstrip()


def _answer(exchange: HttpExchange) -> str:
    grpc = exchange.grpc
    if grpc is not None and grpc.status:
        return shown(grpc.name or "") or f"grpc-status {grpc.status}"
    if exchange.status is None:
        return "no answer"
    return str(exchange.status) if exchange.complete else f"{exchange.status}, not complete"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TARGET else f"{text[: MAX_TARGET - 3]}..."
