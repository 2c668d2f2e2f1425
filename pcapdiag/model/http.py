"""What HTTP showed on a connection: exchanges of HTTP/1 and HTTP/2, and HTTP/2's own events."""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.model.ends import Actor, End

Version = Literal["1.0", "1.1", "2"]


class LocalReply(msgspec.Struct, frozen=True):
    """An answer that a proxy made itself, known by its text or headers."""

    product: str
    """``envoy``, ``nginx``, ``haproxy`` or another's name."""
    reason: str | None = None
    """Envoy's reset reason (``connection failure`` ...), or what the status means there."""
    details: str | None = None
    """Envoy's transport failure reason, or other words of the body."""
    handed_on: bool = False
    """The responder only passed it on: ``product`` stands further behind."""


class GrpcFacts(msgspec.Struct, frozen=True):
    """What makes an exchange a gRPC call."""

    service: str | None = None
    method: str | None = None
    status: int | None = None
    """grpc-status from trailers or trailers-only."""
    message: str | None = None
    """grpc-message, percent-decoded, 500 characters at most."""
    timeout: int | None = None
    """grpc-timeout in nanoseconds."""
    messages: int = 0
    """Length-prefixed messages of the response, as far as seen."""


class Exchange(msgspec.Struct):
    """One request and its answer. ``index`` counts requests of the connection from 0."""

    index: int
    version: Version
    stream_id: int | None = None
    method: str | None = None
    target: str | None = None
    """Path with query; masked only when it is printed."""
    host: str | None = None
    request_frame: int | None = None
    request_time: int | None = None
    request_end_frame: int | None = None
    """Frame with the request's last byte (END_STREAM); None while it is not complete."""
    request_end_time: int | None = None
    request_complete: bool = False
    request_length: int = 0
    """Body bytes seen."""
    status: int | None = None
    """Final status; None without one. Interim ones (1xx) are counted in ``interim``."""
    interim: int = 0
    response_frame: int | None = None
    response_time: int | None = None
    response_end_frame: int | None = None
    response_end_time: int | None = None
    length: int | None = None
    """Body bytes of the response seen; None without a response."""
    expected_length: int | None = None
    """content-length of the response."""
    complete: bool = False
    """The response's end was seen (HTTP/1 framing, END_STREAM)."""
    end_unknown: bool = False
    """Whether the response was complete cannot be told from what was kept of it."""
    until_close: bool = False
    """HTTP/1: only the connection's end ends the body."""
    ended_by: Actor | None = None
    """HTTP/2: who reset the stream; None otherwise."""
    reset_code: int | None = None
    reset_frame: int | None = None
    reset_time: int | None = None
    active_time: int | None = None
    """HTTP/2: when body bytes of either end were last seen on the stream."""
    upgrade: str = ""
    """Protocol that a 101 or CONNECT switched to."""
    # Headers that tell who speaks and join the two legs of a proxy.
    user_agent: str = ""
    request_id: str | None = None
    traceparent: str | None = None
    forwarded: bool = False
    """The request has X-Forwarded-For, Forwarded or Via, or x-envoy-* headers: a proxy sent it."""
    server: str = ""
    via: str = ""
    upstream_service_time: bool = False
    """The response has x-envoy-upstream-service-time: Envoy got it from an upstream."""
    envoy_headers: bool = False
    """The response has any x-envoy-* header."""
    proxy_error: str = ""
    """Squid's own word for what failed (``x-squid-error``): the answer is not the origin's."""
    content_type: str = ""
    connection_close: bool = False
    """Either side said ``connection: close``."""
    keep_alive_timeout: int | None = None
    """``keep-alive: timeout=N`` of the response, seconds."""
    expects_continue: bool = False
    body_head: bytes = b""
    """First bytes of the response body, 512 at most: proxies' own replies are told by them."""
    response_head_bytes: int = 0
    """Bytes of the response's status line and headers (decoded, for HTTP/2)."""
    response_headers: int = 0
    """How many header fields the response has."""
    framing_conflict: str = ""
    """Content-Length twice with other values, or with Transfer-Encoding: in words."""
    malformed: str = ""
    """What in the answer (or request) is not HTTP, in words; empty when nothing is."""
    malformed_by: End | None = None
    local_reply: LocalReply | None = None
    grpc: GrpcFacts | None = None
    websocket_close: bool = False
    """A WebSocket Close frame was seen."""
    headers_unknown: bool = False
    """HPACK state was missing (capture began in the middle): header fields are not known."""


class RstStream(msgspec.Struct, frozen=True):
    """A RST_STREAM frame."""

    frame: int
    time: int
    from_initiator: bool
    stream_id: int
    code: int
    after_headers: bool = False
    """The response's headers had been sent on that stream."""


class GoAway(msgspec.Struct, frozen=True):
    """A GOAWAY frame; ``debug`` is its text, 200 characters at most, unreadable bytes escaped."""

    frame: int
    time: int
    from_initiator: bool
    last_stream_id: int
    code: int
    debug: str = ""


class Ping(msgspec.Struct, frozen=True):
    """A PING and its answer (0 when none came)."""

    frame: int
    time: int
    from_initiator: bool
    ack_frame: int = 0
    ack_time: int = 0


class Stall(msgspec.Struct, frozen=True):
    """A flow-control window that was used up, and when it was opened again (0: never)."""

    frame: int
    time: int
    from_initiator: bool
    """Whose sending was stopped."""
    stream_id: int
    """0 for the connection's window."""
    until: int = 0


class Http2Facts(msgspec.Struct):
    """Events of an HTTP/2 connection that belong to no single exchange."""

    preface: bool = False
    """The client's connection preface was seen."""
    settings_initiator: dict[int, int] = {}
    settings_responder: dict[int, int] = {}
    settings_frame_responder: int = 0
    rst_streams: tuple[RstStream, ...] = ()
    goaways: tuple[GoAway, ...] = ()
    pings: tuple[Ping, ...] = ()
    """Unanswered ones and the last answered; the rest are only counted."""
    ping_count: int = 0
    stalls: tuple[Stall, ...] = ()
    """Windows at zero with more to send, that stayed so for a while or to the end."""
    streams: int = 0
    most_open: int = 0
    """Most streams open at once."""
    open_streams: tuple[int, ...] = ()
    """Streams of the initiator that were unfinished at the end, 100 at most."""
    problem: str = ""
    """What broke the framing, in words."""
    problem_frame: int = 0
    problem_by: End | None = None


class Asked(msgspec.Struct, frozen=True):
    """One request of HTTP/2 for the fleet's tables; ``kind`` and ``outcome`` as flow/callers.py."""

    time: int
    kind: int
    outcome: int
    method: str
    path: str
    user_agent: str


class HttpFacts(msgspec.Struct):
    """All that was read of one connection's HTTP."""

    requests: int = 0
    """All of them, also those without an entry in ``exchanges``."""
    exchanges: list[Exchange] = []
    """Failed or alarming ones, their neighbours and the last, in order; MAX_EXCHANGES at most."""
    left_out: int = 0
    http2: Http2Facts | None = None
    incomplete: bool = False
    """Bytes were missing: what follows the hole is not known."""
    asked: list[Asked] = []
    """HTTP/2: the first requests, healthy or not."""
