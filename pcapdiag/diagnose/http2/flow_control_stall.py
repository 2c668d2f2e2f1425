"""http2.flow_control_stall: The sender's window was used up and never opened again.

What happened
    HTTP/2 lets a receiver say how much it takes (WINDOW_UPDATE). One end had more to send, its
    window for the stream or the connection was at zero, and no WINDOW_UPDATE came until somebody
    gave up.

How pcapdiag can tell
    DATA up to the last byte of the window, the body not ended, no WINDOW_UPDATE from the other end,
    for a second or more, until a close, a reset or the end of the stream. TCP was fine meanwhile.

Usual causes
    - A program that does not read a body: it waits for something else, is blocked, or forgot it.
    - A proxy whose own other leg is slow passes the stop on (back-pressure).
    - A library that loses WINDOW_UPDATEs, or credits the stream and not the connection.

Fixes
    - First: why does the receiver not read? With a proxy, look at the leg behind it.
    - Application: read every body to its end, or reset the stream.
    - gRPC: a streaming call whose messages nobody takes stops all of its stream;
      `InitialWindowSize` and `InitialConnWindowSize` help against bursts only.
    - Envoy: `initial_stream_window_size`, `initial_connection_window_size`; `/stats`:
      `upstream_flow_control_paused_reading_total`, `upstream_flow_control_backed_up_total`.
    - NGINX: `http2_body_preread_size`, `proxy_request_buffering`.
    - HAProxy: `tune.h2.initial-window-size`.

Can be confused with
    - tcp.zero_window: the same one layer below, where the whole connection stands.
    - tcp.response_timeout: the request was sent in full.
    - http.stream_idle_timeout: what often ends it.

What would settle it
    - `tshark -r FILE -Y 'http2.type == 8'`: which WINDOW_UPDATEs came, for which stream?
    - A capture of the proxy's other leg.

References
    - RFC 9113 sections 5.2 and 6.9.
    - Envoy's documentation, "How do I configure flow control?".
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.http.words import request_words
from pcapdiag.diagnose.http2.errors import CANCEL, NO_ERROR
from pcapdiag.diagnose.http2.known import is_incomplete, streams
from pcapdiag.diagnose.http2.streams import last_word
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.ends import host_in_url, side_of
from pcapdiag.model.http import Exchange, Stall
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

KIND = Kind(
    code="http2.flow_control_stall",
    title="flow control stall: {receiver} did not read on, {sender} could not send {request}",
    explanation=(
        "{sender} was sending {what} of {request} (stream {stream}). The window of {scope} was "
        "used up in frame {stall_frame}, and {receiver} sent no WINDOW_UPDATE for {waited}, until "
        "{until}. TCP still delivered: the program at {receiver} did not read."
    ),
    phases=("in_request", "in_response"),
    envoy=Envoy("UT", "response timeout"),
    nginx="upstream timed out (110: Connection timed out) while sending request to upstream",
    haproxy="sD / sH",
    fix_at=("responder", "initiator"),
    fixes=(
        "why does the program at {receiver} not read that body? (blocked handler, queue full, "
        "waits for another service; thread dump)",
        "is {receiver} a proxy? then it passes the stop on: look at its other leg (slow client or "
        "upstream)",
        "window for the connection: one unread stream can stop all others; larger windows help "
        "only against bursts: Envoy initial_stream_window_size, initial_connection_window_size, "
        "gRPC InitialWindowSize, NGINX http2_body_preread_size",
    ),
    commands=(
        "tshark -r FILE -Y 'http2.streamid == {stream} || http2.type == 8' -d "
        "tcp.port=={responder_port},http2",
        "curl -s localhost:15000/stats | grep -E 'flow_control_(paused|backed)'  # in Istio; "
        "Envoy's own admin port is often 9901",
    ),
)

LEAST_STALL = 900 * MS
"""Receivers pause for shorter times all the time."""
NO_INTEREST = frozenset({NO_ERROR, CANCEL})


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for the first stream that flow control stopped for good."""
    for exchange in streams(story):
        judgement = match_exchange(story, exchange, _context)
        if judgement is not None:
            return judgement
    return None


def match_exchange(story: Story, exchange: Exchange, _context: Context) -> Judgement | None:
    """Return the verdict for one stream that flow control stopped until somebody gave up."""
    facts = story.http2
    if facts is None or exchange.complete or is_incomplete(story):
        return None
    for stall in facts.stalls:
        gave_up = _gave_up(story, exchange)
        if stall.until or gave_up is None or not _concerns(stall, exchange):
            continue
        if gave_up - stall.time >= LEAST_STALL and not _lost_interest(exchange, stall):
            return _judgement(story, exchange, stall, gave_up)
    return None


def _concerns(stall: Stall, exchange: Exchange) -> bool:
    """Return whether it was this stream's body that could not be sent."""
    sending = not exchange.request_complete if stall.from_initiator else exchange.length is not None
    opened = exchange.request_time is None or exchange.request_time <= stall.time
    return sending and opened and stall.stream_id in (0, exchange.stream_id)


def _gave_up(story: Story, exchange: Exchange) -> int | None:
    """Return when somebody ended the stream or the connection; None while it is only slow."""
    end = ending(story)
    if exchange.reset_time is not None:
        return exchange.reset_time
    return end.time if end is not None else None


def _lost_interest(exchange: Exchange, stall: Stall) -> bool:
    """Return whether a client stopped reading because it did not want the rest: it cancelled."""
    own = not stall.from_initiator and exchange.ended_by == "initiator"
    return own and exchange.reset_code in NO_INTEREST


def _judgement(story: Story, exchange: Exchange, stall: Stall, gave_up: int) -> Judgement:
    receiver = side_of(not stall.from_initiator)
    end = ending(story)
    end_frame = exchange.reset_frame or (end.frame if end else 0)
    why = "no WINDOW_UPDATE came from it, while its TCP acknowledged"
    frames = frames_of(exchange.request_frame or 0, stall.frame, end_frame)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="in_request" if stall.from_initiator else "in_response",
        confidence=0.92 if stall.from_initiator else 0.85,
        frames=frames,
        ended_by=last_word(story),
        candidates=(SideHint(receiver, 0.92, why, frames),),
        exchange=exchange.index,
        facts=_facts(story, exchange, stall, gave_up, end_frame),
    )


def _facts(
    story: Story, exchange: Exchange, stall: Stall, gave_up: int, end_frame: int
) -> dict[str, str]:
    sender, receiver = story.half(stall.from_initiator), story.half(not stall.from_initiator)
    word = "RST_STREAM" if exchange.reset_frame else "the connection's end"
    return {
        "request": request_words(exchange),
        "stream": str(exchange.stream_id),
        "sender": host_in_url(sender.address),
        "receiver": host_in_url(receiver.address),
        "what": "the body" if stall.from_initiator else "the answer's body",
        "scope": "the stream" if stall.stream_id else "the whole connection",
        "stall_frame": str(stall.frame),
        "waited": duration(gave_up - stall.time),
        "until": f"{word} (frame {end_frame})",
    }
