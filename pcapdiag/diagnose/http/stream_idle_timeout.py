"""http.stream_idle_timeout: An open stream was cut because it was quiet for a while.

What happened
    A WebSocket, a stream of events or a gRPC stream was open and quiet; a proxy's idle timer ran
    out, and it ended the stream on both legs.

How pcapdiag can tell
    The end came after a quiet time, with no Close frame, last chunk or status before it, and the
    quiet time has a timer's value or the proxy's other leg was cut at the same time. Whoever opens
    such a stream may leave it as it likes: its own end alone is no failure.

Usual causes
    - Envoy `stream_idle_timeout` (5 min by default), or the route's timeout.
    - NGINX `proxy_read_timeout` (60 s).
    - HAProxy `timeout tunnel`, or `timeout client` and `timeout server`.
    - A load balancer's idle timeout (AWS ALB 60 s).

Fixes
    - First: send something more often than the timer runs, or set the timer to what the stream
      needs. Let clients open the stream again by themselves.
    - Application: a WebSocket ping, a comment line in a stream of events.
    - gRPC: a message of its own: HTTP/2 PINGs belong to no stream, and do not count.
    - Envoy: `stream_idle_timeout` of the connection manager, `idle_timeout` and `timeout` of the
      route (0 is never).
    - Istio: VirtualService `timeout: 0s`; the idle timer by EnvoyFilter.
    - NGINX: `proxy_read_timeout`, `proxy_send_timeout`, `grpc_read_timeout`.
    - HAProxy: `timeout tunnel` once a connection was upgraded, else `timeout client` and `timeout
      server`.
    - Kubernetes: ingress-nginx `proxy-read-timeout` and `proxy-send-timeout`.
    - Cloud: AWS ALB `idle_timeout.timeout_seconds` (60), GCP backend service `timeoutSec` (30; also
      the limit of a WebSocket).

Can be confused with
    - tcp.idle_reset, tcp.stale_connection: cut by RST, or forgotten by a device on the path.
    - http.truncated_response: cut in the middle of data.
    - tcp.response_timeout: no answer had begun.

What would settle it
    - Both legs in one capture: which one ended first, and after the same quiet time?

References
    - RFC 6455 section 7.1.1 (Close frame); WHATWG HTML section 9.2 (server-sent events).
    - Envoy's documentation, "How do I configure timeouts?"; AWS "Application Load Balancers" (idle
      timeout).
    - Measured in the lab (docs/lab.md): Envoy closes the upstream leg at once, the client's a
      second later.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.cancel import DEADLINE_SLACK
from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.http.failure import request_failed
from pcapdiag.diagnose.http2.errors import CANCEL
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.patience import round_seconds
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_may_be_missing
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.http import Exchange
from pcapdiag.model.packet import KEEP_ALIVE
from pcapdiag.model.story import LegMoment, Story
from pcapdiag.model.units import MS, SECOND

KIND = Kind(
    code="http.stream_idle_timeout",
    title="open stream cut after {quiet} of quiet: {request} ended by {cutter}",
    explanation=(
        "{request} ({request_where}) had opened {stream} that was still open. After {quiet} "
        "without a byte either way {cutter} ended it (frame {end_frame}), with no sign of an "
        "orderly end. {shown}"
    ),
    phases=("in_response",),
    envoy=Envoy("SI / UT", "stream timeout"),
    nginx="upstream timed out (110: Connection timed out) while proxying upgraded connection",
    haproxy="sD / cD",
    fix_at=("initiator", "responder"),
    fixes=(
        "send something more often than every {quiet}: WebSocket ping, a comment line in the "
        "stream of events, a message of its own for gRPC (HTTP/2 PINGs do not count: they belong "
        "to no stream)",
        "or give the stream more time: Envoy stream_idle_timeout of the connection manager and "
        "idle_timeout of the route (Istio: EnvoyFilter); NGINX proxy_read_timeout and "
        "proxy_send_timeout, grpc_read_timeout; HAProxy timeout tunnel; AWS ALB "
        "idle_timeout.timeout_seconds",
        "let the client open the stream again by itself: it will be cut again some day",
    ),
    commands=(
        "curl -sN -v --max-time 600 '{scheme}://{responder_host}:{responder_port}/'  # from "
        "{initiator_ip}: after what time is it cut?",
    ),
)

ENDLESS = ("text/event-stream", "multipart/x-mixed-replace")
SHORTEST = 950 * MS
"""Less quiet than this is no idle timer's (1 s, as timers seem to fire early)."""
BOTH_LEGS = 1_300 * MS
"""A proxy ends both legs within this: Envoy the second after its delayed close (1 s)."""
DELAYED_CLOSE = SECOND
ENVOY_CLOSES_LATE_FROM = 10 * SECOND
"""Envoy closes an HTTP/1 client's side its delayed close after the timer; told only of long ones,
for of short times every second one is some timer's value."""
NOTED = 5 * SECOND
BY_TIMER, BY_BOTH_LEGS = 0.75, 0.9


class _Cut(msgspec.Struct, frozen=True):
    """How the stream was ended, and how long it had been quiet then (ns)."""

    by_initiator: bool
    frame: int
    quiet: int
    wished: bool
    """Its opener may just have had enough of it."""
    other_leg: int | None
    """Stream of the proxy's other leg that was cut then, too."""


