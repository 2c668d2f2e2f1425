"""Which fields of HTTP's facts the tests give by name, as the model has them."""

from __future__ import annotations

from typing import Literal, TypedDict

from pcapdiag.model.application import Protocol
from pcapdiag.model.http import GoAway, GrpcFacts, HttpFacts, LocalReply, Ping, Stall, Version
from pcapdiag.model.tls import TlsFacts


class ExchangeFields(TypedDict, total=False):
    """Of ``Exchange``."""

    version: Version
    stream_id: int | None
    method: str | None
    target: str | None
    host: str | None
    request_frame: int | None
    request_time: int | None
    request_end_frame: int | None
    request_end_time: int | None
    request_complete: bool
    request_length: int
    status: int | None
    interim: int
    response_frame: int | None
    response_time: int | None
    response_end_frame: int | None
    response_end_time: int | None
    length: int | None
    expected_length: int | None
    complete: bool
    end_unknown: bool
    until_close: bool
    ended_by: Literal["initiator", "responder", "path"] | None
    reset_code: int | None
    reset_frame: int | None
    reset_time: int | None
    active_time: int | None
    upgrade: str
    user_agent: str
    request_id: str | None
    traceparent: str | None
    forwarded: bool
    server: str
    via: str
    upstream_service_time: bool
    envoy_headers: bool
    proxy_error: str
    content_type: str
    connection_close: bool
    keep_alive_timeout: int | None
    expects_continue: bool
    body_head: bytes
    response_head_bytes: int
    response_headers: int
    framing_conflict: str
    malformed: str
    malformed_by: Literal["initiator", "responder"] | None
    local_reply: LocalReply | None
    grpc: GrpcFacts | None
    websocket_close: bool
    headers_unknown: bool


class Http2Fields(TypedDict, total=False):
    """Of ``Http2Facts``."""

    settings_responder: dict[int, int]
    settings_frame_responder: int
    goaways: tuple[GoAway, ...]
    pings: tuple[Ping, ...]
    ping_count: int
    stalls: tuple[Stall, ...]
    most_open: int
    problem: str
    problem_frame: int
    problem_by: Literal["initiator", "responder"] | None


class ApplicationFields(TypedDict, total=False):
    """Of ``Application``."""

    initiator_speaks: Protocol
    responder_speaks: Protocol
    inside: Protocol
    responder_head: bytes
    tls: TlsFacts | None
    http: HttpFacts | None
