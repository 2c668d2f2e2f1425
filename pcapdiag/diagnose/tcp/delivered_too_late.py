"""A request that arrived after many repeats, when its initiator had given up long before.

A program that closes its socket while the request is not acknowledged leaves it to the kernel,
which goes on repeating it; the FIN waits behind it and is not seen. When the path is whole again
the request is delivered and answered, and the answer meets a bare RST (measured: a REJECT rule that
was taken away). The host that sent that RST had repeated the request just before: it lost no state.
Where other bytes of the request had arrived, the FIN behind them is seen: it ended the wait.
"""

from __future__ import annotations

from pcapdiag.diagnose.bare import PROMPT, is_bare
from pcapdiag.diagnose.ending import Ending, ending, frames_of, gave_up
from pcapdiag.diagnose.goodbye import asks_for_answer
from pcapdiag.diagnose.judgement import Judgement, OtherCode, Phase
from pcapdiag.diagnose.tcp.data_timeout import KIND, who
from pcapdiag.diagnose.tcp.unacknowledged import Stuck, carries, in_vain
from pcapdiag.diagnose.timing import duration
from pcapdiag.diagnose.work import answer_in_time, answer_may_be_missing
from pcapdiag.model.context import Context
from pcapdiag.model.packet import seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

ENOUGH_REPEATS = 3
TRIED = SECOND


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a request whose answer met the RST of who had repeated it in vain."""
    end = ending(story)
    if end is None or not is_abandoned(end):
        return None
    stuck = _repeated(story, end)
    if stuck is None or story.responder.fin_frame:
        return None
    facts = _facts(story, stuck, end)
    return _judgement(story, context, stuck, end, "before_response", "tcp.state_lost", facts)


def match_left(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a request that had not arrived whole when its initiator closed.

    What was missing came later: by then nobody waited for the answer any more.
    """
    end = ending(story)
    if end is None or not end.by_initiator or end.reset is not None:
        return None
    if story.turn.request_acked_time <= end.time or not asks_for_answer(story):
        return None
    if answer_may_be_missing(story) or answer_in_time(story):
        return None
    stuck = _missing(story, end)
    if stuck is None:
        return None
    size, tries = f"{stuck.length:,} bytes", stuck.repeats + 1
    sender, receiver = story.initiator.address, story.responder.address
    facts = {
        "sender": sender,
        "receiver": receiver,
        "what": f"{sender} sent the same {size} {tries} times, and left before one arrived",
        "how": (
            f"{sender} sent {size} of its request to {receiver} (frame {stuck.first_frame}) "
            f"and repeated them until frame {stuck.last_frame}; none was acknowledged in "
            f"{duration(end.time - stuck.first_time)}."
        ),
        "then": gave_up(story, end),
    }
    return _judgement(story, context, stuck, end, "in_request", "tcp.initiator_abort", facts)


def _judgement(
    story: Story,
    context: Context,
    stuck: Stuck,
    end: Ending,
    phase: Phase,
    other: str,
    facts: dict[str, str],
) -> Judgement:
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase,
        confidence=0.85,
        frames=frames_of(stuck.first_frame, stuck.last_frame, end.frame),
        ended_by="initiator",
        candidates=who(story, context, stuck, end),
        alternatives=(OtherCode(other, 0.1),),
        facts=facts,
    )


def _missing(story: Story, end: Ending) -> Stuck | None:
    """Return the tries of what the responder still lacked when the initiator closed.

    Its kernel's, behind the FIN, are some too. Where the capture began within the connection, there
    may have been nothing to hear before.
    """
    before = [p for p in story.packets if p.frame < end.frame]
    acks = [p.ack for p in before if not p.from_initiator and p.has_ack and not p.is_rst]
    until = story.turn.request_acked_time
    sent = [p for p in story.packets if p.from_initiator and p.length and p.time < until]
    if not sent or not (acks or story.midstream):
        return None
    acked = max(acks, key=lambda ack: seq_distance(ack, acks[-1]), default=sent[0].seq)
    tries = [p for p in sent if carries(p, acked)]
    if len(tries) <= ENOUGH_REPEATS or tries[-1] is not sent[-1] or tries[0].time > end.time:
        return None
    first, last = tries[0], tries[-1]
    if last.time - first.time < TRIED:
        return None
    heard = any(p.time > first.time for p in before if not p.from_initiator)
    return in_vain(tries, alive=heard)


def is_abandoned(end: Ending) -> bool:
    """Return whether the initiator's host had no socket any more when it was answered."""
    return end.by_initiator and end.reset is not None and is_bare(end.reset)


def _repeated(story: Story, end: Ending) -> Stuck | None:
    """Return the tries of a request that was acknowledged and answered only at the last."""
    turn = story.turn
    sent = [p for p in story.packets if p.from_initiator and p.length and p.frame < end.frame]
    tries = [p for p in sent if p.time >= turn.request_time and p.is_retransmission]
    if len(tries) < ENOUGH_REPEATS or tries[-1] is not sent[-1]:
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


def _facts(story: Story, stuck: Stuck, end: Ending) -> dict[str, str]:
    sender, receiver = story.initiator.address, story.responder.address
    took, size = duration(end.time - stuck.first_time), f"{stuck.length:,} bytes"
    times = stuck.repeats + 1
    return {
        "sender": sender,
        "receiver": receiver,
        "what": f"{sender} sent the same {size} {times} times, {took} passed until one arrived",
        "how": (
            f"{sender} sent {size} to {receiver} (frame {stuck.first_frame}) and repeated them "
            f"until frame {stuck.last_frame}: nothing arrived before."
        ),
        "then": (
            f"By then its program had given up, and the answer met a RST (frame {end.frame}) of "
            "the kernel that had gone on repeating."
        ),
    }
