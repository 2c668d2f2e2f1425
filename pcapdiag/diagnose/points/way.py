"""A journey as a judge asks about it: where a packet was lost, where one appeared, what arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pcapdiag.correlate.labels import role_of_label
from pcapdiag.model.ends import HostPort
from pcapdiag.model.packet import ACK, FIN, RST, SYN, seq_add, seq_distance
from pcapdiag.model.points import Journey, Passage
from pcapdiag.model.units import counted

LISTED = 5
"""Frames that one sentence names."""


class Crossing(NamedTuple):
    """Between which two points a packet vanished, or came into being.

    ``shown`` is where it was seen, ``absent`` where it should have been and was not. ``supposed``:
    if that capture was still running. ``by_host``: that point does not have the connection at all,
    and only connections to other ports of that address say that it would.
    """

    shown: int
    absent: int
    supposed: bool
    by_host: bool


class Way:
    """A journey with the points' labels."""

    def __init__(self, journey: Journey, labels: Sequence[str]) -> None:
        self.journey = journey
        self.labels = labels
        self.on_host: set[tuple[int, bool]] = set()
        """Points on the initiator's (True) or responder's host, as their captures show."""
        self.held_back: set[int] = set()
        """Points on a device that did not pass on what nobody answered, as their captures show."""

    def line(self, from_initiator: bool) -> tuple[int, ...]:
        """Return the points in the order in which packets of that end pass them.

        Those at another leg of a proxy, which have nothing to do with the connection, are left out.
        """
        order = tuple(p for p in self.journey.order if self.journey.reach[p] != "none")
        return order if from_initiator else tuple(reversed(order))

    def nearest(self, to_initiator: bool) -> int | None:
        """Return the point nearest to that end, None where the order is not known."""
        line = self.line(to_initiator)
        return line[0] if len(line) > 1 else None

    def is_beside(self, point: int, initiator: bool) -> bool:
        """Return whether the point is on that end's host or link, as its TTLs show."""
        journey = self.journey
        if (point, initiator) in self.on_host:
            return True
        return (journey.beside_initiator if initiator else journey.beside_responder)[point]

    def is_labelled(self, point: int, initiator: bool) -> bool:
        """Return whether the user says that the point is at that end: a client's, an upstream's."""
        return role_of_label(self.labels[point]) == ("client" if initiator else "upstream")

    def address(self, initiator: bool, point: int | None = None) -> str:
        """Return an end's address as a point sees it; by default as the point nearest to it."""
        ends = self.journey.ends
        near = self.nearest(initiator) if point is None else point
        known = ends[near] if near is not None else None
        pair = known or next((pair for pair in ends if pair is not None), (("", 0), ("", 0)))
        end: HostPort = pair[0] if initiator else pair[1]
        return end[0]

    def passages(
        self, from_initiator: bool, test: Callable[[Passage], bool] | None = None
    ) -> list[Passage]:
        """Return the packets of one end that a test picks, in time order."""
        return [
            p
            for p in self.journey.passages
            if p.from_initiator == from_initiator and (test is None or test(p))
        ]

    def born(self, passage: Passage) -> Crossing | None:
        """Return between which points a packet came into being; None where its end may be it."""
        line = self.line(passage.from_initiator)
        first = next((n for n, point in enumerate(line) if passage.frames[point] is not None), None)
        if first is None:
            return None
        return self._crossing(passage, line[first], reversed(line[:first]))

    def lost(self, passage: Passage) -> Crossing | None:
        """Return between which points a packet was lost; None where nothing proves it."""
        line = self.line(passage.from_initiator)
        seen = [n for n, point in enumerate(line) if passage.frames[point] is not None]
        return self._crossing(passage, line[seen[-1]], line[seen[-1] + 1 :]) if seen else None

    def gone(self, passages: Iterable[Passage]) -> list[tuple[Passage, Crossing]]:
        """Return those that are proven to be lost, each with where."""
        return [(p, crossing) for p in passages if (crossing := self.lost(p)) is not None]

    def _crossing(self, passage: Passage, shown: int, others: Iterable[int]) -> Crossing | None:
        for point in others:
            if passage.covers[point]:
                supposed = bool(passage.supposed) and passage.supposed[point]
                return Crossing(shown, point, supposed, self.journey.reach[point] == "host")
        return None

    def is_blind(self, point: int, initiator: bool) -> bool:
        """Return whether a point has no packet of an end that another one has packets of.

        Then it shows one direction only, and that end's silence there is none.
        """
        own = self.passages(initiator)
        return bool(own) and not self.at(own, point)

    def at(self, passages: Iterable[Passage], point: int | None) -> list[Passage]:
        """Return those that a point shows."""
        return [p for p in passages if point is not None and p.frames[point] is not None]

    def frames(self, passages: Iterable[Passage], point: int) -> tuple[int, ...]:
        """Return their frames at a point, each once."""
        found = (p.frames[point] for p in passages)
        return tuple(dict.fromkeys(frame for frame in found if frame is not None))

    def where(self, passages: Iterable[Passage], point: int) -> str:
        """Return ``frame 4``, or several frames, for a sentence that has named the point."""
        frames = self.frames(passages, point)
        word = "frame" if len(frames) == 1 else "frames"
        listed = ", ".join(map(str, frames[:LISTED])) + (" ..." if len(frames) > LISTED else "")
        return f"{word} {listed}"


def surest(gone: Iterable[tuple[Passage, Crossing]]) -> Crossing:
    """Return the first crossing of lost packets that supposes least; there must be one."""
    return min((crossing for _, crossing in gone), key=lambda crossing: crossing.supposed)


def is_syn(passage: Passage) -> bool:
    """Tell a SYN that is no SYN-ACK."""
    return passage.flags & (SYN | ACK) == SYN


def is_syn_ack(passage: Passage) -> bool:
    """Tell a SYN-ACK."""
    return passage.flags & (SYN | ACK) == SYN | ACK


def is_reset(passage: Passage) -> bool:
    """Tell a RST."""
    return bool(passage.flags & RST)


def is_payload(passage: Passage) -> bool:
    """Tell bytes that are not those of a keep-alive."""
    return passage.length > 0 and not passage.flags & (SYN | RST)


def is_answer(passage: Passage) -> bool:
    """Tell a segment of an end that has taken the handshake's second step: an ACK, or data."""
    return bool(passage.flags & ACK) and not passage.flags & (SYN | RST)


def end_of(passage: Passage) -> int:
    """Return the sequence number after the bytes (SYN and FIN take one each)."""
    extra = 0 if passage.length else bool(passage.flags & SYN) + bool(passage.flags & FIN)
    return seq_add(passage.seq, passage.length + extra)


def acks(passage: Passage, number: int) -> bool:
    """Return whether a segment acknowledges everything before a sequence number."""
    told = passage.flags & ACK and not passage.flags & RST
    return bool(told) and seq_distance(passage.ack, number) >= 0


def highest_ack(passages: Iterable[Passage]) -> int | None:
    """Return the highest acknowledgment number of these; None where none acknowledges."""
    highest: int | None = None
    for passage in passages:
        told = passage.flags & ACK and not passage.flags & RST
        if told and (highest is None or seq_distance(passage.ack, highest) > 0):
            highest = passage.ack
    return highest


def packets(passages: Sequence[Passage], noun: str) -> str:
    """Return how many there are, in words."""
    return counted(len(passages), noun)
