"""A reset and what surrounds it, picked out once for all signals."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from pcapdiag.diagnose.bare import has_own_window
from pcapdiag.flow.story import FIRST_PACKETS
from pcapdiag.model.context import Context
from pcapdiag.model.ends import End
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import ACK, INITIAL_TTLS, RST, PacketFact, seq_after, seq_distance
from pcapdiag.model.story import Half, Story
from pcapdiag.model.units import SECOND

MAX_VIEWS = 32
"""Views kept, as signals ask for them again: more than one story has resets."""
TICKS_PER_SECOND = 1000
"""Fastest timestamp clock in common use (RFC 7323 5.4)."""
TOLERATED = 1.1
"""How much faster than that a clock may go."""
BATCH = 10
"""Ticks that a capture's times may be off, as packets come in batches."""

_SIDES: tuple[End, End] = ("initiator", "responder")


class ResetView(msgspec.Struct, frozen=True, eq=False):
    """One RST: ``end`` is whose address it bears, ``peer`` the other end.

    What nearly every RST is asked for is worked out at once. Two are equal only when they are the
    same.

    Packets are those kept by the story, in time order, resets left out. It may be a FIN or a
    segment with data too (closing.py): whoever cuts a connection may forge those.
    """

    story: Story
    reset: PacketFact
    context: Context
    end: Half
    peer: Half
    side: End
    peer_side: End
    bare: bool
    """Without ACK."""
    own_window: bool
    """Bare, with the end's own last window: some stacks abort so (bare.py)."""
    earlier: tuple[PacketFact, ...]
    """The end's own packets before the RST."""
    overtook: tuple[PacketFact, ...]
    """Of a data segment: those captured before it that have later bytes. They overtook it, or it
    was sent again."""
    later: tuple[PacketFact, ...]
    """The end's own packets after it, up to a SYN that tries again on the same ports."""
    own: tuple[PacketFact, ...]
    """All of these."""
    peer_earlier: tuple[PacketFact, ...]
    peer_later: tuple[PacketFact, ...]
    trigger: PacketFact | None
    """The peer's last packet before the RST; the RST need not be its answer."""
    answers_syn: bool
    """The RST answers a SYN, and nothing else had come from that end."""
    next_seq: int | None
    """The end's next sequence number by its packets before the RST; None without any."""
    peer_acks: frozenset[int]
    """Every acknowledgment number of the peer's kept packets before the RST."""
    apart: bool
    """Packets just before the RST were left out: nobody's last numbers before it are known."""
    min_rtt: int | None
    """Smallest time from the capture point to the end and back, ns; else its host's."""

    @property
    def word(self) -> str:
        """What sort of packet it is, for a sentence."""
        if self.reset.is_rst:
            return "RST"
        if self.reset.is_fin and not self.reset.length:
            return "FIN"
        return "segment" if self.reset.length else "ACK"

    @property
    def has_moved(self) -> bool:
        """True when a host on the capture's link asked by ARP for the peer just before the RST.

        So does a new owner of the address (measured); a gateway that asks sends from farther away.
        Who asked before it said the first of this itself is the old one.
        """
        last = self.earlier[-1].frame if self.earlier else 0
        asked = any(frame > last for frame in self.story.neighbour_arp)
        return asked and self.reset.ttl in INITIAL_TTLS

    @property
    def resets_before(self) -> list[PacketFact]:
        """The end's own RSTs before this packet, in the order of the story's."""
        before = (p for p in self.story.resets if moment(p) < moment(self.reset))
        return [p for p in before if p.from_initiator == self.reset.from_initiator]

    @property
    def acked(self) -> int | None:
        """The peer's highest acknowledgment before the RST; None without any."""
        return _latest([p.ack for p in self.peer_earlier if p.flags & ACK])

    @property
    def peer_next_seq(self) -> int | None:
        """The peer's next sequence number by its packets before the RST."""
        return _latest([p.end_seq for p in self.peer_earlier])

    def keeps_all_since(self, time: int) -> bool:
        """Return whether no packet between ``time`` and this one was left out of the story."""
        if not self.story.packets_left_out:
            return True
        first, last = self.story.packets[:FIRST_PACKETS], self.story.packets[FIRST_PACKETS:]
        if first and self.reset.frame <= first[-1].frame:
            return True
        return bool(last) and last[0].time <= time

    @property
    def lossy(self) -> bool:
        """True when the capture missed packets of this connection: what is absent proves less."""
        return bool(
            self.story.initiator.acked_unseen
            or self.story.responder.acked_unseen
            or self.story.packets_left_out
            or self.echoes_unseen
        )

    @property
    def echoes_unseen(self) -> bool:
        """True when it echoes a timestamp that the peer's clock had reached by then.

        So the peer had sent what the capture lacks; who invents an echo is off by far more.
        """
        clock = [p for p in self.peer_earlier if p.tsval is not None]
        if not clock or self.reset.tsval is None or self.reset.tsecr is None or self.bare:
            return False
        last = clock[-1]
        ahead = seq_distance(self.reset.tsecr, last.tsval or 0)
        passed = self.reset.time - last.time
        return 0 < ahead <= passed * TICKS_PER_SECOND * TOLERATED / SECOND + BATCH