def match(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for an open stream that somebody's timer cut."""
    stream = _open_stream(exchange)
    cut = _cut(story, exchange) if stream else None
    if cut is None or cut.quiet < SHORTEST or answer_may_be_missing(story):
        return None
    value = _timer(exchange, cut)
    unsure = (
        value is None or cut.wished or exchange.until_close or _ended_without_word(exchange, cut)
    )
    if cut.other_leg is None and (unsure or _met_its_deadline(exchange)):
        return None
    cutter = story.half(cut.by_initiator)
    shown = f"That is the value of a {value:g} s timer." if value is not None else ""
    if cut.other_leg is not None:
        shown = f"{shown} The proxy cut its other leg then, too (stream {cut.other_leg}).".strip()
    both = cut.other_leg is not None
    why, frames = "it ended the stream after the quiet time", (cut.frame,)
    return request_failed(
        story,
        exchange,
        KIND.code,
        "in_response",
        BY_BOTH_LEGS if both else BY_TIMER,
        (SideHint(side_of(cut.by_initiator), 0.93, why, frames),),
        frames=frames,
        alternatives=() if both else (OtherCode("http.truncated_response", 0.2),),
        facts={
            "stream": stream,
            "cutter": cutter.address,
            "quiet": duration(cut.quiet),
            "end_frame": str(cut.frame),
            "shown": shown,
        },
    )


def _open_stream(exchange: Exchange) -> str:
    """Return what kind of stream was open; empty where none was, or it ended in order."""
    if exchange.upgrade.lower() == "websocket" and not exchange.websocket_close:
        return "a WebSocket"
    if exchange.complete or exchange.end_unknown or exchange.status is None:
        return ""
    if exchange.content_type.lower().startswith(ENDLESS):
        return "a stream of events"
    return "a gRPC stream" if exchange.grpc is not None and exchange.grpc.messages else ""


def _cut(story: Story, exchange: Exchange) -> _Cut | None:
    if exchange.reset_frame is not None and exchange.reset_time is not None:
        mine = exchange.ended_by == "initiator"
        return _Cut(
            by_initiator=mine,
            frame=exchange.reset_frame,
            quiet=_stream_quiet(exchange, exchange.reset_time),
            wished=mine and exchange.reset_code == CANCEL,
            other_leg=None,
        )
    end = ending(story)
    if end is None:
        return None
    other = _other_leg(story, end.time, end.by_initiator)
    quiet = _quiet(story, end.time)
    return _Cut(end.by_initiator, end.frame, quiet, end.by_initiator, other)


def _timer(exchange: Exchange, cut: _Cut) -> float | None:
    """Return the timer's value, seconds, that the quiet time fits."""
    value = round_seconds(cut.quiet)
    is_envoy = exchange.envoy_headers or "envoy" in exchange.server.lower()
    if value is None and is_envoy and cut.quiet > ENVOY_CLOSES_LATE_FROM:
        return round_seconds(cut.quiet - DELAYED_CLOSE)
    return value


def _ended_without_word(exchange: Exchange, cut: _Cut) -> bool:
    """Return whether all of an HTTP/2 connection ended with the stream, as with a dead process.

    A timer of a stream says RST_STREAM. Told of short times alone: see ENVOY_CLOSES_LATE_FROM.
    """
    whole = exchange.stream_id is not None and exchange.reset_frame is None
    return whole and cut.quiet < ENVOY_CLOSES_LATE_FROM


def _met_its_deadline(exchange: Exchange) -> bool:
    """Return whether the stream was reset when the call's own grpc-timeout had passed."""
    timeout = exchange.grpc.timeout if exchange.grpc else None
    asked, reset = exchange.request_time, exchange.reset_time
    if timeout is None or asked is None or reset is None:
        return False
    return abs(reset - asked - timeout) <= max(DEADLINE_SLACK, timeout // 100)


def _stream_quiet(exchange: Exchange, time: int) -> int:
    """Return how long nothing had moved on one stream of HTTP/2 at ``time``, nanoseconds."""
    moved = (exchange.request_time, exchange.response_time, exchange.active_time)
    return time - max((moment for moment in moved if moment is not None), default=time)


def _quiet(story: Story, time: int) -> int:
    """Return how long no payload had been seen either way at ``time``, nanoseconds."""
    said = [
        p.time for p in story.packets if p.length and p.time < time and not p.marks & KEEP_ALIVE
    ]
    return time - max(said, default=story.start)


def _other_leg(story: Story, time: int, by_initiator: bool) -> int | None:
    """Return the proxy's other leg that it ended at about ``time``, and not its client."""
    if by_initiator:
        clients = [m for m in story.legs_before if not m.opened]
        if any(m.kind == "left" and m.time <= time for m in clients):
            return None
        ended = [m for m in clients if m.kind == "closed"]
    else:
        ended = [m for m in story.legs_behind if m.opened and m.kind == "left"]
    return _nearest(ended, time)


def _nearest(moments: list[LegMoment], time: int) -> int | None:
    near = [m for m in moments if abs(m.time - time) <= BOTH_LEGS]
    return min(near, key=lambda m: abs(m.time - time)).stream if near else None


def idle_note(story: Story, exchange: Exchange) -> str | None:
    """Return a note on a WebSocket that its opener, maybe a proxy, ended at a timer's value."""
    if _open_stream(exchange) != "a WebSocket":
        return None
    cut = _cut(story, exchange)
    if cut is None or not cut.by_initiator or cut.quiet < NOTED:
        return None
    value = round_seconds(cut.quiet)
    if value is None:
        return None
    return (
        f"The initiator ended the WebSocket after {duration(cut.quiet)} of quiet, without a Close "
        f"frame (frame {cut.frame}): the value of a {value:g} s timer."
    )
