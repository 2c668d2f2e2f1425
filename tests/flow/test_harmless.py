"""Resets that ended nothing: the first of a caller are told, all others only counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pcapdiag
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.options import AnalyzeOptions
from tests.flow.wire import SLL2, End, Link, Told, Wire, tell

CONNECTIONS = 12
TOLD = 8
"""Of one caller, for plain Python to learn from."""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PUT = b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1234"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\nhello"
HELLO = b"\x16\x03\x01\x00\x40\x01" + bytes(63)
RECORD = b"\x17\x03\x03\x00\x80" + bytes(128)
GOODBYE = b"\x17\x03\x03\x00\x13" + bytes(19)
A, B = len(GET), len(OK)

Play = Callable[[Link, float], object]


def several(play: Play, *, port: int = 80, connections: int = CONNECTIONS) -> Told:
    """Play a connection so often, from one caller to one endpoint, a second apart."""
    wire = Wire()
    for n in range(connections):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        server = End("10.0.0.2", port, 0x9000 + n * 104_729, b"\2\0\0\0\0\2")
        link = Link(wire, client, server)
        at = n * 1_000.0
        link.handshake(at)
        play(link, at + 20)
    return tell(wire, want_all=False)


def counts(told: Told) -> tuple[int, int, int]:
    """Return how many were told, and the resets of those only counted: the caller's, the other's."""
    (endpoint,) = told.tracker.table.endpoints.values()
    (caller,) = endpoint.callers.values()
    healthy = told.tracker.endings.healthy
    assert healthy + len(told.stories) == told.tracker.endings.connections
    return len(told.stories), caller.own_resets, caller.their_resets


def answered(link: Link, at: float, request: bytes = GET, answer: bytes = OK) -> tuple[int, int]:
    """Ask and be answered; return the next sequence numbers."""
    link.c(at, "PA", 1, 1, request)
    link.s(at + 10, "PA", 1, 1 + len(request), answer)
    link.c(at + 11, "A", 1 + len(request), 1 + len(answer))
    return 1 + len(request), 1 + len(answer)


def aborts(link: Link, at: float) -> None:
    """The initiator has its whole answer and closes by RST."""
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack)


def is_checked(link: Link, at: float) -> None:
    """A layer-4 health check."""
    link.c(at, "RA", 1, 1)


def meets_late_close(link: Link, at: float) -> None:
    """A TLS client closes; the server's goodbye and FIN, sent before it knew, meet two RSTs."""
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 935, "PA", ack, seq, GOODBYE)
    link.s(at + 935.1, "FA", ack + len(GOODBYE), seq)
    link.c(at + 935.2, "R", seq)
    link.c(at + 935.3, "R", seq)


def meets_late_fin(link: Link, at: float) -> None:
    """A TLS client closes, and the server long after it."""
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 935, "FA", ack, seq + 1)
    link.c(at + 935.2, "R", seq + 1)


def in_tls(link: Link, at: float) -> tuple[int, int]:
    """Two turns within TLS, the second with an answer that no alert is as long as."""
    link.c(at, "PA", 1, 1, HELLO)
    link.s(at + 5, "PA", 1, 1 + len(HELLO), RECORD)
    seq, ack = 1 + len(HELLO), 1 + len(RECORD)
    link.c(at + 10, "PA", seq, ack, RECORD)
    seq += len(RECORD)
    link.s(at + 15, "PA", ack, seq, RECORD * 6)
    ack += len(RECORD) * 6
    link.c(at + 16, "A", seq, ack)
    return seq, ack


def server_resets_who_left(link: Link, at: float) -> None:
    """The initiator closes; the responder ends by RST what it would have closed."""
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 20, "RA", ack, seq + 1)


def met_by_reset(link: Link, at: float) -> None:
    """The responder closes a connection that is done, and its FIN meets a RST."""
    seq, ack = answered(link, at, answer=UNTIL_CLOSE)
    link.s(at + 12, "FA", ack, seq)
    link.c(at + 13, "R", seq)


@pytest.mark.parametrize(
    ("play", "port", "own", "theirs"),
    [
        pytest.param(aborts, 80, 1, 0, id="after the answer"),
        pytest.param(is_checked, 80, 1, 0, id="health check"),
        pytest.param(meets_late_close, 443, 2, 0, id="late close_notify"),
        pytest.param(meets_late_fin, 443, 1, 0, id="late FIN"),
        pytest.param(server_resets_who_left, 80, 0, 1, id="who left is reset"),
        pytest.param(met_by_reset, 80, 1, 0, id="answer until close"),
    ],
)
def test_the_first_are_told_and_the_others_are_counted(
    play: Play, port: int, own: int, theirs: int
) -> None:
    looked_at = 2 if port == 443 else 0
    told, own_resets, their_resets = counts(several(play, port=port))
    # Those that are looked at for their certificate are told for that.
    assert told == TOLD + looked_at
    counted = CONNECTIONS - TOLD - looked_at
    assert (own_resets, their_resets) == (own * counted, theirs * counted)


