"""A GOAWAY with an error: what http2.goaway and http2.enhance_your_calm share."""

from __future__ import annotations

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.http.words import quoted, request_words
from pcapdiag.diagnose.http2.errors import NO_ERROR, PEERS_FAULT, error_name
from pcapdiag.diagnose.http2.known import streams
from pcapdiag.diagnose.http2.pings import unanswered_ping
from pcapdiag.diagnose.http2.streams import (
    error_facts,
    is_effect,
    phase_of,
    refused_by,
    unfinished_at,
)
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.ends import host_in_url, side_of
from pcapdiag.model.http import Exchange, GoAway
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND, counted

SURE, SURE_NOTHING_LOST = 0.97, 0.8


def error_goaway(story: Story) -> GoAway | None:
    """Return the first GOAWAY with an error that is no effect of something else.

    One that came when every request was done counts only where the responder accuses the initiator
    of breaking the protocol: programs that leave say INTERNAL_ERROR and the like without any harm.
    Nor is one a cause by which the initiator leaves after it had waited in vain: Apache's mod_http2
    gives its timeout a code of its own there (measured).
    """
    facts = story.http2
    for goaway in facts.goaways if facts else ():
        if goaway.code == NO_ERROR:
            continue
        if is_effect(story, goaway.time, goaway.from_initiator):
            return None
        if _waited_in_vain(story, goaway):
            return None
        if unanswered_ping(story, goaway.from_initiator, goaway.time) is not None:
            return None
        accuses = goaway.code in PEERS_FAULT and not goaway.from_initiator
        harm = accuses or bool(unfinished_at(story, goaway.time))
        return goaway if harm else None
    return None


def _waited_in_vain(story: Story, goaway: GoAway) -> bool:
    if not goaway.from_initiator or goaway.code in PEERS_FAULT:
        return False
    waiting = unfinished_at(story, goaway.time)
    if not waiting or any(one.response_time is not None for one in waiting):
        return False
    asked = (one.active_time or one.request_end_time or one.request_time or 0 for one in waiting)
    return goaway.time - max(asked) >= SECOND


def goaway_judgement(story: Story, code: str, goaway: GoAway) -> Judgement:
    """Return the judgement about a connection that an end gave up with an error."""
    open_ones = unfinished_at(story, goaway.time)
    first = open_ones[0] if open_ones else None
    end = ending(story)
    closed = end.frame if end and end.by_initiator == goaway.from_initiator else 0
    frames = frames_of(first.request_frame or 0 if first else 0, goaway.frame, closed)
    why = f"the GOAWAY ({error_name(goaway.code)}) bears its address"
    return Judgement(
        code=code,
        failed=True,
        phase=phase_of(first) if first else "idle",
        confidence=SURE if first else SURE_NOTHING_LOST,
        frames=frames,
        ended_by=side_of(goaway.from_initiator),
        candidates=refused_by(goaway.from_initiator, why, (goaway.frame,)),
        exchange=first.index if first else None,
        alike=error_name(goaway.code),
        facts=goaway_facts(story, goaway, open_ones),
    )


def exchange_judgement(
    story: Story, code: str, goaway: GoAway, exchange: Exchange
) -> Judgement | None:
    """Return the judgement about one stream that such a GOAWAY ended; None where it was done."""
    if exchange not in unfinished_at(story, goaway.time):
        return None
    return goaway_judgement(story, code, goaway)


def goaway_facts(story: Story, goaway: GoAway, open_ones: list[Exchange]) -> dict[str, str]:
    """Return the words that texts about a GOAWAY use."""
    sender = story.half(goaway.from_initiator)
    receiver = story.half(not goaway.from_initiator)
    facts = story.http2
    return error_facts(goaway.code, sender.address, receiver.address) | {
        "sender": host_in_url(sender.address),
        "receiver": host_in_url(receiver.address),
        "goaway_frame": str(goaway.frame),
        "what": f"GOAWAY (frame {goaway.frame})",
        "last_stream": str(goaway.last_stream_id),
        "debug": f", with the text {quoted(goaway.debug)}" if goaway.debug.strip() else "",
        "lost": _lost(goaway, open_ones),
        "requests": counted(len(streams(story)), "request"),
        "pings": counted(facts.ping_count if facts else 0, "PING frame"),
        "age": duration(max(0, goaway.time - story.start)),
    }


def _lost(goaway: GoAway, open_ones: list[Exchange]) -> str:
    if not open_ones:
        return "No request was open then."
    first = open_ones[0]
    words = f"{counted(len(open_ones), 'stream')} did not end well: {request_words(first)}"
    words += f" on stream {first.stream_id}" + (" and others." if len(open_ones) > 1 else ".")
    retry = [one for one in open_ones if (one.stream_id or 0) > goaway.last_stream_id]
    return f"{words} {len(retry)} of them may be retried safely." if retry else words
