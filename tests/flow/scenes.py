"""Scenes of one connection, and what each of their frames is called."""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.model.packet import (
    ACKED_UNSEEN,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    GAP_BEFORE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    OUT_OF_ORDER,
    RETRANSMISSION,
    SPURIOUS_RETRANSMISSION,
    WINDOW_PROBE,
    WINDOW_PROBE_ACK,
    WINDOW_UPDATE,
    ZERO_WINDOW,
)
from tests.flow.wire import Link

Marks = dict[int, int]
Scene = Callable[[Link], Marks]
DATA = b"x" * 100


def clean(link: Link) -> Marks:
    """A request, an answer in two segments, and both FINs."""
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    link.s(30, "A", 1, 101, DATA)
    link.s(31, "PA", 101, 101, DATA)
    link.c(32, "A", 101, 201)
    link.c(40, "FA", 101, 201)
    link.s(50, "FA", 201, 102)
    link.c(51, "A", 102, 202)
    return {}


def timeout(link: Link) -> Marks:
    """Data sent again 300 ms later, and once more."""
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    again = link.c(320, "PA", 1, 1, DATA)
    third = link.c(920, "PA", 1, 1, DATA)
    link.s(930, "A", 1, 101)
    return {again: RETRANSMISSION, third: RETRANSMISSION}


def repeated_syn(link: Link) -> Marks:
    link.c(0, "S", 0)
    again = link.c(1000, "S", 0)
    link.s(1010, "SA", 0, 1)
    twice = link.s(2010, "SA", 0, 1)
    link.c(2011, "A", 1, 1)
    return {again: RETRANSMISSION, twice: RETRANSMISSION}


def syns_that_met_on_the_way(link: Link) -> Marks:
    """What had waited in a queue comes at once: equal to the last, so sent again."""
    link.c(1000, "S", 0)
    again = link.c(1000.3, "S", 0)
    link.s(1010, "SA", 0, 1)
    link.c(1011, "A", 1, 1)
    link.c(1020, "FA", 1, 1)
    twice = link.c(1020.5, "FA", 1, 1)
    return {again: RETRANSMISSION, twice: RETRANSMISSION}


def repeated_fin(link: Link) -> Marks:
    link.handshake()
    link.c(20, "FA", 1, 1)
    again = link.c(250, "FA", 1, 1)
    return {again: RETRANSMISSION}


def fast(link: Link) -> Marks:
    """A segment lost behind the capture point, three duplicate ACKs, the segment again."""
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    link.s(30, "A", 1, 101, DATA)
    for part in range(1, 5):
        link.s(30 + part, "A", 1 + part * 100, 101, DATA)
    link.c(35, "A", 101, 101)
    duplicates = [link.c(36 + n, "A", 101, 101, sack=[(201, 301 + 100 * n)]) for n in range(3)]
    again = link.s(45, "A", 101, 101, DATA)
    link.c(46, "A", 101, 501)
    return dict.fromkeys(duplicates, DUPLICATE_ACK) | {again: FAST_RETRANSMISSION}


def too_late_to_be_fast(link: Link) -> Marks:
    link.handshake()
    link.s(30, "A", 1, 1, DATA)
    link.s(31, "A", 101, 1, DATA)
    duplicates = [link.c(36 + n, "A", 1, 1) for n in range(3)]
    again = link.s(200, "A", 1, 1, DATA)
    return dict.fromkeys(duplicates, DUPLICATE_ACK) | {again: RETRANSMISSION}


def spurious(link: Link) -> Marks:
    """Sent again although the acknowledgment had passed already."""
    link.handshake()
    link.s(20, "PA", 1, 1, DATA)
    link.c(30, "A", 1, 101)
    again = link.s(220, "PA", 1, 1, DATA)
    return {again: SPURIOUS_RETRANSMISSION}


def disorder(link: Link) -> Marks:
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    early = link.s(20.4, "A", 201, 1, DATA)
    late = link.s(20.5, "A", 101, 1, DATA)
    link.c(31, "A", 1, 301)
    return {early: GAP_BEFORE, late: OUT_OF_ORDER}


def gap(link: Link) -> Marks:
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    behind = link.s(21, "A", 301, 1, DATA)
    link.s(22, "A", 401, 1, DATA)
    return {behind: GAP_BEFORE}


def acked_unseen(link: Link) -> Marks:
    """Acknowledges 200 bytes that the capture does not have; then they go on."""
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    unseen = link.c(30, "A", 1, 301)
    later = link.s(31, "A", 301, 1, DATA)
    return {unseen: ACKED_UNSEEN, later: GAP_BEFORE}


def duplicate_acks(link: Link) -> Marks:
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    link.c(21, "A", 1, 101)
    same = [link.c(22 + n, "A", 1, 101) for n in range(3)]
    return dict.fromkeys(same, DUPLICATE_ACK)


def keep_alive(link: Link) -> Marks:
    """Probes without a byte and with the last one, each answered."""
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    link.s(30, "A", 1, 101)
    bare = link.c(5000, "A", 100, 1)
    answer = link.s(5010, "A", 1, 101)
    old = link.c(9000, "A", 100, 1, b"x")
    answer2 = link.s(9010, "A", 1, 101)
    return {
        bare: KEEP_ALIVE,
        answer: KEEP_ALIVE_ACK,
        old: KEEP_ALIVE,
        answer2: KEEP_ALIVE_ACK,
    }


def keep_alive_after_nothing(link: Link) -> Marks:
    """On a connection without data the probe stands on the SYN's number."""
    link.handshake()
    probe = link.s(5000, "A", 0, 1)
    answer = link.c(5001, "A", 1, 1)
    return {probe: KEEP_ALIVE, answer: KEEP_ALIVE_ACK}


def zero_window(link: Link) -> Marks:
    """A full buffer, three probes answered, and the window open again."""
    link.handshake(scale=-1)
    link.s(20, "A", 1, 1, DATA)
    full = link.c(21, "A", 1, 101, window=0)
    found = {full: ZERO_WINDOW}
    for n in range(3):
        probe = link.s(300 * 2**n, "A", 101, 1, b"y")
        answer = link.c(300 * 2**n + 1, "A", 1, 101, window=0)
        found |= {probe: WINDOW_PROBE, answer: WINDOW_PROBE_ACK | ZERO_WINDOW}
    opened = link.c(2000, "A", 1, 101, window=500)
    link.s(2001, "A", 101, 1, DATA)
    link.c(2002, "A", 1, 201)
    return found | {opened: WINDOW_UPDATE}


def window_update(link: Link) -> Marks:
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    link.c(21, "A", 1, 101, window=400)
    return {link.c(22, "A", 1, 101, window=500): WINDOW_UPDATE}


def reset(link: Link) -> Marks:
    """Neither a RST ahead of its stream nor one behind it is a gap or a repeat."""
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    link.c(21, "R", 301)
    link.c(22, "R", 1)
    return {}


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        clean, timeout, repeated_syn, syns_that_met_on_the_way, repeated_fin, fast,
        too_late_to_be_fast, spurious, disorder, gap, acked_unseen, duplicate_acks, keep_alive, keep_alive_after_nothing, zero_window,
        window_update, reset,
    )
}  # fmt: skip
