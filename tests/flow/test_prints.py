"""What is kept of every connection, healthy ones too, to find it again in another capture."""

from __future__ import annotations

import pytest

from pcapdiag.flow import prints as module
from pcapdiag.flow.prints import PrintTable
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.points import Print
from tests.flow.wire import MS, START, End, Link, Wire, tell

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def table(wire: Wire, *, want_all: bool = False) -> PrintTable:
    kept = PrintTable()

    def prepare(tracker: Tracker) -> None:
        tracker.endings.keep_prints = kept

    tell(wire, want_all=want_all, prepare=prepare)
    return kept


def healthy(wire: Wire, at: float = 0, port: int = 40_000) -> Link:
    link = Link(wire, End("10.0.0.1", port, 0x1000, b"\2\0\0\0\0\1"), stamped=True)
    link.handshake(at)
    link.c(at + 11, "PA", 1, 1, REQUEST)
    link.s(at + 20, "PA", 1, 1 + len(REQUEST), ANSWER)
    link.c(at + 21, "FA", 1 + len(REQUEST), 1 + len(ANSWER))
    link.s(at + 22, "FA", 1 + len(ANSWER), 2 + len(REQUEST))
    link.c(at + 23, "A", 2 + len(REQUEST), 2 + len(ANSWER))
    return link


def only(wire: Wire) -> Print:
    (one,) = table(wire)
    return one


def test_a_healthy_connection_leaves_a_print() -> None:
    wire = Wire()
    healthy(wire)
    one = only(wire)
    assert one.stream == 0
    assert (one.first_frame, one.packets) == (1, 8)
    assert one.initiator == ("10.0.0.1", 40_000)
    assert one.responder == ("10.0.0.2", 443)
    assert (one.isn_initiator, one.isn_responder) == (0x1000, 0x9000)
    assert (one.first_seq_initiator, one.first_seq_responder) == (0x1000, 0x9000)
    assert one.next_seq_initiator == 0x1000 + 2 + len(REQUEST)
    assert one.next_seq_responder == 0x9000 + 2 + len(ANSWER)
    assert (one.start, one.end) == (START, START + 23 * MS)
    assert (one.syn_time, one.syn_ack_time) == (START, START + 10 * MS)
    assert one.established_time == START + 10 * MS + 100_000
    assert (one.syn_tsval, one.syn_ack_tsval) == (1_000, 1_010)
    assert (one.syn_ip_id, one.syn_ack_ip_id) == (1, 1)
    assert (one.syn_count, one.syn_ack_count) == (1, 1)
    assert one.has_end_initiator
    assert one.has_end_responder
    assert not one.is_lossy
    assert not one.failed
    assert one.same_as is None
    assert len(one.samples) == 8
    assert (one.samples[3].seq, one.samples[3].length) == (0x1001, len(REQUEST))
    assert [sample.from_initiator for sample in one.samples[:3]] == [True, False, True]


def test_the_first_syn_counts_and_not_the_last() -> None:
    wire = Wire()
    link = Link(wire, stamped=True)
    for at in (0, 1_000, 3_000):
        link.c(at, "S", 0)
    one = only(wire)
    assert (one.syn_time, one.syn_count, one.syn_tsval, one.syn_ip_id) == (START, 3, 1_000, 1)
    assert (one.isn_responder, one.syn_ack_time, one.syn_ack_tsval) == (None, 0, None)
    assert (one.first_seq_responder, one.next_seq_responder) == (None, None)
    assert not one.is_lossy


def test_a_digest_is_of_the_first_bytes_however_they_were_cut() -> None:
    wire = Wire()
    for port, cut in ((1, 5), (2, 11), (3, 0)):
        link = Link(wire, End("10.0.0.1", port, 77 * port, b"\2\0\0\0\0\1"))
        link.handshake(port)
        link.c(port + 20, "PA", 1, 1, REQUEST[:cut]) if cut else None
        link.c(port + 21, "PA", 1 + cut, 1, REQUEST[cut:])
    link = Link(wire, End("10.0.0.1", 4, 5, b"\2\0\0\0\0\1"))
    link.handshake(4)
    link.c(30, "PA", 1, 1, REQUEST.lower())
    digests = [one.digest_initiator for one in table(wire)]
    assert len(set(digests[:3])) == 1
    assert digests[3] not in (0, digests[0])
    assert {one.digest_responder for one in table(wire)} == {0}


def test_a_capture_that_began_late_has_no_first_bytes() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "PA", 500, 900, REQUEST)
    link.s(5, "PA", 900, 500 + len(REQUEST), ANSWER)
    one = only(wire)
    assert (one.isn_initiator, one.isn_responder) == (None, None)
    assert (one.first_seq_initiator, one.first_seq_responder) == (0x1000 + 500, 0x9000 + 900)
    assert (one.digest_initiator, one.digest_responder) == (0, 0)
    assert one.lacks_number


def test_a_syn_ack_tells_what_the_syn_was() -> None:
    wire = Wire()
    link = Link(wire)
    link.s(0, "SA", 0, 1)
    link.s(1_000, "SA", 0, 1)
    one = only(wire)
    assert one.isn_initiator == 0x1000
    assert one.initiator == ("10.0.0.1", 40_000)
    assert one.is_lossy


def test_a_refused_syn_that_comes_again_is_one_connection() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(1, "RA", 0, 1)
    link.c(5_000, "S", 0)
    link.s(5_001, "SA", 0, 1)
    other = Link(wire, End("10.0.0.1", 50_000, 9, b"\2\0\0\0\0\1"))
    other.c(9_000, "S", 0)
    one, two = table(wire)
    assert (one.stream, two.stream) == (0, 1)
    assert (one.packets, one.syn_count, one.syn_ack_count) == (4, 2, 1)
    assert (one.start, one.end) == (START, START + 5_001 * MS)
    assert one.syn_ack_time == START + 5_001 * MS


def test_more_than_fit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PRINTS", 3)
    monkeypatch.setattr(module, "MAX_SAMPLED", 2)
    wire = Wire()
    for n in range(5):
        healthy(wire, n * 10_000, 40_000 + n)
    kept = table(wire)
    assert len(kept) == 3
    assert kept.left_out == 2
    assert [bool(one.samples) for one in kept] == [True, True, False]


def test_it_is_a_sequence() -> None:
    wire = Wire()
    for n in range(3):
        healthy(wire, n * 10_000, 40_000 + n)
    kept = table(wire)
    kept.mark_failed(1, failed=True)
    assert [one.failed for one in kept] == [False, True, False]
    kept.mark_failed(1, failed=False)
    assert [one.stream for one in kept] == [kept[n].stream for n in range(3)] == [0, 1, 2]
    assert kept[-1] == kept[2] == kept[1:][1]
    with pytest.raises(IndexError):
        kept[3]
    with pytest.raises(IndexError):
        PrintTable()[0]


def test_ipv6_and_roles_found_late() -> None:
    wire = Wire()
    link = Link(
        wire,
        End("2001:db8::1", 40_000, 5, b"\2\0\0\0\0\1"),
        End("2001:db8::2", 40_001, 6, b"\2\0\0\0\0\2"),
    )
    link.s(0, "A", 700, 300)
    link.c(1, "PA", 300, 700, REQUEST)
    one = only(wire)
    assert one.initiator == ("2001:db8::1", 40_000)
    assert (one.first_seq_initiator, one.first_seq_responder) == (5 + 300, 6 + 700)
    assert [sample.from_initiator for sample in one.samples] == [False, True]
