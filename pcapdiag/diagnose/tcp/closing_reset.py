"""What the RST kinds share: the RST that ended a connection, and the judgement made from it."""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.http2.asked import asked_facts
from pcapdiag.diagnose.judgement import Judgement, OtherCode, Phase, SideHint
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.timing import duration, quiet_before
from pcapdiag.diagnose.tls_state import request_number
from pcapdiag.model.packet import PacketFact, flag_letters
from pcapdiag.model.story import Story

FROM_AN_END, FROM_THE_PATH = 0.88, 0.12
"""Prior of who sent a reset: outside labs mostly the end whose address it bears."""


def responder_reset(story: Story) -> tuple[Ending, PacketFact] | None:
    """Return the ending if it is a RST that bears the responder's address."""
    end = ending(story)
    if end is None or end.reset is None or end.by_initiator:
        return None
    return end, end.reset


def reset_judgement(
    story: Story,
    code: str,
    end: Ending,
    confidence: float,
    alternatives: tuple[OtherCode, ...] = (),
    candidates: tuple[SideHint, ...] = (),
    phase: Phase | None = None,
) -> Judgement:
    """Return a judgement about the RST that ended the connection."""
    reset = end.reset
    facts = reset_facts(story, end)
    turn = story.turn
    answered = turn.response_last_frame if turn.response_last_time <= end.time else 0
    frames = (turn.request_frame, answered, end.frame)
    return Judgement(
        code=code,
        failed=True,
        phase=phase or phase_at(story, end.time),
        confidence=confidence,
        frames=frames_of(*frames),
        ended_by=end.actor,
        reset=reset,
        candidates=candidates or _prior(end),
        alternatives=alternatives,
        facts=facts,
    )


def _prior(end: Ending) -> tuple[SideHint, ...]:
    why = "most resets come from the end whose address they bear"
    return (
        SideHint(end.actor, FROM_AN_END, why, (end.frame,)),
        SideHint("path", FROM_THE_PATH, why, (end.frame,)),
    )


def reset_facts(story: Story, end: Ending) -> dict[str, str]:
    """Return the words that texts about a RST use."""
    turn, reset = story.turn, end.reset
    since_request = duration(max(0, end.time - turn.request_last_time))
    quiet = quiet_before(story, end.time)
    late = turn.response_last_time > end.time
    return {
        "sender": story.half(end.by_initiator).address,
        "receiver": story.half(not end.by_initiator).address,
        "flags": flag_letters(reset.flags) if reset else end.word,
        "rst_frame": str(end.frame),
        "request_frame": str(turn.request_frame),
        "since_request": since_request,
        "since_start": duration(max(0, end.time - (story.established_time or story.start))),
        "since_response": duration(quiet if late else end.time - turn.response_last_time),
        "quiet": duration(quiet),
        "turn": str(request_number(story)),
    } | asked_facts(story, end.time)
