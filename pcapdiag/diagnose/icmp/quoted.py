"""ICMP errors that quote a connection's segment: which of them ended it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pcapdiag.diagnose.ending import ending
from pcapdiag.diagnose.judgement import SideHint
from pcapdiag.diagnose.tcp.unacknowledged import stuck_data
from pcapdiag.diagnose.timing import capture_left
from pcapdiag.diagnose.work import answer_may_be_missing, connected
from pcapdiag.model.context import Context
from pcapdiag.model.ends import side_of
from pcapdiag.model.packet import INITIAL_TTLS, seq_distance
from pcapdiag.model.story import IcmpFact, Story
from pcapdiag.model.units import SECOND

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
    (4, 3, 4): "fragmentation needed",
    (4, 3, 9): "network prohibited",
    (4, 3, 10): "host prohibited",
    (4, 3, 13): "administratively prohibited",
    (4, 11, 0): "time to live exceeded",
    (4, 11, 1): "fragment reassembly time exceeded",
    (4, 12, 0): "parameter problem",
    (6, 1, 0): "no route to destination",
    (6, 1, 1): "administratively prohibited",
    (6, 1, 2): "beyond scope of source address",
    (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable",
    (6, 1, 5): "source address failed policy",
    (6, 1, 6): "reject route to destination",
    (6, 2, 0): "packet too big",
    (6, 3, 0): "hop limit exceeded",
    (6, 3, 1): "fragment reassembly time exceeded",
    (6, 4, 0): "erroneous header field",
    (6, 4, 1): "unrecognized next header",
    (6, 4, 2): "unrecognized IPv6 option",
}


HOST_UNREACHABLE = ((4, 3, 1), (6, 1, 3))
"""Version, type and code of what a router says whose neighbour did not answer."""
NEIGHBOUR_ASKED = SECOND
"""A router asks its neighbour at least so long (Linux: three times, a second apart)."""
STILL_TRYING = 3 * SECOND
"""Without an end, silence from which on the sender has given up; until then it is a soft error."""
TRIED, REPEATS = 5 * SECOND, 3
"""The same where data was repeated in vain so long and so often, and met by errors throughout."""
KEPT = 16
"""Errors about one connection that are kept at most."""


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


def refuses(error: IcmpFact) -> bool:
    """Return whether an error says that packets do not get there at all."""
    return is_unreachable(error) or is_prohibited(error) or is_time_exceeded(error)


def only_quoted(story: Story) -> bool:
    """Return whether nothing of a connection was captured but errors that quote it.

    So it is where the sender's own host rejects what it sends, before a capture sees it (measured).
    """
    return bool(story.icmp) and not story.initiator.packets and not story.responder.packets


def fatal(story: Story, context: Context, wanted: Callable[[IcmpFact], bool]) -> IcmpFact | None:
    """Return the first wanted error if such errors ended the connection.

    On an established connection an ICMP error is a soft one (RFC 9293 section 3.9.2.2): it counts
    only where the quoted data was never acknowledged and nothing of the other end came after it. So
    it may where every other try was met by one: only the way there is cut.
    """
    errors = [error for error in story.icmp if wanted(error)]
    if not errors:
        return None
    first = errors[0]
    if only_quoted(story) and story.midstream:
        return None
    if not connected(story):
        return first if not story.syn_ack_count or not first.from_initiator else None
    other = story.half(not first.from_initiator)
    stuck = story.half(first.from_initiator).unacked > 0
    if not stuck or answer_may_be_missing(story):
        return None
    met = _met_throughout(story, errors)
    if other.last_time > errors[-1].time and not met:
        return None
    end = ending(story)
    if end is None:
        return first if met or capture_left(story, context) >= STILL_TRYING else None
    return first if end.time >= first.time else None


def _met_throughout(story: Story, errors: Sequence[IcmpFact]) -> bool:
    """Return whether data was repeated for long, never acknowledged, and errors met the tries."""
    stuck = stuck_data(story)
    if stuck is None or stuck.hole or stuck.repeats < REPEATS:
        return False
    if stuck.by_initiator != errors[0].from_initiator or story.end - stuck.first_time < TRIED:
        return False
    acked = story.half(stuck.by_initiator).acked or 0
    about_it = [error for error in errors if seq_distance(error.quoted_seq, acked) >= 0]
    # A sender that is told repeats without backing off (RFC 6069), more often than errors are kept.
    all_kept = len(story.icmp) >= KEPT and 2 * len(about_it) > KEPT
    return 2 * len(about_it) > stuck.repeats or all_kept


def name_of(error: IcmpFact) -> str:
    """Return the error in words with its numbers: ``host unreachable (ICMP 3/1)``."""
    protocol = "ICMPv6" if error.version == 6 else "ICMP"
    name = NAMES.get((error.version, error.type, error.code), "error")
    return f"{name} ({protocol} {error.type}/{error.code})"


def is_translated(story: Story, error: IcmpFact) -> bool:
    """Return whether a NAT wrote the called address on an error of a device behind it.

    No host asks for its own neighbour: that takes a second and more, and what then says "host
    unreachable" is a router. Linux's NAT gives such an error the address that was called
    (nf_nat_icmp_reply_translation in net/netfilter/nf_nat_proto.c; measured), as a Kubernetes
    Service's. Where a capture filter left only the error, how long that took is not known.
    """
    gone = (error.version, error.type, error.code) in HOST_UNREACHABLE
    about_itself = error.source == story.half(not error.from_initiator).address
    alone = not story.half(error.from_initiator).packets
    return gone and about_itself and (alone or error.time - story.start >= NEIGHBOUR_ASKED)


def hides_its_sender(story: Story, error: IcmpFact) -> bool:
    """Return whether a NAT wrote the called address on an error, or may have."""
    return is_translated(story, error) or had_forwarded(story, error)


def had_forwarded(story: Story, error: IcmpFact) -> bool:
    """Return whether who made the called address's error had forwarded the packet, by its TTLs.

    A router lowers the TTL before it rejects (ip_forward in net/ipv4/ip_forward.c; measured), a
    host that rejects for itself does not: it quotes the packet after as many hops as its error
    takes back. So does a longer way there than back look.
    """
    there = story.half(error.from_initiator)
    if error.source != story.half(not error.from_initiator).address:
        return False
    if not error.quoted_ttl or not there.ttls:
        return False
    back = min(first for first in INITIAL_TTLS if first >= error.ttl) - error.ttl
    return max(there.ttls) - error.quoted_ttl > back


def sender_hints(story: Story, error: IcmpFact) -> tuple[SideHint, ...]:
    """Return who sent the error: its source address says it, but for a NAT's."""
    frames = (error.frame,)
    if is_translated(story, error):
        why = (
            f"no host says so of itself: a NAT wrote {error.source} on the error of a router "
            "behind it"
        )
        return (SideHint("path", 0.9, why, frames), SideHint("responder", 0.08, why, frames))
    if had_forwarded(story, error):
        side = side_of(not error.from_initiator)
        why = (
            f"{error.source} bears the ICMP error, and the packet that it quotes had gone a hop "
            "further than the error came: a router behind a NAT made it, or the ways differ"
        )
        return (SideHint("path", 0.6, why, frames), SideHint(side, 0.38, why, frames))
    if error.source == story.half(not error.from_initiator).address:
        side = side_of(not error.from_initiator)
        why = f"the ICMP error came from {error.source} itself: its own firewall, or no listener"
        return (SideHint(side, 0.93, why, frames), SideHint("path", 0.06, why, frames))
    if error.source == story.half(error.from_initiator).address:
        side = side_of(error.from_initiator)
        why = f"the ICMP error came from {error.source}, the sender's own host or its firewall"
        return (SideHint(side, 0.9, why, frames), SideHint("path", 0.09, why, frames))
    why = f"the ICMP error came from {error.source}, which is neither end"
    return (SideHint("path", 0.98, why, frames),)
