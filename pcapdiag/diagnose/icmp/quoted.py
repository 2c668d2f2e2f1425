"""ICMP errors that quote a connection's segment: which of them ended it."""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.judgement import Actor, SideHint
from pcapdiag.diagnose.timing import SECOND, capture_left
from pcapdiag.diagnose.work import answer_may_be_missing, connected
from pcapdiag.model.context import Context
from pcapdiag.model.story import IcmpFact, Story

DESTINATION_UNREACHABLE, TIME_EXCEEDED = {4: 3, 6: 1}, {4: 11, 6: 3}
PROHIBITED = {4: (9, 10, 13), 6: (1, 5, 6)}
"""Administratively prohibited (RFC 1812 5.2.7.1), policy and reject route (RFC 4443 3.1)."""
FRAGMENTATION_NEEDED = 4
TOO_BIG = ((4, 3, FRAGMENTATION_NEEDED), (6, 2, 0))
"""Version, type and code of "packet too big" (RFC 1191, RFC 8201)."""
NAMES = {
    (4, 3, 0): "network unreachable",
    (4, 3, 1): "host unreachable",
    (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable",
    (4, 3, 9): "network prohibited",
    (4, 3, 10): "host prohibited",
    (4, 3, 13): "administratively prohibited",
    (4, 11, 0): "time to live exceeded",
    (6, 1, 0): "no route to destination",
    (6, 1, 1): "administratively prohibited",
    (6, 1, 2): "beyond scope of source address",
    (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable",
    (6, 1, 5): "source address failed policy",
    (6, 1, 6): "reject route to destination",
    (6, 3, 0): "hop limit exceeded",
}


STILL_TRYING = 3 * SECOND
"""Without an end, silence from which on the sender has given up; until then it is a soft error."""


def is_prohibited(error: IcmpFact) -> bool:
    """Return whether an error says "prohibited by policy"."""
    codes = PROHIBITED.get(error.version, ())
    return error.type == DESTINATION_UNREACHABLE.get(error.version) and error.code in codes


def is_time_exceeded(error: IcmpFact) -> bool:
    """Return whether an error says that the packet ran out of hops."""
    return error.type == TIME_EXCEEDED.get(error.version) and error.code == 0


def is_unreachable(error: IcmpFact) -> bool:
    """Return whether an error says "unreachable" for a reason other than policy or size."""
    if error.type != DESTINATION_UNREACHABLE.get(error.version) or is_prohibited(error):
        return False
    return not (error.version == 4 and error.code == FRAGMENTATION_NEEDED)


def is_too_big(error: IcmpFact) -> bool:
    """Return whether an error says "packet too big"."""
    return (error.version, error.type, error.code) in TOO_BIG


def fatal(story: Story, context: Context, wanted: Callable[[IcmpFact], bool]) -> IcmpFact | None:
    """Return the first wanted error if such errors ended the connection.

    On an established connection an ICMP error is a soft one (RFC 9293 section 3.9.2.2): it counts
    only where the quoted data was never acknowledged and nothing of the other end came after it.
    """
    errors = [error for error in story.icmp if wanted(error)]
    if not errors:
        return None
    first = errors[0]
    if not connected(story):
        return first if not story.syn_ack_count or not first.from_initiator else None
    other = story.half(not first.from_initiator)
    progress = other.last_time > errors[-1].time
    stuck = story.half(first.from_initiator).unacked > 0
    if progress or not stuck or answer_may_be_missing(story):
        return None
    end = ending(story)
    if end is None:
        return first if capture_left(story, context) >= STILL_TRYING else None
    return first if end.time >= first.time else None


def name_of(error: IcmpFact) -> str:
    """Return the error in words with its numbers: ``host unreachable (ICMP 3/1)``."""
    protocol = "ICMPv6" if error.version == 6 else "ICMP"
    name = NAMES.get((error.version, error.type, error.code), "error")
    return f"{name} ({protocol} {error.type}/{error.code})"


def sender_hints(story: Story, error: IcmpFact) -> tuple[SideHint, ...]:
    """Return who sent the error: its source address says it, at face value."""
    frames = (error.frame,)
    if error.source == story.half(not error.from_initiator).address:
        side: Actor = "responder" if error.from_initiator else "initiator"
        why = f"the ICMP error came from {error.source} itself: its own firewall, or no listener"
        return (SideHint(side, 0.93, why, frames), SideHint("path", 0.06, why, frames))
    if error.source == story.half(error.from_initiator).address:
        side = "initiator" if error.from_initiator else "responder"
        why = f"the ICMP error came from {error.source}, the sender's own host or its firewall"
        return (SideHint(side, 0.9, why, frames), SideHint("path", 0.09, why, frames))
    why = f"the ICMP error came from {error.source}, which is neither end"
    return (SideHint("path", 0.98, why, frames),)
