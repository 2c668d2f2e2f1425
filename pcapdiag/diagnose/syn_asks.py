"""What a SYN asks for beside a connection, and some devices drop it for: ECN, Fast Open.

A sender tries again without it (RFC 3168 section 6.1.1.1, RFC 7413 section 4.1.3).
"""

from __future__ import annotations

from pcapdiag.model.packet import PacketFact
from pcapdiag.model.story import Story

ECE, CWR = 0x40, 0x80


def tried_without(story: Story) -> str | None:
    """Return what the unanswered SYNs asked for, and the answered one did not; None where nothing.

    One SYN of two may be lost by chance: that is for the reader to judge.
    """
    syns = _syns(story)
    if len(syns) < 2 or not story.syn_ack_count:
        return None
    *vain, last = (_asks(syn) for syn in syns)
    found = vain[0] if all(asked == vain[0] for asked in vain) else None
    return found if found != last else None


def always_asked(story: Story) -> str | None:
    """Return what every SYN asked for; None where one did not."""
    asked = {_asks(syn) for syn in _syns(story)}
    return asked.pop() if len(asked) == 1 else None


def _syns(story: Story) -> list[PacketFact]:
    answered = story.syn_ack_times[0] if story.syn_ack_times else story.end
    return [p for p in story.packets if p.is_syn and p.from_initiator and p.time <= answered]


def _asks(syn: PacketFact) -> str | None:
    if syn.length:
        return "data in the SYN (TCP Fast Open)"
    return "ECN (ECE and CWR)" if syn.flags & ECE and syn.flags & CWR else None
