"""HTTP/2 streams as exchanges: requests, answers, trailers and resets (RFC 9113 section 8)."""

from __future__ import annotations

import msgspec

from pcapdiag.model.http import Exchange
from pcapdiag.protocols.http.asked import HEALTH_KEPT, is_health_call
from pcapdiag.protocols.http.body import BODY_HEAD
from pcapdiag.protocols.http.describe import (
    describe_request,
    describe_response,
    describe_trailers,
)
from pcapdiag.protocols.http.grpc import MessageCounter
from pcapdiag.protocols.http.heads import Fields, text, value
from pcapdiag.protocols.http.http1_exchange import (
    MAX_METHOD,
    MAX_TARGET,
    TUNNEL,
    note,
    request_ends,
    response_begins,
    response_ends,
)
from pcapdiag.protocols.packet_buffer import Moment

_CONNECTION_FIELDS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
"""Must not be in HTTP/2 (RFC 9113 section 8.2.2)."""
NO_BODY = (204, 304)
"""Statuses of answers without a body (RFC 9110 section 6.4.1)."""


class Stream:
    """One request of the initiator and its answer."""

    def __init__(self, stream_id: int, exchange: Exchange) -> None:
        self.stream_id = stream_id
        self.exchange = exchange
        self.request_begun = exchange.request_frame is not None
        self.response_begun = False
        self.missing = False
        """Bytes of it were not captured, so that lengths prove nothing."""
        self.health = b""
        """The beginning of a gRPC health call's answer."""
        self._messages = MessageCounter()

    @property
    def is_done(self) -> bool:
        """Whether both ends have said that they are done."""
        return self.exchange.complete and self.exchange.request_complete

    def request_headers(self, fields: Fields | None, first: Moment) -> None:
        """Take the request's headers, or its trailers."""
        exchange = self.exchange
        if self.request_begun:
            return
        self.request_begun = True
        exchange.request_frame, exchange.request_time = first
        if fields is None:
            exchange.headers_unknown = True
            return
        exchange.method = method_text(value(fields, b":method") or b"") or None
        exchange.target = target_text(value(fields, b":path") or b"") or None
        describe_request(exchange, fields)
        if exchange.method is None:
            note(exchange, "a request without :method", "initiator")
        note(exchange, broken_fields(fields), "initiator")

    def response_headers(self, fields: Fields | None, first: Moment) -> None:
        """Take an interim or the final response's headers, or its trailers."""
        exchange = self.exchange
        status = status_of(value(fields, b":status") or b"") if fields is not None else None
        if self.response_begun:
            if fields is not None:
                describe_trailers(exchange, fields)
            return
        if status is not None and 100 <= status < 200:
            exchange.interim += 1
            return
        self.response_begun = True
        response_begins(exchange, first)
        exchange.length = 0
        if fields is None:
            exchange.headers_unknown = True
            return
        exchange.status = status
        exchange.response_head_bytes = sum(len(name) + len(content) for name, content in fields)
        describe_response(exchange, fields)
        if exchange.method == "CONNECT" and status is not None and status < 300:
            exchange.upgrade = TUNNEL
        if status is None:
            note(exchange, "an answer without a valid :status", "responder")
        note(exchange, broken_fields(fields), "responder")

    def data(self, from_initiator: bool, payload: bytes, missing: int) -> None:
        """Count a part of a body."""
        exchange = self.exchange
        self.missing = self.missing or missing > 0
        if from_initiator:
            exchange.request_length += len(payload) + missing
            return
        exchange.length = (exchange.length or 0) + len(payload) + missing
        room = BODY_HEAD - len(exchange.body_head)
        # Only errors are told by their text; the body of a healthy answer is nobody's business.
        if room > 0 and exchange.status is not None and exchange.status >= 400:
            exchange.body_head += payload[:room]
        if exchange.grpc is not None:
            self._messages.add(payload)
            if is_health_call(exchange) and len(self.health) < HEALTH_KEPT:
                self.health += payload[:HEALTH_KEPT]

    def ends(self, from_initiator: bool, moment: Moment) -> None:
        """Note END_STREAM."""
        exchange = self.exchange
        if from_initiator:
            request_ends(exchange, moment)
            return
        response_ends(exchange, moment)
        exchange.complete = True
        expected = exchange.expected_length
        may_differ = exchange.method in ("HEAD", "CONNECT") or exchange.status in NO_BODY
        if expected is not None and not (may_differ or self.missing or exchange.headers_unknown):
            if exchange.length != expected:
                words = f"content-length {expected:,} and a body of {exchange.length:,} bytes"
                note(exchange, words, "responder")

    def reset(self, from_initiator: bool, code: int, moment: Moment) -> None:
        """Note RST_STREAM."""
        exchange = self.exchange
        if exchange.reset_code is None:
            exchange.ended_by = "initiator" if from_initiator else "responder"
            exchange.reset_code = code
            exchange.reset_frame, exchange.reset_time = moment

    def finished(self) -> Exchange:
        """Return the exchange with everything that was counted beside it."""
        exchange = self.exchange
        if exchange.grpc is not None:
            exchange.grpc = msgspec.structs.replace(exchange.grpc, messages=self._messages.count)
        return exchange


def upgraded(exchange: Exchange) -> Exchange:
    """Return stream 1's exchange, made of a request that asked by HTTP/1 for h2c (RFC 7540 3.2)."""
    kept = ("index", "method", "target", "host", "user_agent", "request_id", "traceparent")
    times = ("request_frame", "request_time", "request_end_frame", "request_end_time")
    counts = ("request_complete", "request_length", "forwarded", "expects_continue")
    values = {name: getattr(exchange, name) for name in (*kept, *times, *counts)}
    return Exchange(version="2", stream_id=1, interim=exchange.interim + 1, **values)


def method_text(method: bytes) -> str:
    """Return what is kept of a ``:method``."""
    return text(method[:MAX_METHOD])


def target_text(path: bytes) -> str:
    """Return what is kept of a ``:path``."""
    return text(path[:MAX_TARGET])


def status_of(status: bytes) -> int | None:
    """Return the number of a ``:status``, or None where it is none."""
    return int(status) if len(status) == 3 and status.isdigit() else None


def broken_fields(fields: Fields) -> str:
    """Return in words what field HTTP/2 forbids; empty where there is none."""
    names = [name for name, _ in fields]
    together = b"".join(names)
    if _CONNECTION_FIELDS.isdisjoint(names) and together == together.lower():
        return ""
    for name in names:
        if name in _CONNECTION_FIELDS:
            return f"a {text(name)} field, which HTTP/2 forbids"
        if name.lower() != name:
            return "a header name with upper case letters"
    return ""
