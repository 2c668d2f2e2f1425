"""A request that arrived after many repeats, when its initiator had given up before.

A program that closes its socket while the request is not acknowledged leaves it to the kernel,
which goes on repeating it. When the path is whole again the request is delivered and answered, and
the answer meets a bare RST (measured: a REJECT rule that was taken away). The host that sent that
RST had repeated the request just before: it lost no state.

Linux lets the FIN wait behind the request, so that it is not seen; others send it at once, and on
its repeats. What is acknowledged behind such a FIN had not been when the program left: nobody was
slow to answer.
"""

from __future__ import annotations

from pcapdiag.diagnose.bare import PROMPT, is_bare
from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.data_timeout import KIND, who
from pcapdiag.diagnose.tcp.unacknowledged import Stuck, unacked_until
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import Work, answer_may_be_missing, work
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

ENOUGH_REPEATS = 3
TRIED = SECOND


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a request that was repeated in vain until its initiator had left."""
    end = ending(story)
    if end is None or not end.by_initiator:
        return None
    stuck = _repeated(story, end) if is_abandoned(end) else _repeated_to_the_close(story, end)
    if stuck is None:
        return None
    other = "tcp.state_lost" if end.reset else "tcp.response_timeout"
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, stuck.first_time),
        confidence=0.85,
        frames=frames_of(stuck.first_frame, stuck.last_frame, end.frame),
        ended_by="initiator",
        candidates=who(story, context, stuck, end),
        alternatives=(OtherCode(other, 0.1),),
        facts=_facts(story, stuck, end),
    )


def is_abandoned(end: Ending) -> bool:
    """Return whether the initiator's host had no socket any more when it was answered."""
    return end.by_initiator and end.reset is not None and is_bare(end.reset)


def _repeated(story: Story, end: Ending) -> Stuck | None:
    """Return the tries of a request that was acknowledged and answered only at the last."""
    turn = story.turn
    sent = [p for p in story.packets if p.from_initiator and p.length and p.frame < end.frame]
    tries = [p for p in sent if p.time >= turn.request_time and p.is_retransmission]
    if len(tries) < ENOUGH_REPEATS or tries[-1] is not sent[-1] or story.responder.fin_frame:
        return None
    last = tries[-1]
    in_time = turn.request_acked_time < last.time or end.time - last.time > PROMPT
    if in_time or last.time - turn.request_time < TRIED:
        return None
    return Stuck(
        by_initiator=True,
        first_frame=turn.request_frame,
        first_time=turn.request_time,
        last_frame=last.frame,
        last_time=last.time,
        repeats=len(tries),
        last_pause=last.time - tries[-2].time,
        length=last.length,
        alive=False,
    )


def _repeated_to_the_close(story: Story, end: Ending) -> Stuck | None:
    """Return the tries of a request that was acknowledged only behind its initiator's FIN."""
    acked_time = story.turn.request_acked_time
    if end.reset is not None or acked_time <= end.time:
        return None
    if work(story) is not Work.WAITING or answer_may_be_missing(story):
        return None
    stuck = unacked_until(story, end, acked_time)
    if stuck is None or stuck.repeats < ENOUGH_REPEATS:
        return None
    return stuck if stuck.last_time - stuck.first_time >= TRIED else None


def _facts(story: Story, stuck: Stuck, end: Ending) -> dict[str, str]:
    sender, receiver = story.initiator.address, story.responder.address
    arrived = story.turn.request_acked_time if end.reset is None else end.time
    took, size = duration(arrived - stuck.first_time), f"{stuck.length:,} bytes"
    times = stuck.repeats + 1
    return {
        "sender": sender,
        "receiver": receiver,
        "what": f"{sender} sent the same {size} {times} times, {took} passed until one arrived",
        "how": (
            f"{sender} sent {size} to {receiver} (frame {stuck.first_frame}) and repeated them "
            f"until frame {stuck.last_frame}: nothing arrived before."
        ),
        "then": _then(end),
    }


def _then(end: Ending) -> str:
    if end.reset is None:
        return f"By then its program had given up (FIN in frame {end.frame})."
    return (
        f"By then its program had given up, and the answer met a RST (frame {end.frame}) of "
        "the kernel that had gone on repeating."
    )
