"""tcp.data_timeout, where the data came and its acknowledgments got lost: all stands still.

One end repeats what the other acknowledged long before, and acknowledges each time anew: nothing of
that one arrives there any more, so the window stays full and no further byte comes. Seen beside the
receiver of an answer that is no silence of the responder's program.
"""

from __future__ import annotations

from msgspec.structs import replace

from pcapdiag.diagnose.ending import Ending, ending, frames_of, gave_up
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.tcp.data_timeout import KIND
from pcapdiag.diagnose.tcp.leaving import ABORT, TIMEOUT, leaving
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import SPURIOUS_RETRANSMISSION, PacketFact, seq_after
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

ENOUGH_REPEATS = 3
TRIED = SECOND
"""Repeats over so long, each acknowledged at once, are no disorder or delay of a moment."""
TRIED_WITHOUT_END = 5 * SECOND
"""The same where the file ends with them."""
SURE = 0.88


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an exchange that stood still because acknowledgments got lost."""
    if story.responder.spurious_retransmissions >= ENOUGH_REPEATS:
        how = leaving(story, context)
        if how is not None and how.cancel is None:
            found = _stands_still(story, False, how.end)
            other = OtherCode(TIMEOUT if how.is_timeout else ABORT, 0.1)
            return found and replace(found, alternatives=(other,))
    if story.initiator.spurious_retransmissions >= ENOUGH_REPEATS:
        return _stands_still(story, True, ending(story))
    return None


def _stands_still(story: Story, by_initiator: bool, end: Ending | None) -> Judgement | None:
    """Return the verdict where an end's last words repeat what the other one had acknowledged."""
    last = max(story.initiator.last_frame, story.responder.last_frame)
    # A FIN that does not arrive either ends nothing there: the repeats go on behind it.
    heard = end is not None and (by_initiator or not story.initiator.unacked)
    tries = _last_words(story, by_initiator, end.frame if end and heard else last + 1)
    least = TRIED if end else TRIED_WITHOUT_END
    if len(tries) < ENOUGH_REPEATS or tries[-1].time - tries[0].time < least:
        return None
    address = story.half(by_initiator).address
    why = (
        f"{address} repeated what had been acknowledged, and each repeat was acknowledged again: "
        "that never arrived there"
    )
    frames = tuple(p.frame for p in tries)
    own = side_of(by_initiator)
    return Judgement(
        code=KIND.code,
        failed=True,
        phase=phase_at(story, end.time if end else tries[-1].time),
        confidence=SURE,
        frames=frames_of(tries[0].frame, tries[-1].frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=(
            SideHint("path", 0.88, why, frames),
            SideHint(own, 0.1, "its host's firewall may drop them", frames),
        ),
        facts=_facts(story, by_initiator, tries, end),
    )


def _last_words(story: Story, by_initiator: bool, until: int) -> list[PacketFact]:
    """Return an end's last packets before a frame that repeat one segment in vain."""
    tries: list[PacketFact] = []
    for packet in reversed(story.packets):
        if packet.from_initiator != by_initiator or packet.frame >= until:
            continue
        again = not tries or packet.seq == tries[-1].seq
        if not packet.marks & SPURIOUS_RETRANSMISSION or not packet.length or not again:
            break
        tries.append(packet)
    tries.reverse()
    return tries if all(_acknowledged_again(story, p, until) for p in tries) else []


def _acknowledged_again(story: Story, packet: PacketFact, until: int) -> bool:
    """Return whether the other end acknowledged a repeat, which it had got before, once more."""
    later = (
        p
        for p in story.packets
        if packet.frame < p.frame <= until and p.from_initiator != packet.from_initiator
    )
    answer = next(later, None)
    return answer is not None and not seq_after(packet.end_seq, answer.ack)


def _facts(
    story: Story, by_initiator: bool, tries: list[PacketFact], end: Ending | None
) -> dict[str, str]:
    sender, receiver = story.half(by_initiator).address, story.half(not by_initiator).address
    times = len(tries)
    took = duration(max(end.time if end else story.end, tries[-1].time) - tries[0].time)
    return {
        "sender": sender,
        "receiver": receiver,
        "what": f"the acknowledgments of {receiver} do not arrive at {sender}",
        "how": (
            f"{sender} sent the same {tries[0].length:,} bytes again {times} times in {took} "
            f"(frames {tries[0].frame} to {tries[-1].frame}), though {receiver} had acknowledged "
            "them, and did each time: nothing it sends arrives, and no further byte comes."
        ),
        "then": gave_up(story, end),
    }
