"""What kinds about HTTP/2 streams and connections share: facts, phases, words."""

from __future__ import annotations

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.http.words import exchange_facts
from pcapdiag.diagnose.http2.errors import error_advice, error_meaning, error_name
from pcapdiag.diagnose.http2.known import streams
from pcapdiag.diagnose.judgement import Phase, SideHint
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.ends import Actor, host_in_url, side_of
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

MAX_CONCURRENT_STREAMS = 3
"""Number of the SETTINGS parameter (RFC 9113 section 6.5.2)."""


def phase_of(exchange: Exchange) -> Phase:
    """Return where a request stood."""
    if exchange.status is not None or exchange.response_frame is not None:
        return "in_response"
    return "before_response" if exchange.request_complete else "in_request"


def unfinished_at(story: Story, time: int) -> list[Exchange]:
    """Return the streams that were open at ``time`` (ns) and never finished, in order."""
    return [one for one in streams(story) if not one.complete and _was_open(one, time)]


def _was_open(exchange: Exchange, time: int) -> bool:
    opened = exchange.request_time is None or exchange.request_time <= time
    return opened and (exchange.reset_time is None or exchange.reset_time >= time)


def is_effect(story: Story, time: int, from_initiator: bool) -> bool:
    """Return whether something was sent after the other end had closed or reset: an effect."""
    end = ending(story)
    return end is not None and end.by_initiator != from_initiator and end.time < time


def last_word(story: Story) -> Actor | None:
    """Return who ended the connection, as far as somebody did (the report's ``ended_by``)."""
    end = ending(story)
    return end.actor if end is not None else None


def stream_limit(story: Story) -> int | None:
    """Return how many streams the responder allows at once; None where it set no limit."""
    facts = story.http2
    return facts.settings_responder.get(MAX_CONCURRENT_STREAMS) if facts else None


def refused_by(from_initiator: bool, why: str, frames: tuple[int, ...]) -> tuple[SideHint, ...]:
    """Return who did it, where an end's own frame says so."""
    return (SideHint(side_of(from_initiator), 0.97, why, frames),)


def stream_facts(story: Story, exchange: Exchange) -> dict[str, str]:
    """Return the words that all texts about one stream may use."""
    by_initiator = exchange.ended_by == "initiator"
    sender, receiver = story.half(by_initiator), story.half(not by_initiator)
    facts = exchange_facts(story, exchange) | {
        "stream": str(exchange.stream_id),
        "sender": host_in_url(sender.address),
        "receiver": host_in_url(receiver.address),
        "got": _got(exchange),
    }
    if exchange.reset_code is not None:
        facts |= error_facts(exchange.reset_code, sender.address, receiver.address)
        facts["reset_frame"] = str(exchange.reset_frame)
        facts["waited"] = _waited(exchange)
    return facts


def error_facts(code: int, sender: str, receiver: str) -> dict[str, str]:
    """Return an error code's words, where an address sent it to another."""
    return {
        "error": error_name(code),
        "error_number": str(code),
        "meaning": error_meaning(code),
        "advice": error_advice(code, host_in_url(sender), host_in_url(receiver)),
    }


def _got(exchange: Exchange) -> str:
    if exchange.status is None and exchange.response_frame is None:
        return "nothing of the answer had come"
    status = "" if exchange.status is None else f" (status {exchange.status})"
    size = f"{exchange.length or 0:,}"
    if exchange.expected_length is not None:
        size += f" of {exchange.expected_length:,}"
    return f"the answer had begun{status}: {size} bytes of its body had come"


def _waited(exchange: Exchange) -> str:
    asked = exchange.request_end_time or exchange.request_time
    if asked is None or exchange.reset_time is None:
        return "some time"
    return duration(max(0, exchange.reset_time - asked))