@lru_cache(maxsize=MAX_VIEWS)
def view_reset(story: Story, reset: PacketFact, context: Context) -> ResetView:
    """Return the view of one RST (or other packet) of a story."""
    initiator = reset.from_initiator
    end = story.half(initiator)
    side, peer_side = _SIDES if initiator else _SIDES[::-1]
    earlier, later, peer_earlier, peer_later = _around(story, reset)
    overtook = _overtook(reset, earlier)
    earlier = tuple(p for p in earlier if p not in overtook) if overtook else earlier
    return ResetView(
        story=story,
        reset=reset,
        context=context,
        end=end,
        peer=story.half(not initiator),
        side=side,
        peer_side=peer_side,
        bare=not reset.flags & ACK,
        own_window=has_own_window(reset, earlier, peer_earlier),
        earlier=earlier,
        overtook=overtook,
        later=later,
        own=earlier + overtook + later,
        peer_earlier=peer_earlier,
        peer_later=peer_later,
        trigger=peer_earlier[-1] if peer_earlier else None,
        # A mirror port's queues may bring the SYN behind its refusal.
        answers_syn=not (earlier or story.midstream) and _only_syns(peer_earlier or peer_later[:1]),
        next_seq=_latest([p.end_seq for p in earlier]),
        peer_acks=frozenset([p.ack for p in peer_earlier if p.flags & ACK]),
        apart=_apart(story, reset),
        min_rtt=_smallest_rtt(story, side) or context.host(end.address).min_rtt,
    )


def _apart(story: Story, reset: PacketFact) -> bool:
    """Return whether the story's first packets are all that it keeps from before the RST.

    So it is where a sender went on for long after it, as an aborted download's does. The last
    packets must show both ends then: half of what was left out may be one end's.
    """
    after_them = story.packets[FIRST_PACKETS:]
    if not story.packets_left_out or not after_them:
        return False
    if reset.frame <= story.packets[FIRST_PACKETS - 1].frame:
        return False
    between = (p for p in after_them if p.frame < reset.frame and not p.is_rst)
    return len({p.from_initiator for p in between}) < len(_SIDES)


def _around(story: Story, reset: PacketFact) -> tuple[tuple[PacketFact, ...], ...]:
    """Return the end's packets before the RST and after it, and the peer's.

    A SYN behind it begins another try, save for the one that it answers, captured late.
    """
    initiator, frame = reset.from_initiator, reset.frame
    earlier: list[PacketFact] = []
    peer_earlier: list[PacketFact] = []
    later: list[PacketFact] = []
    peer_later: list[PacketFact] = []
    for packet in story.packets:
        if packet.flags & RST or packet.frame == frame:
            continue
        if moment(packet) < moment(reset):
            (earlier if packet.from_initiator == initiator else peer_earlier).append(packet)
        elif packet.is_syn and (peer_earlier or packet.end_seq != reset.ack):
            break
        else:
            (later if packet.from_initiator == initiator else peer_later).append(packet)
    return tuple(earlier), tuple(later), tuple(peer_earlier), tuple(peer_later)


def _overtook(packet: PacketFact, earlier: tuple[PacketFact, ...]) -> tuple[PacketFact, ...]:
    if packet.is_rst or packet.is_fin or not packet.length:
        return ()
    return tuple(p for p in earlier if p.length and seq_after(p.seq, packet.seq))


def _smallest_rtt(story: Story, side: End) -> int | None:
    if side == "responder":
        rtts = (story.min_rtt_to_responder, story.rtt_to_responder)
    else:
        rtts = (story.min_rtt_to_initiator, story.rtt_to_initiator)
    return min([rtt for rtt in rtts if rtt], default=None)


def duration(ns: int) -> str:
    """Return a duration for a sentence: ``0.30 ms``, ``8.1 ms``, ``350.2 s``."""
    milliseconds = ns / 1e6
    if milliseconds >= 999.5:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def _only_syns(packets: tuple[PacketFact, ...]) -> bool:
    return bool(packets) and all(p.is_syn for p in packets)


def _latest(numbers: list[int]) -> int | None:
    if not numbers:
        return None
    highest = numbers[0]
    for number in numbers:
        if number != highest and seq_after(number, highest):
            highest = number
    return highest
