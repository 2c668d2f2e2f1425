"""The verdict for an initiator that left without its answer, under either of its two codes."""

from __future__ import annotations

from pcapdiag.diagnose.bare import held_by_its_sender, is_bare
from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.http2.asked import asked_facts
from pcapdiag.diagnose.judgement import Judgement, OtherCode, Phase, SideHint
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.leaving import ABORT, TIMEOUT, Leaving
from pcapdiag.diagnose.tcp.unacknowledged import fin_met_by_reset, fins_in_vain
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_in_time
from pcapdiag.model.packet import PacketFact, flag_letters
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, counted

AT_ONCE = 5 * MS
"""Hardly anybody asks and resets this soon; a device that forges resets to both ends does."""
ENDED_UNSEEN = 0.7
"""How sure one may be that the initiator left where its host only answers what came behind."""
UNHEARD = 3
"""A FIN sent so often with nothing coming back was not lost by chance."""


def leaving_judgement(story: Story, code: str, how: Leaving) -> Judgement:
    """Return the judgement for one of the two codes, with the other one as alternative."""
    end, last, turn = how.end, ending(story), story.turn
    timeout = code == TIMEOUT
    answers = not timeout and _only_answers(story, end.reset)
    sure = how.waited.timeout if timeout else 1 - how.waited.timeout
    sure = round(min(sure, ENDED_UNSEEN if answers else 0.97), 2)
    others = [OtherCode(ABORT if timeout else TIMEOUT, round(1 - sure, 2))]
    if answers:
        others = [OtherCode("tcp.injected_reset", 0.17), OtherCode(TIMEOUT, how.waited.timeout)]
    unheard = fins_in_vain(story) if timeout else 0
    gone = timeout and how.cancel is None and fin_met_by_reset(story)
    candidates = _forgotten(how) if gone else _ended_unseen(how) if answers else ()
    facts = _facts(story, how, end.reset)
    facts["meanwhile"] = _meanwhile(story, how, unheard, gone)
    answered = turn.response_last_frame if how.cancel is None else 0
    return Judgement(
        code=code,
        failed=True,
        phase=_phase(story, how),
        confidence=sure,
        frames=frames_of(int(facts["request_frame"]), answered, end.frame),
        ended_by=end.actor if end.is_goodbye else last.actor if last else None,
        reset=end.reset if not timeout else None,
        candidates=candidates or _who(how, timeout, unheard),
        alternatives=tuple(other for other in others if other.confidence >= 0.03),
        facts=facts,
    )


def _phase(story: Story, how: Leaving) -> Phase:
    if how.in_answer:
        return "in_response"
    phase = phase_at(story, how.end.time)
    # A stream can be cancelled while the connection of it goes on, or rests.
    return "before_response" if phase in ("idle", "closing") else phase


def _who(how: Leaving, timeout: bool, unheard: int) -> tuple[SideHint, ...]:
    frames = (how.end.frame,)
    late = how.waited.timeout
    if unheard >= UNHEARD:
        why = (
            f"nothing came back to {unheard} FINs, which a host that lives acknowledges: the path "
            "dropped them, or that host was gone"
        )
        return (
            SideHint("path", round(0.55 * late, 3), why, frames),
            SideHint("responder", round(0.42 * late, 3), why, frames),
            SideHint("initiator", round(0.99 - 0.97 * late, 3), why, frames),
        )
    if timeout and not how.missing:
        why = "the request was delivered and acknowledged, and it did not answer in time"
        return (
            SideHint("responder", round(0.97 * late, 3), why, frames),
            SideHint("initiator", round(0.99 - 0.97 * late, 3), why, frames),
        )
    if how.missing:
        why = "bytes that were lost did not come again: the path dropped the repeats too, or the "
        why += "initiator could not wait for them"
        return (SideHint("path", 0.6, why, frames), SideHint("initiator", 0.35, why, frames))
    why = "it ended the connection while its answer was not due yet"
    at_once = how.waited.waited < AT_ONCE and not how.in_answer
    path = 0.02 if how.end.reset is None else 0.35 if at_once else 0.1
    return (
        SideHint("initiator", round((0.98 - path) * (1 - late), 3), why, frames),
        SideHint("responder", round((0.98 - path) * late, 3), why, frames),
        SideHint("path", path, why, frames),
    )


def _forgotten(how: Leaving) -> tuple[SideHint, ...]:
    """Return who may have lost the connection, after it had acknowledged the request.

    Who cuts a connection by RST to the responder alone leaves this, and so does a restart.
    """
    late, frames = how.waited.timeout, (how.end.frame,)
    why = "a bare RST met its FIN: a restarted host and a device that cut or lost the connection "
    why += "answer alike"
    return (
        SideHint("responder", round(0.55 * late, 3), why, frames),
        SideHint("path", round(0.42 * late, 3), why, frames),
        SideHint("initiator", round(0.99 - 0.97 * late, 3), why, frames),
    )


def _only_answers(story: Story, reset: PacketFact | None) -> bool:
    """Return whether the initiator's host answered what came for a connection it held no more."""
    return reset is not None and is_bare(reset) and not held_by_its_sender(story, reset)


def _ended_unseen(how: Leaving) -> tuple[SideHint, ...]:
    """Return who may have ended what the initiator's host held no more: it lost that first.

    Its own FIN or RST,ACK, or the RST of a device or of the responder, is missing.
    """
    why = "its bare RST answers for a connection that it held no more; what ended that is not in "
    why += "the capture"
    frames = (how.end.frame,)
    return (
        SideHint("initiator", 0.55, why, frames),
        SideHint("path", 0.35, why, frames),
        SideHint("responder", 0.1, why, frames),
    )


def _facts(story: Story, how: Leaving, reset: PacketFact | None) -> dict[str, str]:
    turn = story.turn
    asked, frame = _asked_words(story, how)
    word = how.end.word if how.cancel is None else "RST_STREAM"
    return {
        "asked": asked if turn.index else "nothing yet, for the server speaks first",
        "request_frame": frame,
        "end_frame": str(how.end.frame),
        "flags": flag_letters(reset.flags) if reset else word,
        "left": "ended the connection" if how.cancel is None else "took it back",
        "waited": duration(how.waited.waited),
        "reason": how.waited.reason,
        "got": f"{counted(answer_in_time(story), 'byte')} of the answer"
        if how.in_answer
        else "no byte back",
        "delivered": "acknowledged" if turn.request_acked else "not fully acknowledged",
    }


def _meanwhile(story: Story, how: Leaving, unheard: int, gone: bool) -> str:
    """Return what is known of the responder when the initiator had left."""
    address = story.responder.address
    if gone:
        return (
            f"Its FIN was met by a bare RST: by then {address}, or a device before it, held no "
            "such connection any more."
        )
    if unheard >= UNHEARD:
        return (
            f"Its FIN, sent {unheard} times, was not acknowledged either: by then nothing of "
            f"{address} came through, and the answer may have been lost with it."
        )
    if how.missing:
        return "They were lost on their way."
    return "The host was alive, its program did not answer."


def _asked_words(story: Story, how: Leaving) -> tuple[str, str]:
    """Return what had been asked for, and in which frame."""
    size, frame = counted(story.turn.request_bytes, "byte"), str(story.turn.request_frame)
    told = asked_facts(story, how.end.time)
    if how.cancel is not None and how.cancel.asked_frame:
        frame = str(how.cancel.asked_frame)
        if how.cancel.stream is not None:
            size = f"HTTP/2 stream {how.cancel.stream}"
    elif told:
        size, frame = told["request_bytes"], told["request_frame"]
    return f"a request of {size} (frame {frame})", frame
