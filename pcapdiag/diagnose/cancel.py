"""HTTP/2: a request that its initiator cancelled by RST_STREAM, on a connection that may go on.

Only the plain case is read here, in which the turn holds nothing else: streams opened and all of
them cancelled, with not a byte back (RFC 9113 sections 5.4.2, 6.4).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.diagnose.goodbye import H2_PREFACE
from pcapdiag.model.story import Story

PREFACE_BYTES = 24
FRAME_HEADER = 9
HEADERS, RST_STREAM = 1, 3
GAVE_UP = tuple(code.to_bytes(4, "big") for code in (0, 2, 8))
"""NO_ERROR, INTERNAL_ERROR and CANCEL (RFC 9113 section 7); Envoy says the second at timeouts."""
CANCEL_BYTES = FRAME_HEADER + 4


class Cancel(msgspec.Struct, frozen=True):
    """When the request had been sent, and when and in which captured frame it was cancelled."""

    asked: int
    time: int
    frame: int


def cancelled(story: Story) -> Cancel | None:
    """Return the cancelling of all that the initiator asked for in the last turn, or None."""
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


def _times(story: Story, size: int) -> Cancel | None:
    """Find the packets that hold the last ``size`` bytes of the request: the cancelling."""
    sent = [p for p in story.packets if p.from_initiator and p.length and not p.is_retransmission]
    words = []
    while sent and 0 < sent[-1].length <= size:
        words.append(sent.pop())
        size -= words[-1].length
    if size or not words or not sent:
        return None
    return Cancel(sent[-1].time, words[-1].time, words[-1].frame)


def _frames(head: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (type, stream, payload) of each whole frame."""
    at = PREFACE_BYTES if head.startswith(H2_PREFACE) else 0
    while at + FRAME_HEADER <= len(head):
        end = at + FRAME_HEADER + int.from_bytes(head[at : at + 3], "big")
        stream = int.from_bytes(head[at + 5 : at + 9], "big") & 0x7FFFFFFF
        if end <= len(head):
            yield head[at + 3], stream, head[at + FRAME_HEADER : end]
        at = end
