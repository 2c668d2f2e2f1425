"""tcp.data_timeout, where the data came and its acknowledgments got lost: the answer stood still.

The responder repeats what the initiator acknowledged long before, and acknowledges each time anew:
nothing of the initiator arrives there any more, so the window stays full and no further byte comes.
Seen beside the initiator that is no silence of the responder's program.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.data_timeout import KIND
from pcapdiag.diagnose.tcp.leaving import ABORT, TIMEOUT, leaving
from pcapdiag.diagnose.timing import SECOND, duration
from pcapdiag.model.context import Context
from pcapdiag.model.packet import SPURIOUS_RETRANSMISSION, PacketFact, seq_after
from pcapdiag.model.story import Story

ENOUGH_REPEATS = 3
TRIED = SECOND
"""Repeats over so long, each acknowledged at once, are no disorder or delay of a moment."""
SURE = 0.88


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an initiator that left because its acknowledgments got lost."""
    if story.responder.spurious_retransmissions < ENOUGH_REPEATS:
        return None
    how = leaving(story, context)
    if how is None or how.cancel is not None:
        return None
    tries = _last_words(story, how.end)
    if len(tries) < ENOUGH_REPEATS or tries[-1].time - tries[0].time < TRIED:
        return None
    address = story.responder.address
    why = (
        f"{address} repeated what had been acknowledged, and each repeat was acknowledged again: "
        "that never arrived there"
    )
    frames = tuple(p.frame for p in tries)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, how.end.time),
        confidence=SURE,
        frames=frames_of(tries[0].frame, tries[-1].frame, how.end.frame),
        ended_by=how.end.actor,
        candidates=(
            SideHint("path", 0.88, why, frames),
            SideHint("responder", 0.1, "its host's firewall may drop them", frames),
        ),
        alternatives=(OtherCode(TIMEOUT if how.is_timeout else ABORT, 0.1),),
        facts=_facts(story, tries, how.end),
    )


def _last_words(story: Story, end: Ending) -> list[PacketFact]:
    """Return the responder's last packets before the end that repeat one segment in vain."""
    tries: list[PacketFact] = []
    own = (p for p in reversed(story.packets) if not p.from_initiator and p.frame < end.frame)
    for packet in own:
        again = not tries or packet.seq == tries[-1].seq
        if not packet.marks & SPURIOUS_RETRANSMISSION or not again:
            break
        tries.append(packet)
    tries.reverse()
    return tries if all(_acknowledged_again(story, p, end) for p in tries) else []


def _acknowledged_again(story: Story, packet: PacketFact, end: Ending) -> bool:
    """Return whether the initiator acknowledged a repeat, which it had got before, once more."""
    later = (p for p in story.packets if packet.frame < p.frame <= end.frame and p.from_initiator)
    answer = next(later, None)
    return answer is not None and not seq_after(packet.end_seq, answer.ack)


def _facts(story: Story, tries: list[PacketFact], end: Ending) -> dict[str, str]:
    sender, receiver = story.responder.address, story.initiator.address
    took, times = duration(end.time - tries[0].time), len(tries)
    return {
        "sender": sender,
        "receiver": receiver,
        "what": f"the acknowledgments of {receiver} do not arrive at {sender}",
        "how": (
            f"{sender} sent the same {tries[0].length:,} bytes again {times} times in {took} "
            f"(frames {tries[0].frame} to {tries[-1].frame}), though {receiver} had acknowledged "
            "them, and did each time: nothing it sends arrives, and no further byte comes."
        ),
        "then": f"Then {receiver} gave up (frame {end.frame}).",
    }
