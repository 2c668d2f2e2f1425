"""The sieve: every packet of a connection, evenly fewer beyond the limit, the telling ones last."""

from __future__ import annotations

from itertools import pairwise

from pcapdiag.flow.sieve import Sieve
from tests.flow.wire import Link, Wire, tell


def sifted(wire: Wire, limit: int) -> Sieve:
    found = Sieve(limit)
    tell(wire, prepare=lambda tracker: tracker.watch({0}, found.add))
    return found


def upload(segments: int, *, repeat_every: int = 0) -> Wire:
    """A handshake and data that is acknowledged segment by segment; some of it is sent twice."""
    wire = Wire()
    link = Link(wire)
    link.handshake(0)
    for n in range(segments):
        link.c(20 + 2 * n, "PA", 1 + 10 * n, 1, b"x" * 10)
        if repeat_every and n % repeat_every == 0:
            link.c(20.5 + 2 * n, "PA", 1 + 10 * n, 1, b"x" * 10)
        link.s(21 + 2 * n, "A", 1, 11 + 10 * n)
    return wire


def test_below_the_limit_nothing_is_lost() -> None:
    found = sifted(upload(20), 43)
    assert found.packets == len(found.kept()) == 43
    assert [packet.frame for packet in found.kept()] == list(range(1, 44))


def test_beyond_it_both_directions_are_thinned_evenly() -> None:
    found = sifted(upload(1000), 200)
    kept = found.kept()
    assert found.packets == 2003
    assert 100 <= len(kept) <= 200
    for initiator in (True, False):
        plain = [one.frame for one in kept if one.from_initiator == initiator and one.frame > 4]
        steps = {after - before for before, after in pairwise(plain)}
        assert len(steps) == 1, steps


def test_repeats_stay_while_there_is_room_for_them() -> None:
    found = sifted(upload(1000, repeat_every=50), 200)
    assert sum(one.is_retransmission for one in found.kept()) == 20
    crowded = sifted(upload(1000, repeat_every=2), 200)
    assert 25 <= sum(one.is_retransmission for one in crowded.kept()) <= 100
    assert len(crowded.kept()) <= 200


def test_no_packet_is_no_error() -> None:
    assert Sieve(10).kept() == []
