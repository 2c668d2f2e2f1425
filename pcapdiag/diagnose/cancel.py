"""HTTP/2: a request that its initiator cancelled by RST_STREAM, on a connection that may go on.

Where the frames were read, they tell. Where only the turn's first bytes are at hand, the plain case
is seen in which the turn holds nothing else: streams opened and all of them cancelled, with not a
byte back (RFC 9113 sections 5.4.2, 6.4).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.diagnose.goodbye import H2_PREFACE
from pcapdiag.diagnose.http2.known import streams
from pcapdiag.diagnose.patience import MOST_SURE, Patience
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, counted

PREFACE_BYTES = 24
FRAME_HEADER = 9
HEADERS, RST_STREAM = 1, 3
GAVE_UP_CODES = (0, 2, 8)
GAVE_UP = tuple(code.to_bytes(4, "big") for code in GAVE_UP_CODES)
"""NO_ERROR, INTERNAL_ERROR and CANCEL (RFC 9113 section 7); Envoy says the second at timeouts."""
DEADLINE_SLACK, DEADLINE_SHARE = 60 * MS, 0.05
"""How far from grpc-timeout a client's own clock may fire, at least and as a share of it."""
CANCEL_BYTES = FRAME_HEADER + 4
SHORTEST_ALIKE = 100 * MS
"""Shorter waits may be alike by chance."""
ALIKE_SLACK, ALIKE_SHARE = 10 * MS, 0.02
SURE_ALIKE = 0.9
"""Probability of a timeout where each request that was taken back had waited as long: people who
lose interest do so after times of all lengths."""


class Cancel(msgspec.Struct, frozen=True):
    """When the request had been sent, and when and in which captured frame it was cancelled."""

    asked: int
    time: int
    frame: int
    deadline: int | None = None
    """The request's grpc-timeout, nanoseconds."""
    asked_frame: int = 0
    stream: int | None = None
    """Its HTTP/2 stream, where the frames were read."""


def cancelled(story: Story) -> Cancel | None:
    """Return the cancelling of all that the initiator asked for in the last turn, or None."""
    http = story.http
    if http is not None and http.http2 is not None and not http.incomplete:
        return _last_cancelled(http.exchanges)
    turn, head = story.turn, story.turn.request_head
    readable = story.hello_initiator.startswith(H2_PREFACE) and turn.request_bytes <= len(head)
    if not readable or turn.response_bytes:
        return None
    opened, gone = set(), set()
    number = 0
    for kind, stream, payload in _frames(head):
        if kind == RST_STREAM and payload in GAVE_UP:
            gone.add(stream)
            number += 1
        elif kind == HEADERS:
            opened.add(stream)
            number = 0
        else:
            number = 0
    return _times(story, number * CANCEL_BYTES) if opened and opened <= gone else None


def at_deadline(cancel: Cancel) -> Patience | None:
    """Return that it was a timeout, where the request's own grpc-timeout had passed just then."""
    waited, deadline = max(0, cancel.time - cancel.asked), cancel.deadline
    if deadline is None:
        return None
    slack = max(DEADLINE_SLACK, round(deadline * DEADLINE_SHARE))
    if abs(waited - deadline) > slack:
        return None
    reason = f"it waited {duration(waited)}, and had asked with grpc-timeout {duration(deadline)}"
    return Patience(waited, MOST_SURE, None, reason)


def like_others(story: Story, cancel: Cancel) -> Patience | None:
    """Return that it was a timeout, where other requests were taken back after the same time."""
    waited = max(0, cancel.time - cancel.asked)
    if waited < SHORTEST_ALIKE:
        return None
    waits = [
        other.reset_time - (other.request_end_time or other.request_time or 0)
        for other in streams(story)
        if taken_back(other) and other.reset_time and other.stream_id != cancel.stream
    ]
    slack = max(ALIKE_SLACK, round(waited * ALIKE_SHARE))
    alike = sum(1 for wait in waits if abs(wait - waited) <= slack)
    if not alike or alike < len(waits):
        return None
    others = counted(alike, "other request")
    reason = f"it waited {duration(waited)}, and took back {others} after the same time"
    return Patience(waited, SURE_ALIKE, None, reason)


def taken_back(exchange: Exchange) -> bool:
    """Return whether the initiator took its request back before a byte of the answer."""
    if exchange.ended_by != "initiator" or exchange.reset_code not in GAVE_UP_CODES:
        return False
    return exchange.status is None and exchange.response_frame is None and not exchange.complete


def cancel_of(exchange: Exchange) -> Cancel | None:
    """Return the cancelling of a request that its initiator took back; None without times."""
    asked, gone = exchange.request_end_time or exchange.request_time, exchange.reset_time
    if not taken_back(exchange) or asked is None or gone is None:
        return None
    return Cancel(
        asked,
        gone,
        exchange.reset_frame or 0,
        exchange.grpc.timeout if exchange.grpc else None,
        exchange.request_frame or 0,
        exchange.stream_id,
    )


def _last_cancelled(exchanges: list[Exchange]) -> Cancel | None:
    """Return the cancelling of the last request, where nothing was answered after it."""
    found = cancel_of(exchanges[-1]) if exchanges else None
    if found is None or any((one.response_end_time or 0) > found.time for one in exchanges):
        return None
    return found


def _times(story: Story, size: int) -> Cancel | None:
    """Find the packets that hold the last ``size`` bytes of the request: the cancelling."""
    sent = [p for p in story.packets if p.from_initiator and p.length and not p.is_retransmission]
    words = []
    while sent and 0 < sent[-1].length <= size:
        words.append(sent.pop())
        size -= words[-1].length
    if size or not words or not sent:
        return None
    asked = sent[-1]
    return Cancel(asked.time, words[-1].time, words[-1].frame, asked_frame=asked.frame)


def _frames(head: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (type, stream, payload) of each whole frame."""
    at = PREFACE_BYTES if head.startswith(H2_PREFACE) else 0
    while at + FRAME_HEADER <= len(head):
        end = at + FRAME_HEADER + int.from_bytes(head[at : at + 3], "big")
        stream = int.from_bytes(head[at + 5 : at + 9], "big") & 0x7FFFFFFF
        if end <= len(head):
            yield head[at + 3], stream, head[at + FRAME_HEADER : end]
        at = end
