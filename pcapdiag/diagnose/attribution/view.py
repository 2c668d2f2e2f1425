"""A reset and what surrounds it, picked out once for all signals."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache

import msgspec

from pcapdiag.diagnose.bare import has_own_window
from pcapdiag.model.context import Context
from pcapdiag.model.packet import DUPLICATE, RST, PacketFact, seq_after
from pcapdiag.model.report import End
from pcapdiag.model.story import Half, Story

MAX_VIEWS = 32
"""Views kept, as signals ask for them again: more than one story has resets."""
INITIAL_TTLS = (64, 128, 255)
"""What stacks start with: a packet that still has it was made on the capture's link."""


class ResetView(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One RST: ``end`` is whose address it bears, ``peer`` the other end.

    What several signals ask for is worked out once. Two are equal only when they are the same.

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
    earlier: tuple[PacketFact, ...]
    """The end's own packets before the RST."""
    later: tuple[PacketFact, ...]
    """The end's own packets after it, up to a SYN that tries again on the same ports."""
    peer_earlier: tuple[PacketFact, ...]
    peer_later: tuple[PacketFact, ...]

    @property
    def word(self) -> str:
        """What sort of packet it is, for a sentence."""
        if self.reset.is_rst:
            return "RST"
        if self.reset.is_fin and not self.reset.length:
            return "FIN"
        return "segment" if self.reset.length else "ACK"

    @cached_property
    def own(self) -> tuple[PacketFact, ...]:
        """The end's own other packets, before and after."""
        return self.earlier + self.later

    @property
    def trigger(self) -> PacketFact | None:
        """The peer's last packet before the RST; the RST need not be its answer."""
        return self.peer_earlier[-1] if self.peer_earlier else None

    @cached_property
    def answers_syn(self) -> bool:
        """True when the RST answers a SYN and nothing else had come from that end."""
        return not self.earlier and not self.story.midstream and _only_syns(self.peer_earlier)

    @property
    def bare(self) -> bool:
        """True for a RST without ACK."""
        return not self.reset.has_ack

    @cached_property
    def own_window(self) -> bool:
        """True for a bare RST with the end's own last window: some stacks abort so (bare.py)."""
        return has_own_window(self.reset, self.earlier, self.peer_earlier)

    @property
    def has_moved(self) -> bool:
        """True when a host on the capture's link asked by ARP for the peer just before the RST.

        So does a new owner of the address (measured); a gateway that asks sends from farther away.
        """
        return bool(self.story.neighbour_arp) and self.reset.ttl in INITIAL_TTLS

    @cached_property
    def next_seq(self) -> int | None:
        """The end's next sequence number by its packets before the RST; None without any."""
        return _latest([p.end_seq for p in self.earlier])

    @cached_property
    def acked(self) -> int | None:
        """The peer's highest acknowledgment before the RST; None without any."""
        return _latest([p.ack for p in self.peer_earlier if p.has_ack])

    @cached_property
    def peer_next_seq(self) -> int | None:
        """The peer's next sequence number by its packets before the RST."""
        return _latest([p.end_seq for p in self.peer_earlier])

    @cached_property
    def peer_acks(self) -> frozenset[int]:
        """Every acknowledgment number of the peer's kept packets before the RST."""
        return frozenset([p.ack for p in self.peer_earlier if p.has_ack])

    @cached_property
    def min_rtt(self) -> int | None:
        """Smallest time from the capture point to the end and back, ns; else its host's."""
        story = self.story
        flow = (
            (story.min_rtt_to_responder, story.rtt_to_responder)
            if self.side == "responder"
            else (story.min_rtt_to_initiator, story.rtt_to_initiator)
        )
        known = [rtt for rtt in flow if rtt]
        return min(known) if known else self.context.host(self.end.address).min_rtt

    @property
    def lossy(self) -> bool:
        """True when the capture missed packets of this connection: what is absent proves less."""
        return bool(
            self.story.initiator.acked_unseen
            or self.story.responder.acked_unseen
            or self.story.packets_left_out
        )


@lru_cache(maxsize=MAX_VIEWS)
def view_reset(story: Story, reset: PacketFact, context: Context) -> ResetView:
    """Return the view of one RST (or other packet) of a story."""
    initiator = reset.from_initiator
    own: tuple[list[PacketFact], list[PacketFact]] = ([], [])
    other: tuple[list[PacketFact], list[PacketFact]] = ([], [])
    for packet in story.packets:
        if packet.flags & RST or packet.marks & DUPLICATE or packet.frame == reset.frame:
            continue
        after = (packet.time, packet.frame) > (reset.time, reset.frame)
        if after and packet.is_syn:
            break
        (own if packet.from_initiator == initiator else other)[after].append(packet)
    return ResetView(
        story=story,
        reset=reset,
        context=context,
        end=story.half(initiator),
        peer=story.half(not initiator),
        side="initiator" if initiator else "responder",
        peer_side="responder" if initiator else "initiator",
        earlier=tuple(own[False]),
        later=tuple(own[True]),
        peer_earlier=tuple(other[False]),
        peer_later=tuple(other[True]),
    )


def duration(ns: int) -> str:
    """Return a duration for a sentence: ``0.30 ms``, ``8.1 ms``, ``350.2 s``."""
    milliseconds = ns / 1e6
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def _only_syns(packets: tuple[PacketFact, ...]) -> bool:
    return bool(packets) and all(p.is_syn for p in packets)


def _latest(numbers: Iterable[int]) -> int | None:
    every = iter(numbers)
    highest = next(every, None)
    if highest is not None:
        for number in every:
            if number != highest and seq_after(number, highest):
                highest = number
    return highest
