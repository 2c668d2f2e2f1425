"""What kinds about HTTP/2 streams and connections share: facts, phases, words."""

from __future__ import annotations

from collections.abc import Iterable

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.http.words import exchange_facts
from pcapdiag.diagnose.http2.errors import NO_ERROR, error_meaning, error_name
from pcapdiag.diagnose.judgement import Actor, Phase, SideHint
from pcapdiag.diagnose.text import host_in_url
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.http import Exchange, GoAway, Http2Facts
from pcapdiag.model.story import Story

MAX_CONCURRENT_STREAMS = 3
"""Number of the SETTINGS parameter (RFC 9113 section 6.5.2)."""


def streams(story: Story) -> list[Exchange]:
    """Return what is known of the connection's requests on HTTP/2 streams, in order."""
    application = story.application
    found = application.http.exchanges if application and application.http else []
    return [one for one in found if one.stream_id]


def http2_facts(story: Story) -> Http2Facts | None:
    """Return what is known of the connection's HTTP/2; None where it is none, or cannot be read."""
    application = story.application
    return application.http.http2 if application and application.http else None


def is_incomplete(story: Story) -> bool:
    """Return whether bytes were missing, so that an end of a stream may have gone unseen."""
    application = story.application
    return bool(application and application.http and application.http.incomplete)


def phase_of(exchange: Exchange) -> Phase:
    """Return where a request stood."""
    if exchange.status is not None or exchange.response_frame is not None:
        return "in_response"
    return "before_response" if exchange.request_complete else "in_request"


def is_unfinished(exchange: Exchange) -> bool:
    """Return whether neither the answer's end nor a RST_STREAM of the stream was seen."""
    return not exchange.complete and exchange.ended_by is None


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


def last_goaway(goaways: Iterable[GoAway], from_initiator: bool) -> GoAway | None:
    """Return an end's last GOAWAY: in a two-step shutdown only that has the real last stream."""
    own = [one for one in goaways if one.from_initiator == from_initiator]
    return own[-1] if own else None


def drained(story: Story) -> GoAway | None:
    """Return the responder's last GOAWAY where it was a graceful one (NO_ERROR)."""
    facts = http2_facts(story)
    found = last_goaway(facts.goaways, False) if facts else None
    return found if found is not None and found.code == NO_ERROR else None


def stream_limit(story: Story) -> int | None:
    """Return how many streams the responder allows at once; None where it set no limit."""
    facts = http2_facts(story)
    return facts.settings_responder.get(MAX_CONCURRENT_STREAMS) if facts else None


def side_of(from_initiator: bool) -> Actor:
    """Return whose frame it was."""
    return "initiator" if from_initiator else "responder"


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
        facts |= error_facts(exchange.reset_code)
        facts["reset_frame"] = str(exchange.reset_frame)
        facts["waited"] = _waited(exchange)
    return facts


def error_facts(code: int) -> dict[str, str]:
    """Return an error code's words."""
    return {"error": error_name(code), "error_number": str(code), "meaning": error_meaning(code)}


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
