"""Where segments were lost, seen from the capture point, and what only looks like loss."""

from __future__ import annotations

import pytest

from pcapdiag.flow.fleet import losses_of
from pcapdiag.model.fleet import LossFacts
from tests.flow.wire import START, Link, Wire, tell

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
SIZE = 1_000
DATA = b"x" * SIZE


def losses(wire: Wire) -> dict[str, LossFacts]:
    hosts = tell(wire, want_all=False).tracker.table.hosts.values()
    return {one.address: one for one in map(losses_of, hosts)}


def download(missing: tuple[int, ...] = (), segments: int = 20) -> Link:
    """An answer of which the numbered segments are not in the capture."""
    link = Link(Wire())
    link.handshake(rtt=10)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    for number in range(segments):
        if number not in missing:
            link.s(30 + number, "A", seq(number), 19, DATA)
    return link


def seq(number: int) -> int:
    return 1 + number * SIZE


def finish(link: Link, segments: int = 20) -> Wire:
    end = seq(segments)
    link.c(901, "FA", 19, end)
    link.s(911, "FA", end, 20)
    link.c(912, "A", 20, end + 1)
    return link.wire


def test_a_hole_that_is_filled_a_round_trip_later_was_lost_before_the_capture() -> None:
    link = download(missing=(5, 8))
    link.s(60, "A", seq(5), 19, DATA)
    link.s(61, "A", seq(8), 19, DATA)
    server = losses(finish(link))[SERVER]
    assert (server.sent, server.sent_lost, server.sent_lossy) == (20, 2, 1)
    assert server.taken_lost == 0
    assert server.seconds == {START // 1_000_000_000: 2}
    assert server.streams == [0]


def test_a_segment_that_is_there_and_repeated_was_lost_behind_the_capture() -> None:
    link = download()
    link.s(60, "A", seq(5), 19, DATA)
    link.s(400, "A", seq(5), 19, DATA)
    found = losses(finish(link))
    client, server = found[CLIENT], found[SERVER]
    assert (client.taken, client.taken_lost, client.taken_lossy) == (20, 1, 1)
    assert (server.sent, server.sent_lost) == (20, 0)


def test_a_segment_that_was_overtaken_was_not_lost() -> None:
    link = download(missing=(5,))
    link.s(37.5, "A", seq(5), 19, DATA)
    found = losses(finish(link))
    assert found[SERVER].sent_lost == found[CLIENT].taken_lost == 0


def test_what_the_receiver_had_already_was_not_lost() -> None:
    link = download()
    link.s(60, "A", seq(19), 19, DATA)
    link.c(61, "A", 19, seq(20), sack=[(seq(19), seq(20))])
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_what_the_receiver_had_already_behind_a_hole_was_not_lost() -> None:
    """The first SACK block lies within the second one (RFC 2883 section 4)."""
    link = download()
    link.c(59, "A", 19, seq(5), sack=[(seq(6), seq(20))])
    link.s(60, "A", seq(5), 19, DATA)
    link.s(60.1, "A", seq(8), 19, DATA)
    had = (seq(8), seq(9))
    link.c(61, "A", 19, seq(5), sack=[had, (seq(6), seq(20))])
    found = losses(finish(link))
    assert found[CLIENT].taken_lost == 1, "the one that the first block was waiting for"


def test_a_segment_that_came_twice_behind_a_hole_was_only_late() -> None:
    link = download(missing=(5, 8))
    link.s(60, "A", seq(5), 19, DATA)
    link.s(61, "A", seq(8), 19, DATA)
    link.c(62, "A", 19, seq(20))
    link.s(63, "A", seq(5), 19, DATA)
    link.c(64, "A", 19, seq(20), sack=[(seq(5), seq(6))])
    assert losses(finish(link))[SERVER].sent_lost == 1


def test_what_was_acknowledged_before_was_not_lost() -> None:
    link = download()
    link.c(55, "A", 19, seq(20))
    link.s(60, "A", seq(19), 19, DATA)
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_what_the_capture_missed_was_not_lost() -> None:
    link = download(missing=(5,))
    link.c(55, "A", 19, seq(20))
    server = losses(finish(link))[SERVER]
    assert (server.sent, server.sent_lost) == (0, 0)


def test_a_connection_that_nothing_came_through_on_any_more_says_nothing() -> None:
    link = download()
    link.c(55, "A", 19, seq(10))
    for number in range(10, 20):
        link.s(300 + number, "A", seq(number), 19, DATA)
    assert losses(link.wire)[CLIENT].taken_lost == 0


def test_without_sack_all_behind_a_lost_segment_is_sent_again() -> None:
    link = Link(Wire())
    link.handshake(rtt=10, sack=False)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    for again in (30, 330):
        for number in range(20):
            link.s(again + number, "A", seq(number), 19, DATA)
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_many_holes_stay_bounded() -> None:
    missing = tuple(range(1, 160, 4))
    link = download(missing, segments=160)
    for number in missing:
        link.s(200 + number, "A", seq(number), 19, DATA)
    server = losses(finish(link, segments=160))[SERVER]
    assert server.sent_lost == 40


def test_offloaded_segments_count_as_those_on_the_wire() -> None:
    link = Link(Wire())
    link.handshake(rtt=10, mss=1000)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    link.s(30, "A", 1, 19, DATA * 20)
    assert losses(finish(link))[CLIENT].taken == 20


def at_the_server(*, stamped: bool = False) -> Link:
    """Captured where an answer of 20 segments is sent; the client is 10 ms away."""
    link = Link(Wire(), stamped=stamped)
    link.c(0, "S", 0, mss=1460, scale=7, sack_ok=True)
    link.s(0.1, "SA", 0, 1, mss=1460, scale=7, sack_ok=True)
    link.c(10.1, "A", 1, 1)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    for number in range(20):
        link.s(30, "A", seq(number), 19, DATA)
    link.c(40, "A", 19, seq(5), sack=[(seq(6), seq(20))])
    return link


def test_acknowledged_sooner_than_an_answer_can_come_it_was_only_late() -> None:
    """RFC 8985 6.2, step 2."""
    link = at_the_server()
    link.s(41, "A", seq(5), 19, DATA)
    link.c(46, "A", 19, seq(20))
    assert losses(finish(link))[CLIENT].taken_lost == 0


def test_acknowledged_a_round_trip_later_it_was_lost() -> None:
    link = at_the_server()
    link.s(41, "A", seq(5), 19, DATA)
    link.c(51, "A", 19, seq(20))
    assert losses(finish(link))[CLIENT].taken_lost == 1


def test_sacked_sooner_than_an_answer_can_come_it_was_only_late() -> None:
    link = at_the_server()
    link.s(41, "A", seq(5), 19, DATA)
    link.s(41, "A", seq(8), 19, DATA)
    link.c(43, "A", 19, seq(5), sack=[(seq(7), seq(20))])
    link.c(51, "A", 19, seq(20))
    assert losses(finish(link))[CLIENT].taken_lost == 1


def test_the_echo_of_the_first_ones_timestamp_says_that_it_arrived() -> None:
    """Eifel detection (RFC 3522 section 3.2)."""
    for echo, lost in ((1030, 0), (1041, 1)):
        link = at_the_server(stamped=True)
        link.s(41, "A", seq(5), 19, DATA)
        link.c(60, "A", 19, seq(20), stamps=(1060, echo))
        assert losses(finish(link))[CLIENT].taken_lost == lost


def test_the_echo_belongs_to_what_closed_the_hole_only() -> None:
    link = at_the_server(stamped=True)
    for number in (5, 8):
        link.s(41, "A", seq(number), 19, DATA)
    link.c(60, "A", 19, seq(20), stamps=(1060, 1030))
    assert losses(finish(link))[CLIENT].taken_lost == 1, "of the eighth it says nothing"


def test_an_acknowledgment_of_nothing_new_answers_a_second_copy() -> None:
    """A receiver without DSACK, or a closed socket; an answer to a keep-alive is none."""
    link = at_the_server()
    link.s(41, "A", seq(5), 19, DATA)
    link.c(51, "A", 19, seq(20))
    link.c(52, "A", 19, seq(20))
    assert losses(finish(link))[CLIENT].taken_lost == 0
    link = at_the_server()
    link.s(41, "A", seq(5), 19, DATA)
    link.c(51, "A", 19, seq(20))
    link.s(300, "A", seq(20) - 1, 19)
    link.c(310, "A", 19, seq(20))
    assert losses(finish(link))[CLIENT].taken_lost == 1


def test_what_was_sent_twice_more_and_arrived_twice_was_lost_once() -> None:
    link = at_the_server()
    for at in (41, 250):
        link.s(at, "A", seq(5), 19, DATA)
    link.c(262, "A", 19, seq(20))
    link.c(263, "A", 19, seq(20), sack=[(seq(5), seq(6))])
    assert losses(finish(link))[CLIENT].taken_lost == 1


def test_what_fills_a_hole_with_an_old_timestamp_was_only_late() -> None:
    """However late: what is sent again has a later one (RFC 7323 section 4)."""
    for sent, lost in ((1035, 0), (1060, 1)):
        link = Link(Wire(), stamped=True)
        link.handshake(rtt=10)
        link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
        for number in range(20):
            if number != 5:
                link.s(30 + number, "A", seq(number), 19, DATA)
        link.s(80, "A", seq(5), 19, DATA, stamps=(sent, 7))
        assert losses(finish(link))[SERVER].sent_lost == lost


def test_what_fills_a_hole_with_an_earlier_ip_id_was_only_late() -> None:
    link = download()
    wire = Link(Wire())
    wire.handshake(rtt=10)
    wire.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    for number in range(20):
        if number != 5:
            wire.s(30 + number, "A", seq(number), 19, DATA, ip_id=100 + number)
    wire.s(80, "A", seq(5), 19, DATA, ip_id=105)
    assert losses(finish(wire))[SERVER].sent_lost == losses(finish(link))[SERVER].sent_lost == 0


def test_a_first_copy_that_comes_behind_the_second_one_was_not_lost() -> None:
    link = download(missing=(5,))
    link.s(60, "A", seq(5), 19, DATA)
    link.c(61, "A", 19, seq(20))
    link.s(75, "A", seq(5), 19, DATA, ip_id=8)
    found = losses(finish(link))
    assert found[SERVER].sent_lost == found[CLIENT].taken_lost == 0


def test_what_came_late_is_sent_again_in_vain() -> None:
    """Its timestamp may be too old for the receiver (PAWS), whose copy it needs all the same."""
    link = download(missing=(5,))
    link.s(52, "A", seq(5), 19, DATA)
    link.s(63, "A", seq(5), 19, DATA)
    found = losses(finish(link))
    assert found[SERVER].sent_lost == found[CLIENT].taken_lost == 0


def test_a_closed_socket_does_not_say_what_came_late() -> None:
    """One copy comes 40 ms late; of the other one the client says nothing, for it has closed."""
    link = at_the_server()
    for number in (5, 8):
        link.s(41, "A", seq(number), 19, DATA)
    link.c(81, "A", 19, seq(20), sack=[(seq(5), seq(6))])
    link.c(82, "FA", 19, seq(20))
    link.s(83, "FA", seq(20), 20)
    link.c(93, "A", 20, seq(20) + 1)
    assert losses(link.wire)[CLIENT].taken_lost == 1
    link = at_the_server()
    link.s(41, "A", seq(5), 19, DATA)
    link.s(60, "A", seq(8), 19, DATA)
    link.c(81, "A", 19, seq(20), sack=[(seq(5), seq(6))])
    link.c(82, "FA", 19, seq(20))
    link.s(83, "FA", seq(20), 20)
    link.c(93, "A", 20, seq(20) + 1)
    assert losses(link.wire)[CLIENT].taken_lost == 0


def test_suspects_stay_bounded_and_count() -> None:
    link = at_the_server()
    for number in range(5, 20):
        for part in range(0, SIZE, 50):
            link.s(41 + number, "A", seq(number) + part, 19, DATA[:50])
    for number in range(20, 900):
        link.s(100 + number / 2, "A", seq(number), 19, DATA)
    assert losses(finish(link, segments=900))[CLIENT].taken_lost == 300


@pytest.mark.once
def test_suspects_of_all_connections_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uncompiled only: what is compiled has the limit in it."""
    monkeypatch.setattr("pcapdiag.flow.losses.MAX_ALL_SUSPECTS", 3)
    link = at_the_server()
    for number in range(5, 9):
        link.s(41 + number, "A", seq(number), 19, DATA)
    link.c(70, "A", 19, seq(20))
    for number in range(5, 9):
        link.c(71 + number, "A", 19, seq(20), sack=[(seq(number), seq(number + 1))])
    told = tell(finish(link), want_all=False)
    hosts = {one.address: one for one in map(losses_of, told.tracker.table.hosts.values())}
    assert told.tracker.losses.suspects == 0
    assert hosts[CLIENT].taken_lost == 1