def cut_short(link: Link, at: float) -> None:
    seq, ack = answered(link, at, answer=OK[:-1])
    link.c(at + 12, "RA", seq, ack)


def cut_until_close(link: Link, at: float) -> None:
    seq, ack = answered(link, at, answer=UNTIL_CLOSE)
    link.c(at + 12, "RA", seq, ack)


def unanswered(link: Link, at: float) -> None:
    link.c(at, "PA", 1, 1, GET)
    link.s(at + 1, "A", 1, 1 + A)
    link.c(at + 12, "RA", 1 + A, 1)


def early_answer(link: Link, at: float) -> None:
    """The request's body had not been sent to its end."""
    seq, ack = answered(link, at, request=PUT)
    link.c(at + 12, "RA", seq, ack)


def by_the_responder(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.s(at + 12, "RA", ack, seq)


def other_ttl(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack, ttl=63)


def other_mac(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack, mac=b"\2\0\0\0\0\3")


def other_number(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq + 1, ack)


def behind_without_fin(link: Link, at: float) -> None:
    seq, _ack = answered(link, at)
    link.c(at + 12, "R", seq - 1)


def ahead(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "A", ack, seq + 1)
    link.c(at + 14, "R", seq + 2)


def far_behind(link: Link, at: float) -> None:
    """No goodbye is as long as what its sender would not have sent yet."""
    seq, ack = answered(link, at, request=GET + bytes(200))
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "A", ack, seq + 1)
    link.c(at + 14, "R", seq - 200)


def behind_with_ack(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "A", ack, seq + 1)
    link.c(at + 14, "RA", seq, ack)


def with_words(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack, b"why")


def two_ttls(link: Link, at: float) -> None:
    link.c(at - 5, "A", 1, 1, ttl=63)
    aborts(link, at)


def two_macs(link: Link, at: float) -> None:
    link.c(at - 5, "A", 1, 1, mac=b"\2\0\0\0\0\3")
    aborts(link, at)


def two_interfaces(link: Link, at: float) -> None:
    link.c(at - 5, "A", 1, 1, interface=1)
    aborts(link, at)


def one_after_the_other(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 20, "RA", ack, seq + 1)
    link.c(at + 21, "R", seq + 1)


def other_is_shut(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.s(at + 11.5, "A", ack, seq, window=0)
    link.c(at + 12, "RA", seq, ack)


def goodbye_behind_the_reset(link: Link, at: float) -> None:
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 34, "FA", ack + len(GOODBYE), seq)
    link.c(at + 34.1, "R", seq)
    link.s(at + 35, "PA", ack, seq, GOODBYE)


def reset_then_left(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.s(at + 12, "FA", ack, seq)
    link.s(at + 12.1, "RA", ack + 1, seq)
    link.c(at + 12.2, "FA", seq, ack)


def heard_of_later(link: Link, at: float) -> None:
    aborts(link, at)
    link.s(at + 30, "A", 1 + B, 1 + A)


def not_taken(link: Link, at: float) -> None:
    """The responder answered before it had acknowledged the whole request."""
    link.c(at, "PA", 1, 1, GET)
    link.s(at + 10, "PA", 1, 1 + A - 5, OK)
    link.c(at + 12, "A", 1 + A, 1 + B)
    link.c(at + 13, "RA", 1 + A, 1 + B)


def more_lines(link: Link, at: float) -> None:
    """No TLS: what the initiator no longer heard is no goodbye."""
    seq, ack = answered(link, at, request=b"list\n", answer=b"one\n")
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "PA", ack, seq, b"two\n")
    link.s(at + 13.1, "FA", ack + 4, seq)
    link.c(at + 13.2, "R", seq)


def closed_and_reset(link: Link, at: float) -> None:
    link.c(at, "FA", 1, 1)
    link.s(at + 10, "RA", 1, 2)


def goes_on(link: Link, at: float) -> None:
    aborts(link, at)
    link.c(at + 30, "A", 1 + A, 1 + B)


def answer_goes_on(link: Link, at: float) -> None:
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 35, "PA", ack, seq + 1, RECORD * 2)
    link.c(at + 35.2, "R", seq + 1)


def waited(link: Link, at: float) -> None:
    """Within TLS nobody knows whether an initiator that waited was waiting for more."""
    seq, ack = in_tls(link, at)
    link.c(at + 930, "RA", seq, ack)


def both(link: Link, at: float) -> None:
    aborts(link, at)
    link.s(at + 13, "R", 1 + B)


def slow_check(link: Link, at: float) -> None:
    link.c(at + 900, "RA", 1, 1)


def check_of_what_closed(link: Link, at: float) -> None:
    link.s(at, "FA", 1, 1)
    link.c(at + 1, "A", 1, 2)
    link.c(at + 2, "RA", 1, 2)


def shut(link: Link, at: float) -> None:
    """The initiator's window was shut before."""
    link.c(at - 5, "A", 1, 1, window=0)
    aborts(link, at)


