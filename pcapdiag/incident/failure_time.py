"""When a connection failed: the time of the last frame that its verdict rests on."""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.http import HttpFacts
from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Half, IcmpFact, Story, Turn

Moment = tuple[int | None, int | None]
"""A frame and its time (ns); None where there is none."""


def failure_time(story: Story, judgement: Judgement) -> int:
    """Return the time (ns) of the last of the decisive frames; the end's, where none was kept."""
    decisive = set(judgement.frames)
    seen: tuple[PacketFact | IcmpFact, ...] = (*story.packets, *story.resets, *story.icmp)
    times = {one.frame: one.time for one in seen if one.frame in decisive}
    missing = decisive.difference(times)
    if missing:
        times |= {frame: time for frame, time in _moments(story) if frame in missing and time}
    return max(filter(None, times.values()), default=story.end)


def _moments(story: Story) -> Iterator[Moment]:
    """Yield what is known of packets that need not be kept."""
    yield from _of_half(story.initiator)
    yield from _of_half(story.responder)
    for turn in (story.turn, *story.noted_turns):
        yield from _of_turn(turn)
    if story.tls is not None:
        for alert in story.tls.alerts:
            yield alert.frame, alert.time
    if story.http is not None:
        yield from _of_http(story.http)


def _of_half(half: Half) -> Iterator[Moment]:
    yield half.first_frame, half.first_time
    yield half.last_frame, half.last_time
    yield half.first_data_frame, half.first_data_time
    yield half.last_data_frame, half.last_data_time
    yield half.fin_frame, half.fin_time


def _of_turn(turn: Turn) -> Iterator[Moment]:
    yield turn.request_frame, turn.request_time
    yield turn.request_last_frame, turn.request_last_time
    yield turn.response_frame, turn.response_time
    yield turn.response_last_frame, turn.response_last_time


def _of_http(http: HttpFacts) -> Iterator[Moment]:
    for exchange in http.exchanges:
        yield exchange.request_frame, exchange.request_time
        yield exchange.request_end_frame, exchange.request_end_time
        yield exchange.response_frame, exchange.response_time
        yield exchange.response_end_frame, exchange.response_end_time
        yield exchange.reset_frame, exchange.reset_time
    if http.http2 is not None:
        events = http.http2
        for kept in (events.rst_streams, events.goaways, events.pings, events.stalls):
            for event in kept:
                yield event.frame, event.time