@pytest.mark.parametrize(
    ("play", "port"),
    [
        (cut_short, 80), (cut_until_close, 80), (unanswered, 80), (early_answer, 80),
        (by_the_responder, 80), (other_ttl, 80), (other_mac, 80), (other_number, 80),
        (behind_without_fin, 80), (goes_on, 80), (answer_goes_on, 443), (waited, 443), (both, 80),
        (slow_check, 80), (check_of_what_closed, 80), (shut, 80), (ahead, 80), (far_behind, 80),
        (behind_with_ack, 80), (with_words, 80), (two_ttls, 80), (two_macs, 80),
        (two_interfaces, 80), (one_after_the_other, 80), (other_is_shut, 80),
        (goodbye_behind_the_reset, 443), (reset_then_left, 80), (heard_of_later, 80),
        (not_taken, 80), (more_lines, 80), (closed_and_reset, 80),
    ],
)  # fmt: skip
def test_whatever_may_be_more_than_that_is_told(play: Play, port: int) -> None:
    assert counts(several(play, port=port)) == (CONNECTIONS, 0, 0)


def test_who_resets_before_a_greeting_is_told() -> None:
    greeted = 0

    def play(link: Link, at: float) -> None:
        nonlocal greeted
        greeted += 1
        if greeted == 1:
            link.s(at, "PA", 1, 1, b"220 hello")
            link.c(at + 1, "A", 1, 10)
            link.c(at + 2, "RA", 1, 10)
        else:
            is_checked(link, at)

    assert counts(several(play, port=25)) == (CONNECTIONS, 0, 0)


def test_a_host_that_sends_and_gets_its_own_resets_is_told() -> None:
    """Cooked captures say whose host a packet was sent by: one RST came from elsewhere."""
    wire = Wire()
    for n in range(CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.cooked = 4
        link.c(n * 1_000.0, "S", 0)
        link.cooked = 0
        link.s(n * 1_000.0 + 1, "SA", 0, 1)
        link.cooked = 4
        link.c(n * 1_000.0 + 2, "A", 1, 1)
        link.cooked = 0 if n % 2 else 4
        link.c(n * 1_000.0 + 3, "RA", 1, 1)
    told = tell(wire, want_all=False, link=SLL2)
    assert {story.stream for story in told.stories} >= set(range(1, CONNECTIONS, 2))


def half_open(
    *, answer: str = "SA", flags: str = "RA", ack: int = 1, syns: int = 1, after: float = 1
) -> Told:
    """Connections of which the last step of the handshake is a reset."""
    wire = Wire()
    for n in range(CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0xF0000000 + n, b"\2\0\0\0\0\2"))
        at = n * 5_000.0
        for number in range(syns):
            link.c(at + number * 1_000, "S", 0)
        at += (syns - 1) * 1_000
        link.s(at + 1, answer, 0, 1)
        link.c(at + 1 + after, flags, 1, ack)
    return tell(wire, want_all=False)


def test_a_check_may_spare_the_last_step_of_the_handshake() -> None:
    assert counts(half_open()) == (TOLD, CONNECTIONS - TOLD, 0)


@pytest.mark.parametrize(
    "other",
    [{"flags": "R"}, {"ack": 0}, {"answer": "A", "ack": 0}, {"syns": 2}, {"after": 900.0}],
    ids=str,
)
def test_any_other_end_of_a_handshake_is_told(other: dict[str, Any]) -> None:
    assert counts(half_open(**other)) == (CONNECTIONS, 0, 0)


def test_there_is_a_bound_for_all_callers() -> None:
    wire = Wire()
    callers, connections = 126, 8
    for n in range(callers * connections):
        address = f"10.0.{n % callers // 100}.{n % callers % 100 + 1}"
        client = End(address, 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        server = End("10.1.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2")
        link = Link(wire, client, server)
        link.handshake(n * 100.0)
        aborts(link, n * 100.0 + 20)
    told = tell(wire, want_all=False)
    assert len(told.stories) == 1_000
    assert told.tracker.endings.healthy == callers * connections - 1_000


def test_points_are_compared_by_all_of_them() -> None:
    def keep(tracker: Tracker) -> None:
        from pcapdiag.flow.prints import PrintTable

        tracker.endings.keep_prints = PrintTable()

    wire = Wire()
    for n in range(CONNECTIONS):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.handshake(n * 1_000.0)
        aborts(link, n * 1_000.0 + 20)
    assert len(tell(wire, want_all=False, prepare=keep).stories) == CONNECTIONS


def test_a_report_counts_the_resets_of_all(tmp_path: Path) -> None:
    wire = Wire()
    for n in range(CONNECTIONS + 20):
        client = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("10.0.0.2", 80, 0x9000 + n * 104_729, b"\2\0\0\0\0\2"))
        link.handshake(n * 1_000.0)
        meets_late_close(link, n * 1_000.0 + 20)
    capture = wire.save(tmp_path / "resets.pcap")
    everything = AnalyzeOptions(all_connections=True)
    quick = pcapdiag.analyze(capture)
    whole = pcapdiag.analyze(capture, options=everything)
    assert quick.summary.resets == whole.summary.resets == {"proxy": 2 * (CONNECTIONS + 20)}
    assert quick.summary.by_verdict == whole.summary.by_verdict == {"ok": CONNECTIONS + 20}
